"""Network namespaces that live as long as a descriptor: nothing to clean up when the lab is killed."""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from evbagent.linux.capabilities import NET_ADMIN, SYS_ADMIN, missing

__all__ = ["Namespace", "privileged", "user_namespaces_allowed"]

T = TypeVar("T")
_CLONE_NEWNET: Final = 0x40000000
_OWN: Final = "/proc/thread-self/ns/net"
_libc = ctypes.CDLL(None, use_errno=True)  # os.unshare and os.setns came with Python 3.12


def privileged() -> bool:
    """Whether this process may make network namespaces and links in them."""
    return not missing(SYS_ADMIN, NET_ADMIN)


def user_namespaces_allowed() -> bool:
    """Whether this user may make a user namespace with a network in it (some distributions restrict it)."""
    return subprocess.run(["unshare", "-Urn", "true"], capture_output=True, check=False).returncode == 0


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Namespace:
    """One network namespace; `label` is for people."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.descriptor = _in_thread(_unshared)

    def close(self) -> None:
        """The kernel takes the namespace and its links down once nobody is left in it."""
        os.close(self.descriptor)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is inside, for the time of opening a socket or reading a file; never across an await."""
        home = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check(_libc.setns(self.descriptor, _CLONE_NEWNET))
            try:
                yield
            finally:
                _check(_libc.setns(home, _CLONE_NEWNET))
        finally:
            os.close(home)

    def call(self, function: Callable[[], T]) -> T:
        """What `function` returns or raises, run in a thread of its own inside; for what needs a loop of its own."""

        def inside() -> T:
            _check(_libc.setns(self.descriptor, _CLONE_NEWNET))
            return function()

        return _in_thread(inside)

    def command(self, *argv: str) -> list[str]:
        """The command line that runs `argv` inside; pass `descriptor` on to it (`pass_fds`)."""
        return ["nsenter", f"--net=/proc/self/fd/{self.descriptor}", "--", *argv]


def _unshared() -> int:
    _check(_libc.unshare(_CLONE_NEWNET))
    return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)


def _in_thread(function: Callable[[], T]) -> T:
    results: list[T] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            results.append(function())
        except BaseException as error:  # it is raised again where the caller waits
            errors.append(error)

    thread = threading.Thread(target=body, name="namespace")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
