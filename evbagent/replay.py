"""A recording through the core: what each input led to, and whether that is what somebody expects; pure.

Where the core is the one that was recorded, it does exactly what it did then. Another version may wish for other things
at other times, and nobody recorded what became of those: its deadlines come when they are due, what it wishes for comes
true, and answers to wishes that it does not have are passed over. So a recording of trouble stays of use once the
trouble is cured.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from evbagent.effects import Actuated, Effect, Moved, SendFrame, SendProbe, SetHairpin, SetModes, Wish, latest
from evbagent.plain import Misfit, plain
from evbagent.recording import (
    Again,
    Answer,
    Deadline,
    Expectation,
    Input,
    Line,
    Links,
    Malformed,
    Start,
    parse,
    wish_key,
)
from evbagent.status import UplinkStatus

__all__ = ["Checked", "Done", "Replay", "ReplayError", "Step"]

_BACK: Final = 0.001  # seconds; a timer that rings a little early is told the time that it was set for
_DEADLINES: Final = 10_000  # between two lines; three days of nothing but our own LLDPDUs
_Answers = deque[tuple[int, float, Answer]]  # by line and time


class ReplayError(Exception):
    """The recording can't be replayed beyond this line; the text begins with its number."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"{line}: {reason}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Done:
    """One effect. `outcome` is None where it is no wish; `assumed` says that the recording has none."""

    effect: Effect
    outcome: Actuated | None = None
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One input, `at` in seconds since the start. `line` is None for a deadline that nobody recorded.

    `unwished` are the answers that stand behind it to wishes that were not made.
    """

    line: int | None
    at: float
    event: Input
    done: tuple[Done, ...]
    status: UplinkStatus
    unwished: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """An expectation, and in sentences what of it is not so."""

    line: int
    at: float
    unmet: tuple[str, ...]


class Replay:
    """Iterate over it once. `torn` is the number of a last line that was cut off in the middle, and left out."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        """`lines` with their line feeds. Raises `ReplayError`, as iterating does."""
        self._lines = iter(lines)
        try:
            self.start = Start.parse(next(self._lines, b""))
        except (Malformed, Misfit) as error:
            raise ReplayError(1, str(error)) from None
        self._uplink = self.start.core()
        self._now = self.start.loop + self.start.at
        self._links: Links | None = None
        self._names: dict[int, str] = {}  # of attachments
        self._wished: list[dict[str, str]] = []
        self._moved: list[str] = []
        self.torn: int | None = None

    @property
    def status(self) -> UplinkStatus:
        return self._uplink.status

    def __iter__(self) -> Iterator[Step | Checked]:
        entries = self._entries()
        entry = next(entries, None)
        while entry is not None:
            number, line = entry
            if isinstance(line, ReplayError):
                raise line
            entry = next(entries, None)
            if isinstance(line, Expectation):
                yield from self._check(number, line)
                continue
            answers: _Answers = deque()
            while entry is not None and isinstance(entry[1], Line) and isinstance(entry[1].event, Answer):
                answers.append((entry[0], entry[1].at, entry[1].event))
                entry = next(entries, None)
            yield from self._input(number, line, answers)

    def _entries(self) -> Iterator[tuple[int, Line | Expectation | ReplayError]]:
        """What the lines say, by number; what is wrong with one comes in its place, and is the last."""
        for number, text in enumerate(self._lines, 2):
            if not text.strip():
                continue
            try:
                yield number, parse(text, self.start.version)
            except Malformed as error:
                if not text.endswith(b"\n") and next(self._lines, None) is None:
                    self.torn = number
                else:
                    yield number, ReplayError(number, str(error))
                return

    # --- time

    def _time(self, number: int, at: float) -> float:
        """On the core's clock, which does not go back."""
        now = self.start.loop + at
        if not self._now - _BACK <= now < math.inf:
            raise ReplayError(number, f"it is {at:g} s, and was {self._now - self.start.loop:g} s before")
        self._now = max(self._now, now)
        return now

    def _since_start(self, now: float) -> float:
        return now - self.start.loop - self.start.at

    def _pass(self, number: int, until: float) -> Iterator[Step]:
        """The deadlines before that moment, which the core that was recorded had not."""
        for _ in range(_DEADLINES):
            due = self._uplink.deadline
            if due >= until:
                return
            self._now = max(self._now, due)
            yield self._step(number, None, self._now, Deadline(), deque())
        raise ReplayError(number, f"more than {_DEADLINES} deadlines come before it")

    # --- what happens

    def _input(self, number: int, line: Line, answers: _Answers) -> Iterator[Step]:
        event = line.event
        if isinstance(event, Answer):
            raise ReplayError(number, "an answer belongs behind the input that led to its wish")
        if isinstance(event, Again):
            if self._links is None:
                raise ReplayError(number, f"{event.KIND} stands before any {Links.KIND}")
            event = self._links
        if isinstance(event, Links):
            self._links = event
            self._names |= {link.ifindex: link.name for link in event.attachments if not link.foreign}
        yield from self._pass(number, self.start.loop + min(line.at, line.at if line.due is None else line.due))
        yield self._step(number, number, self._time(number, line.at), event, answers)

    def _step(self, number: int, line: int | None, now: float, event: Input, answers: _Answers) -> Step:
        try:
            done = tuple(self._perform(event.apply(self._uplink, now), answers, now))
        except ReplayError:
            raise
        except Exception as error:  # no input should be able to cause one
            reason = f"the core fails on it: {error!r}; if a daemon recorded this, that is a bug of ours"
            raise ReplayError(number, reason) from error
        unwished = tuple(answer.wish for _, _, answer in answers)
        return Step(line, self._since_start(now), event, done, self.status, unwished)

    def _perform(self, effects: list[Effect], answers: _Answers, now: float) -> Iterator[Done]:
        """As the daemon does: wishes in their order, and each is answered before the next one."""
        queue = latest(effects)
        while queue:
            effect = queue.pop(0)
            self._note(effect)
            if not isinstance(effect, Wish):
                yield Done(effect)
                continue
            found = _taken(answers, effect)
            if found is None:
                outcome = _true(effect)
            else:
                number, at, answer = found
                now, outcome = self._time(number, at), answer.to(effect)
            yield Done(effect, outcome, assumed=found is None)
            queue = latest([*queue, *self._uplink.actuated(outcome, now)])

    def _note(self, effect: Effect) -> None:
        """For the next expectation."""
        if isinstance(effect, SetModes):
            modes = {self._names.get(index, str(index)): mode.value for index, mode in effect.modes.items()}
            self._wished.append(modes)
        elif isinstance(effect, Moved) and effect.machine == "uplink":
            self._moved.append(f"{effect.old} -> {effect.new}: {effect.why}")

    # --- what was expected

    def _check(self, number: int, line: Expectation) -> Iterator[Step | Checked]:
        if line.at is not None:
            yield from self._pass(number, math.nextafter(self.start.loop + line.at, math.inf))
            self._time(number, line.at)
        seen = {**plain(self.status), "wished": self._wished, "moved": self._moved}
        unmet = tuple(_differences(line.expect, seen, ""))
        self._wished, self._moved = [], []
        yield Checked(number, self._since_start(self._now), unmet)


