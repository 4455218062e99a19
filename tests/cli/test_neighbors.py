"""`evbagent neighbors` and `evbagent capture` at a terminal, in a pipe and for programs, asked of a real API."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from evbagent.cli import main
from evbagent.linux.files import Pulse
from evbagent.pcap import frames
from evbagent.wire.ethernet import Scope
from evbagent.wire.tlv import Tlv
from tests.support.api import Served, serving
from tests.support.frames import HOST, OTHER, SWITCH, Peer, bridge, station

HOSTILE: Final = Peer(OTHER.address, "p\x1b[31m", "\u202eliar\x9b[2J\u2066\n" + "x" * 200)
FAULTY: Final = Tlv(127, b"xy")


def nothing(_: Served) -> None:
    """Nobody has said anything."""


def told(folder: Path, *args: str, hear: Callable[[Served], None] = nothing, limit: int = 32) -> Result:
    """What the command says while a daemon has heard this."""

    async def scene() -> Result:
        async with serving(folder, limit=limit) as served:
            hear(served)
            command = [args[0], "--config", str(served.config), *args[1:]]
            return await asyncio.to_thread(CliRunner().invoke, main, command)

    return asyncio.run(scene())


def usual(served: Served) -> None:
    served.hear(SWITCH.frame(bridge()))
    served.hear(OTHER.frame(FAULTY, scope=Scope.NEAREST_BRIDGE))


# --- neighbors


def test_neighbors_are_a_line_each_with_what_they_say_of_relay(tmp_path: Path) -> None:
    result = told(tmp_path, "neighbors", hear=usual)
    head, near, customer = result.output.splitlines()
    assert result.exit_code == 0
    assert head.split("  ")[0] == "PORT"
    names = ["eth0", "bridge", "switch2", "ge-0/0/2", "00:00:5e:00:53:02"]
    assert (near.split()[:5], near.endswith("  1 faulty TLV, see --details")) == (names, True)
    row = r"eth0  customer-bridge  switch1  ge-0/0/1  00:00:5e:00:53:01  11\d/121  1\ds  bridge, relay on  -"
    assert re.fullmatch(row, customer)


WORDS: Final = {
    "bridge, relay on": bridge(),
    "bridge, relay off": bridge(control=False),
    "bridge, relay unable": bridge(capable=False, control=False),
    "station, asks for relay": station(),
    "station ": station(request=False),
}


@pytest.mark.parametrize(("words", "tlv"), WORDS.items(), ids=WORDS.keys())
def test_what_a_neighbor_says_of_relay_is_said_in_words(words: str, tlv: Tlv, tmp_path: Path) -> None:
    assert words in told(tmp_path, "neighbors", hear=lambda served: served.hear(SWITCH.frame(tlv))).output


def test_details_are_what_decode_shows(tmp_path: Path) -> None:
    output = told(tmp_path, "neighbors", "eth0", "--details", hear=usual).output
    lines = [line.split() for line in output.splitlines()]
    assert lines[0] == ["eth0", "nearest-bridge", "switch2"]
    assert ["rr_control", "yes"] in lines
    assert any(line[:1] == ["type=127"] for line in lines)


def test_neighbors_for_programs_have_every_key(tmp_path: Path) -> None:
    result = told(tmp_path, "neighbors", "-f", "json", hear=usual)
    answer = json.loads(result.output)
    near, customer = answer["neighbors"]
    assert (answer["schema"], result.exit_code) == ("evbagent/neighbors/1", 0)
    assert (near["evb"], customer["evb"]["role"]) == (None, "bridge")
    assert (near.keys(), customer["frame"]["verdict"]) == (customer.keys(), "valid")


NONE: Final[dict[str, tuple[Callable[[Served], None], str]]] = {
    "silence": (nothing, "no LLDP frame was heard since the daemon began"),
    "no carrier": (Served.unplug, "no carrier"),
    "ours alone": (
        lambda served: served.hear(SWITCH.frame(source=HOST)),
        "0 LLDP frames were heard since the daemon began; discarded: own 1",
    ),
    "a goodbye": (
        lambda served: served.hear(SWITCH.frame(ttl=0)),
        "1 LLDP frames were heard since the daemon began",
    ),
}


@pytest.mark.parametrize(("hear", "why"), NONE.values(), ids=NONE.keys())
def test_without_a_neighbor_it_says_why(hear: Callable[[Served], None], why: str, tmp_path: Path) -> None:
    assert told(tmp_path, "neighbors", hear=hear).output == f"eth0: no neighbor: {why}\n"


def test_neighbors_that_found_no_room_are_pointed_at(tmp_path: Path) -> None:
    def crowd(served: Served) -> None:
        for number in range(5):
            served.hear(Peer(SWITCH.address, f"port{number}").frame(), later=float(number))

    *_, note = told(tmp_path, "neighbors", hear=crowd, limit=2).output.splitlines()
    assert note == "eth0: nearest-customer-bridge: too many neighbors: 3 frames turned away (neighbors.limit)"


def test_two_agents_under_one_name_and_frames_that_come_too_fast_are_pointed_at(tmp_path: Path) -> None:
    one, other = Peer(SWITCH.address, "ge-0/0/1", "one"), Peer(SWITCH.address, "ge-0/0/1", "other")

    def take_turns(served: Served) -> None:
        for number in range(30):
            served.hear((one, other)[number % 2].frame(ttl=60 + number), later=number / 10)

    _, row, note = told(tmp_path, "neighbors", hear=take_turns).output.splitlines()
    assert "  two agents share this identity; " in row
    assert row.endswith(" frames came too fast")
    assert re.fullmatch(r"eth0: nearest-customer-bridge: \d+ frames came too fast and were not read", note)


@pytest.mark.parametrize("args", [("neighbors",), ("neighbors", "--details"), ("capture", "eth0")])
def test_no_text_of_a_peer_reaches_the_terminal_as_it_is(args: tuple[str, ...], tmp_path: Path) -> None:
    output = told(tmp_path, *args, hear=lambda served: served.hear(HOSTILE.frame())).output
    assert r"\u202eliar\x9b[2J\u2066\n" in output
    assert all(map(str.isprintable, output.splitlines()))


def at_a_terminal(folder: Path, columns: int, hear: Callable[[Served], None]) -> list[str]:
    """The lines of `evbagent neighbors` on a terminal of that width."""

    def run(config: str) -> str:
        ours, its = pty.openpty()
        ioctl(its, TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        with os.fdopen(ours, "rb") as terminal:
            command = [sys.executable, "-m", "evbagent", "neighbors", "--config", config]
            env = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
            subprocess.run(command, stdin=its, stdout=its, stderr=its, env=env, check=True, timeout=30)
            os.close(its)
            shown = b""
            try:
                while octets := os.read(terminal.fileno(), 65536):
                    shown += octets
            except OSError:  # nobody has its other end any more
                pass
            return shown.decode()

    async def scene() -> str:
        async with serving(folder) as served:
            hear(served)
            return await asyncio.to_thread(run, str(served.config))

    return asyncio.run(scene()).splitlines()


def test_a_narrow_terminal_gets_a_paragraph_for_each_neighbor(tmp_path: Path) -> None:
    lines = at_a_terminal(tmp_path, 80, usual)
    assert max(map(len, lines)) <= 80
    assert lines[4:6] == ["eth0  nearest-customer-bridge  switch1", "  port ge-0/0/1  chassis 00:00:5e:00:53:01"]
    assert re.fullmatch(r"  ttl 1\d\d/121 s  age 1\ds  evb bridge, relay on  dcbx -", lines[6])


def test_a_wide_terminal_gets_a_table(tmp_path: Path) -> None:
    head, *rows = at_a_terminal(tmp_path, 140, usual)
    assert "PORT" in head
    assert [row.split()[1] for row in rows] == ["bridge", "customer-bridge"]


# --- capture

STAMP: Final = 1_700_000_000.123456


def crossed(served: Served) -> None:
    served.hear(SWITCH.frame(bridge()), STAMP)
    served.hear(SWITCH.frame(source=HOST), STAMP + 1)
    served.hear(SWITCH.frame(ttl=0), STAMP + 2)
    served.hear(OTHER.frame(), STAMP + 3, tag=b"\x81\x00\x00\x05")
    served.hear(SWITCH.frame()[:16], STAMP + 4)


def test_frames_are_a_line_each(tmp_path: Path) -> None:
    result = told(tmp_path, "capture", "eth0", hear=crossed)
    lines = [line.split() for line in result.output.splitlines()]
    assert [line[2:6] for line in lines] == [
        ["in", "customer-bridge", str(SWITCH.address), "valid"],
        ["in", "customer-bridge", str(HOST), "own"],
        ["in", "customer-bridge", str(SWITCH.address), "valid"],
        ["in", "customer-bridge", str(OTHER.address), "tagged"],
        ["in", "customer-bridge", str(SWITCH.address), "missing_mandatory"],
    ]
    assert lines[0][1].endswith(".123")
    assert lines[0][6:] == ["switch1", "ge-0/0/1", "ttl", "121", "EVB", "bridge,", "relay", "on"]
    assert lines[2][6:] == ["switch1", "ge-0/0/1", "goodbye"]


def test_the_last_frames_are_shown_where_they_are_asked_for(tmp_path: Path) -> None:
    assert len(told(tmp_path, "capture", "eth0", "--count", "2", hear=crossed).output.splitlines()) == 2


def test_frames_for_programs_have_every_key(tmp_path: Path) -> None:
    answer = json.loads(told(tmp_path, "capture", "eth0", "-f", "json", hear=crossed).output)
    assert (answer["schema"], answer["port"], answer["total"]) == ("evbagent/capture/1", "eth0", 5)
    keys = {frozenset(frame) for frame in answer["frames"]}
    assert keys == {frozenset(("time", "age_seconds", "direction", "verdict", "evb", "octets", "frame"))}


@pytest.mark.parametrize("where", ["a file", "standard output"])
def test_a_pcap_has_the_frames_with_their_tags_and_times(where: str, tmp_path: Path) -> None:
    file = tmp_path / "eth0.pcap"
    result = told(tmp_path, "capture", "eth0", "-w", str(file) if where == "a file" else "-", hear=crossed)
    octets = file.read_bytes() if where == "a file" else result.stdout_bytes
    tagged = OTHER.frame()[:12] + b"\x81\x00\x00\x05" + OTHER.frame()[12:]
    whole = [SWITCH.frame(bridge()), SWITCH.frame(source=HOST), SWITCH.frame(ttl=0), tagged, SWITCH.frame()[:16]]
    assert (result.exit_code, list(frames(octets))) == (0, whole)
    assert struct.unpack(">2I", octets[24:32]) == (1_700_000_000, 123_456)


def test_a_port_that_nothing_has_crossed_says_so_and_makes_an_empty_pcap(tmp_path: Path) -> None:
    assert told(tmp_path, "capture", "eth0").output == "No LLDP frame has crossed eth0 since the daemon began.\n"
    assert list(frames(told(tmp_path, "capture", "eth0", "-w", "-").stdout_bytes)) == []


# --- what can't be had

REFUSALS: Final[dict[str, tuple[tuple[str, ...], int, str]]] = {
    "no such port": (("neighbors", "eth9"), 5, "'eth9' is no port of the daemon\n  it has: eth0"),
    "frames of no port": (("capture", "eth9"), 5, "'eth9' is no port of the daemon\n  it has: eth0"),
    "a port of the API's own words": (("capture", "eth0?count=1#"), 5, "'eth0?count=1#' is no port of the daemon"),
    "no frames": (("capture", "eth0", "--count", "0"), 2, "0 is not in the range"),
    "two forms": (("capture", "eth0", "-w", "x", "-f", "json"), 2, "choose one of them"),
    "a file that can't be": (("capture", "eth0", "-w", "/proc/none"), 1, "/proc/none can't be written: No such file"),
}


@pytest.mark.parametrize(("args", "code", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_can_not_be_had_is_said_with_its_exit_code(
    args: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    result = told(tmp_path, *args)
    assert (result.exit_code, message in result.output) == (code, True), result.output


def test_a_daemon_that_does_not_run_is_told_from_one_without_an_api(tmp_path: Path) -> None:
    config = tmp_path / "evbagent.yaml"
    config.write_text(f"run_dir: {tmp_path}\n")

    def asked() -> tuple[int, dict[str, Any]]:
        result = CliRunner().invoke(main, ["neighbors", "--config", str(config), "-f", "json"])
        return result.exit_code, json.loads(result.output)["error"]

    code, error = asked()
    assert (code, error["code"]) == (3, "not_running")
    pulse = Pulse(tmp_path / "alive.sock")
    code, error = asked()
    assert (code, error["code"]) == (1, "failed")
    assert "api.enabled" in error["hint"]
    pulse.close()
