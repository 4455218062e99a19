"""The configuration as every command finds it: the file named, or the default one where it exists, or none."""

from __future__ import annotations

from pathlib import Path

import click

from evbagent.cli.exits import Exit, Format, fail
from evbagent.config import DEFAULT_FILE, ConfigError, Settings, load

__all__ = ["config_option", "read"]

config_option = click.option(
    "--config", "-c", type=click.Path(dir_okay=False), help=f"Configuration file [default: {DEFAULT_FILE} if there]."
)


def read(config: str | None, form: Format = "table") -> Settings:
    """Ends the command with exit code 2 where the file can't be read or is wrong."""
    path = Path(config or DEFAULT_FILE)
    if config is None and not path.exists():
        return Settings()
    try:
        return load(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        fail(Exit.USAGE, f"{path} can't be read: {error.strerror}", form=form)
    except (ConfigError, UnicodeDecodeError) as error:
        fail(Exit.USAGE, str(error), form=form)
