"""`evbagent replay`: what the inputs of a recording lead to."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator, Mapping
from typing import IO, Any, Final

import click
import msgspec

from evbagent.cli.exits import Exit, Format, fail, format_option, say
from evbagent.decode import decode
from evbagent.effects import Effect, Faulted, Moved, Publish, SendFrame, SendProbe, SetHairpin, SetModes
from evbagent.events import LinkState
from evbagent.plain import plain
from evbagent.recording import (
    DcbAnswered,
    Deadline,
    Inherited,
    Input,
    Links,
    Missed,
    Overflowed,
    ProbesMissed,
    Received,
    Released,
    Slept,
    kind_of,
)
from evbagent.replay import Checked, Done, Replay, ReplayError, Step
from evbagent.status import UplinkStatus
from evbagent.wire.ethernet import Frame, FrameDiscarded
from evbagent.wire.probe_frame import ETHERTYPE_PROBE

__all__ = ["command"]

_SCHEMA: Final = "evbagent/replay/1"
_LONGEST: Final = 16 * 1024 * 1024  # octets of a line


@click.command("replay")
@click.argument("file", type=click.File("rb"))
@format_option
def command(file: IO[bytes], form: Format) -> None:
    """Tell what the inputs recorded in FILE lead to (- is standard input).

    The exit code is 1 where a line can't be replayed, or an expectation in the file is not met.
    """
    try:
        replay = Replay(iter(lambda: file.readline(_LONGEST), b""))
    except ReplayError as error:
        fail(Exit.FAILED, f"{file.name}:{error}", form=form)
    teller = _Teller(replay)
    try:
        (_json if form == "json" else _table)(teller)
    except ReplayError as error:  # behind what is on standard output already
        say(f"evbagent: {file.name}:{error}", err=True)
        sys.exit(Exit.FAILED)
    if replay.torn is not None:
        say(f"{file.name}:{replay.torn}: the line was cut off, and is left out", err=True)
    for line, sentence in teller.unmet:
        say(f"{file.name}:{line}: {sentence}", err=True)
    sys.exit(Exit.FAILED if teller.unmet else Exit.OK)


def _json(teller: _Teller) -> None:
    """One document, written step by step, so that a long recording needs little memory."""
    head = msgspec.json.encode({"schema": _SCHEMA, "start": plain(teller.replay.start)}).decode()
    click.echo(f'{head[:-1]},"steps":[', nl=False)
    between = "\n"
    try:
        for step in teller.steps():
            click.echo(between + msgspec.json.encode(step).decode(), nl=False)
            between = ",\n"
    finally:
        click.echo(f'\n],"status":{msgspec.json.encode(plain(teller.replay.status)).decode()}}}')


def _table(teller: _Teller) -> None:
    start = teller.replay.start
    name = start.origin.name
    settings = ", ".join(f"{key} {str(value).lower()}" for key, value in plain(start.origin.settings).items())
    say(f"{name}: {settings}; recorded from {start.wall} on by evbagent {start.version}")
    for step in teller.steps():
        say(f"{step['at']:11.3f} s  {step['input']:10}  {step['text']}")
        for effect in step["effects"]:
            say(f"{'':15}{effect['effect']:10}  {effect['text']}")
    say(f"{name} is {_brief(teller.replay.status)}")


class _Teller:
    """Steps as JSON values, each with a text; knows what attachments are called, and collects what is `unmet`."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.unmet: list[tuple[int, str]] = []
        self._names: dict[int, str] = {}

    def steps(self) -> Iterator[dict[str, Any]]:
        for each in self.replay:
            yield self._checked(each) if isinstance(each, Checked) else self._step(each)

    def _checked(self, checked: Checked) -> dict[str, Any]:
        self.unmet += [(checked.line, sentence) for sentence in checked.unmet]
        text = f"not met: {'; '.join(checked.unmet)}" if checked.unmet else "met"
        return {"line": checked.line, "at": round(checked.at, 6), "input": "expect", "text": text, "effects": []}

    def _step(self, step: Step) -> dict[str, Any]:
        text = self._input(step.event)
        if step.line is None:
            text += " (not in the recording)"
        return {
            "line": step.line,
            "at": round(step.at, 6),
            "input": step.event.KIND,
            "text": text,
            "effects": [*map(self._done, step.done), *map(_unwished, step.unwished)],
        }

    def _input(self, event: Input) -> str:
        match event:
            case Links(port, attachments):
                self._names |= {link.ifindex: link.name for link in attachments}
                guests = ", ".join(map(_attachment, attachments)) or "no attachment"
                return f"{_port(port)}; {guests}"
            case Received(octets, vlan):
                tag = "" if vlan is None else f" in VLAN {vlan}"
                return f"{_frame(octets)}{tag}"
            case DcbAnswered(kernel):
                return "the driver says nothing about DCB" if kernel is None else "the driver tells what it has of DCB"
            case ProbesMissed():
                return "frames of the probe were lost unheard"
            case Missed(count):
                return f"{count} frames were lost unheard"
            case Overflowed(count):
                return f"{count} frames were lost, none of them the switch's"
            case Slept(seconds):
                return f"the machine was suspended for {seconds:.3g} s"
            case Deadline():
                return "time has come"
            case Released():
                return "the daemon ends"
            case Inherited(legacy):
                return f"the daemon before left guests in {'vepa' if legacy.vepa else 'veb'}"

    def _done(self, done: Done) -> dict[str, Any]:
        effect, outcome = done.effect, done.outcome
        errors = {} if outcome is None else outcome.errors
        text = self._effect(effect)
        if errors:
            text += f": {', '.join(self._error(index, number) for index, number in errors.items())}"
        elif outcome is not None and outcome.modes is None and isinstance(effect, SetModes):
            text += ": nothing was read back"
        if done.assumed:
            text += " (not in the recording: assumed to come true)"
        fields = {} if isinstance(effect, Publish) else plain(effect)
        return {"effect": kind_of(effect), **fields, "text": text, "errors": plain(errors), "assumed": done.assumed}

    def _effect(self, effect: Effect) -> str:
        match effect:
            case SendFrame(_, scope, octets):
                return f"{scope}: {_frame(octets)}"
            case SendProbe(_, sequence, _, _):
                return f"round {sequence}"
            case SetModes(_, modes):
                return ", ".join(f"{self._names.get(index, index)} {mode.value}" for index, mode in modes.items())
            case SetHairpin(port, on):
                return f"{port} {'on' if on else 'off'}"
            case Publish(status):
                return _brief(status)
            case Moved(machine, _, old, new, why):
                return f"{machine} {old} -> {new}: {why}"
            case Faulted(_, reason, detail):
                return f"{reason}: {detail}"

    def _error(self, index: int, number: int) -> str:
        name, what = self._names.get(index), str(errno.errorcode.get(number, number))
        return what if name is None else f"{name} {what}"


