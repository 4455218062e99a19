"""What switches and stations on the link say, as TLVs and as frames, and what is read from the frames of ours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from evbagent.effects import Actuated, Effect, SendFrame
from evbagent.events import Change, NeighborChange
from evbagent.lldp.agent import AgentSettings
from evbagent.lldp.timers import TransmitSettings
from evbagent.port import Identity
from evbagent.wire.basic import ChassisId, PortId, SystemName
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Frame, Scope
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, RrStatus, StationStatus
from evbagent.wire.evb_draft import EvbDraft
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.octets import MacAddress
from evbagent.wire.tlv import Tlv

CUSTOMER = Scope.NEAREST_CUSTOMER_BRIDGE
HOST = MacAddress.parse("02:00:00:00:00:01")
IDENTITY = Identity(HOST, "host1")
ASKING = StationStatus(True, RrStatus.UNKNOWN)
"""What a bridge repeats to a station that asks for relay."""

_BOUND = 200  # wishes performed after one event; whoever needs more does not end


def agents(transmit: tuple[Scope, ...] = (CUSTOMER,)) -> dict[Scope, AgentSettings]:
    """The three agents of a port with the defaults of the configuration."""
    return {scope: AgentSettings(scope in transmit, True, 32, TransmitSettings()) for scope in Scope}


def evb(octets: str) -> Tlv:
    """An EVB TLV from its five octets as they stand in captures: `03 07 68 74 34`."""
    return Tlv.organizational(Evb.KEY, bytes.fromhex(octets))


def bridge(
    *, capable: bool = True, control: bool = True, echo: StationStatus = ASKING, mode: EvbMode = EvbMode.BRIDGE
) -> Tlv:
    """The EVB TLV of a bridge that grants relay, or of one that differs in what is said."""
    return Evb(mode, BridgeStatus(capable, control), echo).tlv()


def station(*, request: bool = True, status: RrStatus = RrStatus.UNKNOWN) -> Tlv:
    """The EVB TLV of a station that asks for relay, or does not."""
    return Evb(EvbMode.STATION, BridgeStatus(), StationStatus(request, status)).tlv()


def draft(octets: str) -> Tlv:
    """A draft TLV from its nine octets as they stand in captures: `40 07 40 00 00 00 00 00 0F`."""
    return Tlv.organizational(EvbDraft.KEY, bytes.fromhex(octets))


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody on the link: by its address, its port's name and, where it has one, its own."""

    address: MacAddress
    port: str
    name: str | None = None

    def pdu(self, *tlvs: Tlv, ttl: int = 121) -> Lldpdu:
        names = () if self.name is None else (SystemName.of(self.name).tlv(),)
        return Lldpdu(ChassisId.mac(self.address), PortId.interface(self.port), ttl, (*tlvs, *names))

    def frame(self, *tlvs: Tlv, ttl: int = 121, scope: Scope = CUSTOMER, source: MacAddress | None = None) -> bytes:
        """One frame with these TLVs; a TTL of 0 makes the shutdown LLDPDU."""
        return Frame(scope.address, source or self.address, ETHERTYPE_LLDP, self.pdu(*tlvs, ttl=ttl).encode()).encode()

    def change(self, change: Change, *tlvs: Tlv, scope: Scope = CUSTOMER) -> NeighborChange:
        """What LLDP makes of such a frame."""
        pdu = self.pdu(*tlvs)
        return NeighborChange(change, scope, pdu.msap, pdu)


SWITCH = Peer(MacAddress.parse("00:00:5e:00:53:01"), "ge-0/0/1", "switch1")
OTHER = Peer(MacAddress.parse("00:00:5e:00:53:02"), "ge-0/0/2", "switch2")
BYSTANDER = Peer(MacAddress.parse("00:00:5e:00:53:03"), "eth7")


def pdus(effects: Sequence[Effect], scope: Scope = CUSTOMER) -> list[Lldpdu]:
    """The LLDPDUs of that scope which we wish to send."""
    frames = [effect for effect in effects if isinstance(effect, SendFrame) and effect.scope == scope.value]
    return [Lldpdu.decode(Frame.decode(frame.octets).payload) for frame in frames]


def said(effects: Sequence[Effect]) -> list[str]:
    """The octets of the EVB TLVs in them; `shutdown` for the LLDPDU that says goodbye."""
    return ["shutdown" if pdu.ttl == 0 else octets(next(iter(pdu.optional))) for pdu in pdus(effects)]


def octets(tlv: Tlv) -> str:
    """The octets of an EVB TLV behind OUI and subtype, as in `evb` and `draft`."""
    assert tlv.key in (Evb.KEY, EvbDraft.KEY), tlv
    return tlv.information.rest().hex(" ").upper()


class Core(Protocol):
    """An uplink or a switch port."""

    def actuated(self, outcome: Actuated, now: float) -> list[Effect]: ...


def perform(core: Core, effects: list[Effect], answer: Callable[[Effect], Actuated | None], now: float) -> list[Effect]:
    """Perform wishes in their order as the edge does; all that were performed, in the order in which they were.

    `answer` is the kernel's, None for what has no outcome. A frame leaves only where no later one of the same agent
    waits behind it.
    """
    queue, done = list(effects), []
    while queue:
        effect = queue.pop(0)
        if isinstance(effect, SendFrame) and any(_replaces(later, effect) for later in queue):
            continue
        done.append(effect)
        assert len(done) <= _BOUND, f"this does not end: {done[-4:]}"
        outcome = answer(effect)
        if outcome is not None:
            queue += core.actuated(outcome, now)
    return done


def _replaces(later: Effect, frame: SendFrame) -> bool:
    return isinstance(later, SendFrame) and (later.port, later.scope) == (frame.port, frame.scope)
