"""`evbagent decode`: what the agent makes of a frame, offline."""

from __future__ import annotations

import sys
from typing import Any

import click

from evbagent.cli.exits import Exit, Format, fail, format_option, print_json
from evbagent.wire.basic import ChassisId, PortDescription, PortId, SystemDescription, SystemName
from evbagent.wire.ethernet import ETHERTYPE_LLDP, DiscardReason, Frame, FrameDiscarded
from evbagent.wire.evb import Evb
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.registry import ORGANIZATIONAL
from evbagent.wire.tlv import Tlv

__all__ = ["command"]


@click.command("decode")
@click.option("--hex", "texts", multiple=True, metavar="HEX", help="A frame from its destination on (repeatable).")
@format_option
def command(texts: tuple[str, ...], form: Format) -> None:
    """Decode Ethernet frames given as hexadecimal digits, or one a line on standard input.

    Blanks, colons, dashes and a leading 0x don't matter.
    """
    lines = texts or tuple(line for line in sys.stdin.read().splitlines() if line.strip())
    if not lines:
        fail(Exit.USAGE, "there is no frame to decode: give --hex, or lines on standard input", form=form)
    frames = [_frame(_octets(text, form)) for text in lines]
    if form == "json":
        print_json({"schema": "evbagent/decode/1", "frames": frames})
        return
    for number, frame in enumerate(frames):
        if number:
            click.echo()
        _show(frame, "")


def _octets(text: str, form: Format) -> bytes:
    digits = text.strip().lower().removeprefix("0x")
    for separator in " \t:-.":
        digits = digits.replace(separator, "")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        shown = text if len(text) <= 40 else text[:37] + "..."
        fail(Exit.USAGE, f"{shown!r} is not hexadecimal: pairs of 0-9 and a-f are wanted", form=form)


def _frame(octets: bytes) -> dict[str, Any]:
    """One frame as JSON values; a frame that the agent would discard says why."""
    answer: dict[str, Any] = {"verdict": "valid", "discard_reason": None}
    try:
        frame = Frame.decode(octets)
        answer |= {
            "destination": str(frame.destination),
            "source": str(frame.source),
            "scope": None if frame.scope is None else frame.scope.value,
        }
        if frame.ethertype != ETHERTYPE_LLDP:
            return {**answer, "verdict": "not_lldp", "discard_reason": DiscardReason.NOT_LLDP.value}
        return answer | _lldpdu(Lldpdu.decode(frame.payload))
    except FrameDiscarded as discarded:
        reason = {"verdict": "discarded", "discard_reason": discarded.reason.value, "detail": discarded.detail}
        return answer | reason


def _lldpdu(pdu: Lldpdu) -> dict[str, Any]:
    mandatory = [pdu.chassis.tlv(), pdu.port.tlv()]
    evb = pdu.read(Evb)
    return {
        "chassis_id": _identity(pdu.chassis),
        "port_id": _identity(pdu.port),
        "ttl": pdu.ttl,
        "port_description": pdu.text(PortDescription),
        "system_name": pdu.text(SystemName),
        "system_description": pdu.text(SystemDescription),
        "tlvs": [[tlv.type, len(tlv.value)] for tlv in (*mandatory, Tlv(3, bytes(2)), *pdu.optional)],
        "org_tlvs": [_organizational(tlv) for tlv in pdu.optional if tlv.key is not None],
        "evb": None if evb is None else _evb(evb),
        "faults": [
            {
                "type": fault.type,
                "oui": None if fault.key is None else fault.key.oui.hex("-").upper(),
                "subtype": None if fault.key is None else fault.key.subtype,
                "reason": fault.reason,
            }
            for fault in pdu.faults
        ],
    }


def _identity(identity: ChassisId | PortId) -> dict[str, Any]:
    return {
        "subtype": identity.subtype,
        "subtype_name": identity.subtype_name,
        "value": str(identity),
        "hex": identity.value.hex(),
    }


def _organizational(tlv: Tlv) -> dict[str, Any]:
    key = tlv.key
    assert key is not None, "only TLVs with OUI and subtype come here"
    kind = ORGANIZATIONAL.get(key)
    return {
        "oui": key.oui.hex("-").upper(),
        "subtype": key.subtype,
        "name": None if kind is None else kind.NAME,
        "hex": tlv.information.rest().hex(),
    }


def _evb(evb: Evb) -> dict[str, Any]:
    return {
        "rr_capable": evb.bridge.rr_capable,
        "rr_control": evb.bridge.rr_control,
        "bridge_group_id": evb.bridge.group_id,
        "rr_request": evb.station.rr_request,
        "rr_status": int(evb.station.rr_status),
        "station_group_id": evb.station.group_id,
        "retries": evb.retries,
        "rte": evb.rte,
        "mode": int(evb.mode),
        "remote_rwd": evb.remote_rwd,
        "rwd": evb.rwd,
        "remote_rka": evb.remote_rka,
        "rka": evb.rka,
    }


def _show(value: dict[str, Any], indent: str) -> None:
    """Names and values, one a line; what is not there is left out."""
    width = max(len(key) for key in value)
    for key, item in value.items():
        if item is None or item == []:
            continue
        if isinstance(item, dict):
            click.echo(f"{indent}{key}:")
            _show(item, indent + "  ")
        else:
            text = "; ".join(_line(entry) for entry in item) if isinstance(item, list) else _line(item)
            click.echo(f"{indent}{key:{width}}  {text}")


def _line(item: Any) -> str:
    if isinstance(item, dict):
        return " ".join(f"{key}={_line(value)}" for key, value in item.items() if value is not None)
    if isinstance(item, list):
        return "/".join(map(str, item))
    if isinstance(item, bool):
        return "yes" if item else "no"
    return str(item)
