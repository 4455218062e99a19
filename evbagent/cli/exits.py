"""Exit codes, and how a command says that it can't do what was asked."""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import Any, NoReturn

import click
import msgspec

from evbagent.wire.basic import printable

__all__ = ["Exit", "Format", "fail", "format_option", "print_json", "say"]


class Exit(IntEnum):
    """What scripts can rely on."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    NOT_PERMITTED = 4
    NO_SUCH_INTERFACE = 5


Format = str
format_option = click.option(
    "-f", "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Output."
)


def print_json(value: Any) -> None:
    """One document on standard output."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def say(line: str, *, err: bool = False) -> None:
    """One line, whatever others have put in it."""
    click.echo(printable(line.rstrip().encode("utf-8", "backslashreplace")), err=err)


def fail(code: Exit, message: str, *, hint: str | None = None, form: Format = "table") -> NoReturn:
    """Say what is wrong, and the cure where there is one, and end."""
    if form == "json":
        print_json({"error": {"code": code.name.lower(), "message": message, "hint": hint}})
    else:
        say(f"evbagent: {message}", err=True)
        if hint is not None:
            say(f"  {hint}", err=True)
    sys.exit(code)
