"""sd_notify(3) over asyncio-dgram; without NOTIFY_SOCKET it says nothing."""

from __future__ import annotations

import os
import socket

import asyncio_dgram

__all__ = ["Notifier"]


class Notifier:
    """Tells the service manager how far we are."""

    def __init__(self, stream: asyncio_dgram.DatagramClient | None) -> None:
        self._stream = stream

    @classmethod
    async def open(cls) -> Notifier:
        """Raises `OSError` where NOTIFY_SOCKET is set and nobody listens there."""
        path = os.environ.get("NOTIFY_SOCKET", "")
        if not path:
            return cls(None)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            sock.connect("\0" + path[1:] if path.startswith("@") else path)
            stream = await asyncio_dgram.from_socket(sock)
            assert isinstance(stream, asyncio_dgram.DatagramClient), "a connected socket is a client's"
            return cls(stream)
        except BaseException:
            sock.close()
            raise

    async def send(self, **assignments: str) -> None:
        """For example `send(READY="1", STATUS="2 uplinks")`."""
        if self._stream is not None:
            await self._stream.send("\n".join(f"{key}={value}" for key, value in assignments.items()).encode())

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
