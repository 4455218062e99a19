"""Where a peer's offer differs from what the kernel has; what one side does not say is unknown, and no mismatch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from evbagent.dcb import (
    ALGORITHMS,
    Applications,
    Bits,
    Dcb,
    DcbxMismatch,
    DcbxMode,
    DcbxVersion,
    Ets,
    Feature,
    Finding,
    KernelDcb,
    Selector,
)
from evbagent.status import PeerStatus

__all__ = ["findings"]

_NAMED: Final = 4  # differences, or peers, that a detail tells; what else there is it counts
_Differences = list[str] | None  # None: one side does not say
_Compare = Callable[[Dcb, Dcb], _Differences]


def findings(peers: Sequence[PeerStatus], offer: Dcb | None, kernel: KernelDcb | None) -> tuple[Finding, ...]:
    """Every kind of mismatch, in the order of `DcbxMismatch`; several `peers` leave no `offer`."""
    own = None if kernel is None else kernel.own
    found: dict[DcbxMismatch, _Differences] = {
        DcbxMismatch.FIRMWARE_AGENT: _firmware_agent(kernel),
        DcbxMismatch.MULTIPLE_PEERS: [_peer(peer) for peer in peers] if len(peers) > 1 else [],
        DcbxMismatch.VERSION: None if offer is None else _version(offer, kernel),
        DcbxMismatch.PEER_ERROR: None if offer is None else _peer_error(offer),
    }
    for kind, compare in _COMPARED.items():
        found[kind] = None if offer is None or own is None else compare(offer, own)
    return tuple(_finding(kind, found[kind]) for kind in DcbxMismatch)


def _finding(kind: DcbxMismatch, differences: _Differences) -> Finding:
    if not differences:
        return Finding(kind, None if differences is None else False)
    more = f"; and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
    return Finding(kind, True, "; ".join(differences[:_NAMED]) + more)


def _peer(peer: PeerStatus) -> str:
    return f"{peer.system_name or peer.chassis_id} {peer.port_id}"


# --- who speaks


def _firmware_agent(kernel: KernelDcb | None) -> _Differences:
    if kernel is None or kernel.firmware_agent is None:
        return None
    return ["the interface's firmware speaks DCBX, and may keep LLDP to itself"] if kernel.firmware_agent else []


def _version(offer: Dcb, kernel: KernelDcb | None) -> _Differences:
    """The kernel knows CIN by no name of its own; it goes with CEE."""
    mode = None if kernel is None else kernel.mode
    versions = (DcbxMode.IEEE | DcbxMode.CEE) & mode if mode else None
    if not versions:
        return None
    if _family(offer) in versions:
        return []
    here = DcbxVersion.IEEE if DcbxMode.IEEE in versions else DcbxVersion.CEE
    return [f"the peer speaks {offer.version.value}, the kernel is set to {here.value}"]


def _family(side: Dcb) -> DcbxMode:
    return DcbxMode.IEEE if side.version is DcbxVersion.IEEE else DcbxMode.CEE


def _peer_error(offer: Dcb) -> _Differences:
    known = {feature: bits.error for feature, bits in offer.features.items() if bits and bits.error is not None}
    if not known:
        return None
    return [f"{feature.value}: the peer could not agree" for feature, error in known.items() if error]


# --- what it offers


def _pfc(offer: Dcb, own: Dcb) -> _Differences:
    if offer.pfc is None or own.pfc is None or not _take_part(offer.pfc.bits, own.pfc.bits):
        return None
    return _by_priority(
        ["on" if enabled else "off" for enabled in offer.pfc.enabled],
        ["on" if enabled else "off" for enabled in own.pfc.enabled],
    )


def _take_part(theirs: Bits, here: Bits) -> bool:
    """Who does not take part in a feature has something else, and does not say what."""
    return theirs.enable is not False and here.enable is not False


def _both_ets(offer: Dcb, own: Dcb) -> tuple[Ets, Ets] | None:
    """What the peer wants us to use, or else uses itself; and what is used here.

    A recommendation that is zero throughout is none: lldpad sends it as long as nobody has set one.
    """
    theirs = offer.recommendation
    if theirs is None or not any((*theirs.prio_tc, *theirs.bandwidth, *theirs.tsa)):
        theirs = offer.ets
    if theirs is None or own.ets is None or not _take_part(theirs.bits, own.ets.bits):
        return None
    return theirs, own.ets


def _ets_classes(offer: Dcb, own: Dcb) -> _Differences:
    """Classes of one version are no groups of another."""
    both = _both_ets(offer, own)
    if both is None or _family(offer) is not _family(own):
        return None
    return _by_priority(*([None if tc is None else f"class {tc}" for tc in side.prio_tc] for side in both))


def _ets_bandwidth(offer: Dcb, own: Dcb) -> _Differences:
    both = _both_ets(offer, own)
    if both is None:
        return None
    return _by_priority(*([None if share is None else f"{share} %" for share in side.shares] for side in both))


def _ets_algorithm(offer: Dcb, own: Dcb) -> _Differences:
    both = _both_ets(offer, own)
    return None if both is None else _by_priority(*([_algorithm(tsa) for tsa in side.algorithms] for side in both))


def _algorithm(tsa: int | None) -> str | None:
    return None if tsa is None else ALGORITHMS.get(tsa, f"algorithm {tsa}")


def _both_applications(offer: Dcb, own: Dcb) -> tuple[Applications, Applications] | None:
    """One version's port is not the other's, so that only tables of one version compare."""
    theirs, here = offer.applications, own.applications
    if theirs is None or here is None or _family(offer) is not _family(own):
        return None
    return (theirs, here) if _take_part(theirs.bits, here.bits) else None


def _application_missing(offer: Dcb, own: Dcb) -> _Differences:
    """What only the host has a priority for is its own affair."""
    both = _both_applications(offer, own)
    if both is None:
        return None
    theirs, here = (_table(side) for side in both)
    return [f"{_named(*key)}: priority {_list(theirs[key])} at the peer" for key in theirs if key not in here]


def _application_priority(offer: Dcb, own: Dcb) -> _Differences:
    both = _both_applications(offer, own)
    if both is None:
        return None
    theirs, here = (_table(side) for side in both)
    return [
        f"{_named(*key)}: priority {_list(theirs[key])} at the peer, {_list(here[key])} here"
        for key in theirs
        if key in here and theirs[key] != here[key]
    ]


def _table(side: Applications) -> dict[tuple[Selector, int], tuple[int, ...]]:
    return {(entry.selector, entry.protocol): entry.priorities for entry in side.entries}


def _named(selector: Selector, protocol: int) -> str:
    return f"{selector.value} {protocol:04X}" if selector is Selector.ETHERTYPE else f"{selector.value} {protocol}"


def _list(priorities: Sequence[int]) -> str:
    return ", ".join(map(str, priorities)) or "none"


def _by_priority(theirs: Sequence[str | None], here: Sequence[str | None]) -> list[str]:
    """Where both say something about a priority, and not the same; priorities that differ alike together."""
    alike: dict[tuple[str, str], list[int]] = {}
    for priority, (there, ours) in enumerate(zip(theirs, here, strict=True)):
        if there is not None and ours is not None and there != ours:
            alike.setdefault((there, ours), []).append(priority)
    return [f"priority {_list(which)}: {there} at the peer, {ours} here" for (there, ours), which in alike.items()]


# --- who gives way

_OF_FEATURE: Final[dict[Feature, tuple[_Compare, ...]]] = {
    Feature.ETS: (_ets_classes, _ets_bandwidth, _ets_algorithm),
    Feature.PFC: (_pfc,),
    Feature.APPLICATIONS: (_application_missing, _application_priority),
}


def _nobody_willing(offer: Dcb, own: Dcb) -> _Differences:
    """Features that differ for good, as neither side takes what the other has."""
    judged = {}
    for feature, comparisons in _OF_FEATURE.items():
        willing = _anybody_willing(offer.features[feature], own.features[feature])
        known = [differences for compare in comparisons if (differences := compare(offer, own)) is not None]
        if willing is not None and known:
            judged[feature] = any(known) and not willing
    if not judged:
        return None
    return [f"{feature.value}: neither side is willing" for feature, stuck in judged.items() if stuck]


def _anybody_willing(theirs: Bits | None, here: Bits | None) -> bool | None:
    if theirs is None or here is None or theirs.willing is None or here.willing is None:
        return None
    return theirs.willing or here.willing


_COMPARED: Final[dict[DcbxMismatch, _Compare]] = {
    DcbxMismatch.PFC_ENABLED: _pfc,
    DcbxMismatch.ETS_CLASSES: _ets_classes,
    DcbxMismatch.ETS_BANDWIDTH: _ets_bandwidth,
    DcbxMismatch.ETS_ALGORITHM: _ets_algorithm,
    DcbxMismatch.APPLICATION_MISSING: _application_missing,
    DcbxMismatch.APPLICATION_PRIORITY: _application_priority,
    DcbxMismatch.NOBODY_WILLING: _nobody_willing,
}
