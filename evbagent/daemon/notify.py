"""sd_notify(3) over asyncio-dgram; without NOTIFY_SOCKET it says nothing."""

from __future__ import annotations

import contextlib
import os
import socket

import asyncio_dgram
from asyncio_dgram.aio import DatagramClient  # the package itself does not export it

from evbagent.daemon.journal import Journal, Level

__all__ = ["Notifier"]


class Notifier:
    """Tells the service manager how far we are."""

    def __init__(self, stream: DatagramClient | None) -> None:
        self._stream = stream

    @classmethod
    async def open(cls, journal: Journal) -> Notifier:
        """Where NOTIFY_SOCKET can't be reached, that is logged, and the daemon runs all the same."""
        path = os.environ.get("NOTIFY_SOCKET", "")
        if not path:
            return cls(None)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            sock.connect("\0" + path[1:] if path.startswith("@") else path)
            stream = await asyncio_dgram.from_socket(sock)
            assert isinstance(stream, DatagramClient), "a connected socket is a client's"
        except OSError as error:
            sock.close()
            journal.log(Level.WARNING, "the service manager can't be told", NOTIFY_SOCKET=path, error=error)
            return cls(None)
        return cls(stream)

    async def send(self, **assignments: str) -> None:
        """For example `send(READY="1", STATUS="2 uplinks")`; a manager that has gone is not worth an error."""
        if self._stream is not None:
            with contextlib.suppress(OSError):
                await self._stream.send("\n".join(f"{key}={value}" for key, value in assignments.items()).encode())

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
