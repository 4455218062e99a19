"""DCBX of one port: the offer that was heard beside what the kernel has."""

from __future__ import annotations

from evbagent.dcb import Dcb, DcbxSource, KernelDcb
from evbagent.dcbx.differences import findings
from evbagent.dcbx.peers import Peers
from evbagent.effects import Effect, Moved
from evbagent.events import NeighborChange
from evbagent.status import DcbxStatus

__all__ = ["Discovery"]


class Discovery:
    """Listens and compares; it says nothing on the wire and changes nothing in the kernel."""

    def __init__(self, port: str) -> None:
        self._port = port
        self._peers = Peers()
        self._kernel: KernelDcb | None = None
        self.status = self._collect()

    def peer(self, change: NeighborChange) -> list[Effect]:
        """A neighbor changed, of whatever scope."""
        return self._evaluate() if self._peers.note(change) else []

    def clear(self) -> list[Effect]:
        """The link went down: nothing that was heard counts any more."""
        self._peers.clear()
        return self._evaluate()

    def kernel(self, answer: KernelDcb | None) -> list[Effect]:
        """What the interface's driver says now, None where it says nothing."""
        self._kernel = answer
        return self._evaluate()

    def _evaluate(self) -> list[Effect]:
        old, new = self.status, self._collect()
        if new == old:
            return []
        self.status = new  # who holds the old one sees by identity that there is news
        if (before := _state(old)) == (after := _state(new)):
            return []
        kinds = ", ".join(finding.kind.value for finding in new.mismatches)
        return [Moved("dcbx", self._port, before, after, kinds or "no mismatch known")]

    def _collect(self) -> DcbxStatus:
        kernel, heard = self._kernel, self._peers.all
        single = heard[0] if len(heard) == 1 else None
        offer, source = self._offer()
        return DcbxStatus(
            port=self._port,
            peers=len(heard),
            peer=None if single is None else single.status,
            offer=offer,
            source=source,
            own=None if kernel is None else kernel.own,
            mode=None if kernel is None else kernel.mode,
            findings=findings([peer.status for peer in heard], offer, kernel),
        )

    def _offer(self) -> tuple[Dcb | None, DcbxSource | None]:
        """What we hear ourselves counts; a firmware agent may be the only one that hears anything."""
        heard = self._peers.all
        if heard:
            return (heard[0].offer, DcbxSource.LLDP) if len(heard) == 1 else (None, None)
        offer = None if self._kernel is None else self._kernel.peer
        return offer, None if offer is None else DcbxSource.FIRMWARE


def _state(status: DcbxStatus) -> str:
    """In one word, for people who read what happened."""
    if status.peers > 1:
        return "multiple"
    return "none" if status.offer is None else status.offer.version.value
