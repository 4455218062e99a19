"""The journal says what happened, and never holds anybody up."""

import os
import re
from collections.abc import Iterator

import pytest

from evbagent.daemon.journal import Journal, Level

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


LINES = {
    "plain": ("running", {}, False, "info: running\n"),
    "keys": ("running", {"uplinks": "eth0"}, False, "info: running uplinks=eth0\n"),
    "blanks": ("x", {"why": "no peer"}, False, 'info: x why="no peer"\n'),
    "nothing": ("x", {"why": ""}, False, 'info: x why=""\n'),
    "hostile": ("x", {"name": "\x1b[2J\u202e\n"}, False, "info: x name=\\x1b[2J\\u202e\\n\n"),
    "for systemd": ("x", {}, True, "<6>x\n"),
}


@pytest.mark.parametrize(("message", "keys", "prefixed", "line"), LINES.values(), ids=LINES.keys())
def test_an_event_is_one_line(pipe: Pipe, message: str, keys: dict[str, object], prefixed: bool, line: str) -> None:
    reader, writer = pipe
    Journal(writer, prefixed=prefixed).log(Level.INFO, message, **keys)
    assert os.read(reader, 4096).decode() == line


def test_a_reader_that_has_gone_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    journal = Journal(writer)
    journal.log(Level.INFO, "nobody reads this")
    os.close(writer)
    journal.log(Level.INFO, "nor can this be written at all")


def test_a_reader_that_sleeps_costs_lines_and_no_time_and_learns_how_many(pipe: Pipe) -> None:
    reader, writer = pipe
    journal = Journal(writer)
    text = "x" * 1000
    for _ in range(500):  # more than any pipe holds: a journal that waits would never come back
        journal.log(Level.INFO, text)
    os.set_blocking(reader, False)
    kept = 0
    while True:
        try:
            kept += os.read(reader, 1 << 20).count(b"\n")
        except BlockingIOError:
            break
    journal.log(Level.INFO, "awake")
    lost = re.fullmatch(rb"warning: .* count=(\d+)\ninfo: awake\n", os.read(reader, 4096))
    assert lost is not None
    assert kept + int(lost[1]) == 500


def test_a_line_is_cut_to_what_a_pipe_takes_at_once(pipe: Pipe) -> None:
    reader, writer = pipe
    Journal(writer).log(Level.INFO, "x" * 100_000)
    assert len(os.read(reader, 200_000)) <= 4096
