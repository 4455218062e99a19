"""Somebody else on the link, who understands LLDP and EVB as far as guests' safety needs it.

Written from 802.1AB-2016 9.2.8.7 and 802.1Q-2014 D.2.12 (and draft 0.2 of the latter) with octets and offsets alone:
nothing of evbagent's is used, so that a mistake there is not made here too.

An agent need not act at once on everything: who sends more than ten frames at once and one a second may have to wait
for a second, where the octets of what looks like EVB TLVs are the same. For as long as that makes a difference, several
words may hold, and two times are known of them: until when one is certainly heard, and until when it may be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

__all__ = ["Listener", "Said", "understood"]

_CUSTOMER: Final = bytes.fromhex("0180c2000000")
_BRIDGE: Final = bytes.fromhex("0180c200000e")
_RATIFIED, _DRAFT = bytes.fromhex("0080c20d"), bytes.fromhex("001b3f00")
_BURST, _WINDOW = 10, 10.0  # so many frames within so many seconds are heard at once
_WAIT: Final = 1.0  # seconds, the longest that another one waits


class Said(NamedTuple):
    """Who says what where: the information of the EVB TLVs, None where there is none, a short one or several."""

    scope: bytes
    source: bytes
    identity: bytes
    ttl: int
    ratified: bytes | None
    draft: bytes | None
    looks: tuple[bytes, ...]  # all octets that may be such a TLV


def understood(frame: bytes, vlan: int | None) -> Said | None:
    """What a valid LLDPDU says on a scope where EVB is spoken, None for any other frame."""
    ethertype, payload = frame[12:14], frame[14:]
    if ethertype == b"\x81\x00":
        vlan = (int.from_bytes(payload[:2], "big") & 0xFFF) or vlan
        ethertype, payload = payload[2:4], payload[4:]
    if vlan or ethertype != b"\x88\xcc" or frame[:6] not in (_CUSTOMER, _BRIDGE):
        return None
    tlvs = _tlvs(payload)
    if [kind for kind, _ in tlvs[:3]] != [1, 2, 3] or any(kind in (1, 2, 3) for kind, _ in tlvs[3:]):
        return None
    (_, chassis), (_, port), (_, ttl), *others = tlvs
    if not (2 <= len(chassis) <= 256 and 2 <= len(port) <= 256 and len(ttl) >= 2):
        return None
    words = _only(others, _RATIFIED, 5), _only(others, _DRAFT, 9)
    identity = bytes([len(chassis) - 1]) + chassis + port
    starts = [at for key in (_RATIFIED, _DRAFT) for at in range(len(payload)) if payload.startswith(key, at)]
    looks = tuple(payload[max(0, at - 2) : at + 13] for at in sorted(starts))
    return Said(frame[:6], frame[6:12], identity, int.from_bytes(ttl[:2], "big"), *words, looks)


def _tlvs(payload: bytes) -> list[tuple[int, bytes]]:
    """Those that stand there whole, up to the End TLV."""
    tlvs: list[tuple[int, bytes]] = []
    while len(payload) >= 2:
        kind, length = payload[0] >> 1, (payload[0] & 1) << 8 | payload[1]
        if kind == 0 or len(payload) < 2 + length:
            break
        tlvs.append((kind, payload[2 : 2 + length]))
        payload = payload[2 + length :]
    return tlvs


def _only(tlvs: list[tuple[int, bytes]], key: bytes, least: int) -> bytes | None:
    found = [value[4:] for kind, value in tlvs if kind == 127 and value[:4] == key]
    return found[0][:least] if len(found) == 1 and len(found[0]) >= least else None


@dataclass(slots=True)
class _Voice:
    """One identity on one scope."""

    maybe: list[Said]  # one of these is what the agent knows of it
    certain: float  # heard at least until then
    possible: float  # and at most
    frames: list[float] = field(default_factory=list)  # when the last ones came

    def prompt(self, now: float) -> bool:
        """Whether the next frame is heard at once, whatever it says."""
        self.frames = [*(at for at in self.frames if at > now - _WINDOW), now]
        return len(self.frames) <= _BURST


Test = Callable[[bytes], bool]


class Listener:
    """Remembers who speaks EVB, each until its TTL ends; of so many on a scope at most that a table may have."""

    def __init__(self, identity: bytes, limit: int, *, drafts: bool) -> None:
        """`identity` is the agent's own; `drafts` says whether the draft version counts."""
        self._own = identity
        self._limit = limit
        self._drafts = drafts
        self._heard: dict[bytes, dict[bytes, _Voice]] = {_CUSTOMER: {}, _BRIDGE: {}}
        self.lapsed = False  # whoever spoke last fell silent, and took nothing back

    def hear(self, frame: bytes, vlan: int | None, now: float) -> None:
        said = understood(frame, vlan)
        if said is None or said.identity == self._own:
            return
        table = self._heard[said.scope]
        known = table.get(said.identity)
        if self._matters(said) or (known is not None and any(map(self._matters, known.maybe))):
            self.lapsed = False
        if known is not None and not known.prompt(now) and said.ttl and any(m.looks == said.looks for m in known.maybe):
            self._may_wait(known, said, now)
        elif said.ttl == 0 or (said.ratified is None and said.draft is None):
            table.pop(said.identity, None)
        elif known is not None:
            known.maybe, known.certain, known.possible = [said], now + said.ttl, now + said.ttl
        elif len(table) < self._limit:
            table[said.identity] = _Voice([said], now + said.ttl, now + said.ttl, [now])
        elif any(voice.certain <= now for voice in table.values()):  # there may be room
            table[said.identity] = _Voice([said], now, now + said.ttl, [now])
        self._forget_old(table, now)  # of another scope nobody has looked at the time

    def _may_wait(self, voice: _Voice, said: Said, now: float) -> None:
        same = all((said.ratified, said.draft) == (other.ratified, other.draft) for other in voice.maybe)
        ends = now + said.ttl
        voice.certain = min(voice.certain, ends) if same else now
        voice.possible = max(voice.possible, ends + _WAIT)
        voice.maybe = [*(other for other in voice.maybe if other[1:] != said[1:]), said][-_BURST:]

    def forget_old(self, now: float) -> None:
        for table in self._heard.values():
            self._forget_old(table, now)

    def _forget_old(self, table: dict[bytes, _Voice], now: float) -> None:
        for identity in [identity for identity, voice in table.items() if voice.possible <= now]:
            self.lapsed |= any(map(self._matters, table.pop(identity).maybe))

    def forget(self) -> None:
        self.lapsed = False
        for table in self._heard.values():
            table.clear()

    def _voices(self, identity: bytes) -> list[_Voice]:
        """Those of its words that count: its drafts are nothing beside a ratified TLV."""
        voices = [table[identity] for table in self._heard.values() if identity in table]
        ratified = [voice for voice in voices if any(_is_ratified(said) for said in voice.maybe)]
        drafts = [voice for voice in voices if self._drafts and any(_is_draft(said) for said in voice.maybe)]
        certain = any(all(_is_ratified(said) for said in voice.maybe) for voice in ratified)
        return ratified if certain else [*ratified, *(voice for voice in drafts if voice not in ratified)]

    def single(self, now: float, ratified: Test, draft: Test = lambda _: False) -> bool:
        """Whether there may be a single one that speaks EVB, and what it says passes."""
        peers = {identity: self._voices(identity) for table in self._heard.values() for identity in table}
        certain = [voices for voices in peers.values() if any(self._counts(voice, now) for voice in voices)]
        if len(certain) > 1:
            return False
        return any(_passes(voices, ratified, draft, now) for voices in certain or peers.values() if voices)

    def quiet(self, now: float) -> bool:
        """Whether it may be that nobody speaks EVB."""
        voices = [voice for table in self._heard.values() for voice in table.values()]
        return not any(self._counts(voice, now) for voice in voices)

    def sources(self, now: float) -> set[bytes]:
        """Where the words of a single one come from, nothing where it is not certain who that is."""
        peers = {identity: self._voices(identity) for table in self._heard.values() for identity in table}
        speaking = [voices for voices in peers.values() if voices]
        if len(speaking) != 1 or any(voice.certain != voice.possible for voice in speaking[0]):
            return set()
        return {said.source for voice in speaking[0] for said in voice.maybe}

    def _counts(self, voice: _Voice, now: float) -> bool:
        """Whether there certainly is an EVB TLV that matters."""
        return voice.certain > now and all(map(self._matters, voice.maybe))

    def _matters(self, said: Said) -> bool:
        return _is_ratified(said) or (self._drafts and _is_draft(said))


def _is_ratified(said: Said) -> bool:
    return said.ratified is not None and said.scope == _CUSTOMER


def _is_draft(said: Said) -> bool:
    """Who supports no mode at all says nothing."""
    return said.draft is not None and bool(said.draft[0] & 0xC0)


def _passes(voices: list[_Voice], ratified: Test, draft: Test, now: float) -> bool:
    """Each of its words that is certainly heard, or one that may be where none is."""

    def test(said: Said) -> bool:
        if said.ratified is not None and _is_ratified(said):
            return ratified(said.ratified)
        return said.draft is not None and draft(said.draft)

    certain = [any(map(test, voice.maybe)) for voice in voices if voice.certain > now]
    return all(certain) if certain else any(any(map(test, voice.maybe)) for voice in voices)
