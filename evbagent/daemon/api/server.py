"""The API's thread: it imports, listens and answers there, so that nothing of it keeps the daemon's loop waiting."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from evbagent.daemon.api.ask import TooBusy
from evbagent.daemon.journal import Journal, Level
from evbagent.daemon.view import View

__all__ = ["ApiServer"]

_PATIENCE: Final = 5.0  # seconds that a client waits for the daemon's loop
_GRACE: Final = 0.5  # seconds that answers under way get at the end
_TURN: Final = 64  # connections taken in one turn of the loop: what a flood costs in descriptors beyond the limit
_T = TypeVar("_T")


class ApiServer:
    """Serves on a socket that listens already, until `close`; made on the daemon's loop.

    What goes wrong in here costs an answer or a connection, and a line in the journal; the daemon goes on.
    """

    def __init__(self, sock: socket.socket, view: View, journal: Journal, *, patience: float = 10.0) -> None:
        """A client that does nothing for `patience` seconds, though it is its turn, is given up."""
        self._socket = sock
        self._view = view
        self._journal = journal
        self._patience = patience
        self._daemon = asyncio.get_running_loop()
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="api", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Answers under way are finished, as far as that takes no time to speak of."""
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._ending.set)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        except Exception as error:
            self._log(Level.ERROR, "the API ended", error=repr(error))

    async def _serve(self) -> None:
        # Imported here, in this thread: 0.1 s that the daemon's loop has better use for.
        from evbagent.daemon.api.connection import Clients
        from evbagent.daemon.api.routes import application

        self._loop.set_exception_handler(self._on_bug)
        _tell(_ToJournal(self._log))
        clients = Clients(application(self._ask, self._view), self._patience)
        server = await self._loop.create_unix_server(clients.connection, sock=self._socket, backlog=_TURN)
        self._log(Level.INFO, "api", socket=self._socket.getsockname())
        await self._ending.wait()
        server.close()
        await clients.leave(_GRACE)

    async def _ask(self, question: Callable[[], _T]) -> _T:
        async def answer() -> _T:
            return question()

        future = asyncio.run_coroutine_threadsafe(answer(), self._daemon)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), _PATIENCE)
        except TimeoutError:
            raise TooBusy from None

    def _log(self, level: Level, message: str, **keys: object) -> None:
        """The journal belongs to the daemon's loop."""
        self._daemon.call_soon_threadsafe(partial(self._journal.log, level, message, **keys))

    def _on_bug(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = repr(context.get("exception"))
        self._log(Level.ERROR, "something went wrong in the API", what=context.get("message"), error=error)


class _ToJournal(logging.Handler):
    """What uvicorn logs of an answer that failed."""

    def __init__(self, log: Callable[..., None]) -> None:
        super().__init__(logging.ERROR)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, asyncio.CancelledError):  # the end of the daemon is no failure
            self._log(Level.ERROR, "an answer of the API failed", what=record.getMessage().strip(), error=repr(error))


def _tell(handler: logging.Handler) -> None:
    """uvicorn logs through this handler and through nothing else."""
    logger = logging.getLogger("uvicorn.error")
    logger.handlers, logger.propagate = [handler], False
