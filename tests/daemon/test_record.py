"""Recordings on disk: private, whole lines, bounded, and no reason for the daemon to wait or to end."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import resource
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evbagent.config import RecordSettings
from evbagent.daemon.journal import Journal
from evbagent.daemon.record import Recorder, Recording
from evbagent.dcb import DcbxMode, KernelDcb
from evbagent.effects import Actuated, SetModes
from evbagent.entry import EntrySettings
from evbagent.events import LinkState
from evbagent.legacy import Known, Legacy
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
    parse,
)
from evbagent.status import MacvlanMode
from evbagent.uplink import Uplink, UplinkSettings
from tests.support.frames import HOST, IDENTITY, SWITCH, agents, bridge

ORIGIN = Origin("eth0", UplinkSettings(), IDENTITY, agents(), EntrySettings())
PORT = LinkState(2, "eth0", HOST, up=True, carrier=True, carrier_ups=1)
FRAME = SWITCH.frame(bridge()).ljust(1400, b"\0")
MIB = 1024 * 1024


@contextlib.contextmanager
def journal() -> Iterator[tuple[Journal, Callable[[], list[str]]]]:
    """One, and what it has been told so far."""
    reading, writing = os.pipe2(os.O_NONBLOCK)
    said = b""

    def lines() -> list[str]:
        nonlocal said
        with contextlib.suppress(BlockingIOError):
            said += os.read(reading, 1 << 16)
        return said.decode().splitlines()

    try:
        yield Journal(writing), lines
    finally:
        os.close(reading)
        os.close(writing)


def begin(recorder: Recorder) -> Uplink | Recording:
    now = asyncio.get_running_loop().time()
    return recorder.begin(ORIGIN, now)[1]


def record(folder: Path, core_is_told: Callable[[Uplink | Recording], None], limit: int = 64) -> list[str]:
    """What a daemon says that records this."""

    async def scene() -> list[str]:
        with journal() as (told, lines):
            recorder = Recorder(RecordSettings(str(folder), limit), told)
            core_is_told(begin(recorder))
            recorder.close()
            await asyncio.sleep(0)  # what the thread that writes had to say is said by the loop
            return lines()

    return asyncio.run(scene())


def told(file: Path) -> list[Line]:
    """The lines behind the first."""
    _, *lines = file.read_bytes().splitlines(keepends=True)
    return [line for line in (parse(text, "") for text in lines) if isinstance(line, Line)]


def told_of_a_loss(core: Uplink | Recording) -> None:
    core.missed(1, 1e6)


def test_nothing_is_recorded_where_nobody_wants_it() -> None:
    async def scene() -> list[str]:
        with journal() as (log, lines):
            recorder = Recorder(RecordSettings(), log)
            uplink, core = recorder.begin(ORIGIN, 1.0)
            assert core is uplink
            recorder.close()
            return lines()

    assert asyncio.run(scene()) == []


def test_a_recording_is_for_its_owner_alone_and_the_one_before_it_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    said = record(folder, told_of_a_loss)
    first = (folder / "eth0.jsonl").read_bytes()
    assert said == [f"info: recording uplink=eth0 file={folder}/eth0.jsonl"]
    record(folder, told_of_a_loss)
    assert (folder / "eth0.jsonl.1").read_bytes() == first
    assert (folder / "eth0.jsonl").read_bytes() != first  # it began later
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "eth0.jsonl").stat().st_mode) == 0o600


NOW = 1e6
OUTCOME = Actuated(SetModes("eth0", {7: MacvlanMode.VEPA}), {7: 16}, modes={7: MacvlanMode.BRIDGE}, at=NOW)
LEFT = Legacy("eth0", 2, 1, vepa=True, neighbors=(Known("0180", NOW),))
TOLD: dict[str, tuple[Callable[[Recording], object], Input | Answer]] = {
    "inherit": (lambda core: core.inherit(LEFT, NOW), Inherited(LEFT)),
    "link": (lambda core: core.link(PORT, [PORT], NOW, frozenset({HOST})), Links(PORT, (PORT,), frozenset({HOST}))),
    "dcb": (lambda core: core.dcb(KernelDcb(DcbxMode.IEEE), NOW), DcbAnswered(KernelDcb(DcbxMode.IEEE))),
    "receive": (lambda core: core.receive(FRAME, 5, NOW, NOW - 0.5), Received(FRAME, 5, NOW - 0.5)),
    "probes_missed": (lambda core: core.probes_missed(NOW), ProbesMissed()),
    "missed": (lambda core: core.missed(3, NOW), Missed(3)),
    "overflowed": (lambda core: core.overflowed(3), Overflowed(3)),
    "slept": (lambda core: core.slept(60.0, NOW), Slept(60.0)),
    "on_deadline": (lambda core: core.on_deadline(NOW, drained=True), Deadline(True)),
    "actuated": (lambda core: core.actuated(OUTCOME, NOW), Answer.of(OUTCOME)),
    "release": (lambda core: core.release(NOW), Released()),
}


@pytest.mark.parametrize(("tell", "event"), TOLD.values(), ids=TOLD.keys())
def test_what_is_recorded_is_all_that_the_core_is_told(
    tmp_path: Path, tell: Callable[[Recording], object], event: Input | Answer
) -> None:
    def life(core: Uplink | Recording) -> None:
        assert isinstance(core, Recording)
        tell(core)

    record(tmp_path, life)
    assert [line.event for line in told(tmp_path / "eth0.jsonl")] == [event]


def test_there_is_no_other_way_to_tell_a_core_anything() -> None:
    told = {name for name, _ in inspect.getmembers(Recording, inspect.isfunction) if not name.startswith("_")}
    assert told == TOLD.keys()


@pytest.mark.parametrize("name", TOLD)
def test_who_is_recorded_is_told_in_the_same_words(name: str) -> None:
    recorded, plain = (inspect.signature(getattr(kind, name), eval_str=True) for kind in (Recording, Uplink))
    assert recorded == plain


def test_links_that_stay_as_they_were_are_written_once(tmp_path: Path) -> None:
    def life(core: Uplink | Recording) -> None:
        for attachments in ([], [], [PORT], [PORT], []):
            core.link(PORT, attachments, NOW)

    record(tmp_path, life)
    none, one = Links(PORT, ()), Links(PORT, (PORT,))
    assert [line.event for line in told(tmp_path / "eth0.jsonl")] == [none, Again(), one, Again(), none]


def test_a_recording_that_is_full_ends_with_a_whole_line_and_is_told_of_once(tmp_path: Path) -> None:
    def life(core: Uplink | Recording) -> None:
        for number in range(800):
            core.receive(FRAME, None, 1e6 + number)

    said = record(tmp_path, life, limit=1)
    file = tmp_path / "eth0.jsonl"
    assert MIB - 4096 < file.stat().st_size <= MIB
    assert 300 < len(told(file)) < 400
    assert said[1:] == [
        f'warning: the recording ends here file={file} why="it has the 1 MiB that record.limit allows"',
    ]


def test_a_folder_that_can_not_be_made_is_told_of_and_the_core_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    effects = []

    def life(core: Uplink | Recording) -> None:
        effects.extend(core.link(PORT, [], 1e6))

    said = record(tmp_path / "file" / "folder", life)
    assert effects
    why = f"[Errno 20] Not a directory: '{tmp_path}/file/folder'"
    assert said[1:] == [f'warning: the recording ends here file={tmp_path}/file/folder/eth0.jsonl why="{why}"']


# --- other disks


def on_disk(folder: Path, create: Callable[[Path], int], inputs: int) -> tuple[list[str], float]:
    """What a daemon says, whose files are made so, until it says that a recording ends; and how long its end takes."""

    async def scene() -> tuple[list[str], float]:
        with journal() as (log, lines):
            recorder = Recorder(RecordSettings(str(folder)), log, create=create)
            core, deadline = begin(recorder), time.monotonic() + 10.0
            while len(lines()) < 2:
                for _ in range(inputs):
                    assert core.missed(1, 1e6) == []
                assert time.monotonic() < deadline
                await asyncio.sleep(0.005)
            assert core.missed(1, 1e6) == []
            began = time.monotonic()
            recorder.close()
            return lines()[1:], time.monotonic() - began

    return asyncio.run(scene())


def test_a_full_disk_is_told_of_once_and_the_core_goes_on(tmp_path: Path) -> None:
    said, _ = on_disk(tmp_path, lambda _: os.open("/dev/full", os.O_WRONLY), 1)
    why = "[Errno 28] No space left on device"
    assert said == [f'warning: the recording ends here file={tmp_path}/eth0.jsonl why="{why}"']


def test_a_line_for_half_of_which_there_is_room_is_not_begun(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        said, _ = on_disk(tmp_path, begin_file, 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert said == [f'warning: the recording ends here file={tmp_path}/eth0.jsonl why="[Errno 27] File too large"']
    content = (tmp_path / "eth0.jsonl").read_bytes()
    assert content.endswith(b"\n")
    assert 4900 < len(content) <= 5000


def test_a_disk_that_does_not_answer_holds_up_neither_the_core_nor_the_end(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writing, bytes(1 << 16)):
            pass
    os.set_blocking(writing, True)  # and full: whoever writes waits
    try:
        said, seconds = on_disk(tmp_path, lambda _: writing, 500)
    finally:
        os.close(reading)  # and waits no more
    why = "the disk takes no more, and 4096 lines wait"
    assert said == [
        f'warning: the recording ends here file={tmp_path}/eth0.jsonl why="{why}"',
        "warning: the disk has not taken the last of what was recorded",
    ]
    assert seconds < 3.0
