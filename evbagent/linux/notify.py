"""sd_notify(3) without an event loop, for processes that have none."""

from __future__ import annotations

import contextlib
import os
import socket

__all__ = ["tell_manager"]


def tell_manager(**assignments: str) -> None:
    """For example `tell_manager(READY="1")`; without NOTIFY_SOCKET, or with nobody behind it, nothing happens."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    message = "\n".join(f"{key}={value}" for key, value in assignments.items()).encode()
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sock,
    ):
        sock.sendto(message, "\0" + path[1:] if path.startswith("@") else path)
