"""A port in a world that a tape tells: frames, time, the link, guests, and a kernel that need not obey.

`Uplink` and `SwitchPort` run here as they are. After each step of the tape it is looked at what must hold whatever
happened: nothing is raised, what is wished can be done, what is sent can be read and says no more than is known, time
goes on, and nothing grows. What holds of one role alone is in roles.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from errno import ENETDOWN
from typing import Any, ClassVar, Final, Protocol

from evbagent.effects import Actuated, Effect, SendFrame, SendProbe
from evbagent.events import LinkState
from evbagent.lldp.agent import AgentSettings
from evbagent.lldp.timers import TransmitSettings
from evbagent.probe.machine import Probe
from evbagent.wire.ethernet import ETHERTYPE_LLDP, MINIMUM, Frame, Scope
from evbagent.wire.evb import Evb
from evbagent.wire.evb_draft import EvbDraft
from evbagent.wire.lldpdu import MAX_OCTETS, Lldpdu
from evbagent.wire.octets import MacAddress
from evbagent.wire.probe_frame import ETHERTYPE_PROBE
from tests.fuzz.listener import Listener
from tests.fuzz.memory import largest, weight
from tests.fuzz.tape import Tape
from tests.fuzz.words import ANOTHER_LINK, LINKS, PORT_NAME, WAITS, Step, frame, mutated, wrapped
from tests.support.frames import HOST, perform

__all__ = ["LIMIT", "Role", "World", "agents"]

_TIMING: Final = TransmitSettings()
LIMIT: Final = 4  # neighbors of a scope: few, so that there are often too many
_ENTRIES: Final = 64  # of one collection: neighbors, attachments, reasons
_NEIGHBOR: Final = 32 * 1024  # octets of memory; a frame may hold 250 TLVs that somebody reads
_ITSELF: Final = 64 * 1024  # octets of memory without neighbors
_AFTERMATH: Final = 6.0  # seconds; by then a burst of frames has left, and what failed is tried again
_ENOUGH: Final = 3000  # wake-ups in all, after which a tape is at its end: a probe has many
_DISPROVED: Final = 1.0  # seconds after which a probe that runs has disproved relay, whatever else there is
_KEPT: Final = 8  # probes that may come back again
_BURST, _RATE = 64, 32  # wake-ups of a wait, and more of them each second
_PORT: Final = LinkState(2, PORT_NAME, HOST, up=True, carrier=True, carrier_ups=1)
# Which EVB TLVs a frame of ours may have, with their lengths, by scope; a shutdown LLDPDU has none.
_RATIFIED, _DRAFTED = [(Evb.KEY, 9)], [(EvbDraft.KEY, 13)]
_SPOKEN: Final = {
    Scope.NEAREST_CUSTOMER_BRIDGE: (_RATIFIED, _DRAFTED),
    Scope.NEAREST_BRIDGE: ([], _DRAFTED),
    Scope.NEAREST_NON_TPMR_BRIDGE: ([],),
    None: ([],),
}
_OURS: Final = b"\x06\x04" + HOST.octets + b"\x05" + PORT_NAME.encode()  # our identity as the listener has it


def agents(scopes: tuple[Scope, ...]) -> dict[Scope, AgentSettings]:
    """Those of a port that speaks on these scopes and hears on all."""
    return {scope: AgentSettings(scope in scopes, True, LIMIT, _TIMING) for scope in Scope}


class Core(Protocol):
    """An uplink or a switch port."""

    @property
    def deadline(self) -> float: ...

    def receive(self, octets: bytes, vlan: int | None, now: float, arrived: float | None = None) -> list[Effect]: ...

    def probes_missed(self, now: float) -> list[Effect]: ...

    @property
    def vital(self) -> frozenset[MacAddress]: ...

    def overflowed(self, count: int) -> None: ...

    def missed(self, count: int, now: float) -> list[Effect]: ...

    def slept(self, seconds: float, now: float) -> list[Effect]: ...

    def on_deadline(self, now: float, *, drained: bool) -> list[Effect]: ...

    def actuated(self, outcome: Actuated, now: float) -> list[Effect]: ...

    def release(self, now: float) -> list[Effect]: ...


class Role(Protocol):
    """The half of the world that an uplink, or a switch port, acts upon."""

    drafts: ClassVar[bool]  # whether EVB's draft version is understood

    @property
    def probe(self) -> Probe | None: ...

    @property
    def core(self) -> Core: ...

    def look(self, port: LinkState | None, now: float) -> list[Effect]:
        """The core learns how the links are now."""

    def change(self, tape: Tape, world: World) -> list[Effect]:
        """Guests come and go, or relay is offered or not."""

    def resist(self, tape: Tape) -> None:
        """From now on the kernel answers wishes in another way."""

    def own(self, source: bytes) -> bool:
        """Whether the address is a guest's."""

    def answer(self, wish: Effect, world: World) -> Actuated | None:
        """Whether there is reason for the wish, and what became of it."""

    def says(self, sent: Evb | EvbDraft, world: World) -> None:
        """Whether there is reason to say so."""

    def settled(self, world: World) -> None:
        """What holds after every event, once its wishes have been performed."""

    def dark(self, world: World) -> None:
        """What holds when nothing has happened for a while, and no probe has come back meanwhile."""

    def over(self, world: World) -> None:
        """What holds when nothing has happened for a while."""


