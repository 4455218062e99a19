"""DCBX in the policy document: what a port's peer offers, what the kernel has, and where they differ."""

from __future__ import annotations

from typing import Any, Final

from evbagent.dcb import (
    ALGORITHMS,
    Application,
    Applications,
    ApplicationVlan,
    Bits,
    Dcb,
    DcbxMode,
    DcbxVersion,
    Ets,
    Pfc,
)
from evbagent.status import DcbxStatus, PeerStatus

__all__ = ["dcbx", "peer"]

_NOTHING: Final = Dcb(DcbxVersion.IEEE)


def dcbx(status: DcbxStatus) -> dict[str, Any]:
    """One port's part of it. `unknown` lists the kinds of mismatch that can't be judged, as one side does not say."""
    offer = status.offer
    return {
        "port": status.port,
        "version": None if offer is None else offer.version.value,
        "source": None if status.source is None else status.source.value,
        "peers": status.peers,
        "peer": peer(status.peer),
        "firmware_agent": status.firmware_agent,
        "mismatches": [{"kind": finding.kind.value, "detail": finding.detail} for finding in status.mismatches],
        "unknown": [kind.value for kind in status.unknown],
        "offer": None if offer is None else _side(offer),
        "kernel": _kernel(status.mode, status.own),
    }


def peer(status: PeerStatus | None) -> dict[str, Any] | None:
    """A neighbor, by what it calls itself."""
    if status is None:
        return None
    return {"chassis_id": status.chassis_id, "port_id": status.port_id, "system_name": status.system_name}


def _kernel(mode: DcbxMode | None, own: Dcb | None) -> dict[str, Any] | None:
    """None where the driver says neither who speaks nor what it has."""
    if mode is None and own is None:
        return None
    flags = None if mode is None else [flag.name.lower() for flag in mode if flag.name is not None]
    return {"mode": flags, **_side(own or _NOTHING)}


def _side(side: Dcb) -> dict[str, Any]:
    return {
        "ets": None if side.ets is None else _ets(side.ets),
        "recommendation": None if side.recommendation is None else _ets(side.recommendation),
        "pfc": None if side.pfc is None else _pfc(side.pfc),
        "applications": None if side.applications is None else _applications(side.applications),
        "application_vlans": [_vlan(entry) for entry in side.vlans],
    }


def _bits(bits: Bits) -> dict[str, Any]:
    return {"willing": bits.willing, "enable": bits.enable, "error": bits.error}


def _ets(ets: Ets) -> dict[str, Any]:
    return {
        **_bits(ets.bits),
        "max_tcs": ets.max_tcs,
        "cbs": ets.cbs,
        "prio_tc": list(ets.prio_tc),
        "bandwidth": list(ets.bandwidth),
        "tsa": [ALGORITHMS.get(tsa, "reserved") for tsa in ets.tsa],
    }


def _pfc(pfc: Pfc) -> dict[str, Any]:
    return {**_bits(pfc.bits), "cap": pfc.cap, "mbc": pfc.mbc, "enabled": list(pfc.enabled)}


def _applications(applications: Applications) -> dict[str, Any]:
    return {**_bits(applications.bits), "entries": [_application(entry) for entry in applications.entries]}


def _application(entry: Application) -> dict[str, Any]:
    return {"selector": entry.selector.value, "protocol": entry.protocol, "priorities": list(entry.priorities)}


def _vlan(entry: ApplicationVlan) -> dict[str, Any]:
    return {"selector": entry.selector.value, "protocol": entry.protocol, "vid": entry.vid}
