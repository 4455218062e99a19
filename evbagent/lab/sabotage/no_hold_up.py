"""A daemon that lets guests into VEPA as soon as relay is on."""

from __future__ import annotations

from dataclasses import replace

from evbagent.daemon.daemon import Daemon
from evbagent.lab.sabotage.stand_in import stand_in

if __name__ == "__main__":
    stand_in(lambda settings, journal: Daemon(replace(settings, hold_up=0), journal))
