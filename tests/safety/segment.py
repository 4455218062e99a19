"""What stands at the other end of the cable, as it really is: it reflects or not, and says the truth or not.

Nothing here asks the agent's code what a frame means; the little that a bridge and an EVB switch do is written down
once more, from the standard (802.1Q-2014 8.6.1, 40.4 and D.2.12).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from evbagent.wire.evb import EvbMode, RrStatus, StationStatus
from evbagent.wire.octets import MacAddress
from tests.support.frames import Peer, bridge

__all__ = ["INTRUDER", "SWITCHES", "Segment", "Switch", "Word", "station_octet"]

_TLV: Final = bytes.fromhex("FE090080C20D")  # type 127, nine octets, OUI and subtype of the ratified EVB TLV
_REQUEST: Final = 0x04  # RRREQ in the station's octet; the two bits below it are RRSTAT
_MODES: Final = {"bridge": EvbMode.BRIDGE, "station": EvbMode.STATION, "neither": EvbMode.NOT_SUPPORTED}

SWITCHES: Final = tuple(
    Peer(MacAddress.parse(f"00:00:5e:00:53:0{number}"), f"ge-0/0/{number}", f"switch{number}") for number in range(1, 4)
)
INTRUDER: Final = Peer(MacAddress.parse("00:00:5e:00:53:99"), "eth9", "intruder")


@dataclass(frozen=True, slots=True)
class Word:
    """What one LLDPDU says of relay; `role` is `nothing` where it has no EVB TLV, `echo` the octet that it repeats."""

    role: str = "bridge"
    capable: bool = True
    control: bool = True
    echo: int = 0

    def frame(self, peer: Peer, ttl: int) -> bytes:
        if self.role == "nothing":
            return peer.frame(ttl=ttl)
        echo = StationStatus(bool(self.echo & _REQUEST), RrStatus(self.echo & 3))
        word = bridge(capable=self.capable, control=self.control, echo=echo, mode=_MODES[self.role])
        return peer.frame(word, ttl=ttl)


def station_octet(octets: bytes) -> int | None:
    """What a frame of the host says of itself: RRREQ and RRSTAT; None where it has no ratified EVB TLV."""
    at = octets.find(_TLV)
    return None if at < 0 else octets[at + len(_TLV) + 1]


@dataclass
class Switch:
    """The first hop's agent: what it was told to do, and what it says."""

    peer: Peer = SWITCHES[0]
    interval: float = 30.0
    ttl: int = 121
    grants: bool = False  # relay to who asks for it
    forced: bool = False  # relay to whoever is there
    echoes: bool = True
    speaks: bool = True
    word: Word = Word(control=False)

    def hears(self, octets: bytes) -> None:
        """A frame of the host."""
        said = station_octet(octets)
        if said is not None:
            self.word = replace(self.word, echo=said if self.echoes else 0)

    @property
    def asked(self) -> bool:
        return bool(self.word.echo & _REQUEST) or not self.echoes

    @property
    def should_reflect(self) -> bool:
        return self.grants and (self.asked or self.forced)


@dataclass
class Segment:
    """One bridge port with a host on it. `hairpin` is the truth about relay, whatever anybody says."""

    switch: Switch = field(default_factory=Switch)
    hairpin: bool = False
    learnt: dict[bytes, str] = field(default_factory=dict)  # address to port

    def forwards(self, octets: bytes) -> bool:
        """Whether the frame that came from the host goes back to it: a bridge learns, then forwards or floods."""
        destination, source = octets[:6], octets[6:12]
        self.learnt[source] = "host"
        return self.hairpin and self.learnt.get(destination, "host") == "host"
