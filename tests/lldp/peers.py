"""What neighbors say: whole frames built by name, so that a test reads as a list of who said what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from evbagent.effects import Effect, SendFrame
from evbagent.events import LinkState
from evbagent.lldp.neighbors import Heard
from evbagent.wire.basic import ChassisId, PortId, SystemName
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Frame, Scope
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.octets import MacAddress
from evbagent.wire.tlv import Tlv

__all__ = ["HOST", "SWITCH", "UP", "Said", "decoded", "link", "said"]

HOST: Final = MacAddress.parse("02:00:00:00:00:01")
SWITCH: Final = MacAddress.parse("00:00:5e:00:53:01")


@dataclass(frozen=True, slots=True)
class Said:
    """One frame of a neighbor, as octets and as what they mean."""

    octets: bytes
    payload: bytes
    pdu: Lldpdu

    @property
    def heard(self) -> Heard:
        """As the port hands it to an agent."""
        return Heard(self.octets, self.payload, Frame.decode(self.octets).source)


def said(
    who: str,
    *,
    ttl: int = 120,
    text: str = "",
    scope: Scope = Scope.NEAREST_CUSTOMER_BRIDGE,
    more: tuple[Tlv, ...] = (),
    source: MacAddress = SWITCH,
) -> Said:
    """The LLDPDU of neighbor `who`, a different one for each `text`, with `more` TLVs after it."""
    pdu = Lldpdu(ChassisId(7, who.encode()), PortId(7, b"1"), ttl, (SystemName(text.encode()).tlv(), *more))
    frame = Frame(scope.address, source, ETHERTYPE_LLDP, pdu.encode())
    return Said(frame.encode(), frame.payload, pdu)


def link(*, up: bool = True, address: MacAddress | None = HOST, ifindex: int = 3) -> LinkState:
    return LinkState(ifindex, "eth0", address, up=True, carrier=up, carrier_ups=1)


UP: Final = link()


def decoded(effect: Effect) -> Lldpdu:
    """The LLDPDU that is to be sent."""
    assert isinstance(effect, SendFrame)
    return Lldpdu.decode(Frame.decode(effect.octets).payload)
