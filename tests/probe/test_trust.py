"""What comes in and never counts, and the addresses that frames leave from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from evbagent.events import LinkState, ProbeEvidence, ProbeFailure
from evbagent.probe.machine import Probe, ProbeState
from evbagent.probe.place import probe_address
from evbagent.wire.ethernet import DiscardReason, Frame
from evbagent.wire.probe_frame import ProbeFrame
from tests.probe.facts import DOWN, NO_RELAY, link, play, put, turn
from tests.probe.wire import DEFAULTS, GUEST, HOST, KEY, LINK, SEED, WatchedProbe, Wire

# --- what never counts


def reflections(wire: Wire) -> list[bytes]:
    return [wish.probe for _, wish in wire.sent]


def signed(**fields: Any) -> Callable[[Wire], bytes]:
    """A probe with our key, and other fields than the one that is on its way."""

    def forge(wire: Wire) -> bytes:
        probe = ProbeFrame.decode(Frame.decode(wire.sent[-1][1].probe), KEY)
        return replace(probe, **fields).encode(KEY)

    return forge


def unsigned(wire: Wire) -> bytes:
    return ProbeFrame.decode(Frame.decode(wire.sent[-1][1].probe), KEY).encode(KEY[::-1])


FORGERIES: Final[dict[str, tuple[Callable[[Wire], bytes], DiscardReason]]] = {
    "of another key": (unsigned, DiscardReason.PROBE_UNSIGNED),
    "of another experiment": (
        lambda _: HOST.octets + GUEST.octets + b"\x88\xb5" + bytes(46),
        DiscardReason.PROBE_FOREIGN,
    ),
    "cut": (lambda wire: wire.sent[-1][1].probe[:40], DiscardReason.TRUNCATED),
    "of another port": (signed(port=3), DiscardReason.PROBE_OTHER_PORT),
    "of an earlier time": (signed(nonce=b"01234567"), DiscardReason.PROBE_REPLAYED),
    "answered already": (lambda wire: wire.sent[0][1].probe, DiscardReason.PROBE_REPLAYED),
    "never sent": (signed(sequence=77), DiscardReason.PROBE_REPLAYED),
    "from another address": (signed(source=GUEST), DiscardReason.PROBE_REPLAYED),
    "to another address": (signed(destination=GUEST), DiscardReason.PROBE_REPLAYED),
    "what teaches the switch": (lambda wire: wire.sent[-1][1].teach, DiscardReason.OWN),
    "late": (lambda wire: wire.sent[1][1].probe, DiscardReason.PROBE_LATE),
}


@pytest.mark.parametrize(("forge", "reason"), FORGERIES.values(), ids=FORGERIES.keys())
def test_it_is_counted_and_proves_nothing(forge: Callable[[Wire], bytes], reason: DiscardReason) -> None:
    wire = play([(0.1, put(relay=False))], 0.275)  # the first came back, the second did not, of a burst one has left
    assert (wire.probe.state, len(wire.sent)) == (ProbeState.DOUBTING, 3)
    evidence, deadline = wire.probe.evidence, wire.probe.deadline
    wire.hear(forge(wire))
    assert wire.probe.evidence is evidence
    assert (wire.probe.state, wire.probe.deadline) == (ProbeState.DOUBTING, deadline)
    assert wire.probe.status.discards == {reason.value: 1}
    wire.run(0.35)
    assert wire.probe.evidence.verified is False


def test_the_one_that_is_waited_for_is_still_proof_after_all_that() -> None:
    wire = play([(0.1, put(relay=False))], 0.275)
    for forge, _ in FORGERIES.values():
        wire.hear(forge(wire))
    wire.hear(wire.sent[-1][1].probe)
    assert (wire.probe.state, wire.probe.evidence.verified) == (ProbeState.PROVEN, True)


def test_a_frame_never_counts_twice() -> None:
    wire = play([NO_RELAY], 0.3)
    back = wire.sent[-1][1].probe
    for _ in range(10):
        wire.hear(back)
    assert wire.probe.state is ProbeState.DISPROVED
    assert wire.probe.status.discards == {DiscardReason.PROBE_REPLAYED.value: 9}


def test_what_comes_back_when_it_was_turned_off_and_on_again_is_a_replay() -> None:
    wire = play([NO_RELAY, (0.01, turn(False)), (0.02, turn(True))], 0.03)
    wire.hear(wire.sent[0][1].probe)
    assert wire.probe.state is ProbeState.PROVING
    assert wire.probe.status.discards == {DiscardReason.PROBE_REPLAYED.value: 1}


def test_nothing_counts_while_it_is_off() -> None:
    wire = play([NO_RELAY, (0.01, turn(False))], 0.02)
    wire.hear(wire.sent[0][1].probe)
    wire.perform(wire.probe.link(None, (), wire.now))
    wire.hear(wire.sent[0][1].probe)
    assert wire.probe.evidence == ProbeEvidence()
    assert wire.probe.status.discards == {
        DiscardReason.PROBE_REPLAYED.value: 1,
        DiscardReason.PROBE_OTHER_PORT.value: 1,
    }


def test_two_starts_of_a_probe_and_two_probes_have_no_nonce_in_common() -> None:
    wires = [play([(0.1, turn(False)), (0.2, turn(True))], 0.3)]
    wires.append(Wire(probe=WatchedProbe("eth0", KEY, b"another seed", DEFAULTS)).start())
    nonces = {ProbeFrame.decode(Frame.decode(octets), KEY).nonce for wire in wires for octets in reflections(wire)}
    assert len(nonces) == 3


def test_what_is_too_old_to_be_remembered_is_a_replay() -> None:
    wire = play([NO_RELAY], 10.0)
    wire.hear(wire.sent[0][1].probe)
    wire.hear(wire.sent[-16][1].probe)
    assert wire.probe.status.discards == {"probe_replayed": 1, "probe_late": 1}


# --- addresses


def test_a_guest_with_the_probes_address_makes_it_take_another_and_keeps_what_is_known() -> None:
    first = probe_address(KEY, LINK.ifindex, {HOST})
    wire = play([(0.1, link(LINK, first)), (0.6, link(LINK))], 0.9)
    sources = [Frame.decode(octets).source for octets in reflections(wire)]
    second = probe_address(KEY, LINK.ifindex, {HOST, first})
    assert sources == [first, second, second, first]
    assert wire.verified == [(0.01, True)]


def test_what_left_from_an_address_that_is_a_guests_now_counts_no_more() -> None:
    first = probe_address(KEY, LINK.ifindex, {HOST})
    wire = play([NO_RELAY, (0.01, link(LINK, first))], 0.015)
    wire.hear(wire.sent[0][1].probe)
    assert wire.probe.status.discards == {DiscardReason.PROBE_REPLAYED.value: 1}
    wire.relay = True
    wire.run(0.03)
    assert wire.verified == [(20.01, True)]
    assert wire.probe.status.missed == 0


NEW_LINKS: Final = {
    "another address": replace(LINK, address=GUEST),
    "another interface": replace(LINK, ifindex=3),
    "carrier went and came": replace(LINK, carrier_ups=2),
}


@pytest.mark.parametrize("state", NEW_LINKS.values(), ids=NEW_LINKS.keys())
def test_on_another_link_nothing_is_known(state: LinkState) -> None:
    wire = play([(0.1, put(relay=False)), (0.12, link(state))], 0.13)
    assert wire.probe.evidence == ProbeEvidence(None, 0.12)
    wire.run(0.3)
    assert (wire.probe.evidence.verified, wire.probe.evidence.failure) == (False, ProbeFailure.NEVER)


NO_LINKS: Final = {
    "no carrier": DOWN,
    "not up": replace(LINK, up=False),
    "no address": replace(LINK, address=None),
    "not there": None,
}


@pytest.mark.parametrize("state", NO_LINKS.values(), ids=NO_LINKS.keys())
def test_without_a_link_nothing_is_sent_and_nothing_is_due(state: LinkState | None) -> None:
    probe = Probe("eth0", KEY, SEED, DEFAULTS)
    assert probe.link(state, (), 0.0) == []
    assert probe.turn(on=True, now=0.0) == []
    assert probe.deadline == math.inf
    assert probe.address is None
