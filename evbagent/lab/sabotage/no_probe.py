"""A daemon that never asks with frames of its own, and believes what the switch says."""

from __future__ import annotations

from dataclasses import replace

from evbagent.daemon.daemon import Daemon
from evbagent.lab.sabotage.stand_in import stand_in

if __name__ == "__main__":
    stand_in(lambda settings, journal: Daemon(replace(settings, probe=replace(settings.probe, enabled=False)), journal))
