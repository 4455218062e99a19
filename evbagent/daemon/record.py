"""What comes in, written down: an uplink's inputs as JSON lines that `evbagent replay` reads."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from evbagent.config import RecordSettings
from evbagent.daemon.journal import Journal, Level
from evbagent.dcb import KernelDcb
from evbagent.effects import Actuated, Effect
from evbagent.events import LinkState
from evbagent.legacy import Legacy
from evbagent.linux.files import begin_file
from evbagent.recording import (
    Again,
    Answer,
    DcbAnswered,
    Deadline,
    Inherited,
    Input,
    Line,
    Links,
    Missed,
    Origin,
    Overflowed,
    ProbesMissed,
    Received,
    Released,
    Slept,
    Start,
)
from evbagent.uplink import Uplink
from evbagent.wire.octets import MacAddress

__all__ = ["Recorder", "Recording"]

_PAUSE: Final = 0.2  # seconds that notes wait, so that nothing is written while a decision is being carried out
_MOST: Final = 4096  # notes that may wait for the disk; with a frame each, that is some 8 MB
_PATIENCE: Final = 2.0  # seconds that the end of the daemon waits for the disk
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Note:
    """An input as it came; what it takes to make a line of it is done later, and elsewhere."""

    now: float
    due: float
    event: Input | Actuated

    def line(self, loop: int) -> Line:
        event = Answer.of(self.event) if isinstance(self.event, Actuated) else self.event
        return Line(self.now - loop, self.due - loop if self.due <= self.now else None, event)


class Recording:
    """Stands in front of an uplink: whatever that is told is noted first.

    First, because an input that the core fails on is the one that somebody will want to see.
    """

    def __init__(self, core: Uplink, clock: Callable[[], float], note: Callable[[_Note], None]) -> None:
        """`clock` is the one that the core is told the time by, for what it is told without."""
        self._core = core
        self._clock = clock
        self._note = note
        self.name = core.name

    @property
    def deadline(self) -> float:
        return self._core.deadline

    @property
    def vital(self) -> frozenset[MacAddress]:
        return self._core.vital

    def inherit(self, legacy: Legacy, now: float) -> list[Effect]:
        return self._tell(Inherited(legacy), now)

    def link(
        self,
        port: LinkState | None,
        attachments: Sequence[LinkState],
        now: float,
        others: frozenset[MacAddress] = frozenset(),
    ) -> list[Effect]:
        return self._tell(Links(port, tuple(attachments), others), now)

    def dcb(self, kernel: KernelDcb | None, now: float) -> list[Effect]:
        return self._tell(DcbAnswered(kernel), now)

    def receive(self, octets: bytes, vlan: int | None, now: float, arrived: float | None = None) -> list[Effect]:
        return self._tell(Received(octets, vlan, arrived), now)

    def probes_missed(self, now: float) -> list[Effect]:
        return self._tell(ProbesMissed(), now)

    def missed(self, count: int, now: float) -> list[Effect]:
        return self._tell(Missed(count), now)

    def overflowed(self, count: int) -> None:
        self._tell(Overflowed(count), self._clock())

    def slept(self, seconds: float, now: float) -> list[Effect]:
        return self._tell(Slept(seconds), now)

    def on_deadline(self, now: float, *, drained: bool = False) -> list[Effect]:
        return self._tell(Deadline(drained), now)

    def release(self, now: float) -> list[Effect]:
        return self._tell(Released(), now)

    def actuated(self, outcome: Actuated, now: float) -> list[Effect]:
        self._note(_Note(now, self._core.deadline, outcome))
        return self._core.actuated(outcome, now)

    def _tell(self, event: Input, now: float) -> list[Effect]:
        self._note(_Note(now, self._core.deadline, event))
        return event.apply(self._core, now)


class Recorder:
    """Writes the recordings of all uplinks in a thread of its own: a slow disk, or a full one, holds up no decision."""

    def __init__(
        self, settings: RecordSettings, journal: Journal, *, create: Callable[[Path], int] = begin_file
    ) -> None:
        """`create` makes a file and answers with its descriptor, or raises `OSError`."""
        self._settings = settings
        self._journal = journal
        self._create = create
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[_File, list[_Note]] = {}
        self._later: asyncio.TimerHandle | None = None
        self._queue: queue.Queue[dict[_File, list[_Note]] | None] = queue.Queue(1)
        self._thread: threading.Thread | None = None

    def begin(self, origin: Origin, now: float) -> tuple[Uplink, Uplink | Recording]:
        """The uplink, and what is to be told in its place: that is the same where nothing is recorded."""
        loop, wall = math.floor(now), datetime.now(UTC).isoformat(timespec="milliseconds")
        start = Start(wall, loop, now - loop, origin)
        core = start.core()
        if self._settings.folder is None:
            return core, core
        file = _File(
            Path(self._settings.folder) / f"{core.name}.jsonl", self._settings.limit * _MIB, start, self._create
        )
        self._journal.log(Level.INFO, "recording", uplink=core.name, file=file.path)
        self._add(file, None)
        return core, Recording(core, self._loop.time, partial(self._add, file))

    def _add(self, file: _File, note: _Note | None) -> None:
        if file.over:
            return
        notes = self._waiting.setdefault(file, [])
        if len(notes) >= _MOST:
            self._end(file, f"the disk takes no more, and {_MOST} lines wait")
            return
        if note is not None:
            notes.append(note)
        if len(notes) == _MOST // 2 and self._later is not None:  # many at once: begin before there are too many
            self._later.cancel()
            self._hand_over()
        if self._later is None:
            self._later = self._loop.call_later(_PAUSE, self._hand_over)

    def _hand_over(self) -> None:
        self._later = None
        self._thread = self._thread or self._writer()
        try:
            self._queue.put_nowait(self._waiting)
        except queue.Full:  # the disk has not taken the last ones yet
            self._later = self._loop.call_later(_PAUSE, self._hand_over)
        else:
            self._waiting = {}

    def _end(self, file: _File, why: str) -> None:
        """Said once: the daemon goes on, its recording does not."""
        if not file.over:
            file.over = True
            self._waiting.pop(file, None)
            self._journal.log(Level.WARNING, "the recording ends here", file=file.path, why=why)

    def _writer(self) -> threading.Thread:
        thread = threading.Thread(target=self._write, name="record", daemon=True)
        thread.start()
        return thread

    def _write(self) -> None:
        files: set[_File] = set()
        while (notes := self._queue.get()) is not None:
            files |= notes.keys()
            for file, its in notes.items():
                why = None if file.over else file.write(its)
                if why is not None:
                    with contextlib.suppress(RuntimeError):  # the loop is closed, and the daemon as good as gone
                        self._loop.call_soon_threadsafe(self._end, file, why)
        for file in files:
            file.close()

    def close(self) -> None:
        """Write what waits. A disk that does not take it in time is not waited for."""
        if self._later is not None:
            self._later.cancel()
        elif self._thread is None:
            return  # nothing is recorded
        thread, end = self._thread or self._writer(), time.monotonic() + _PATIENCE
        with contextlib.suppress(queue.Full):
            for last in (self._waiting, None):
                self._queue.put(last, timeout=max(0.0, end - time.monotonic()))
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():
            self._journal.log(Level.WARNING, "the disk has not taken the last of what was recorded")


class _File:
    """One recording on disk; all but `over`, after which nothing more comes, belongs to the thread that writes."""

    def __init__(self, path: Path, limit: int, start: Start, create: Callable[[Path], int]) -> None:
        self.path = path
        self.over = False
        self._create = create
        self._limit = limit
        self._start = start
        self._descriptor = -1
        self._size = 0
        self._links: Links | None = None

    def write(self, notes: list[_Note]) -> str | None:
        """Add a line for each; why they are the last ones, None where they are not."""
        try:
            if self._descriptor < 0:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._descriptor = self._create(self.path)
                self._append(self._start.line())
            for note in notes:
                octets = self._short(note.line(self._start.loop)).line()
                if self._size + len(octets) > self._limit:
                    return f"it has the {self._limit // _MIB} MiB that record.limit allows"
                self._append(octets)
        except OSError as error:
            return str(error)
        except Exception as error:  # a bug of ours, which must not end the other recordings too
            return repr(error)
        return None

    def _short(self, line: Line) -> Line:
        if not isinstance(line.event, Links):
            return line
        known, self._links = self._links, line.event
        return Line(line.at, line.due, Again()) if line.event == known else line

    def _append(self, octets: bytes) -> None:
        """The whole line or none of it: what the disk had no room for is taken back."""
        rest = memoryview(octets)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            with contextlib.suppress(OSError):  # then a line is cut off, and `evbagent replay` leaves it out
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(octets)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
