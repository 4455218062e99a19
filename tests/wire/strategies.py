"""Hypothesis strategies for the values of the wire, each of them able to be sent."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from evbagent.wire.basic import ChassisId, PortDescription, PortId, SystemDescription, SystemName
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, RrStatus, StationStatus
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.octets import MacAddress
from evbagent.wire.registry import ORGANIZATIONAL
from evbagent.wire.tlv import OrgKey, Tlv

__all__ = ["chassis_ids", "evbs", "lldpdus", "mac_addresses", "port_ids", "texts", "tlvs"]

_u8: Final = st.integers(0, 255)
_u5: Final = st.integers(0, 31)

mac_addresses: Final = st.builds(MacAddress, st.binary(min_size=6, max_size=6))
tlvs: Final = st.builds(Tlv, st.integers(0, 127), st.binary(max_size=511))
chassis_ids: Final = st.builds(ChassisId, _u8, st.binary(min_size=1, max_size=255))
port_ids: Final = st.builds(PortId, _u8, st.binary(min_size=1, max_size=255))
texts: Final = st.one_of(
    st.builds(PortDescription, st.binary(max_size=255)),
    st.builds(SystemName, st.binary(max_size=255)),
    st.builds(SystemDescription, st.binary(max_size=255)),
)
evbs: Final = st.builds(
    Evb,
    mode=st.sampled_from(EvbMode),
    bridge=st.builds(BridgeStatus, st.booleans(), st.booleans(), st.booleans()),
    station=st.builds(StationStatus, st.booleans(), st.sampled_from(RrStatus), st.booleans()),
    retries=st.integers(0, 7),
    rte=_u5,
    rwd=_u5,
    rka=_u5,
    remote_rwd=st.booleans(),
    remote_rka=st.booleans(),
)

_keys: Final = st.builds(OrgKey, st.binary(min_size=3, max_size=3), _u8).filter(lambda key: key not in ORGANIZATIONAL)
_unknown: Final = st.one_of(
    st.builds(Tlv, st.integers(9, 126), st.binary(max_size=60)),
    st.builds(Tlv.organizational, _keys, st.binary(max_size=60)),
)


@st.composite
def _optional(draw: st.DrawFn) -> tuple[Tlv, ...]:
    """TLVs that stand at most once, and unknown ones, in any order."""
    single = draw(st.lists(texts, max_size=3, unique_by=lambda text: text.TYPE))
    evb = draw(st.lists(evbs, max_size=1))
    unknown = draw(st.lists(_unknown, max_size=4))
    together = [*(value.tlv() for value in (*single, *evb)), *unknown]
    return tuple(draw(st.permutations(together)))


lldpdus: Final = st.builds(Lldpdu, chassis_ids, port_ids, st.integers(0, 65535), _optional())
