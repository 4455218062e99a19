"""Bounded access to octets: the only module that knows offsets (multi-octet integers are big-endian)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

__all__ = ["Cursor", "MacAddress", "OctetsError", "u8", "u16"]

# Narrower than int(..., 16), which also takes signs, spaces and other scripts' digits.
_MAC: Final = re.compile("[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\\1[0-9A-Fa-f]{2}){4}")


class OctetsError(ValueError):
    """A value is shorter or longer than its field, or doesn't fit it; the text says which."""


class Cursor:
    """Reads one value, front to back, and never beyond its end."""

    __slots__ = ("_at", "_octets")

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    @property
    def remaining(self) -> int:
        """How many octets are left."""
        return len(self._octets) - self._at

    def take(self, count: int) -> bytes:
        """The next `count` octets; `OctetsError` where fewer are left."""
        if count > self.remaining:
            raise OctetsError(f"{count} octets wanted, {self.remaining} left")
        start = self._at
        self._at = start + count
        return self._octets[start : self._at]

    def rest(self) -> bytes:
        """All that is left, possibly nothing."""
        return self.take(self.remaining)

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "big")


def u8(value: int) -> bytes:
    """One octet; `OctetsError` outside 0..255."""
    return _unsigned(value, 1)


def u16(value: int) -> bytes:
    """Two octets; `OctetsError` outside 0..65535."""
    return _unsigned(value, 2)


def _unsigned(value: int, size: int) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError:
        raise OctetsError(f"{value} does not fit {size} octets") from None


@dataclass(frozen=True, slots=True, order=True)
class MacAddress:
    """A 48-bit MAC address (802-2014 8.2)."""

    octets: bytes

    def __post_init__(self) -> None:
        if len(self.octets) != 6:
            raise OctetsError(f"a MAC address has 6 octets, not {len(self.octets)}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `02:00:00:00:00:01` or `02-00-00-00-00-01`; `OctetsError` for anything else."""
        if _MAC.fullmatch(text) is None:
            raise OctetsError(f"{text!r} is no MAC address (six pairs of hexadecimal digits)")
        return cls(bytes.fromhex(text.replace(text[2], "")))

    def __str__(self) -> str:
        return self.octets.hex(":")
