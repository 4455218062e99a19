"""Bounded access to octets: the only module that knows offsets (multi-octet integers are big-endian)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

__all__ = ["Cursor", "MacAddress", "OctetsError", "bitmap", "bounded", "eight", "nibbles", "u8", "u16", "u24", "u32"]

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

    def u24(self) -> int:
        return int.from_bytes(self.take(3), "big")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def bitmap(self) -> tuple[bool, ...]:
        """One octet as eight flags, that of bit 0 first."""
        octet = self.u8()
        return tuple(bool(octet >> bit & 1) for bit in range(8))

    def nibbles(self, octets: int) -> tuple[int, ...]:
        """Two numbers an octet, the high one first."""
        return tuple(nibble for octet in self.take(octets) for nibble in (octet >> 4, octet & 0x0F))

    def end(self) -> None:
        """`OctetsError` where something is left that no field accounts for."""
        if self.remaining:
            raise OctetsError(f"{self.remaining} octets left over")


def u8(value: int) -> bytes:
    """One octet; `OctetsError` outside 0..255."""
    return _unsigned(value, 1)


def u16(value: int) -> bytes:
    """Two octets; `OctetsError` outside 0..65535."""
    return _unsigned(value, 2)


def u24(value: int) -> bytes:
    """Three octets; `OctetsError` outside 0..16777215."""
    return _unsigned(value, 3)


def u32(value: int) -> bytes:
    """Four octets; `OctetsError` outside 0..4294967295."""
    return _unsigned(value, 4)


def bitmap(flags: Sequence[bool]) -> bytes:
    """Eight flags as one octet, the first in bit 0."""
    return u8(sum(flag << bit for bit, flag in enumerate(flags)))


def nibbles(values: Sequence[int]) -> bytes:
    """Numbers 0..15, an even count of them, two an octet."""
    return b"".join(u8(high << 4 | low) for high, low in zip(values[::2], values[1::2], strict=True))


def bounded(name: str, value: int, most: int) -> None:
    """`OctetsError` by that name outside 0..most."""
    if not 0 <= value <= most:
        raise OctetsError(f"{name} is 0..{most}, not {value}")


def eight(name: str, values: Sequence[int], most: int) -> None:
    """`OctetsError` by that name unless there are eight values, one for each priority or class, each 0..most."""
    if len(values) != 8:
        raise OctetsError(f"{name} has 8 values, not {len(values)}")
    for value in values:
        bounded(name, value, most)


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
