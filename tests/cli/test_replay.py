"""`evbagent replay`: what is told of a recording, to people and to programs, and when it fails."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evbagent.cli import main
from evbagent.dcb import KernelDcb
from evbagent.effects import Actuated, SendFrame, SetModes
from evbagent.entry import EntrySettings
from evbagent.events import LinkState
from evbagent.recording import (
    Answer,
    DcbAnswered,
    Deadline,
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
from evbagent.status import MacvlanMode
from evbagent.uplink import UplinkSettings
from evbagent.wire.basic import SystemName
from evbagent.wire.octets import MacAddress
from tests.support.frames import CUSTOMER, HOST, IDENTITY, SWITCH, agents, bridge

VEPA, BRIDGE = MacvlanMode.VEPA, MacvlanMode.BRIDGE
PORT = LinkState(2, "eth0", HOST, up=True, carrier=True, carrier_ups=1)
GUEST = LinkState(7, "tap7", MacAddress.parse("52:54:00:00:00:07"), True, True, 1, lower=2, mode=BRIDGE)
POD = replace(GUEST, ifindex=8, name="pod8", mode=VEPA, foreign=True)
ORIGIN = Origin("eth0", UplinkSettings(), IDENTITY, agents((CUSTOMER,)), EntrySettings(hold_up=0.0))
START = Start("2026-01-02T03:04:05.000+00:00", 100, 0.5, ORIGIN, "0.1.0")
SENT = SendFrame(2, CUSTOMER.value, b"")

RECORDING = (
    Line(0.5, None, Links(PORT, (GUEST, POD))),
    Line(0.6, None, Answer.of(Actuated(SENT, {2: 100}))),
    Line(1.5, None, Received(SWITCH.frame(bridge()), None)),
    Line(1.5, None, Answer.of(Actuated(SetModes("eth0", {7: VEPA}), {7: 16}, modes={7: BRIDGE}))),
    Line(1.6, None, Answer.of(Actuated(SENT, {}))),
    Line(1.7, None, Answer.of(Actuated(SetModes("eth0", {9: VEPA}), {}, modes={}))),
    Line(1.8, None, Overflowed(5)),
    Line(1.9, None, Missed(4)),
    Line(1.95, None, Received(SWITCH.frame(), 5)),
    Line(1.95, None, Links(None, ())),
    Line(2.0, None, Released()),
)
ASKING = "nearest-customer-bridge: host1 eth0, ttl 121, EVB station RRREQ=1"
UNWISHED = '{"set_modes":{"uplink":"eth0","modes":{"9":"vepa"}}}'
REFUSED = "decision no_peer -> attachment_out_of_reach"
TOLD = f"""\
eth0: mode auto, reflective_relay auto, fallback veb, apply true; recorded from 2026-01-02T03:04:05.000+00:00 on by \
evbagent 0.1.0
      0.000 s  link        eth0 up; tap7 bridge, pod8 vepa elsewhere
               send_frame  {ASKING} RRSTAT=3, repeats RRCAP=0 RRCTR=0: ENETDOWN
               publish     veb, settled, no_peer
      1.000 s  receive     switch1 ge-0/0/1, ttl 121, EVB bridge RRCAP=1 RRCTR=1, repeats RRREQ=1 RRSTAT=3
               set_modes   tap7 vepa: tap7 EBUSY
               moved       station NO_PEER -> PEER_RR: bridge says RRCAP=1 RRCTR=1
               send_frame  {ASKING} RRSTAT=1, repeats RRCAP=1 RRCTR=1
               faulted     mode_not_set: tap7: EBUSY; next try in 1 s
               publish     veb, entering, attachment_out_of_reach
               moved       {REFUSED}: an attachment did not take VEPA, so none is left in it
               unwished    {UNWISHED} was answered in the recording, and not wished for now
      1.300 s  overflowed  5 frames were lost, none of them the switch's
      1.400 s  missed      4 frames were lost unheard
               faulted     frames_missed: 4 frames found no room, and 1 neighbors have to be heard anew
               moved       station PEER_RR -> NO_PEER: no EVB neighbor
               send_frame  {ASKING} RRSTAT=3, repeats RRCAP=0 RRCTR=0 (not in the recording: assumed to come true)
               publish     veb, settled, peer_lost
               moved       decision attachment_out_of_reach -> peer_lost: the switch that had relay on is no longer \
heard with EVB
      1.450 s  receive     switch1 ge-0/0/1, ttl 121, no EVB in VLAN 5
      1.450 s  link        no interface; no attachment
               publish     veb, down, peer_lost
      1.500 s  release     the daemon ends
               publish     veb, down, released
               moved       decision peer_lost -> released: the daemon ends, and nobody watches any more
