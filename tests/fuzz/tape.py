"""Decisions read from octets: a fuzzer that changes one octet changes one decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Tape"]

_T = TypeVar("_T")


class Tape:
    """Ends with its octets; what is read beyond them is zero."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    @property
    def more(self) -> bool:
        return self._at < len(self._octets)

    def octets(self, count: int) -> bytes:
        """The next ones, fewer at the end."""
        start = self._at
        self._at += count
        return self._octets[start : self._at]

    def number(self) -> int:
        """0..255."""
        return int.from_bytes(self.octets(1), "big")

    def pair(self) -> int:
        """0..65535."""
        return int.from_bytes(self.octets(2), "big")

    def pick(self, choices: Sequence[_T]) -> _T:
        return choices[self.number() % len(choices)]
