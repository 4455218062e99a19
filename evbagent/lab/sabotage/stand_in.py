"""What every fault has in common: it is run as `evbagent run` is, and the daemon is another one."""

from __future__ import annotations

from collections.abc import Callable

import click

from evbagent.cli.run import run
from evbagent.cli.settings import config_option, read
from evbagent.config import Settings
from evbagent.daemon.daemon import Daemon
from evbagent.daemon.journal import Journal

__all__ = ["stand_in"]


def stand_in(daemon: Callable[[Settings, Journal], Daemon]) -> None:
    """Take the place of `evbagent`, with the daemon that this makes of the configuration."""

    @click.group()
    def main() -> None:
        """Takes the place of `evbagent`."""

    @main.command("run")
    @config_option
    def _run(config: str | None) -> None:
        run(daemon(read(config), Journal()))

    main()
