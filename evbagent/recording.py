"""What a recording says, line by line: who it is of, what came in and when, and what is expected (pure).

A recording is a file of JSON lines (`evbagent/record/1`). The first one tells what the uplink was made of, each other
one is an input of its core. Nothing that follows from the inputs stands there: no effects, and of a wish that was
answered only which one it was. Times (`at`, `due`) count from `loop`, whole seconds of the loop's clock, because a
difference to a whole number loses no bit: the core sees the very numbers that it saw.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final, Self, get_args

import msgspec

from evbagent import __version__
from evbagent.dcb import KernelDcb
from evbagent.effects import Actuated, Effect, Wish
from evbagent.entry import EntrySettings
from evbagent.events import LinkState
from evbagent.legacy import Legacy
from evbagent.lldp.agent import AgentSettings
from evbagent.plain import Misfit, plain, restored
from evbagent.port import Identity
from evbagent.probe.attempt import ProbeSettings
from evbagent.probe.machine import Probe
from evbagent.status import DraftUse, MacvlanMode
from evbagent.uplink import Uplink, UplinkSettings
from evbagent.wire.ethernet import Scope
from evbagent.wire.octets import MacAddress

__all__ = [
    "SCHEMA",
    "Again",
    "Answer",
    "DcbAnswered",
    "Deadline",
    "Expectation",
    "Inherited",
    "Input",
    "Line",
    "Links",
    "Malformed",
    "Missed",
    "Origin",
    "Overflowed",
    "ProbeOrigin",
    "ProbesMissed",
    "Received",
    "Released",
    "Slept",
    "Start",
    "kind_of",
    "parse",
    "wish_key",
]

SCHEMA: Final = "evbagent/record/1"


class Malformed(ValueError):
    """A line that is none of a recording; the text says why."""


@dataclass(frozen=True, slots=True)
class ProbeOrigin:
    """What an uplink's probe is made of; who has the key can sign frames that this run of the daemon believes."""

    key: bytes
    seed: bytes
    settings: ProbeSettings


@dataclass(frozen=True, slots=True)
class Origin:
    """What an uplink is made of.

    What is added needs a default that means what was so before: recordings of then do not have it.
    """

    name: str
    settings: UplinkSettings
    identity: Identity
    agents: Mapping[Scope, AgentSettings]
    entry: EntrySettings
    draft: DraftUse = DraftUse.OFF
    probe: ProbeOrigin | None = None

    def core(self, now: float) -> Uplink:
        """The uplink, before anything came in."""
        origin = self.probe
        probe = None if origin is None else Probe(self.name, origin.key, origin.seed, origin.settings)
        return Uplink(
            self.name, self.settings, self.identity, self.agents, now, self.entry, draft=self.draft, probe=probe
        )


@dataclass(frozen=True, slots=True)
class Start:
    """The first line: who it is of, and when it began. `wall` is RFC 3339, the moment of `at`."""

    wall: str
    loop: int
    at: float
    origin: Origin
    version: str = __version__

    def __post_init__(self) -> None:
        if self.loop < 0 or not 0 <= self.at < math.inf:
            raise Misfit(f"the clock does not begin at {self.loop} s and {self.at:g} s")

    def core(self) -> Uplink:
        """The uplink as it was then."""
        return self.origin.core(self.loop + self.at)

    def line(self) -> bytes:
        return _encoded({"schema": SCHEMA, **plain(self)})

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Raises `Malformed`."""
        values = _decoded(text)
        schema = values.pop("schema", None)
        if schema != SCHEMA:
            raise Malformed(f"the first line of a recording has the schema {SCHEMA!r}, this one has {schema!r}")
        try:
            return restored(cls, values)
        except Misfit as misfit:
            raise Malformed(f"{misfit}{_elsewhere(values.get('version'))}") from None


# --- inputs: one class for each way in which the core is told something, and one place in `Input`


@dataclass(frozen=True, slots=True)
class Inherited:
    """What the daemon before left behind; its times are the loop's clock as it is."""

    KIND: ClassVar = "inherit"
    legacy: Legacy

    def apply(self, core: Uplink, now: float) -> list[Effect]:
        return core.inherit(self.legacy, now)


@dataclass(frozen=True, slots=True)
class Links:
    """The port and all attachments on it, as the kernel had them; `others` are the host's other addresses."""

    KIND: ClassVar = "link"
    port: LinkState | None
    attachments: tuple[LinkState, ...]
    others: frozenset[MacAddress] = frozenset()

    def apply(self, core: Uplink, now: float) -> list[Effect]:
        return core.link(self.port, self.attachments, now, self.others)


@dataclass(frozen=True, slots=True)
class Received:
    """One frame; `vlan` as the kernel said, `arrived` on the loop's clock as it is."""

    KIND: ClassVar = "receive"
    octets: bytes
    vlan: int | None
    arrived: float | None = None

    def apply(self, core: Uplink, now: float) -> list[Effect]:
        return core.receive(self.octets, self.vlan, now, self.arrived)


@dataclass(frozen=True, slots=True)
class ProbesMissed:
    """Frames of the probe's kind were lost unheard."""

    KIND: ClassVar = "probes_missed"

    def apply(self, core: Uplink, now: float) -> list[Effect]:
        return core.probes_missed(now)


