"""Which capabilities this process has (capabilities(7)): what is missing is named before anything is tried."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "missing"]

NET_ADMIN: Final = "CAP_NET_ADMIN"
NET_RAW: Final = "CAP_NET_RAW"
SYS_ADMIN: Final = "CAP_SYS_ADMIN"
_BITS: Final = {NET_ADMIN: 12, NET_RAW: 13, SYS_ADMIN: 21}


def missing(*wanted: str) -> list[str]:
    """Those of `wanted` that are not in the effective set."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            effective = int(value, 16)
            return [capability for capability in wanted if not effective >> _BITS[capability] & 1]
    return list(wanted)