def _taken(answers: _Answers, wish: Wish) -> tuple[int, float, Answer] | None:
    """The first answer to that wish; it answers no other one."""
    key = wish_key(wish)
    found = next((each for each in answers if each[2].wish == key), None)
    if found is not None:
        answers.remove(found)
    return found


def _true(wish: Wish) -> Actuated:
    """The wish came true. When a probe left nobody knows, so that its not coming back proves nothing."""
    match wish:
        case SetModes():
            return Actuated(wish, {}, modes=wish.modes)
        case SetHairpin():
            return Actuated(wish, {}, hairpin=wish.on)
        case SendFrame() | SendProbe():
            return Actuated(wish, {})


def _differences(expected: Any, seen: Any, where: str) -> Iterator[str]:
    """What is expected and not so; of an object, only the keys that the expectation has."""
    if isinstance(expected, Mapping) and isinstance(seen, Mapping):
        for key, value in expected.items():
            path = f"{where}.{key}" if where else key
            if key in seen:
                yield from _differences(value, seen[key], path)
            else:
                yield f"there is no {path} (there are {', '.join(seen)})"
    elif isinstance(expected, list) and isinstance(seen, list) and len(expected) == len(seen):
        for index, (one, other) in enumerate(zip(expected, seen, strict=True)):
            yield from _differences(one, other, f"{where}[{index}]")
    elif expected != seen:
        yield f"{where} is {seen!r}, and not {expected!r}"
