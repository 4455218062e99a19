"""The two roles of a port, each in front of a kernel, and what holds of its wishes whatever was heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from errno import EBUSY, EPERM
from typing import ClassVar, Final

from evbagent.effects import Actuated, Effect, Publish, SetHairpin, SetModes
from evbagent.events import LinkState
from evbagent.probe.attempt import ProbeSettings
from evbagent.probe.machine import Probe
from evbagent.status import ConfiguredMode, MacvlanMode, ReflectiveRelay, State
from evbagent.switchport import SwitchPort
from evbagent.uplink import Uplink, UplinkSettings
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import Evb, EvbMode, RrStatus
from evbagent.wire.evb_draft import DraftMode, EvbDraft
from tests.fuzz.tape import Tape
from tests.fuzz.words import PORT_NAME, guest
from tests.fuzz.world import LIMIT, Role, World, agents
from tests.support.frames import IDENTITY

__all__ = ["Host", "Switch", "port"]

VEPA, BRIDGE, PRIVATE = MacvlanMode.VEPA, MacvlanMode.BRIDGE, MacvlanMode.PRIVATE
_SETTINGS: Final = (
    UplinkSettings(),
    UplinkSettings(mode=ConfiguredMode.VEPA),
    UplinkSettings(mode=ConfiguredMode.VEB),
    UplinkSettings(reflective_relay=ReflectiveRelay.OFF),
    UplinkSettings(mode=ConfiguredMode.OBSERVE),
    UplinkSettings(apply=False),
    UplinkSettings(reflective_relay=ReflectiveRelay.PASSIVE),
    UplinkSettings(reflective_relay=ReflectiveRelay.PROBE),
    UplinkSettings(reflective_relay=ReflectiveRelay.ASSUME),
)
_ASKING: Final = (ReflectiveRelay.AUTO, ReflectiveRelay.PROBE, ReflectiveRelay.ASSUME)
_SCOPES: Final = ((Scope.NEAREST_CUSTOMER_BRIDGE,), tuple(Scope))
_MOST_GUESTS: Final = 6
_PATIENCE, _PAUSE, _PEACE = 5, 10.0, 120.0  # repairs at once, seconds before others, and seconds until that is over


def port(
    data: bytes,
    uplink: Callable[..., Uplink] = Uplink,
    switch_port: Callable[..., SwitchPort] = SwitchPort,
    seen: Counter[str] | None = None,
) -> None:
    """The first octet says which role; the others are the tape."""
    tape = Tape(data)
    first, seen = tape.number(), Counter() if seen is None else seen
    role: Role = Switch(first >> 1, switch_port) if first & 1 else Host(first >> 1, uplink)
    World(tape, role, seen).play()


class Host:
    """An uplink with guests. Nobody is wished into VEPA, or stays there, without the single live bridge's word."""

    drafts: ClassVar = True

    def __init__(self, choice: int, make: Callable[..., Uplink]) -> None:
        probed, index = divmod(choice // 2, len(_SETTINGS))
        settings = _SETTINGS[index]
        self._applies, self._relay = settings.applies, settings.reflective_relay
        self._uses = (
            settings.mode in (ConfiguredMode.AUTO, ConfiguredMode.VEPA) and self._relay is not ReflectiveRelay.OFF
        )
        self._asks = self._uses and self._relay in _ASKING
        self.probe = Probe(PORT_NAME, bytes(32), bytes(8), ProbeSettings()) if probed % 2 else None
        self.core = make(PORT_NAME, settings, IDENTITY, agents(_SCOPES[choice % 2]), 0.0, probe=self.probe)
        self._modes: dict[int, MacvlanMode] = {7: BRIDGE, 8: VEPA, 9: PRIVATE}
        self._foreign: dict[int, MacvlanMode] = {10: VEPA}
        self._told: set[bytes] = set()  # addresses of guests, as the core knows them
        self._refuses: dict[int, MacvlanMode] = {}
        self._unread = False
        self._stayed: set[int] = set() if self._applies else {7, 8}  # who is in VEPA and could not be taken out
        self._changes: dict[int, tuple[int, float]] = {}  # how often somebody else set a guest's mode, and when last

    def look(self, port: LinkState | None, now: float) -> list[Effect]:
        links = [
            LinkState(index, f"tap{index}", guest(index), True, True, 1, mode=mode, foreign=index in self._foreign)
            for index, mode in {**self._modes, **self._foreign}.items()
        ]
        self._told = {guest(index).octets for index in (*self._modes, *self._foreign)}
        return self.core.link(port, links, now)

    def own(self, source: bytes) -> bool:
        return source in self._told

    def change(self, tape: Tape, world: World) -> list[Effect]:
        """Somebody makes a guest, removes one, or sets its mode."""
        index = 7 + tape.number() % _MOST_GUESTS
        mode, foreign = tape.pick(((BRIDGE, False), (VEPA, False), (PRIVATE, False), (None, False), (VEPA, True)))
        self._modes.pop(index, None)
        self._foreign.pop(index, None)
        if mode is not None:
            (self._foreign if foreign else self._modes)[index] = mode
        times, last = self._changes.get(index, (0, 0.0))
        self._changes[index] = (times + 1 if world.now - last < _PEACE else 1), world.now
        if index not in self._modes:  # who is made anew under that number has refused nothing
            self._stayed.discard(index)
        if not self._applies:
            self._stayed.add(index)
        return []

    def resist(self, tape: Tape) -> None:
        """A guest's device refuses a mode, goes unseen, or the kernel's answers get lost; or all is well again."""
        index, what = 7 + tape.number() % _MOST_GUESTS, tape.pick((None, VEPA, BRIDGE, "gone", "unread"))
        self._unread = what == "unread"
        if what is None:
            self._refuses.clear()
        elif what == "gone":
            self._modes.pop(index, None)
        elif isinstance(what, MacvlanMode):
            self._refuses[index] = what

    def answer(self, wish: Effect, world: World) -> Actuated | None:
        if isinstance(wish, Publish):
            world.seen[f"{wish.status.state.value} {wish.status.mode.value} {wish.status.reason.value}"] += 1
            world.seen[f"{wish.status.relay.version} {wish.status.mode.value}"] += 1
        if not isinstance(wish, SetModes):
            assert not isinstance(wish, SetHairpin)
            return None
        assert self._applies, "nothing is applied"
        assert wish.uplink == PORT_NAME
        assert wish.modes
        assert not wish.modes.keys() & self._foreign.keys()
        assert set(wish.modes.values()) in ({VEPA}, {BRIDGE})
        assert all(self._modes.get(index) is not PRIVATE for index in wish.modes)
        if VEPA in wish.modes.values():
            assert self._may(world), "VEPA is wished without the word of the single live bridge"
        return self._set(wish)

    def _set(self, wish: SetModes) -> Actuated:
        errors = {index: EBUSY for index, mode in wish.modes.items() if self._refuses.get(index) is mode}
        taken = {i: mode for i, mode in wish.modes.items() if i in self._modes and i not in errors}
        self._modes |= taken
        self._stayed -= taken.keys()
        self._stayed |= {i for i in errors if self._modes.get(i) is VEPA and wish.modes[i] is BRIDGE}
        if self._unread:
            self._stayed |= wish.modes.keys()
            return Actuated(wish, dict.fromkeys(wish.modes, EPERM))
        return Actuated(wish, errors, modes={i: self._modes[i] for i in wish.modes if i in self._modes})

    def _may(self, world: World) -> bool:
        if not (self._uses and world.hears) or world.released:
            return False
        if world.listener.single(world.now, _grants, _draft_grants):
            return True
        proven = self.probe is not None and world.proven
        if not world.listener.quiet(world.now):
            return False
        if self._relay is ReflectiveRelay.ASSUME:
            return True
        return proven and (self._relay is ReflectiveRelay.PROBE or world.listener.lapsed)

    def says(self, sent: Evb | EvbDraft, world: World) -> None:
        if isinstance(sent, EvbDraft):
            if DraftMode.REFLECTIVE_RELAY in sent.configured_mode:
                assert self._asks, "relay is configured, and nobody wants it"
                assert world.listener.single(world.now, _never, _draft_offers), "relay is configured, and not offered"
            return
        assert sent.mode is EvbMode.STATION
        assert sent.station.rr_request is self._asks
        if sent.station.rr_status is RrStatus.TRUE:
            assert world.listener.single(world.now, _reflects), "relay is said to be on, and nobody said so"

    def settled(self, world: World) -> None:
        calm = {index: mode for index, mode in self._modes.items() if not self._contested(index, world.now)}
        vepa = {index for index, mode in calm.items() if mode is VEPA}
        proving = (
            self.probe is not None and self.core.status.relay.verified is None
        )  # nobody is moved until it is known
        if not self._may(world) or (BRIDGE in calm.values() and not proving):  # nobody, or all of them
            assert vepa <= self._stayed, f"guests {vepa - self._stayed} are in VEPA"
        self._count(world)

    def dark(self, world: World) -> None:
        if self.probe is not None:
            vepa = {i for i, mode in self._modes.items() if mode is VEPA and not self._contested(i, world.now)}
            assert vepa <= self._stayed, f"guests {vepa - self._stayed} are in VEPA, and no probe comes back"

    def _contested(self, index: int, now: float) -> bool:
        """Over whom somebody else fights, so that it is put right after a pause only."""
        times, last = self._changes.get(index, (0, 0.0))
        return times > _PATIENCE and now <= last + _PAUSE

    def over(self, world: World) -> None:
        assert self._pending(world) == 0, "a frame is counted by nobody"

    def _pending(self, world: World) -> int:
        """How many frames are not counted: each once, as one that came in or by the reason why it was none."""
        (port,) = self.core.ports(world.now)
        counters = [scope.counters for scope in port.scopes]
        ignored = [counter.discards.get(reason, 0) for counter in counters for reason in ("own", "no_agent")]
        frames = sum(counter.frames_in_total for counter in counters)
        probes = 0 if port.probe is None else port.probe.reflected + sum(port.probe.discards.values())
        return world.frames - frames - sum(ignored) - sum(port.discards.values()) - probes

    def _count(self, world: World) -> None:
        (port,) = self.core.ports(world.now)
        neighbors = [scope.neighbors for scope in port.scopes]
        assert max(neighbors) <= LIMIT
        assert 0 <= self._pending(world) <= sum(neighbors), "each neighbor's last frame may wait to be heard"
        for scope in port.scopes:
            world.seen["too many neighbors"] += scope.too_many_neighbors
            world.seen.update(scope.counters.discards.keys())
        world.seen.update(port.discards.keys())
        if port.probe is not None:
            world.seen.update(port.probe.discards.keys())
            world.seen[f"probe {port.probe.state}"] += 1
        assert (self.core.status.state is State.DOWN) is not world.hears


class Switch:
    """A port of a switch. Relay is wished for a single live station that asks, and announced once it is there."""

    drafts: ClassVar = False

    def __init__(self, choice: int, make: Callable[..., SwitchPort]) -> None:
        self.probe = None
        self._capable = bool(choice & 2)
        self.core = make(PORT_NAME, capable=self._capable, identity=IDENTITY, agents=agents(_SCOPES[choice % 2]))
        self._hairpin = False
        self._known: bool | None = False  # as last read back
        self._obeys: bool | None = True  # None: answers get lost

    def look(self, port: LinkState | None, now: float) -> list[Effect]:
        self._known = None if port is None else self._hairpin
        return self.core.link(None if port is None else replace(port, hairpin=self._hairpin), now)

    def own(self, source: bytes) -> bool:
        return False

    def change(self, tape: Tape, world: World) -> list[Effect]:
        """Relay is offered, or no longer; not by a switch agent that has gone."""
        self._capable = tape.pick((True, False)) and not world.released
        return self.core.offer(capable=self._capable, now=world.now)

    def resist(self, tape: Tape) -> None:
        self._obeys = tape.pick((True, False, None))

    def answer(self, wish: Effect, world: World) -> Actuated | None:
        if not isinstance(wish, SetHairpin):
            assert not isinstance(wish, SetModes | Publish)
            return None
        assert world.port is not None, "the interface is gone"
        assert wish.port == world.port.ifindex
        if wish.on:
            assert self._may(world), "relay is wished, and no single live station asks for it"
        if self._obeys is not False:
            self._hairpin = wish.on
        self._known = None if self._obeys is None else self._hairpin
        world.seen[f"hairpin {wish.on} {self._known}"] += 1
        return Actuated(wish, {} if self._obeys else {wish.port: EPERM}, hairpin=self._known)

    def _may(self, world: World) -> bool:
        if not (self._capable and world.hears) or world.released:
            return False
        return world.listener.single(world.now, _requests)

    def says(self, sent: Evb | EvbDraft, world: World) -> None:
        assert isinstance(sent, Evb)
        assert sent.mode is EvbMode.BRIDGE
        if sent.bridge.rr_control:
            assert self._known, "relay is announced before the flag is read back"
            assert self._may(world), "relay is announced, and no single live station asks for it"

    def settled(self, world: World) -> None:
        assert self.core.relay <= (self._known is True and self._may(world))
        world.seen["relay"] += self.core.relay

    def dark(self, world: World) -> None:
        pass

    def over(self, world: World) -> None:
        pass


# --- what a neighbor may say, as octets: the five of the ratified TLV, the nine of the draft's


def _grants(evb: bytes) -> bool:
    """A bridge (mode 1) that can reflect and does: RRCAP and RRCTR."""
    return evb[3] >> 6 == 1 and evb[0] & 0x03 == 0x03


def _reflects(evb: bytes) -> bool:
    """A bridge that has relay on, whether it can or not."""
    return evb[3] >> 6 == 1 and bool(evb[0] & 0x01)


def _requests(evb: bytes) -> bool:
    """A station (mode 2) that wants relay: RRREQ."""
    return evb[3] >> 6 == 2 and bool(evb[1] & 0x04)


def _never(_evb: bytes) -> bool:
    return False


def _draft_grants(draft: bytes) -> bool:
    """Relay is supported, and is all that is configured."""
    return bool(draft[0] & 0x40) and draft[2] & 0xC0 == 0x40


def _draft_offers(draft: bytes) -> bool:
    """Relay is supported."""
    return bool(draft[0] & 0x40)
