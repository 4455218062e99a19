"""A client of the local API: one request a connection, over the daemon's Unix socket; what it imports is quick to."""

from __future__ import annotations

import http.client
import socket
import struct
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from evbagent.shapes import Capture, Neighbors, Refusal, Refused

__all__ = ["Client", "Misshapen", "NotAnswered", "Unreachable"]

_PATIENCE: Final = 10.0  # seconds for each step of a request
_OK: Final = 200
_T = TypeVar("_T")


class Unreachable(Exception):
    """Nobody answers there; `__cause__` is the `OSError`."""


class Misshapen(Exception):
    """Somebody answers, and not as this version of the API does."""


class NotAnswered(Exception):
    """The daemon answers that it does not answer this."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Client:
    """Asks the daemon whose socket this is.

    Every call raises `Unreachable` where nobody listens, `NotAnswered` where the daemon says no, and
    `Misshapen` where something else answers.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def neighbors(self, port: str | None = None) -> Neighbors:
        """Who is known, on all ports or on one."""
        query = "" if port is None else f"?port={quote(port, safe='')}"
        return self._get(f"/v1/neighbors{query}", Neighbors)

    def capture(self, port: str, count: int | None = None) -> Capture:
        """The last frames of a port, at most `count`."""
        query = "" if count is None else f"?count={count}"
        return self._get(f"/v1/ports/{quote(port, safe='')}/capture{query}", Capture)

    def _get(self, path: str, kind: type[_T]) -> _T:
        connection = _Connection(self._path)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            response = connection.getresponse()
            body = response.read()
        except OSError as error:
            raise Unreachable(f"{self._path}: {error.strerror or error}") from error
        except http.client.HTTPException as error:
            raise Misshapen(f"{self._path} does not speak HTTP: {error!r}") from None
        finally:
            connection.close()
        try:
            if response.status == _OK:
                return msgspec.json.decode(body, type=kind)
            refused = msgspec.json.decode(body, type=Refused)
        except msgspec.DecodeError as error:
            raise Misshapen(f"{self._path} answers in another shape: {error}") from None
        raise NotAnswered(refused.error)


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        # A socket with a timeout of Python's does not wait where others are in front of it: the kernel's has to.
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(_PATIENCE), 0))
        self.sock.connect(str(self._path))
        self.sock.settimeout(_PATIENCE)
