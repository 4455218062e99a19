"""The frame of the reflective-relay probe: ours alone, on Local Experimental EtherType 1 (802a-2003 3.2)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from evbagent.wire.ethernet import DiscardReason, Frame, FrameDiscarded
from evbagent.wire.octets import Cursor, MacAddress, OctetsError, bounded, u8, u16, u32

__all__ = ["ETHERTYPE_PROBE", "NONCE_OCTETS", "ProbeFrame"]

ETHERTYPE_PROBE: Final = 0x88B5
NONCE_OCTETS: Final = 8
_TAG_OCTETS: Final = 16
_PERSON: Final = b"evbagent frame"  # the same key also makes addresses and nonces; none may pass for another


@dataclass(frozen=True, slots=True)
class ProbeFrame:
    """One frame of a round; `port` is the ifindex it leaves by, `sequence` counts rounds in 32 bits.

    From the probe address to the port's it is a probe, the other way round it teaches the switch where the port is.
    The tag is a keyed BLAKE2b of everything before it, addresses included: which of the two it is can't be changed.
    """

    SUBTYPE: ClassVar = 0x4556  # the EtherType is shared by all who experiment, so the octets behind it name us
    VERSION: ClassVar = 1

    destination: MacAddress
    source: MacAddress
    port: int
    nonce: bytes
    sequence: int

    def __post_init__(self) -> None:
        bounded("the port of a probe", self.port, 0xFFFFFFFF)
        bounded("the sequence number of a probe", self.sequence, 0xFFFFFFFF)
        if len(self.nonce) != NONCE_OCTETS:
            raise OctetsError(f"the nonce of a probe has {NONCE_OCTETS} octets, not {len(self.nonce)}")

    @classmethod
    def decode(cls, frame: Frame, key: bytes) -> Self:
        """From a frame of this EtherType.

        Raises `FrameDiscarded`: truncated; probe_foreign, where it is somebody else's experiment; probe_unsigned,
        where its tag was not made with `key`.
        """
        cursor = Cursor(frame.payload)
        try:
            subtype, version = cursor.u16(), cursor.u8()
            if (subtype, version) != (cls.SUBTYPE, cls.VERSION):
                detail = f"subtype {subtype:04X}, version {version} is no probe"
                raise FrameDiscarded(DiscardReason.PROBE_FOREIGN, detail)
            probe = cls(frame.destination, frame.source, cursor.u32(), cursor.take(NONCE_OCTETS), cursor.u32())
            tag = cursor.take(_TAG_OCTETS)  # behind it there is padding
        except OctetsError as error:
            raise FrameDiscarded(DiscardReason.TRUNCATED, f"a probe of {len(frame.payload)} octets: {error}") from None
        if not hmac.compare_digest(tag, probe._tag(key)):
            raise FrameDiscarded(DiscardReason.PROBE_UNSIGNED, f"the tag of sequence {probe.sequence} is not ours")
        return probe

    def encode(self, key: bytes) -> bytes:
        """Octets ready to send, padded to the minimum."""
        payload = self._information() + self._tag(key)
        return Frame(self.destination, self.source, ETHERTYPE_PROBE, payload).encode()

    def _information(self) -> bytes:
        return u16(self.SUBTYPE) + u8(self.VERSION) + u32(self.port) + self.nonce + u32(self.sequence)

    def _tag(self, key: bytes) -> bytes:
        signed = self.destination.octets + self.source.octets + self._information()
        return hashlib.blake2b(signed, digest_size=_TAG_OCTETS, key=key, person=_PERSON).digest()
