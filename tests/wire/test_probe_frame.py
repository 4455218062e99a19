"""The probe's frame: octets known by heart, and what makes one that is not ours."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.wire.ethernet import MINIMUM, DiscardReason, Frame, FrameDiscarded
from evbagent.wire.octets import MacAddress, OctetsError
from evbagent.wire.probe_frame import ETHERTYPE_PROBE, NONCE_OCTETS, ProbeFrame
from tests.wire.strategies import mac_addresses

KEY: Final = bytes(range(32))
PORT: Final = MacAddress.parse("02:00:00:00:00:01")
OURS: Final = MacAddress.parse("a2:11:22:33:44:55")
PROBE: Final = ProbeFrame(PORT, OURS, 7, b"nonce678", 258)
HEADER: Final = bytes.fromhex("020000000001 a21122334455 88b5")
INFORMATION: Final = bytes.fromhex("4556 01 00000007 6e6f6e6365363738 00000102")


def test_a_probe_has_these_octets() -> None:
    signed = HEADER[:12] + INFORMATION
    tag = hashlib.blake2b(signed, digest_size=16, key=KEY, person=b"evbagent frame").digest()
    octets = HEADER + INFORMATION + tag
    assert PROBE.encode(KEY) == octets.ljust(MINIMUM, b"\0")
    assert ProbeFrame.decode(Frame.decode(octets), KEY) == PROBE


probes = st.builds(
    ProbeFrame,
    destination=mac_addresses,
    source=mac_addresses,
    port=st.integers(0, 0xFFFFFFFF),
    nonce=st.binary(min_size=NONCE_OCTETS, max_size=NONCE_OCTETS),
    sequence=st.integers(0, 0xFFFFFFFF),
)
keys = st.binary(min_size=1, max_size=64)


@settings(deadline=None)
@given(probes, keys)
def test_what_is_sent_is_read(probe: ProbeFrame, key: bytes) -> None:
    octets = probe.encode(key)
    assert len(octets) == MINIMUM
    assert Frame.decode(octets).ethertype == ETHERTYPE_PROBE
    assert ProbeFrame.decode(Frame.decode(octets), key) == probe


FIELDS: Final[dict[str, dict[str, Any]]] = {
    "destination": {"destination": MacAddress.parse("02:00:00:00:00:02")},
    "source": {"source": MacAddress.parse("a2:11:22:33:44:56")},
    "both, as in the frame that teaches": {"destination": OURS, "source": PORT},
    "port": {"port": 8},
    "nonce": {"nonce": b"nonce679"},
    "sequence": {"sequence": 259},
}


@pytest.mark.parametrize("other", FIELDS.values(), ids=FIELDS.keys())
def test_the_tag_of_one_probe_is_not_that_of_another(other: dict[str, Any]) -> None:
    forged = replace(PROBE, **other).encode(KEY)[:33] + PROBE.encode(KEY)[33:]
    assert discard(forged) is DiscardReason.PROBE_UNSIGNED


def discard(octets: bytes, key: bytes = KEY) -> DiscardReason:
    with pytest.raises(FrameDiscarded) as discarded:
        ProbeFrame.decode(Frame.decode(octets), key)
    return discarded.value.reason


def test_a_probe_of_another_key_is_not_ours() -> None:
    assert discard(PROBE.encode(KEY), key=KEY[::-1]) is DiscardReason.PROBE_UNSIGNED


@pytest.mark.parametrize("at", [*range(12), *range(len(HEADER), len(HEADER + INFORMATION) + 16)])
def test_a_probe_with_one_bit_changed_is_not_ours(at: int) -> None:
    for bit in range(8):
        octets = bytearray(PROBE.encode(KEY))
        octets[at] ^= 1 << bit
        named_otherwise = len(HEADER) <= at < len(HEADER) + 3
        expected = DiscardReason.PROBE_FOREIGN if named_otherwise else DiscardReason.PROBE_UNSIGNED
        assert discard(bytes(octets)) is expected


FOREIGN: Final = {
    "another subtype": "4557 01",
    "another version": "4556 02",
    "zeros": "0000 00",
}


@pytest.mark.parametrize("head", FOREIGN.values(), ids=FOREIGN.keys())
def test_the_ethertype_is_shared_with_other_experiments(head: str) -> None:
    assert discard(HEADER + bytes.fromhex(head) + bytes(43)) is DiscardReason.PROBE_FOREIGN


def test_a_probe_that_ends_early_is_truncated() -> None:
    octets = PROBE.encode(KEY)
    for length in range(len(HEADER), len(HEADER + INFORMATION) + 16):
        assert discard(octets[:length]) is DiscardReason.TRUNCATED


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_nothing_but_a_discard_comes_of_what_is_not_ours(payload: bytes) -> None:
    discard(HEADER + payload)


UNFIT: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "port": ({"port": 2**32}, r"^the port of a probe is 0\.\.4294967295, not 4294967296$"),
    "sequence": ({"sequence": -1}, r"^the sequence number of a probe is 0\.\.4294967295, not -1$"),
    "nonce": ({"nonce": b"short"}, r"^the nonce of a probe has 8 octets, not 5$"),
}


@pytest.mark.parametrize(("fields", "message"), UNFIT.values(), ids=UNFIT.keys())
def test_what_does_not_fit_is_never_made(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(OctetsError, match=message):
        replace(PROBE, **fields)
