"""The last frames of a port, heard and sent: a ring that is bounded in frames and in octets."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

__all__ = ["FRAMES", "OCTETS", "Captured", "Ring"]

FRAMES: Final = 256
OCTETS: Final = 256 * 1024
_ADDRESSES: Final = 12  # octets in front of the place where a tag stands (802.1Q 9.3)


class Captured(NamedTuple):
    """One frame; `stamp` is the wall clock in seconds, `tag` the octets of a VLAN tag that the kernel took out of it.

    A tuple, because one is made for each frame that comes or goes.
    """

    stamp: float
    sent: bool
    octets: bytes
    tag: bytes = b""

    @property
    def whole(self) -> bytes:
        """The octets as they were on the wire, without FCS."""
        return self.octets[:_ADDRESSES] + self.tag + self.octets[_ADDRESSES:] if self.tag else self.octets


class Ring:
    """Keeps the newest frames; a frame that alone is larger than the ring is not kept."""

    def __init__(self, frames: int = FRAMES, octets: int = OCTETS) -> None:
        self._frames: deque[Captured] = deque()
        self._most_frames, self._most_octets = frames, octets
        self._octets = 0
        self.total = 0  # frames that ever came in

    def add(self, frame: Captured) -> None:
        """The oldest ones make room for it."""
        frames = self._frames
        frames.append(frame)
        self.total += 1
        self._octets += len(frame.octets)
        while len(frames) > self._most_frames or self._octets > self._most_octets:
            self._octets -= len(frames.popleft().octets)

    @property
    def frames(self) -> tuple[Captured, ...]:
        """What is kept, the oldest first."""
        return tuple(self._frames)