class World:
    """What happens to a role's core. `seen` counts it by label, so that one can tell whether a tape got anywhere."""

    def __init__(self, tape: Tape, role: Role, seen: Counter[str]) -> None:
        self.now = 0.0
        self.port: LinkState | None = _PORT
        self.released = False
        self.frames = 0  # heard
        self.reflects = True
        self.proven = False  # a probe came back, and the link has been up since
        self.listener = Listener(_OURS, LIMIT, drafts=role.drafts)
        self.seen = seen
        self._tape, self._role = tape, role
        self._frames_leave = True
        self._disturbed = 0.0  # when something happened last
        self._wakes = 0
        self._probes: list[bytes] = []  # the last ones that left, and what taught the switch
        self._on_their_way: list[bytes] = []
        self._last = frame(Tape(b""))
        self._sent: dict[str, list[float]] = {}

    @property
    def hears(self) -> bool:
        """A port with carrier and an address."""
        return self.port is not None and self.port.up and self.port.carrier and self.port.address is not None

    # --- the tape

    def play(self) -> None:
        """To the end of the tape and a while beyond it."""
        self._perform(self._role.look(self.port, self.now))
        while self._tape.more and self._wakes < _ENOUGH:
            step = Step(self._tape.number() % len(Step))
            self._disturbed = self._disturbed if step is Step.WAIT else self.now
            self._take(step)
            self.seen[step.name] += 1
            if step is not Step.OVERSLEEP:
                self._serve(self.now)
                self._settled()
        self._wait(_AFTERMATH)
        self._settled()
        self._role.over(self)
        assert largest(self._role.core) <= _ENTRIES, "a collection grows"
        assert weight(self._role.core) <= _ITSELF + LIMIT * len(Scope) * _NEIGHBOR, "memory grows"

    def _settled(self) -> None:
        vital = {address.octets for address in self._role.core.vital}
        assert self.listener.sources(self.now) <= vital, "frames of the EVB neighbor may be lost"
        self._role.settled(self)

    def _take(self, step: Step) -> None:
        tape = self._tape
        match step:
            case Step.HEAR:
                self._hear(frame(tape))
            case Step.HEAR_AGAIN:
                self._hear(self._last)
            case Step.HEAR_MUTATED:
                self._hear(mutated(tape))
            case Step.HEAR_TAGGED:
                self._hear(frame(tape), tape.pick((0, 1, 4094)))
            case Step.HEAR_LLDPDU:
                self._hear(wrapped(tape))
            case Step.HEAR_OCTETS:
                self._hear(tape.octets(tape.number()))
            case Step.WAIT:
                self._wait(tape.pick(WAITS))
            case Step.OVERSLEEP:
                self.now += tape.pick(WAITS)
            case Step.WAKE:
                self._wake()
            case Step.LINK:
                self._relink(tape)
            case Step.CHANGE:
                self._perform(self._role.change(tape, self))
                self._perform(self._role.look(self.port, self.now))
            case Step.RESIST:
                self._frames_leave = bool(tape.number() & 3)
                self._role.resist(tape)
            case Step.MISS:
                self.listener.forget()
                self._perform(self._role.core.missed(tape.number() + 1, self.now))
            case Step.OVERFLOW:
                self._role.core.overflowed(tape.number() + 1)
            case Step.SLEEP:
                self._lose_link()
                self._perform(self._role.core.slept(tape.pick(WAITS), self.now))
            case Step.REFLECT:
                self.reflects = bool(tape.number() & 1)
            case Step.HEAR_PROBE:
                self._hear_probe(tape)
            case Step.MISS_PROBES:
                self._perform(self._role.core.probes_missed(self.now))
            case Step.RELEASE:
                if tape.number() == 0:  # seldom, because little happens behind it
                    self.released = True
                    self._perform(self._role.core.release(self.now))

    def _hear(self, octets: bytes, vlan: int | None = None) -> None:
        self._last = octets
        self.frames += 1
        if self.hears and not self._own(octets[6:12]):
            self.listener.hear(octets, vlan, self.now)
        self._perform(self._role.core.receive(octets, vlan, self.now))

    def _hear_probe(self, tape: Tape) -> None:
        """One of ours comes back late or again, as it was or with an octet changed."""
        octets = bytearray(tape.pick(self._probes or [self._last]))
        at, change = tape.number(), tape.number()
        if octets:
            octets[at % len(octets)] ^= change
        self._hear(bytes(octets))

    def _own(self, source: bytes) -> bool:
        address = None if self.port is None else self.port.address
        return self._role.own(source) or (address is not None and address.octets == source)

    def _relink(self, tape: Tape) -> None:
        """What was heard counts for the link that it was heard on, as long as that lasts."""
        old, change = self.port or _PORT, tape.pick(LINKS)
        heard = self.hears
        self.port = None if change is None else replace(old, **change(old))
        if not heard or not self.hears or change in ANOTHER_LINK:
            self._lose_link()
        self._perform(self._role.look(self.port, self.now))

    def _lose_link(self) -> None:
        """A link that comes up has all its credit again, and has proven nothing."""
        self.listener.forget()
        self.proven = False
        self._sent.clear()

    # --- time

    def _wait(self, seconds: float) -> None:
        until = self.now + seconds
        turns = self._serve(until)
        assert turns <= _BURST + _RATE * seconds, f"{turns} wake-ups in {seconds} s"
        self.now = until
        if self._frames_leave and not self.reflects and until - self._disturbed >= _DISPROVED:
            self._role.dark(self)

    def _serve(self, until: float) -> int:
        """All deadlines up to that moment, at the earliest now; how many there were."""
        turns = 0
        while self._role.core.deadline <= until:
            self.now = max(self.now, self._role.core.deadline)
            self._wake()
            turns += 1
        return turns

    def _wake(self) -> None:
        core = self._role.core
        self.listener.forget_old(self.now)
        self._wakes += 1
        self._perform(core.on_deadline(self.now, drained=True))
        assert core.deadline > self.now, f"at {self.now} the deadline is still {core.deadline}"

    # --- wishes

    def _perform(self, effects: list[Effect]) -> None:
        perform(self._role.core, effects, self._answer, self.now)
        while self._on_their_way:
            self.frames += 1
            self.proven = True
            back = self._role.core.receive(self._on_their_way.pop(0), None, self.now, self.now)
            perform(self._role.core, back, self._answer, self.now)

    def _answer(self, effect: Effect) -> Actuated | None:
        assert all(text.isprintable() for text in _texts(effect)), f"{effect} moves a cursor"
        if isinstance(effect, SendProbe):
            return self._probed(effect)
        if not isinstance(effect, SendFrame):
            return self._role.answer(effect, self)
        self._read(effect)
        self._pay(effect.scope)
        return Actuated(effect, {} if self._frames_leave else {effect.port: ENETDOWN})

    def _probed(self, sent: SendProbe) -> Actuated:
        """Both frames are short, name the port, and are a way and its way back."""
        assert self.port is not None
        teach, probe = Frame.decode(sent.teach), Frame.decode(sent.probe)
        assert sent.port == self.port.ifindex
        assert (teach.ethertype, probe.ethertype) == (ETHERTYPE_PROBE, ETHERTYPE_PROBE)
        assert (
            (probe.destination, probe.source) == (teach.source, teach.destination) == (self.port.address, probe.source)
        )
        assert not self._own(probe.source.octets), "nobody else may have the probe's address"
        assert len(sent.teach) == len(sent.probe) == MINIMUM
        if not self._frames_leave:
            return Actuated(sent, {sent.port: ENETDOWN})
        self._probes = [*self._probes, sent.teach, sent.probe][-_KEPT:]
        self._on_their_way += [sent.probe] if self.reflects else []
        return Actuated(sent, {}, at=self.now)

    def _read(self, sent: SendFrame) -> None:
        """A frame of ours is whole, from this port, without fault, and says what there is reason to say."""
        assert self.port is not None
        assert MINIMUM <= len(sent.octets) <= MAX_OCTETS + 14
        heard = Frame.decode(sent.octets)
        assert (sent.port, heard.source) == (self.port.ifindex, self.port.address)
        assert (heard.ethertype, heard.scope) == (ETHERTYPE_LLDP, Scope(sent.scope))
        pdu = Lldpdu.decode(heard.payload)
        assert (pdu.faults, pdu.unrecognized) == ((), 0)
        assert pdu.ttl == _TIMING.ttl or (pdu.ttl == 0 and self.released and not pdu.optional)
        spoken = [(tlv.key, len(tlv.value)) for tlv in pdu.optional if tlv.key in (Evb.KEY, EvbDraft.KEY)]
        assert spoken in _SPOKEN[heard.scope if pdu.ttl else None], (
            "EVB is spoken once, where it belongs, and no longer"
        )
        for evb in (pdu.read(Evb), pdu.read(EvbDraft)):
            if evb is not None:
                self._role.says(evb, self)

    def _pay(self, scope: str) -> None:
        """Nobody makes us send more than five frames at once and one each second (txCreditMax), and one goodbye."""
        times = [at for at in self._sent.get(scope, []) if at > self.now - 10.0]
        assert len(times) < _TIMING.credit + 10 + 1, f"{len(times)} frames in 10 s"
        self._sent[scope] = [*times, self.now]


def _texts(value: Any) -> list[str]:
    """Every text in a value of ours."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, tuple):
        return [text for each in value for text in _texts(each)]
    if isinstance(value, Mapping):
        return [text for pair in value.items() for each in pair for text in _texts(each)]
    if is_dataclass(value):
        return [text for field in fields(value) for text in _texts(getattr(value, field.name))]
    return []
