"""What an agent does with each kind of fault, and which of its counters move (802.1AB-2016 9.2.8.7, 9.2.6)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

import pytest

from evbagent.lldp.agent import Agent, AgentSettings
from evbagent.lldp.neighbors import Heard
from evbagent.lldp.timers import TransmitSettings
from evbagent.wire.basic import ManagementAddress
from evbagent.wire.dot1 import PortVlanId
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Frame, FrameDiscarded, Scope
from evbagent.wire.evb import Evb, EvbMode
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.tlv import Tlv
from tests.lldp.peers import SWITCH, UP

SCOPE: Final = Scope.NEAREST_CUSTOMER_BRIDGE
CHASSIS, PORT, TTL, END = "0202 0763", "0402 0770", "0602 0078", "0000"
WHO: Final = f"{CHASSIS} {PORT} {TTL}"
NAME: Final = "0a01 61"
EVB: Final = Evb(EvbMode.BRIDGE).tlv().encode().hex()
ADDRESS: Final = ManagementAddress(1, b"\xc0\0\2\1").tlv().encode().hex()
VLAN: Final = PortVlanId(1).tlv().encode().hex()
LONG: Final = "41" * 256

ACCEPTED: Final = {"frames_in_total": 1}
DISCARDED: Final = {"frames_in_total": 1, "frames_discarded_total": 1, "frames_in_errors_total": 1}


def discarded(reason: str) -> dict[str, Any]:
    return DISCARDED | {"discards": {reason: 1}}


def without(tlvs: int) -> dict[str, Any]:
    """Accepted, but for so many of its TLVs; the frame is in error once, however many they are."""
    return ACCEPTED | {"frames_in_errors_total": 1, "tlvs_discarded_total": tlvs}


def unrecognized(tlvs: int) -> dict[str, Any]:
    return ACCEPTED | {"tlvs_unrecognized_total": tlvs}


# The octets of an LLDPDU, the octets of the optional TLVs that are kept (None: no neighbor), and the counters.
ROWS: Final[dict[str, tuple[str, str | None, dict[str, Any]]]] = {
    "no TLV at all": ("", None, discarded("missing_mandatory")),
    "fewer than three TLVs": (f"{CHASSIS} {PORT}", None, discarded("missing_mandatory")),
    "an End TLV for the third": (f"{CHASSIS} {PORT} {END}", None, discarded("missing_mandatory")),
    "port and chassis the wrong way round": (f"{PORT} {CHASSIS} {TTL}", None, discarded("wrong_order")),
    "TTL and port the wrong way round": (f"{CHASSIS} {TTL} {PORT}", None, discarded("wrong_order")),
    "something else between": (f"{CHASSIS} {NAME} {PORT} {TTL}", None, discarded("wrong_order")),
    "chassis ID without a value": (f"0201 07 {PORT} {TTL}", None, discarded("bad_chassis_id")),
    "chassis ID too long": (f"0301 07 {LONG} {PORT} {TTL}", None, discarded("bad_chassis_id")),
    "port ID without a value": (f"{CHASSIS} 0401 07 {TTL}", None, discarded("bad_port_id")),
    "port ID too long": (f"{CHASSIS} 0501 07 {LONG} {TTL}", None, discarded("bad_port_id")),
    "TTL without octets": (f"{CHASSIS} {PORT} 0600", None, discarded("bad_ttl")),
    "TTL too short": (f"{CHASSIS} {PORT} 0601 78", None, discarded("bad_ttl")),
    "TTL too long": (f"{CHASSIS} {PORT} 0604 0078 ffff {END}", "", ACCEPTED),
    "a second chassis ID": (f"{WHO} {NAME} {CHASSIS} {END}", None, discarded("duplicate_mandatory")),
    "a second port ID": (f"{WHO} {NAME} {PORT} {END}", None, discarded("duplicate_mandatory")),
    "a second TTL": (f"{WHO} {NAME} {TTL} {END}", None, discarded("duplicate_mandatory")),
    "a chassis ID that runs past the end": ("02ff 0763", None, discarded("missing_mandatory")),
    "a port ID that runs past the end": (f"{CHASSIS} 04ff 0770", None, discarded("missing_mandatory")),
    "a TTL that runs past the end": (f"{CHASSIS} {PORT} 0602 00", None, discarded("missing_mandatory")),
    "an optional TLV that runs past the end": (f"{WHO} {NAME} {EVB} 0cff 6162", NAME + EVB, without(1)),
    "half a header at the end": (f"{WHO} {NAME} 0c", NAME, without(1)),
    "half a header of padding": (f"{WHO} {NAME} 00", NAME, ACCEPTED),
    "no End TLV": (f"{WHO} {NAME}", NAME, ACCEPTED),
    "an End TLV with a value": (f"{WHO} {NAME} 0002 ffff {VLAN}", NAME, ACCEPTED | {"frames_in_errors_total": 1}),
    "octets behind the End TLV": (f"{WHO} {NAME} {END} {TTL} fe02 ffff 0c", NAME, ACCEPTED),
    "a name too long": (f"{WHO} 0b00 {LONG} {EVB} {END}", EVB, without(1)),
    "capabilities too short": (f"{WHO} 0e02 0004 {EVB} {END}", EVB, without(1)),
    "capabilities too long": (f"{WHO} 0e06 0004 0004 0004 {END}", "", without(1)),
    "a management address that contradicts itself": (f"{WHO} 1009 10{'00' * 8} {EVB} {END}", EVB, without(1)),
    "a second port description": (f"{WHO} 0801 61 0801 62 {END}", "0801 61", without(1)),
    "a second system name": (f"{WHO} {NAME} 0a01 62 0a01 63 {END}", NAME, without(2)),
    "a second system description": (f"{WHO} 0c01 61 0c01 62 {END}", "0c01 61", without(1)),
    "second capabilities": (f"{WHO} 0e04 00040004 0e04 00140004 {END}", "0e04 00040004", without(1)),
    "a second management address": (f"{WHO} {ADDRESS} {ADDRESS} {END}", ADDRESS * 2, ACCEPTED),
    "types that are reserved": (f"{WHO} 1200 1401 ff {EVB} fc00 {END}", f"1200 1401ff {EVB} fc00", unrecognized(3)),
    "an organizational TLV too short for a key": (f"{WHO} fe03 0080c2 {EVB} {END}", EVB, without(1)),
    "an OUI that nobody knows": (f"{WHO} fe05 0002b301 aa {END}", "fe05 0002b301 aa", unrecognized(1)),
    "a subtype that nobody knows": (f"{WHO} fe04 0080c2ff {END}", "fe04 0080c2ff", unrecognized(1)),
    "more of them than are kept": (f"{WHO} {'fe04 0002b301' * 40} {EVB}", "fe04 0002b301" * 32 + EVB, unrecognized(40)),
    "a known one of a wrong length": (f"{WHO} fe05 0080c201 01 {EVB} {END}", EVB, without(1)),
    "EVB too short": (f"{WHO} fe08 0080c20d 02006e54 {END}", "", without(1)),
    "two EVB TLVs": (f"{WHO} {EVB} {EVB} {END}", "", without(2)),
    "a chassis ID of a reserved subtype": (f"0202 0063 {PORT} {TTL} {END}", "", ACCEPTED),
    "a port ID of a reserved subtype": (f"{CHASSIS} 0402 ff70 {TTL} {END}", "", ACCEPTED),
    "texts without octets": (f"{WHO} 0800 0a00 0c00 {END}", "0800 0a00 0c00", ACCEPTED),
    "everything at once": (
        f"{WHO} {NAME} {NAME} fe03 0080c2 1200 fe04 0002b301 0cff",
        f"{NAME} 1200 fe04 0002b301",
        without(3) | {"tlvs_unrecognized_total": 2},
    ),
}


def listening() -> Agent:
    agent = Agent(SCOPE, AgentSettings(transmit=False, receive=True, limit=4, timing=TransmitSettings()))
    agent.link(UP, 0.0)
    return agent


def hear(agent: Agent, payload: bytes, now: float) -> list[Lldpdu]:
    """What became known of neighbors."""
    frame = Frame(SCOPE.address, SWITCH, ETHERTYPE_LLDP, payload)
    with suppress(FrameDiscarded):
        return [change.pdu for change in agent.receive(Heard(frame.encode(), payload, SWITCH), now)]
    return []


def moved(agent: Agent) -> dict[str, Any]:
    return {name: value for name, value in asdict(agent.status(0.0).counters).items() if value}


@pytest.mark.parametrize(("octets", "kept", "counters"), ROWS.values(), ids=ROWS.keys())
def test_a_fault_costs_what_it_must_and_moves_these_counters(
    octets: str, kept: str | None, counters: dict[str, Any]
) -> None:
    agent = listening()
    heard = hear(agent, bytes.fromhex(octets), 1.0)
    assert [b"".join(map(Tlv.encode, pdu.optional)) for pdu in heard] == ([] if kept is None else [bytes.fromhex(kept)])
    assert moved(agent) == counters


@pytest.mark.parametrize("octets", [row[0] for row in ROWS.values() if row[1] is None])
def test_a_discarded_lldpdu_does_not_prolong_the_life_of_anybody(octets: str) -> None:
    agent = listening()
    hear(agent, bytes.fromhex(f"{WHO} {END}"), 0.0)
    hear(agent, bytes.fromhex(octets), 100.0)
    assert agent.deadline == 120.0


def test_a_frame_that_nobody_may_hear_is_no_frame_in() -> None:
    agent = Agent(SCOPE, AgentSettings(transmit=True, receive=False, limit=4, timing=TransmitSettings()))
    agent.link(UP, 0.0)
    assert hear(agent, bytes.fromhex(f"{WHO} {END}"), 1.0) == []
    assert moved(agent) == {"discards": {"no_agent": 1}}
