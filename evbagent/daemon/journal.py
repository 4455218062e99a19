"""The only logger: one line an event, fixed keys, text of peers made safe to show."""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import TextIO

__all__ = ["Journal", "Level"]


class Level(IntEnum):
    """syslog(3) severities, as systemd reads them at the start of a line (sd-daemon(3))."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


class Journal:
    """Writes to `stream` (standard error unless told); `prefixed` puts `<N>` in front, for systemd."""

    def __init__(self, stream: TextIO | None = None, *, prefixed: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._prefixed = prefixed

    def log(self, level: Level, message: str, /, **keys: object) -> None:
        """One line; a value with blanks or quotes is quoted."""
        words = [message, *(f"{key}={_quoted(str(value))}" for key, value in keys.items())]
        prefix = f"<{level.value}>" if self._prefixed else f"{level.name.lower()}: "
        self._stream.write(f"{prefix}{' '.join(words)}\n")
        self._stream.flush()


def _quoted(text: str) -> str:
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return f'"{safe}"' if not safe or any(c in safe for c in ' "=') else safe
