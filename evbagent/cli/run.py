"""`evbagent run`: the daemon, in the foreground."""

from __future__ import annotations

import asyncio
import os

import click

from evbagent.cli.exits import Exit, fail
from evbagent.cli.settings import config_option, read
from evbagent.daemon.daemon import AlreadyRunning, Daemon, NoSuchInterface, NotPermitted, StartError
from evbagent.daemon.journal import Journal

__all__ = ["command", "run"]

_EXITS = {NotPermitted: Exit.NOT_PERMITTED, NoSuchInterface: Exit.NO_SUCH_INTERFACE, AlreadyRunning: Exit.FAILED}


@click.command("run")
@config_option
@click.option("--uplink", "-u", "uplinks", multiple=True, help="Run on this interface only (repeatable).")
def command(config: str | None, uplinks: tuple[str, ...]) -> None:
    """Run the daemon in the foreground until SIGTERM.

    Without a configuration every physical port is observed, and with --uplink an interface that it does not name:
    nothing is applied or sent. Where modes are applied, SIGTERM leaves guests to the next daemon while `evbagent guard`
    watches; else they are put into VEB at the end, and the switch is told.
    """
    journal = Journal(prefixed="JOURNAL_STREAM" in os.environ)
    run(Daemon(read(config), journal, only=uplinks))


def run(daemon: Daemon) -> None:
    """To its end; what kept it from running is said in one line."""
    try:
        asyncio.run(daemon.run())
    except StartError as error:
        fail(_EXITS.get(type(error), Exit.FAILED), str(error))
