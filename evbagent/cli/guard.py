"""`evbagent guard`: releases uplinks when the daemon stays away."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

import evbagent
from evbagent.cli.exits import Exit, fail
from evbagent.cli.settings import config_option, read
from evbagent.linux.capabilities import NET_ADMIN, NET_RAW, missing

__all__ = ["command"]


@click.command("guard")
@config_option
def command(config: str | None) -> None:
    """Watch over the daemon until SIGTERM: guests leave VEPA when no daemon has come back within guard.grace.

    It runs beside the daemon, with the same configuration and in the same network namespace.
    """
    settings = read(config)
    lacking = missing(NET_ADMIN, NET_RAW)
    if lacking:
        fail(Exit.NOT_PERMITTED, f"{' and '.join(lacking)} missing (to put guests into VEB, and tell the switch)")
    places = (settings.lock_path, settings.guard_path, settings.state_path, settings.policy_path)
    # What reading a configuration takes stays behind: the guard lives for months, at no more memory than it needs.
    guard = [sys.executable, "-P", "-m", "evbagent.guard", *places, str(settings.guard.grace)]
    found = [os.environ.get("PYTHONPATH", ""), str(Path(evbagent.__file__).parents[1])]
    os.execve(sys.executable, guard, {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, found))})