eth0 is veb, down, released
"""


def evbagent(*args: str) -> Result:
    return CliRunner().invoke(main, args)


def written(folder: Path, *lines: Line | bytes, start: Start = START) -> str:
    path = folder / "eth0.jsonl"
    path.write_bytes(b"".join([start.line(), *(line.line() if isinstance(line, Line) else line for line in lines)]))
    return str(path)


def test_people_are_told_what_came_in_and_what_followed(tmp_path: Path) -> None:
    result = evbagent("replay", written(tmp_path, *RECORDING))
    assert result.output == TOLD
    assert result.exit_code == 0


def test_programs_are_told_the_same_in_one_document(tmp_path: Path) -> None:
    result = evbagent("replay", "-f", "json", written(tmp_path, *RECORDING))
    document = json.loads(result.output)
    texts = [effect["text"] for step in document["steps"] for effect in [step, *step["effects"]]]
    assert [line.split("  ")[-1].strip() for line in TOLD.splitlines()[1:-1]] == texts
    assert (document["schema"], document["start"]["origin"]["name"], document["start"]["loop"]) == (
        "evbagent/replay/1",
        "eth0",
        100,
    )
    _, change, *_ = document["steps"]
    assert (change["line"], change["at"], change["input"]) == (4, 1.0, "receive")
    assert change["effects"][0] == {
        "effect": "set_modes",
        "uplink": "eth0",
        "modes": {"7": "vepa"},
        "text": "tap7 vepa: tap7 EBUSY",
        "errors": {"7": 16},
        "assumed": False,
    }
    assert (document["status"]["mode"], document["status"]["reason"]) == ("veb", "released")


OTHERS: dict[str, tuple[Line, str]] = {
    "a timer": (Line(1.0, 1.0, Deadline()), "      0.500 s  deadline    time has come"),
    "a suspension": (Line(1.0, None, Slept(61.234)), "slept       the machine was suspended for 61.2 s"),
    "what a driver says": (
        Line(1.0, None, DcbAnswered(KernelDcb())),
        "dcb         the driver tells what it has of DCB",
    ),
    "what a driver does not say": (Line(1.0, None, DcbAnswered(None)), "the driver says nothing about DCB"),
    "a probe that came back": (
        Line(1.0, None, Received(bytes.fromhex("020000000001 020000000002 88b5 4556"), None, 101.5)),
        "16 octets from 02:00:00:00:00:02, a frame of the probe's kind",
    ),
    "probes that did not": (Line(1.0, None, ProbesMissed()), "frames of the probe were lost unheard"),
    "half a frame": (Line(1.0, None, Received(b"half", None)), "4 octets from None, truncated"),
    "a goodbye": (Line(1.0, None, Received(SWITCH.frame(ttl=0), None)), "switch1 ge-0/0/1, goodbye"),
    "a name that is meant to harm": (
        Line(1.0, None, Received(SWITCH.frame(SystemName(b"\x1b[2J\n").tlv(), ttl=9), None)),
        r"\x1b[2J\n ge-0/0/1, ttl 9, no EVB",
    ),
    "an attachment that is meant to harm": (
        Line(1.0, None, Links(replace(PORT, carrier=False), (replace(GUEST, name="\x1b[2J", mode=None),))),
        r"eth0 without carrier; \x1b[2J unknown",
    ),
    "an interface that is down": (Line(1.0, None, Links(replace(PORT, up=False), ())), "eth0 down; no attachment"),
}


@pytest.mark.parametrize(("line", "told"), OTHERS.values(), ids=OTHERS.keys())
def test_everything_that_comes_in_is_told_in_one_line(tmp_path: Path, line: Line, told: str) -> None:
    result = evbagent("replay", written(tmp_path, line))
    assert told in result.output.splitlines()[1]
    assert result.exit_code == 0


ENDINGS: dict[str, tuple[tuple[Line | bytes, ...], int, str]] = {
    # what stands in the file, the exit code, and what is said on standard error
    "what is expected is so": ((*RECORDING[:2], b'{"expect":{"mode":"veb"}}\n'), 0, ""),
    "it is not": (
        (*RECORDING[:2], b'{"expect":{"mode":"vepa"}}\n', *RECORDING[2:4]),
        1,
        "{file}:4: mode is 'veb', and not 'vepa'\n",
    ),
    "a line that is none": (
        (*RECORDING[:2], b"{\n"),
        1,
        "evbagent: {file}:4: it is no JSON: Input data was truncated\n",
    ),
    "a key that is meant to harm": (
        (b'{"at":1,"input":"release","\\u009b2J":1}\n',),
        1,
        'evbagent: {file}:2: there is no key "\\x9b2J" (there are none)\n',
    ),
    "a line that was cut off": ((*RECORDING[:2], b'{"at":'), 0, "{file}:4: the line was cut off, and is left out\n"),
}


@pytest.mark.parametrize("form", ["table", "json"])
@pytest.mark.parametrize(("lines", "code", "said"), ENDINGS.values(), ids=ENDINGS.keys())
def test_the_exit_code_says_whether_all_was_replayed_and_as_expected(
    tmp_path: Path, lines: tuple[Line | bytes, ...], code: int, said: str, form: str
) -> None:
    file = written(tmp_path, *lines)
    result = evbagent("replay", "-f", form, file)
    assert (result.exit_code, result.stderr) == (code, said.replace("{file}", file))
    if form == "json":
        json.loads(result.stdout)  # a whole document, whatever came in between


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other"
    file.write_text("{}\n")
    told = evbagent("replay", "-f", "json", str(file))
    assert (told.exit_code, json.loads(told.output)["error"]["code"]) == (1, "failed")
    assert f"{file}:1: the first line of a recording has the schema" in told.output
    assert evbagent("replay", str(tmp_path / "none")).exit_code == 2
