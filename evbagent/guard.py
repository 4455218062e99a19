"""The dead-man guard: a small process of its own that releases uplinks when the daemon stays away.

VEPA outlives the daemon, because the kernel keeps it. Somebody has to put an end to it when a daemon is gone for good,
and that can't be the daemon. `evbagent guard` reads the configuration and becomes `python -m evbagent.guard`, which
imports no more than it needs to do this one thing.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

from evbagent.daemon.journal import Journal, Level
from evbagent.legacy import Legacy
from evbagent.linux.boot import boottime, here
from evbagent.linux.files import Lock, read_owned, replace_file
from evbagent.linux.notify import tell_manager
from evbagent.linux.release import Released, release
from evbagent.linux.saved import load, save
from evbagent.policy.document import abandoned
from evbagent.state import LARGEST, SavedState, StateError

__all__ = ["Absence", "AlreadyGuarded", "Guard", "Places", "clear_up"]

_GLANCE: Final = 0.1  # seconds between looks for a daemon while the grace runs
_IDLE: Final = 0.5  # the same where there is nothing to release
_PATIENCE: Final = 1.0  # seconds that somebody who only looks may hold our lock
_AGAIN: Final = (0.05, 5.0)  # first and longest wait before another try, doubled with each failure


@dataclass(frozen=True, slots=True)
class Places:
    """Where the daemon's lock and ours are, and the two files."""

    lock: Path
    guard: Path
    state: Path
    policy: Path


class AlreadyGuarded(Exception):
    """Another guard has the run folder."""


class Absence:
    """Since when no daemon is in charge.

    One that came back and went again without a word about it in the state file was never in charge: a daemon that
    crashes at each start does not put the end off.
    """

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._started: float | None = None
        self._since = 0.0

    def due(self, started: float, now: float) -> float:
        """When what the daemon of that start has left is to be released; `now` is a moment at which none runs."""
        if started != self._started:
            self._started, self._since = started, now
        return self._since + self._grace


def clear_up(places: Places, state: SavedState, left: Sequence[Legacy], journal: Journal) -> list[Released]:
    """One try at these uplinks of the state, by whoever holds the daemon's lock; both files say what came of it.

    Raises `OSError` where the links can't be read. A file that can't be written is logged, and keeps nobody in VEPA.
    """
    outcome = release(left)
    modes = {each.name: {name: mode.value for name, mode in each.modes.items()} for each in outcome}
    _mark(places.policy, modes, journal)
    if not any(each.stuck for each in outcome):
        uplinks = tuple(replace(uplink, vepa=False) for uplink in state.uplinks)
        try:
            save(places.state, replace(state, released=True, uplinks=uplinks))
        except OSError as error:
            journal.log(Level.ERROR, "the state file can't be written", file=places.state, error=error)
    return outcome


