"""A daemon that follows relay however often it comes and goes."""

from __future__ import annotations

from dataclasses import replace

from evbagent.daemon.daemon import Daemon
from evbagent.lab.sabotage.stand_in import stand_in

if __name__ == "__main__":
    stand_in(lambda settings, journal: Daemon(replace(settings, flap=replace(settings.flap, limit=100)), journal))
