"""Tables on the terminal: aligned where they fit, and whole lines in a pipe."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

__all__ = ["age", "aligned", "width"]

_BEYOND = 1 << 16  # columns; no table is as wide


def width(pipe: int) -> int:
    """The columns of a terminal, and of a pipe, which has none, so many."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else pipe


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str] | None:
    """The lines of a table, None where the terminal is narrower."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        grid.add_column(heading, no_wrap=True)
    for row in rows:
        grid.add_row(*(Text(word) for word in row))
    console = Console(width=_BEYOND, highlight=False)
    wide = console.measure(grid).maximum
    if wide > width(_BEYOND):
        return None
    with console.capture() as capture:
        console.print(grid, width=wide)
    return [line.rstrip() for line in capture.get().splitlines()]


def age(seconds: float) -> str:
    """A time span in its largest whole unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:.0f}s"