def _mark(path: Path, modes: Mapping[str, Mapping[str, str]], journal: Journal) -> None:
    """The policy document is nobody's any more."""
    try:
        policy = msgspec.json.decode(read_owned(path, LARGEST))
        content = abandoned(policy, modes, datetime.now(UTC).astimezone())
        replace_file(path, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    except FileNotFoundError:
        return
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:  # of another shape
        journal.log(Level.ERROR, "the policy document can't be marked as stale", file=path, error=repr(error))


class Guard:
    """Waits for the daemon's lock to become free; `run` ends with SIGTERM, SIGINT or SIGHUP, and touches nothing."""

    def __init__(self, places: Places, grace: float, journal: Journal) -> None:
        """`grace`: seconds that a daemon may be away."""
        self._places = places
        self._grace = grace
        self._journal = journal
        self._lock = Lock(places.lock)
        self._own = Lock(places.guard)
        self._absence = Absence(grace)
        self._done: tuple[int, int] | None = None  # the state file of which nothing is left to be done
        self._started: float | None = None  # the daemon whose uplinks are `_left` to be released
        self._left: tuple[Legacy, ...] = ()
        self._again, self._pause = 0.0, _AGAIN[0]
        self._working = self._ending = False

    def run(self) -> None:
        """Raises `AlreadyGuarded`, and `OSError` where the run folder can't be used."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # meant for a daemon
        self._take_own()
        folder = self._own.path.parent
        self._journal.log(Level.INFO, "guarding", run_dir=folder, grace=f"{self._grace:g} s")
        tell_manager(READY="1", STATUS=f"guarding {folder}")
        while True:
            self._turn()

    def _take_own(self) -> None:
        folder = self._own.path.parent
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)  # as the daemon makes it
        deadline = time.monotonic() + _PATIENCE
        while not self._own.take(str(here().namespace)):
            if time.monotonic() > deadline:
                raise AlreadyGuarded(f"process {self._own.holder()} already guards {folder}")
            time.sleep(_GLANCE)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._ending = True
        if not self._working:
            sys.exit(0)

    def _turn(self) -> None:
        if self._lock.taken():
            self._journal.log(Level.INFO, "the daemon's lock is held", pid=self._lock.holder())
            self._lock.wait()
            return
        state = self._pending()
        if state is None:
            time.sleep(_IDLE)
            return
        if state.started != self._started:
            self._lose(state)
        due = max(self._again, self._absence.due(state.started, boottime()))
        wait = due - boottime()
        if wait > 0.0:
            time.sleep(min(wait, _GLANCE))
        else:
            self._release(state)

    def _pending(self) -> SavedState | None:
        """What a daemon has left to be released, None where that is nothing."""
        path = self._places.state
        try:
            found = path.stat()
        except OSError:
            return None
        version = found.st_ino, found.st_mtime_ns
        if version == self._done:
            return None
        try:
            state = load(path)
            why = None if state is None else state.elsewhere(here())
        except (StateError, OSError) as error:
            state, why = None, str(error)
        if why is not None:
            self._journal.log(Level.WARNING, "the state file is ignored", file=path, why=why)
        if why is not None or state is None or state.released or not state.uplinks:
            self._done = version
            return None
        return state

    def _lose(self, state: SavedState) -> None:
        self._started, self._left = state.started, state.uplinks
        self._again, self._pause = 0.0, _AGAIN[0]
        names = ", ".join(uplink.name for uplink in state.uplinks)
        told = "no daemon: uplinks are released unless one comes"
        self._journal.log(Level.WARNING, told, uplinks=names, grace=f"{self._grace:g} s")

    def _release(self, state: SavedState) -> None:
        """With the daemon's lock, so that a daemon that comes now waits, and finds what was made of it."""
        if not self._lock.take():
            return
        self._working = True
        try:
            again = self._pending()  # a daemon may have come and gone
            if again is not None and again.started == state.started:
                self._try(again)
        finally:
            self._lock.release()
            self._working = False
        if self._ending:
            sys.exit(0)

    def _try(self, state: SavedState) -> None:
        try:
            outcome = clear_up(self._places, state, self._left, self._journal)
        except OSError as error:
            self._journal.log(Level.ERROR, "links can't be read", error=error, again=f"{self._pause:g} s")
            self._put_off()
            return
        for each in outcome:
            self._tell(each)
        stuck = {each.name for each in outcome if each.stuck}
        self._left = tuple(uplink for uplink in self._left if uplink.name in stuck)
        if stuck:
            self._put_off()
        else:
            found = self._places.state.stat()
            self._done = found.st_ino, found.st_mtime_ns

    def _put_off(self) -> None:
        self._again = boottime() + self._pause
        self._pause = min(2 * self._pause, _AGAIN[1])

    def _tell(self, each: Released) -> None:
        if each.stuck:
            why = ", ".join(f"{name}: {error}" for name, error in each.stuck.items())
            again = f"{self._pause:g} s"
            self._journal.log(Level.ERROR, "guests don't leave VEPA", uplink=each.name, why=why, again=again)
        else:
            guests = ", ".join(each.freed) or "none were in vepa"
            self._journal.log(Level.NOTICE, "released", uplink=each.name, guests=guests, goodbyes=each.told)


def main() -> None:
    """`python -m evbagent.guard LOCK GUARD STATE POLICY GRACE`, as the command line calls it."""
    *paths, grace = sys.argv[1:]
    try:
        Guard(Places(*map(Path, paths)), float(grace), Journal(prefixed="JOURNAL_STREAM" in os.environ)).run()
    except AlreadyGuarded as error:
        sys.exit(f"evbagent: {error}: end it, or set another run_dir")
    except OSError as error:
        sys.exit(f"evbagent: the run folder can't be used: {error}; run_dir names another one")


if __name__ == "__main__":
    main()
