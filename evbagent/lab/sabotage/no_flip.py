"""A daemon whose mode changes are swallowed, and which is told that all went well."""

from __future__ import annotations

from evbagent.daemon.daemon import Daemon
from evbagent.daemon.runner import Actuator
from evbagent.effects import Actuated, SetHairpin, SetModes
from evbagent.lab.sabotage.stand_in import stand_in


class _NoFlip:
    def __init__(self, kernel: Actuator) -> None:
        self._kernel = kernel

    def set_modes(self, wish: SetModes) -> Actuated:
        return Actuated(wish, {}, modes=wish.modes)

    def set_hairpin(self, wish: SetHairpin) -> Actuated:
        return self._kernel.set_hairpin(wish)


if __name__ == "__main__":
    stand_in(lambda settings, journal: Daemon(settings, journal, actuator=_NoFlip))
