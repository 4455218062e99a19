"""The only logger: one line an event, fixed keys, text of peers made safe to show."""

from __future__ import annotations

import os
import select
from enum import IntEnum
from typing import Final

__all__ = ["Journal", "Level"]

_LONGEST: Final = 2048  # octets; less than PIPE_BUF, for which poll(2) promises room in a pipe


class Level(IntEnum):
    """syslog(3) severities, as systemd reads them at the start of a line (sd-daemon(3))."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


class Journal:
    """Writes to `descriptor`; `prefixed` puts `<N>` in front, for systemd.

    It never raises and never waits: a reader that has gone, or reads no more, must not keep guests in VEPA. What can't
    be written is dropped, and how much it was is said as soon as somebody reads again.
    """

    def __init__(self, descriptor: int = 2, *, prefixed: bool = False) -> None:
        self._descriptor = descriptor
        self._prefixed = prefixed
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._lost = 0

    def log(self, level: Level, message: str, /, **keys: object) -> None:
        """One line; a value with blanks or quotes is quoted."""
        if self._lost and self._write(Level.WARNING, f"lines that nobody read were dropped count={self._lost}"):
            self._lost = 0
        words = [message, *(f"{key}={_quoted(str(value))}" for key, value in keys.items())]
        self._lost += not self._write(level, " ".join(words))

    def _write(self, level: Level, text: str) -> bool:
        prefix = f"<{level.value}>" if self._prefixed else f"{level.name.lower()}: "
        line = (prefix + text).encode(errors="backslashreplace")[:_LONGEST] + b"\n"
        try:
            writable = any(event & select.POLLOUT for _, event in self._poll.poll(0))
            return writable and os.write(self._descriptor, line) > 0
        except OSError:
            return False


def _quoted(text: str) -> str:
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return f'"{safe}"' if not safe or any(c in safe for c in ' "=') else safe
