"""The switch's end of the cable as a bare packet socket: hears LLDP with kernel stamps, says what the bench wants."""

from __future__ import annotations

import contextlib
import select
import time

from evbagent.events import LinkState
from evbagent.lab.namespaces import Namespace
from evbagent.lab.topology import SWITCH_ADDRESS, SWITCH_PORT
from evbagent.linux.packets import PacketSocket, Received
from evbagent.linux.rtnetlink import RouteSocket
from evbagent.wire.basic import ChassisId, PortId
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Frame, Scope
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, RrStatus, StationStatus
from evbagent.wire.lldpdu import Lldpdu

__all__ = ["WireEnd"]


class WireEnd:
    """Not rate-limited by LLDP's credits, so that a flip need not wait for the next second."""

    def __init__(self, switch: Namespace) -> None:
        with switch.entered():
            route = RouteSocket()
            port = next(link for link in route.links().values() if link.name == SWITCH_PORT)
            route.close()
            self._socket = PacketSocket(SWITCH_PORT, port.ifindex, everything=True)
        self.port: LinkState = port

    def say(self, *, relay: bool) -> None:
        """An LLDPDU of a bridge that can reflect, and does or does not; it has heard the station."""
        evb = Evb(EvbMode.BRIDGE, BridgeStatus(True, relay), StationStatus(True, RrStatus.TRUE))
        pdu = Lldpdu(ChassisId.mac(SWITCH_ADDRESS), PortId.interface(SWITCH_PORT), 121, (evb.tlv(),))
        scope = Scope.NEAREST_CUSTOMER_BRIDGE
        self._socket.send(Frame(scope.address, SWITCH_ADDRESS, ETHERTYPE_LLDP, pdu.encode()).encode())

    def hear(self, seconds: float) -> Received:
        """The next LLDPDU on the cable; raises `TimeoutError`."""
        deadline = time.monotonic() + seconds
        while True:
            frames = self._socket.receive()
            if frames:
                return frames[0]
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no LLDPDU within {seconds:g} s")
            select.select([self._socket], [], [], left)

    def drain(self) -> None:
        """Forget what was heard; a link that went down in between is reported once, and is no news here."""
        with contextlib.suppress(OSError):
            while self._socket.receive():
                pass
        while self._socket.receive():
            pass

    def close(self) -> None:
        self._socket.close()
