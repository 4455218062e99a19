"""The frames of tests/data/vectors.yaml as typed values, each with what it must come out as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

__all__ = ["ECP", "LLDP", "VECTORS", "Vector"]


@dataclass(frozen=True, slots=True)
class Vector:
    """One whole Ethernet frame without FCS; `counters` are what it adds to a receiving agent."""

    name: str
    verdict: str
    octets: bytes
    fields: Mapping[str, Any]
    counters: Mapping[str, int]

    @property
    def is_lldp(self) -> bool:
        """By the EtherType, behind the C-tag where there is one; not by the decoder that the vector tests."""
        at = 16 if self.octets[12:14] == b"\x81\x00" else 12
        return self.octets[at : at + 2] == b"\x88\xcc"

    def __str__(self) -> str:
        return self.name


def _load() -> tuple[Vector, ...]:
    text = (Path(__file__).parents[1] / "data" / "vectors.yaml").read_text(encoding="utf-8")
    document = yaml.load(text, Loader=yaml.CSafeLoader)
    return tuple(
        Vector(entry["name"], entry["verdict"], bytes.fromhex(entry["hex"]), entry["fields"], entry["counters"])
        for entry in document["vectors"]
    )


VECTORS: Final = _load()
LLDP: Final = tuple(vector for vector in VECTORS if vector.is_lldp)
ECP: Final = tuple(vector for vector in VECTORS if not vector.is_lldp)
