"""Files that others rely on: replaced whole or not at all, and a lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

__all__ = ["Lock", "replace_file"]

_MODE: Final = 0o644


def replace_file(path: Path, content: bytes) -> None:
    """Write beside it and rename, so that a reader sees the old file or the new one; mode 0644 whatever the umask.

    Raises `OSError`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
    try:
        os.fchmod(descriptor, _MODE)
        os.write(descriptor, content)
    finally:
        os.close(descriptor)
    temporary.replace(path)


class Lock:
    """An exclusive flock; anybody may ask whether it is held."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def take(self) -> bool:
        """False where another process has it. Raises `OSError` where the file can't be made."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
        if not _lock(descriptor, fcntl.LOCK_EX):
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return True

    def holder(self) -> int | None:
        """The process that has it, None where nobody has. Raises `OSError` where the file can't be read."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            return None if _lock(descriptor, fcntl.LOCK_SH) else int(os.read(descriptor, 32) or b"0")
        finally:
            os.close(descriptor)

    def release(self) -> None:
        os.close(self._descriptor)


def _lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
