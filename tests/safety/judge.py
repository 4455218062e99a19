"""What may be: who was heard saying what, what came back, and how long that has allowed VEPA. Knows no code of ours.

It is asked after every step, so it need not be as strict as the agent; what it forbids, nothing excuses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from evbagent.status import ReflectiveRelay
from tests.safety.segment import Word

__all__ = ["ASKING", "DETECTION", "Judge"]

DETECTION: Final = 0.35  # seconds from the end of relay to the end of VEPA, by probes
_REPEAT: Final = 0.26  # seconds until something that went wrong has been tried again
_SILENT: Final = 3  # receptions after which a bridge that repeats nothing is believed
_REQUEST: Final = 0x04
ASKING: Final = frozenset({ReflectiveRelay.AUTO, ReflectiveRelay.PROBE, ReflectiveRelay.ASSUME})

Ground = tuple[str, object, int]


@dataclass
class _Heard:
    """A neighbor's last word, until when it holds, and how often it has said that relay is on."""

    word: Word
    expires: float
    times: int = 0
    acknowledged: bool = False


@dataclass
class Judge:
    """`late` is how late the loop handles each deadline, seconds."""

    relay: ReflectiveRelay
    hold_up: float
    late: float
    probed: bool
    heard: dict[object, _Heard] = field(default_factory=dict)
    enabled: bool = False
    released: bool = False
    inside: bool = False  # guests were in VEPA when this was last asked
    proven_at: float = -math.inf  # when the last probe left that came back
    off_since: float = 0.0  # infinity while the switch reflects
    guests_since: float = math.inf  # since when there have been guests to probe for
    grounds: frozenset[Ground] = frozenset()
    since: float = math.inf  # when the grounds began that have held without a break
    _outlived: bool = False  # the bridge with relay fell silent and expired, while guests were in VEPA
    _generation: int = 0  # of the link
    _troubles: list[tuple[float, float]] = field(default_factory=list)  # when, and how many seconds they may cost

    # --- what happened

    def hears(self, who: object, word: Word, ttl: float, now: float) -> None:
        """A neighbor's LLDPDU was read; one that comes just in time, for the loop was late, is in time."""
        if not self.enabled:
            return
        if ttl == 0:
            self.heard.pop(who, None)
        else:
            before = self._speaking
            heard = self.heard.setdefault(who, _Heard(word, now))
            heard.word, heard.expires = word, now + ttl
            for each in self.heard.values() if before != self._speaking else [] if word.control else [heard]:
                each.times, each.acknowledged = 0, False
            heard.times += word.control
        if self._speaking:
            self._outlived = False
        self._weigh(now)

    def links(self, *, enabled: bool, anew: bool, now: float) -> None:
        """The agent looked at its port; `anew`: it is another one, or was down meanwhile."""
        if anew or not enabled:
            self.forgets(now)
            self._generation += 1
        self.enabled = enabled
        self._weigh(now)

    def forgets(self, now: float) -> None:
        """Frames were lost, or time was: nothing that was heard before counts."""
        self.heard.clear()
        self._outlived = False
        self._weigh(now)

    def releases(self, now: float) -> None:
        self.released = True
        self._weigh(now)

    def sleeps(self, now: float) -> None:
        self._generation += 1
        self.proven_at = -math.inf
        self.forgets(now)

    def proves(self, left: float, now: float) -> None:
        """A probe that left then came back now."""
        self.proven_at = max(self.proven_at, left)
        self._weigh(now)

    def troubled(self, now: float, seconds: float = 0.0) -> None:
        """Something went wrong for so long that keeps probes from leaving, coming back, or being judged."""
        self._troubles = [trouble for trouble in self._troubles if now - sum(trouble) < 600.0]
        self._troubles.append((now, seconds))

    # --- what follows

    def expires(self, now: float) -> None:
        """All that could be read by now has been: what was said too long ago counts no more, from the moment on."""
        while True:
            over = min((heard.expires for heard in self.heard.values()), default=math.inf)
            if over > now:
                break
            relayed = any(heard.word.control for heard in self.heard.values())
            self.heard = {who: heard for who, heard in self.heard.items() if heard.expires > over}
            self._outlived |= relayed and not self._speaking and self.inside
            self._weigh(over)
        self._weigh(now)

    @property
    def _speaking(self) -> frozenset[object]:
        return frozenset(who for who, heard in self.heard.items() if heard.word.role != "nothing")

    @property
    def withdrawn(self) -> bool:
        """Whether a switch says that relay is off."""
        return any(heard.word.role == "bridge" and not heard.word.control for heard in self.heard.values())

    def _weigh(self, now: float) -> None:
        grounds = self._grounds(now)
        if not grounds:
            self.since = math.inf
        elif not grounds & self.grounds:
            self.since = now
        self.grounds = grounds

    def _grounds(self, now: float) -> frozenset[Ground]:
        if not self.enabled or self.released or self.relay is ReflectiveRelay.OFF:
            return frozenset()
        found: set[Ground] = set()
        speaking = self._speaking
        if len(speaking) == 1:
            (who,) = speaking
            if self._grants(self.heard[who]):
                found.add(("word", who, self._generation))
        fresh = now - self.proven_at <= self.patience(self.proven_at, now)
        alone = not speaking and (self._outlived or self.relay is ReflectiveRelay.PROBE)
        if fresh and (found or alone):
            found.add(("proof", None, self._generation))
        if self.relay is ReflectiveRelay.ASSUME and (found or not speaking):
            found.add(("operator", None, self._generation))
        return frozenset(found)

    def _grants(self, heard: _Heard) -> bool:
        word = heard.word
        if word.role != "bridge" or not (word.capable and word.control):
            return False
        asks = self.relay in ASKING
        heard.acknowledged |= bool(word.echo & _REQUEST) is asks or (word.echo == 0 and heard.times >= _SILENT)
        return heard.acknowledged

    def patience(self, begin: float, now: float) -> float:
        """How long it may take from `begin` until probes have shown that relay is off."""
        troubles = sum(seconds + _REPEAT for at, seconds in self._troubles if at + seconds >= begin - 0.5 and at <= now)
        return DETECTION + 8 * self.late + troubles

    def disproved(self, now: float) -> bool:
        """Whether probes must have shown by now that relay is off."""
        begin = max(self.off_since, self.since, self.guests_since)
        return self.probed and now - begin > self.patience(begin, now)