@dataclass(frozen=True, slots=True)
class DcbAnswered:
    """What the port's driver said about DCB."""

    KIND: ClassVar = "dcb"
    kernel: KernelDcb | None

    def apply(self, core: Uplink, now: float) -> list[Effect]:
        return core.dcb(self.kernel, now)


@dataclass(frozen=True, slots=True)
class Missed:
    """So many frames were lost unheard."""

    KIND: ClassVar = "missed"
    count: int

    def apply(self, core: Uplink, now: float) -> list[Effect]:
        return core.missed(self.count, now)


@dataclass(frozen=True, slots=True)
class Overflowed:
    """So many frames were lost, and none that matters."""

    KIND: ClassVar = "overflowed"
    count: int

    def apply(self, core: Uplink, now: float) -> list[Effect]:
        core.overflowed(self.count)
        return []


@dataclass(frozen=True, slots=True)
class Slept:
    """The machine was suspended for so many seconds."""

    KIND: ClassVar = "slept"
    seconds: float

    def apply(self, core: Uplink, now: float) -> list[Effect]:
        return core.slept(self.seconds, now)


@dataclass(frozen=True, slots=True)
class Deadline:
    """The timer rang; `drained` says whether all frames of the probe's kind had been read."""

    KIND: ClassVar = "deadline"
    drained: bool = False

    def apply(self, core: Uplink, now: float) -> list[Effect]:
        return core.on_deadline(now, drained=self.drained)


@dataclass(frozen=True, slots=True)
class Released:
    """The daemon ended."""

    KIND: ClassVar = "release"

    def apply(self, core: Uplink, now: float) -> list[Effect]:
        return core.release(now)


Input = Links | DcbAnswered | Received | ProbesMissed | Missed | Overflowed | Slept | Deadline | Released | Inherited

# --- what else stands in a recording


@dataclass(frozen=True, slots=True)
class Again:
    """The links were looked at once more and had not changed: stands for the `Links` before it, and is shorter."""

    KIND: ClassVar = "link_again"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a wish, as `Actuated` has it; which one it was, as `wish_key` has it.

    `sent` is `Actuated.at`, on the loop's clock as it is.
    """

    KIND: ClassVar = "actuated"
    wish: Mapping[str, Any]
    errors: Mapping[int, int]
    modes: Mapping[int, MacvlanMode] | None
    hairpin: bool | None
    sent: float | None = None

    @classmethod
    def of(cls, outcome: Actuated) -> Self:
        return cls(wish_key(outcome.effect), outcome.errors, outcome.modes, outcome.hairpin, outcome.at)

    def to(self, effect: Wish) -> Actuated:
        return Actuated(effect, self.errors, self.modes, self.hairpin, self.sent)


@dataclass(frozen=True, slots=True)
class Line:
    """One line behind the first. `due` is set where a deadline of the core had come before `at`, or with it."""

    at: float
    due: float | None
    event: Input | Again | Answer

    def line(self) -> bytes:
        due = {} if self.due is None else {"due": self.due}
        return _encoded({"at": self.at, "input": self.event.KIND, **due, **plain(self.event)})


@dataclass(frozen=True, slots=True)
class Expectation:
    """What should be true once everything before it has happened, and what is due by `at`; people write these."""

    at: float | None
    expect: Mapping[str, Any]


_KINDS: Final[Mapping[str, type[Input | Again | Answer]]] = {
    kind.KIND: kind for kind in (*get_args(Input), Again, Answer)
}


def parse(text: bytes, version: str) -> Line | Expectation:
    """One line behind the first, of a recording that this version of evbagent wrote; raises `Malformed`."""
    values = _decoded(text)
    try:
        if "expect" in values:
            return restored(Expectation, {"at": None, **values})
        name = values.pop("input", None)
        kind = _KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            raise Misfit(f"there is no input {name!r} (there are {', '.join(_KINDS)})")
        times = restored(_Times, {key: values.pop(key) for key in ("at", "due") if key in values})
        return Line(times.at, times.due, restored(kind, values))
    except Misfit as misfit:
        raise Malformed(f"{misfit}{_elsewhere(version)}") from None


@dataclass(frozen=True, slots=True)
class _Times:
    at: float
    due: float | None = None


def wish_key(wish: Wish) -> dict[str, Any]:
    """Which wish it is: its kind and its fields, without the octets, which follow from what came in before."""
    values = {field.name: getattr(wish, field.name) for field in fields(wish)}
    return {kind_of(wish): {key: plain(value) for key, value in values.items() if not isinstance(value, bytes)}}


def kind_of(effect: Effect) -> str:
    """`send_frame`, `set_modes` and so on."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", type(effect).__name__).lower()


def _encoded(values: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(values) + b"\n"


def _decoded(text: bytes) -> dict[str, Any]:
    try:
        values = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"it is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise Malformed("it is no JSON object")
    return values


def _elsewhere(version: object) -> str:
    """Another version may know what this one does not."""
    return "" if version == __version__ else f"; version {version} wrote it, and this is {__version__}"
