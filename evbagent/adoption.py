"""An uplink's end of what one daemon leaves to the next: what is left, and whether it is gone on with; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from evbagent.decision import Decision
from evbagent.effects import Effect, Moved
from evbagent.entry import Entry
from evbagent.events import LinkState
from evbagent.legacy import Flaps, Goodbye, Known, Legacy
from evbagent.port import Port
from evbagent.status import Mode

__all__ = ["PROOF_WITHIN", "Adoption"]

PROOF_WITHIN: Final = 0.35  # seconds for the first probe to come back, where there is a probe
_UNREAD: Final = 0.01  # seconds until it is looked again whether one has, while frames are left to be read


class Adoption:
    """Guests that are in VEPA at the first look stay there if nothing speaks against it; later, nobody is adopted."""

    def __init__(self, subject: str, entry: Entry) -> None:
        self._subject = subject
        self._entry = entry
        self._legacy: Legacy | None = None
        self._refusal: str | None = None
        self._last: LinkState | None = None
        self._proof_due = math.inf
        self.since: float | None = None  # since when guests are in VEPA on what a daemon before this one heard

    @property
    def deadline(self) -> float:
        """When a probe must have come back, where one is waited for."""
        return self._proof_due

    def inherit(self, legacy: Legacy, now: float) -> None:
        """Before the first look: what the daemon before this one left behind, times on the loop's clock."""
        self._entry.remember(legacy.flaps.memory(now), now)
        self._legacy = legacy if legacy.vepa else None

    def offer(self, port: LinkState | None, attachments: Sequence[LinkState], now: float) -> tuple[Known, ...]:
        """The neighbors that may be gone on with, at the look at the links that decides about them."""
        self._last = port or self._last
        if self._legacy is None:
            return ()
        self._refusal = self._legacy.refusal(port, attachments, now)
        return () if self._refusal else self._legacy.neighbors

    def conclude(self, decision: Decision, now: float) -> list[Effect]:
        """What came of it: `decision` is the one that follows from them."""
        legacy, self._legacy = self._legacy, None
        if legacy is None:
            return []
        if self._refusal is None and decision.mode is not Mode.VEPA:
            self._refusal = decision.row.sentence
        if self._refusal is not None:
            return [Moved("adoption", self._subject, "left in vepa", "not adopted", self._refusal)]
        self.since, self._proof_due = now, now + PROOF_WITHIN
        until = min((known.expires for known in legacy.neighbors), default=math.inf)
        why = f"what the switch said holds for {until - now:.3g} s" if legacy.neighbors else decision.row.sentence
        return [Moved("adoption", self._subject, "left in vepa", "adopted", why), *self._entry.adopt(now)]

    def unproven(self, now: float, *, drained: bool) -> list[Effect]:
        """No probe has come back yet; `drained` says that all that has come back is read."""
        if now < self._proof_due:
            return []
        if not drained:
            self._proof_due = now + _UNREAD
            return []
        self.end()
        why = f"no probe has come back within {PROOF_WITHIN:g} s"
        told = Moved("adoption", self._subject, "adopted", "given up", why)
        return [told, *self._entry.evaluate(allowed=False, announced=False, now=now)]

    def end(self) -> None:
        """Guests are not in VEPA any more."""
        self.since, self._proof_due = None, math.inf

    def legacy(self, port: Port, *, vepa: bool, now: float) -> Legacy | None:
        """What a daemon after this one needs to know; `vepa`: guests are there by decision. None before any look."""
        link = self._last
        if link is None:
            return None
        return Legacy(
            self._subject,
            link.ifindex,
            link.carrier_ups,
            vepa,
            port.known if vepa else (),
            tuple(Goodbye(frame.port, frame.octets.hex()) for frame in port.goodbyes),
            Flaps.of(self._entry.memory(now), now),
        )
