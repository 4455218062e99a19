"""Whether a guard watches the daemon: it holds a lock, and its end wakes us (pidfd_open(2))."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from evbagent.daemon.journal import Journal, Level
from evbagent.linux.boot import here
from evbagent.linux.files import Lock

__all__ = ["GuardWatch"]

_PAUSES: Final = (0.25, 30.0)  # seconds between looks for a guard: the first, doubled up to the longest


class GuardWatch:
    """Looks for the guard of a run folder, more and more rarely, and sees at once when it ends."""

    def __init__(self, path: Path, journal: Journal, watched: Callable[[bool], None]) -> None:
        self._lock = Lock(path)
        self._journal = journal
        self._watched = watched
        self._loop = asyncio.get_running_loop()
        self._needed = False
        self._alive: bool | None = None
        self._process = -1
        self._stranger = ""  # a guard of another network namespace, which we have told of
        self._pause = _PAUSES[0]
        self._later: asyncio.TimerHandle | None = None

    def begin(self, *, needed: bool) -> None:
        """Look for the first time. `needed`: modes are applied, so to have none is worth a warning."""
        self._needed = needed
        self.look()

    def look(self) -> bool:
        """Whether a guard watches now."""
        self.close()
        alive = self._is_there()
        if alive != self._alive:
            self._tell(alive=alive)
            self._pause = _PAUSES[1] if alive else _PAUSES[0]
        self._later = self._loop.call_later(self._pause, self.look)
        self._pause = min(2 * self._pause, _PAUSES[1])
        return alive

    def close(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self._process >= 0:
            self._loop.remove_reader(self._process)
            os.close(self._process)
            self._process = -1

    def _is_there(self) -> bool:
        try:
            if not self._lock.taken() or self._is_elsewhere():
                return False
            with contextlib.suppress(ValueError):  # it is about to write its number
                self._process = os.pidfd_open(int(self._lock.holder()))
                self._loop.add_reader(self._process, self.look)
            return self._lock.taken()  # once more: it may have ended before it could be watched
        except ProcessLookupError:  # it has just ended, or lives in another PID namespace
            return self._lock.taken()
        except OSError as error:
            self._journal.log(Level.WARNING, "whether a guard watches can't be seen", error=error)
            return False

    def _is_elsewhere(self) -> bool:
        """A guard of another network namespace could do nothing for us."""
        if self._lock.note() in ("", str(here().namespace)):
            return False
        before, self._stranger = self._stranger, self._lock.holder()
        if self._stranger != before:
            self._journal.log(Level.ERROR, "the guard is in another network namespace", pid=self._stranger)
        return True

    def _tell(self, *, alive: bool) -> None:
        before, self._alive = self._alive, alive
        if alive:
            self._journal.log(Level.INFO, "a guard watches", pid=self._lock.holder())
        elif self._needed:
            once = "no guard watches any more" if before else "no guard watches"
            self._journal.log(Level.WARNING, f"{once}: if the daemon is killed, guests stay in VEPA (`evbagent guard`)")
        self._watched(alive)
