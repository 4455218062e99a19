"""The EVB TLV as ratified (802.1Q-2014 D.2.12): what bridge and station offer each other on one link."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Self

from evbagent.wire.octets import Cursor, OctetsError, u8
from evbagent.wire.tlv import OrgKey, Repeated, Tlv

__all__ = ["BridgeStatus", "Evb", "EvbMode", "RrStatus", "StationStatus"]


class EvbMode(IntEnum):
    """Which end of the link the sender is; 3 is reserved (newer revisions use it for NVO3)."""

    NOT_SUPPORTED = 0
    BRIDGE = 1
    STATION = 2
    RESERVED = 3


class RrStatus(IntEnum):
    """The station's view of relay (operReflectiveRelayStatus); 2 is undefined and means UNKNOWN to a reader."""

    FALSE = 0
    TRUE = 1
    UNDEFINED = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class BridgeStatus:
    """The bridge's octet: filled by a bridge, echoed by a station."""

    rr_capable: bool = False
    rr_control: bool = False
    group_id: bool = False

    @classmethod
    def decode(cls, octet: int) -> Self:
        return cls(bool(octet & 0x02), bool(octet & 0x01), bool(octet & 0x04))

    def encode(self) -> int:
        return self.group_id << 2 | self.rr_capable << 1 | self.rr_control


@dataclass(frozen=True, slots=True)
class StationStatus:
    """The station's octet: filled by a station, echoed by a bridge."""

    rr_request: bool = False
    rr_status: RrStatus = RrStatus.FALSE
    group_id: bool = False

    @classmethod
    def decode(cls, octet: int) -> Self:
        return cls(bool(octet & 0x04), RrStatus(octet & 0x03), bool(octet & 0x08))

    def encode(self) -> int:
        return self.group_id << 3 | self.rr_request << 2 | self.rr_status


@dataclass(frozen=True, slots=True)
class Evb:
    """One EVB TLV.

    `retries` is R (0..7); `rte`, `rwd` and `rka` are exponents (0..31) of 10 us * 2^n; `remote_rwd` and `remote_rka`
    (ROL) say that the number shown is the other side's and are never acted on. `OctetsError` names a value that
    does not fit. Reserved bits are sent as zero and ignored when received.
    """

    KEY: ClassVar = OrgKey(b"\x00\x80\xc2", 0x0D)
    NAME: ClassVar = "evb"
    LENGTHS: ClassVar = range(5, 508)  # a later revision may append; the first five octets stay what they are
    REPEATED: ClassVar = Repeated.NONE_COUNTS
    CHECKED: ClassVar = False

    mode: EvbMode
    bridge: BridgeStatus = field(default_factory=BridgeStatus)
    station: StationStatus = field(default_factory=StationStatus)
    retries: int = 3
    rte: int = 14
    rwd: int = 20
    rka: int = 20
    remote_rwd: bool = False
    remote_rka: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.retries <= 7:
            raise OctetsError(f"R is 0..7, not {self.retries}")
        for name, value in (("RTE", self.rte), ("RWD", self.rwd), ("RKA", self.rka)):
            if not 0 <= value <= 31:
                raise OctetsError(f"{name} is 0..31, not {value}")

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        """From what follows OUI and subtype; octets beyond the fifth are ignored."""
        bridge, station, ecp, resource, keepalive = (cursor.u8() for _ in range(5))
        return cls(
            mode=EvbMode(resource >> 6),
            bridge=BridgeStatus.decode(bridge),
            station=StationStatus.decode(station),
            retries=ecp >> 5,
            rte=ecp & 0x1F,
            rwd=resource & 0x1F,
            rka=keepalive & 0x1F,
            remote_rwd=bool(resource & 0x20),
            remote_rka=bool(keepalive & 0x20),
        )

    def tlv(self) -> Tlv:
        return Tlv.organizational(
            self.KEY,
            u8(self.bridge.encode())
            + u8(self.station.encode())
            + u8(self.retries << 5 | self.rte)
            + u8(self.mode << 6 | self.remote_rwd << 5 | self.rwd)
            + u8(self.remote_rka << 5 | self.rka),
        )
