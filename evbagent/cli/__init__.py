"""The command `evbagent`: one module a verb, imported when it is used."""

from __future__ import annotations

import importlib
from typing import Final

import click

from evbagent import __version__
from evbagent.cli.exits import Exit

__all__ = ["main"]

_VERBS: Final = (
    *("run", "guard", "release", "status", "explain", "neighbors", "capture", "probe", "decode", "replay", "lab"),
    "version",
)


class _Verbs(click.Group):
    """Knows the verbs by name and imports only the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        command = importlib.import_module(f"evbagent.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command


@click.version_option(__version__, prog_name="evbagent")
@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The host's half of Edge Virtual Bridging.

    Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 daemon not running, 4 not permitted, 5 no such interface.
    """


assert click.UsageError.exit_code == Exit.USAGE, "click's own exit code is part of the table above"
