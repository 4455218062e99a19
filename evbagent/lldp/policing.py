"""How often somebody is listened to: what a sender that keeps 802.1AB's credits never notices (802.1AB-2016 9.2.5)."""

from __future__ import annotations

import re
from typing import Final

from evbagent.wire.evb import Evb
from evbagent.wire.evb_draft import EvbDraft

__all__ = ["Allowance", "relay_words"]

_KEYS: Final = re.compile(b"|".join(re.escape(kind.KEY.octets) for kind in (Evb, EvbDraft)))
_HEADER: Final = 2  # octets in front of OUI and subtype
_INFORMATION: Final = 13  # octets of the longer of the two TLVs
_EPSILON: Final = 1e-6  # what a sum of floats may lack


class Allowance:
    """Frames that may be decoded: `most` at once, and `rate` a second after that."""

    __slots__ = ("_at", "_credit", "_most", "_rate")

    def __init__(self, most: int, rate: float, now: float) -> None:
        self._most, self._rate = most, rate
        self._credit, self._at = float(most), now

    def take(self, now: float) -> bool:
        """Whether there was one left; it is gone then."""
        self._credit = min(float(self._most), self._credit + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._credit < 1.0 - _EPSILON:
            return False
        self._credit -= 1.0
        return True

    @property
    def next(self) -> float:
        """When there will be one again, on the clock of `now`."""
        return self._at + max(0.0, 1.0 - self._credit) / self._rate


def relay_words(payload: bytes) -> bytes:
    """The octets of an LLDPDU's EVB TLVs of either version, and maybe a few behind them; nothing if it has none.

    What these octets say may end VEPA, so a frame in which they are others is never made to wait. It is a quick look,
    for frames that are too many to be decoded: whatever looks like such a TLV is taken for one, but none is overlooked.
    """
    places = (found.start() for found in _KEYS.finditer(payload))
    return b"".join(payload[max(0, place - _HEADER) : place + _INFORMATION] for place in places)
