"""`evbagent version`."""

from __future__ import annotations

import platform

import click

from evbagent import __version__
from evbagent.cli.exits import Format, format_option, print_json

__all__ = ["command"]


@click.command("version")
@format_option
def command(form: Format) -> None:
    """Show the version."""
    if form == "json":
        version = {"schema": "evbagent/version/1", "version": __version__, "python": platform.python_version()}
        print_json(version)
    else:
        click.echo(f"evbagent {__version__} (Python {platform.python_version()})")
