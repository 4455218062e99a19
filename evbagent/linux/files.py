"""Files that others rely on: replaced whole or not at all, and signs of life that die with their process."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import socket
import stat
from pathlib import Path
from typing import Final

__all__ = ["LocalSocket", "Lock", "Pulse", "begin_file", "read_owned", "replace_file", "write_private"]

_READABLE: Final = 0o644
_PRIVATE: Final = 0o600
_OTHERS_WRITE: Final = 0o022
_ANYBODY: Final = 0o666


def replace_file(path: Path, content: bytes) -> None:
    """Write beside it and rename, so that a reader sees the old file or the new one; mode 0644 whatever the umask.

    Raises `OSError`.
    """
    _replace(path, content, _READABLE)


def write_private(path: Path, content: bytes) -> None:
    """The same for what is ours alone: mode 0600."""
    _replace(path, content, _PRIVATE)


def read_owned(path: Path, largest: int) -> bytes:
    """A file that this user or root owns and nobody else can write; raises `OSError`, EPERM among them for others."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in (0, os.geteuid()) or found.st_mode & _OTHERS_WRITE:
            raise PermissionError(errno.EPERM, "others than its owner and root can write it", str(path))
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(errno.EFBIG, f"more than {largest} octets", str(path))
    return content


def _replace(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def begin_file(path: Path) -> int:
    """The descriptor of a new file that its owner alone may read; what had its name before is PATH.1 from now on.

    Raises `OSError`.
    """
    with contextlib.suppress(FileNotFoundError):
        path.replace(path.with_name(f"{path.name}.1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, _PRIVATE)
    os.fchmod(descriptor, _PRIVATE)
    return descriptor


class Lock:
    """An exclusive flock. Nobody else may even open the file: a reader's lock would keep the daemon from starting."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def take(self, note: str = "") -> bool:
        """False where another process has it; `note` is for who reads the file. Raises `OSError`: it can't be made."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, _PRIVATE)
        try:
            os.fchmod(descriptor, _PRIVATE)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.write(descriptor, "".join(f"{line}\n" for line in (os.getpid(), note) if line).encode())
        self._descriptor = descriptor
        return True

    def taken(self) -> bool:
        """Whether a process has it now; looking shuts others out for a few microseconds. Raises `OSError`."""
        return not self._share(fcntl.LOCK_NB)

    def wait(self) -> None:
        """Return when no process has it; the kernel wakes us. Raises `OSError`."""
        self._share(0)

    def _share(self, flags: int) -> bool:
        """The file is opened anew each time: somebody may have made it anew, with the folder that it is in."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | flags)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def holder(self) -> str:
        """The number of the process that took it last, as far as the file tells."""
        return next(iter(self._lines()), "unknown")

    def note(self) -> str:
        """What that process has noted, nothing where it has not."""
        return "".join(self._lines()[1:2])

    def _lines(self) -> list[str]:
        return self.path.read_text(errors="replace").split()

    def release(self) -> None:
        os.close(self._descriptor)


class LocalSocket:
    """A Unix socket that listens under a path, open to those whom the path's mode and group let in.

    Whatever stands at the path is replaced: only the holder of the run folder's lock makes one, so what stands there
    is left of a daemon that is dead.
    """

    def __init__(self, path: Path, mode: int, *, group: str | None = None, backlog: int = 0) -> None:
        """Raises `OSError`, and `LookupError` where there is no such group."""
        path.unlink(missing_ok=True)
        self._path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self.socket.bind(str(path))
            if group is not None:
                os.chown(path, -1, _group(group))
            path.chmod(mode)
            self.socket.listen(backlog)  # until now nobody could connect, whatever the umask
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        self.socket.close()


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise LookupError(f"there is no group {name!r} on this host") from None


class Pulse(LocalSocket):
    """A socket that lives exactly as long as its process, so that anybody can see whether that still runs."""

    def __init__(self, path: Path) -> None:
        """Raises `OSError`."""
        super().__init__(path, _ANYBODY)

    @staticmethod
    def beats(path: Path) -> bool:
        """Whether a process listens there. Raises `PermissionError` where this user may not look."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.connect(str(path))
            except BlockingIOError:
                return True  # nobody takes connections off the queue, and it is full
            except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
                return False
        return True
