"""From one daemon to the next: what the last one left is taken over or cleared up, and what this one leaves is kept."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from evbagent.config import OnStop, Settings
from evbagent.daemon.guarded import GuardWatch
from evbagent.daemon.journal import Journal, Level
from evbagent.daemon.record import Recording
from evbagent.legacy import Legacy
from evbagent.linux.boot import boottime, here
from evbagent.linux.files import Lock, Pulse
from evbagent.linux.links import LinkTable
from evbagent.linux.release import release
from evbagent.linux.saved import load, save
from evbagent.state import SavedState, StateError
from evbagent.uplink import Uplink

__all__ = ["Succession", "take_lock"]

_PATIENCE: Final = 5.0  # seconds that whoever clears up after the last daemon may take
_GLANCE: Final = 0.02
_KEY_OCTETS: Final = 32
_SOONEST: Final = 1.0  # seconds between looks at whether the switch has been heard again
_AGAIN: Final = (0.05, 5.0)  # first and longest wait before an uplink of nobody's is tried again, doubled each time


async def take_lock(lock: Lock, pulse: Path) -> bool:
    """False where a daemon has it, which keeps it; who clears up after one has it for a moment. Raises `OSError`."""
    deadline = time.monotonic() + _PATIENCE
    while not lock.take():
        if Pulse.beats(pulse) or time.monotonic() > deadline:
            return False
        await asyncio.sleep(_GLANCE)
    return True


class Succession:
    """The state file, and whether anybody would act on it: without a guard nothing is handed over."""

    def __init__(
        self, settings: Settings, uplinks: Mapping[str, Uplink], journal: Journal, watched: Callable[[bool], None]
    ) -> None:
        """`watched` hears whether a guard watches, now and whenever that changes."""
        self._path = Path(settings.state_path)
        self._uplinks = uplinks
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._guard = GuardWatch(Path(settings.guard_path), journal, watched)
        self._wanted = settings.on_stop is OnStop.HANDOVER
        self._started = boottime()
        self._orphans: list[Legacy] = []  # uplinks of the last daemon that are none of ours
        self._pause = _AGAIN[0]
        self._later: asyncio.TimerHandle | None = None
        self._again: asyncio.TimerHandle | None = None
        self._pending: asyncio.Handle | None = None
        self._failing = False
        self._state = self._load()
        self.probe_key = os.urandom(_KEY_OCTETS) if self._state is None else bytes.fromhex(self._state.probe_key)

    # --- taking over

    def begin(self, heirs: Mapping[str, Uplink | Recording], links: LinkTable) -> None:
        """Before anything is told or set: what was left goes to uplinks that apply modes, or is released."""
        state, self._state = self._state, None
        for legacy in () if state is None else state.uplinks:
            heir, port = heirs.get(legacy.name), links.named(legacy.name)
            if heir is not None:
                heir.inherit(legacy, self._loop.time())
            if heir is None or port is None or port.ifindex != legacy.ifindex:
                self._orphans.append(legacy)
        if state is not None and state.released:
            self._orphans = []
        self._release_orphans()
        self._guard.begin(needed=bool(heirs))

    def _load(self) -> SavedState | None:
        """What the last daemon left, on the loop's clock; only what may be gone on with says that it is in VEPA."""
        try:
            state, now = load(self._path), here()
        except StateError as error:
            self._journal.log(Level.WARNING, "the state file is ignored", file=self._path, error=error)
            return None
        except OSError as error:
            self._journal.log(Level.WARNING, "nothing is taken over: this boot has no name", error=error)
            return None
        if state is None:
            return None
        refusal = state.refusal(now)
        if refusal is not None and not state.released:
            self._journal.log(Level.NOTICE, "nothing is taken over", file=self._path, why=refusal)
        if state.elsewhere(now) is not None:
            return None
        ahead = self._loop.time() - boottime()
        uplinks = (each.shifted(ahead) for each in state.uplinks)
        return replace(state, uplinks=tuple(replace(u, vepa=u.vepa and refusal is None) for u in uplinks))

    def _release_orphans(self) -> None:
        self._again = None
        if not self._orphans:
            return
        try:
            released = release(self._orphans)
        except OSError as error:
            self._journal.log(Level.ERROR, "uplinks that are none of ours any more can't be read", error=error)
        else:
            for each in released:
                why = ", ".join(f"{name}: {error}" for name, error in each.stuck.items())
                level, words = (Level.ERROR, "not released") if why else (Level.NOTICE, "released")
                self._journal.log(level, f"an uplink of the last daemon, none of ours, is {words}", uplink=each.name)
            stuck = {each.name for each in released if each.stuck}
            self._orphans = [orphan for orphan in self._orphans if orphan.name in stuck]
        if self._orphans:
            self._again = self._loop.call_later(self._pause, self._release_orphans)
            self._pause = min(2 * self._pause, _AGAIN[1])

    # --- leaving

    def changed(self) -> None:
        """Something in the state changed: write it before the loop waits again."""
        if self._pending is None:
            self._pending = self._loop.call_soon(self.write)

    def write(self, *, released: bool = False) -> bool:
        """Write it now; False where that fails, and then nobody can act on it."""
        self._cancel()
        legacies, now = self._legacies(), self._loop.time()
        ahead = boottime() - now
        uplinks = (*(each.shifted(ahead) for each in legacies), *self._orphans)
        try:
            save(self._path, SavedState(here(), self._started, released, uplinks, self.probe_key.hex()))
        except OSError as error:
            if not self._failing:  # once, not at each try
                self._journal.log(Level.ERROR, "the state file can't be written", file=self._path, error=error)
            self._failing = True
        else:
            self._failing = False
        expiry = min((known.expires for each in legacies for known in each.neighbors), default=math.inf)
        if expiry < math.inf and not released:  # the switch, heard again, is worth a write before that time is over
            pause = max(_SOONEST, (expiry - now) / 2)
            self._later = self._loop.call_later(pause, self.write)
        return not self._failing

    def _legacies(self) -> list[Legacy]:
        now = self._loop.time()
        return [legacy for uplink in self._uplinks.values() if (legacy := uplink.legacy(now)) is not None]

    def hand_over(self) -> bool:
        """Everything stays as it is, for the next daemon: whether that can be answered for."""
        if not self._wanted or not self._legacies():
            return False
        if not self._guard.look():
            self._journal.log(Level.WARNING, "nothing is handed over: no guard watches, so guests are released")
            return False
        return self.write()

    def close(self) -> None:
        self._cancel()
        if self._again is not None:
            self._again.cancel()
        self._guard.close()

    def _cancel(self) -> None:
        for handle in (self._pending, self._later):
            if handle is not None:
                handle.cancel()
        self._pending = self._later = None
