"""The policy document on disk: written whole, once a turn of the loop however much changed in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from evbagent.daemon.journal import Journal, Level
from evbagent.linux.files import replace_file
from evbagent.policy.document import Moment, document
from evbagent.status import UplinkStatus

__all__ = ["PolicyFile"]


class PolicyFile:
    """Renders what `uplinks` answers; `generation` counts the documents that this daemon wrote."""

    def __init__(self, path: Path, host: str, uplinks: Callable[[], list[UplinkStatus]], journal: Journal) -> None:
        self._path = path
        self._host = host
        self._uplinks = uplinks
        self._journal = journal
        self._generation = 0
        self._pending: asyncio.Handle | None = None
        self.failures = 0
        self.guarded = False  # whether a guard watches the daemon

    def changed(self) -> None:
        """Something in it changed: write it before the loop waits again."""
        if self._pending is None:
            self._pending = asyncio.get_running_loop().call_soon(self.write)

    def flush(self) -> None:
        """Write what has not been written yet."""
        if self._pending is not None:
            self.write()

    def write(self) -> None:
        """Write it now. A document that can't be written is logged and counted, and holds up no decision."""
        if self._pending is not None:
            self._pending.cancel()
        self._pending = None
        self._generation += 1
        moment = Moment(asyncio.get_running_loop().time(), datetime.now(UTC).astimezone())
        uplinks = self._uplinks()
        content = document(uplinks, host=self._host, generation=self._generation, moment=moment, guarded=self.guarded)
        try:
            replace_file(self._path, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
        except OSError as error:
            self.failures += 1
            self._journal.log(Level.ERROR, "the policy document can't be written", file=self._path, error=error)
