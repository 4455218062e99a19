"""The daemon with a fault built in: a story that still passes with it proves nothing (`evbagent lab --sabotage`)."""

from __future__ import annotations

from typing import Final

import click

from evbagent.cli.run import run
from evbagent.cli.settings import config_option, read
from evbagent.daemon.daemon import Daemon
from evbagent.daemon.journal import Journal
from evbagent.daemon.runner import Actuator
from evbagent.effects import Actuated, SetHairpin, SetModes

__all__ = ["SABOTAGES"]

SABOTAGES: Final = {"no-flip": "evbagent.lab.sabotage"}


class _NoFlip:
    """Mode changes are swallowed; the daemon is told that all went well."""

    def __init__(self, kernel: Actuator) -> None:
        self._kernel = kernel

    def set_modes(self, wish: SetModes) -> Actuated:
        return Actuated(wish, {}, modes=wish.modes)

    def set_hairpin(self, wish: SetHairpin) -> Actuated:
        return self._kernel.set_hairpin(wish)


@click.group()
def main() -> None:
    """Takes the place of `evbagent`."""


@main.command("run")
@config_option
def _run(config: str | None) -> None:
    run(Daemon(read(config), Journal(), actuator=_NoFlip))


if __name__ == "__main__":
    main()
