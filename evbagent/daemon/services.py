"""Who may ask the daemon over sockets: scrapers and API clients; their libraries are imported last, and in threads."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from evbagent.config import Settings
from evbagent.daemon.api.server import ApiServer
from evbagent.daemon.journal import Journal, Level
from evbagent.daemon.view import View
from evbagent.linux.files import LocalSocket
from evbagent.status import DaemonStatus

__all__ = ["NoService", "Services"]

_OWNER_AND_GROUP: Final = 0o660
_WAITING: Final = 64  # clients that wait until the API has been imported


class NoService(Exception):
    """A socket can't be had; the text is for the operator: which one, why, and the cure."""


class Services:
    """The API's socket is there from the start, so that who comes early waits and is not refused."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        """Raises `NoService`. Only the holder of the run folder's lock makes one."""
        self._settings = settings
        self._journal = journal
        self._door = self._open_door() if settings.api.enabled else None
        self._api: ApiServer | None = None
        self._metrics: Any = None

    def _open_door(self) -> LocalSocket:
        path, group = Path(self._settings.api_path), self._settings.api.group
        try:
            return LocalSocket(path, _OWNER_AND_GROUP, group=group, backlog=_WAITING)
        except (OSError, LookupError) as error:
            cure = "set another run_dir or api.group, or api.enabled to false"
            raise NoService(f"{path} can't be made: {error}; {cure}") from None

    async def open(self, view: View, snapshot: Callable[[], DaemonStatus]) -> None:
        """Raises `NoService`. The daemon's loop goes on meanwhile: to import all of it takes 0.1 s and more."""
        if self._settings.metrics.listen is not None:
            self._metrics = await self._open_metrics(self._settings.metrics.listen, snapshot)
            self._journal.log(Level.INFO, "metrics", url=f"http://{self._metrics.address}/metrics")
        if self._door is not None:  # last, for its clients wait until it is there
            self._api = ApiServer(self._door.socket, view, self._journal)

    async def _open_metrics(self, listen: str, snapshot: Callable[[], DaemonStatus]) -> Any:
        metrics = await asyncio.to_thread(importlib.import_module, "evbagent.daemon.metrics")
        try:
            return metrics.MetricsServer(listen, snapshot)
        except (OSError, OverflowError) as error:
            raise NoService(
                f"metrics can't listen on {listen}: {error}; metrics.listen names another address, null none"
            ) from None

    async def close(self) -> None:
        """No answers from now on; the socket stays until `remove`."""
        if self._api is not None:
            await self._api.close()
        if self._metrics is not None:
            await self._metrics.close()

    def remove(self) -> None:
        """Take the API's socket away, which `close` can't where it never opened."""
        if self._door is not None:
            self._door.close()
