"""Clients' connections: uvicorn's, with bounds on how many there are and on how long each may take."""

from __future__ import annotations

import asyncio
from typing import Final

import h11
import msgspec
from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from evbagent.shapes import Refusal, Refused

__all__ = ["Clients"]

_LIMIT: Final = 64  # connections
_LONGEST_HEAD: Final = 8192  # octets of a request line with its headers
_KEEP_ALIVE: Final = 5  # seconds until the next request


class Clients:
    """Makes connections to an application and knows those that are open, the oldest first."""

    def __init__(self, application: ASGIApp, patience: float) -> None:
        """`patience`: seconds for a request to arrive, and for a client to go on reading."""
        # Of uvicorn only the protocol is used: its server would take the daemon's signals and wake up ten times a
        # second, and makes a Unix socket anybody's.
        self._config = Config(
            application,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            h11_max_incomplete_event_size=_LONGEST_HEAD,
        )
        self._config.load()
        self._patience = patience
        self._state = ServerState()
        self._open: dict[Connection, None] = {}

    def connection(self) -> Connection:
        """For the loop's server: the protocol of one more connection."""
        return Connection(self, self._config, self._state, self._patience)

    def enter(self, newcomer: Connection) -> bool:
        """Make room: of those that have nothing under way the oldest goes. False where all others are busy."""
        if len(self._open) >= _LIMIT:
            oldest = next((each for each in self._open if each.idle), None)
            if oldest is None:
                return False
            self.forget(oldest)
            oldest.transport.abort()
        self._open[newcomer] = None
        return True

    def forget(self, connection: Connection) -> None:
        self._open.pop(connection, None)

    async def leave(self, grace: float) -> None:
        """Close all connections, as soon as no answer is under way, and after `grace` seconds at the latest."""
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=grace)
        for connection in list(self._open):
            connection.transport.abort()


class Connection(H11Protocol):
    """One client, who must ask soon, and read what is answered."""

    def __init__(self, clients: Clients, config: Config, state: ServerState, patience: float) -> None:
        super().__init__(config, state, {})
        self._clients = clients
        self._patience = patience
        self._timer: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """Whether no answer is under way."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, whatever its type says
        return cycle is None or cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._wait()
        if not self._clients.enter(self):
            self._refuse(503, Refusal("overloaded", f"{_LIMIT} clients are being answered", "try again in a moment"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._clients.forget(self)
        self._stop()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._wait()

    def on_response_complete(self) -> None:
        self._wait()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        text = f"that is no HTTP request, or its head is longer than {_LONGEST_HEAD} octets"
        self._refuse(400, Refusal("bad_request", text))

    def _refuse(self, status: int, refusal: Refusal) -> None:
        if not self.idle:  # what would be said now would be taken for a part of the answer that is under way
            self.transport.abort()
            return
        body = msgspec.json.encode(Refused(refusal))
        headers = [("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close")]
        for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _wait(self) -> None:
        """From now on the client has so much time to do something."""
        self._stop()
        self._timer = self.loop.call_later(self._patience, self._on_timer)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        if self.idle or self.flow.write_paused:
            self.transport.abort()