def _unwished(wish: Mapping[str, Any]) -> dict[str, Any]:
    text = f"{msgspec.json.encode(wish).decode()} was answered in the recording, and not wished for now"
    return {"effect": "unwished", "wish": wish, "text": text}


def _port(port: LinkState | None) -> str:
    if port is None:
        return "no interface"
    return f"{port.name} {'up' if port.enabled else 'without carrier' if port.up else 'down'}"


def _attachment(link: LinkState) -> str:
    mode = "unknown" if link.mode is None else link.mode.value
    return f"{link.name} {mode}{' elsewhere' if link.foreign else ''}"


def _brief(status: UplinkStatus) -> str:
    return f"{status.mode.value}, {status.state.value}, {status.reason.value}"


def _frame(octets: bytes) -> str:
    """Who says what, as far as it concerns this agent."""
    said = decode(octets)
    if _is_probe(octets):
        return f"{len(octets)} octets from {said['source']}, a frame of the probe's kind"
    if said["verdict"] != "valid":
        return f"{len(octets)} octets from {said['source']}, {said['discard_reason']}"
    port, ttl = said["port_id"]["value"], said["ttl"]
    who = f"{said['system_name'] or said['chassis_id']['value']} {port}, "
    if ttl == 0:
        return f"{who}goodbye"
    return f"{who}ttl {ttl}, {'no EVB' if said['evb'] is None else _evb(said['evb'])}"


def _is_probe(octets: bytes) -> bool:
    try:
        return Frame.decode(octets).ethertype == ETHERTYPE_PROBE
    except FrameDiscarded:
        return False


def _evb(evb: dict[str, Any]) -> str:
    """With the names of 802.1Q-2014 D.2.12; the octet of the other end is what it repeats."""
    bridge = f"RRCAP={evb['rr_capable']:d} RRCTR={evb['rr_control']:d}"
    station = f"RRREQ={evb['rr_request']:d} RRSTAT={evb['rr_status']}"
    match evb["mode"]:
        case 1:
            return f"EVB bridge {bridge}, repeats {station}"
        case 2:
            return f"EVB station {station}, repeats {bridge}"
    return f"EVB mode {evb['mode']} {bridge} {station}"
