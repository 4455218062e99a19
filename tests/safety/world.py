"""A host on a segment, in simulated time: the agent's core, the kernel under it, and a judge over both."""

from __future__ import annotations

import errno
import itertools
import math
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from evbagent.effects import Actuated, Effect, SendFrame, SendProbe, SetModes
from evbagent.entry import EntrySettings
from evbagent.events import LinkState
from evbagent.probe.attempt import ProbeSettings
from evbagent.probe.machine import Probe
from evbagent.status import MacvlanMode, Mode, ReflectiveRelay, State
from evbagent.uplink import Uplink, UplinkSettings
from evbagent.wire.octets import MacAddress
from tests.safety.agenda import Agenda
from tests.safety.judge import ASKING, Judge
from tests.safety.segment import INTRUDER, SWITCHES, Segment, Switch, Word, station_octet
from tests.support.frames import HOST, IDENTITY, Peer, agents, perform

__all__ = ["ENTRY", "World", "Wrong"]

VEPA, BRIDGE, PRIVATE = MacvlanMode.VEPA, MacvlanMode.BRIDGE, MacvlanMode.PRIVATE
ENTRY: Final = EntrySettings(hold_up=3.0, flap_limit=3, flap_window=60.0, lockout=60.0, longest_lockout=120.0)
PORT: Final = LinkState(2, "eth0", HOST, up=True, carrier=True, carrier_ups=1)
_PLANNED: Final = 10 * ENTRY.hold_up  # seconds in VEPA after which an announced withdrawal is no flap
_CABLE: Final = 5e-4  # seconds that a frame of the switch takes
_NOTICE: Final = 1e-3  # seconds until the agent is told that links changed
_PEACE, _FIGHTS, _REPAIRED = 120.0, 5, 10.1  # repairs beyond the fifth within that time wait so long
_RETRIED: Final = 5.1  # seconds until what the kernel refused is tried again
_WAKEUPS: Final = 300  # a second, of a core that has something to do
_STALE: Final = 0.1  # seconds, after which nobody waits for a probe any more
_HEALED: Final = 500.0  # seconds until all is well after the last lock-out and the last forgotten neighbor
_EPSILON: Final = 1e-6


class Wrong(AssertionError):
    """A wrong VEPA, or another promise that was broken."""


@dataclass
class Guest:
    """One attachment, and why its mode may not be what the agent wants."""

    mode: MacvlanMode
    refuses: frozenset[MacvlanMode] = frozenset()
    seen: bool = False  # the agent has looked since it was made, or changed by others
    stuck: bool = False  # the agent knows that it did not leave VEPA, or does not know that it did
    tried_at: float = -math.inf
    contested_at: float = -math.inf  # when others moved it away for one time too many
    fights: tuple[float, ...] = ()


class World:
    """Each method without underscore is something that happens; time passes by `passes`."""

    def __init__(self, relay: ReflectiveRelay, *, probed: bool, late: float, ttl: int, guests: int, limit: int) -> None:
        """`limit` is how often relay may come and go."""
        self.agenda = Agenda(late)
        self.judge = Judge(relay, ENTRY.hold_up, late, probed)
        self.segment = Segment(Switch(interval=max(1.0, ttl // 4), ttl=ttl))
        self.entered = 0  # how often guests were put into VEPA
        self._relay, self._ttl = relay, ttl
        self._lost = self._lost_probes = self._refused_probes = self._refused_frames = 0
        self._latency = 1e-5
        self._parrot = False
        self._unread = self._released = self._meddled = False
        self._probes: deque[tuple[float, bytes]] = deque(maxlen=32)
        self._said = b""
        self._wakeups: deque[float] = deque()
        self._entries: list[float] = []  # into VEPA, but for those that a planned withdrawal or the cable ended
        self._link_lost = False  # the event that is looked at took the link away, or brought another one
        self._index = itertools.count(11)
        self._guests = {next(self._index): Guest(BRIDGE) for _ in range(guests)}
        self._port: LinkState | None = PORT
        self._looked: LinkState | None = None
        probe = Probe("eth0", bytes(range(32)), b"the seed", ProbeSettings()) if probed else None
        settings = UplinkSettings(reflective_relay=relay)
        self._entry = replace(ENTRY, flap_limit=limit)
        self.uplink = Uplink("eth0", settings, IDENTITY, agents(), 0.0, self._entry, probe=probe)
        self._mode = self.uplink.status.mode
        self._look()
        self._every_interval()

    @property
    def now(self) -> float:
        return self.agenda.now

    def passes(self, seconds: float) -> None:
        self.agenda.run(self.now + seconds, lambda: self.uplink.deadline, self._on_deadline, self._check)

    # --- the switch, and others on the segment

    def relays(self, on: bool) -> None:
        """The switch's operator grants relay, or withdraws it."""
        self.segment.switch.grants = on
        self._settles()

    def forces(self, on: bool) -> None:
        """The same, whoever asks."""
        self.segment.switch.grants = self.segment.switch.forced = on
        self._settles()

    def behind(self, on: bool) -> None:
        """Relay changes, and nobody says so."""
        self._hairpin(on)

    def lies(self, word: Word) -> None:
        self.segment.switch.word = replace(word, echo=self.segment.switch.word.echo)
        self._says()

    def chatters(self, times: int, withdraws: bool) -> None:
        """The switch says something new of itself again and again, and the same of relay, or at the end something new
        of that, too."""
        switch = self.segment.switch
        for number in range(times if switch.speaks else 0):
            self._delivers(replace(switch.peer, name=f"name {number}"), switch.word, switch.ttl)
        if withdraws:
            self.relays(on=False)

    def stops_echoing(self, echoes: bool) -> None:
        self.segment.switch.echoes = echoes

    def mutes(self) -> None:
        """The switch's agent dies; the kernel under it goes on."""
        self.segment.switch.speaks = False

    def speaks(self) -> None:
        self.segment.switch.speaks = True
        self._says()

    def says_goodbye(self) -> None:
        switch = self.segment.switch
        switch.speaks = False
        self._delivers(switch.peer, switch.word, 0)

    def dies(self) -> None:
        self.segment.switch.speaks = False
        self._hairpin(False)

    def restarts(self, renamed: bool) -> None:
        """The switch forgets what it was asked for, and may come back under another name."""
        old = self.segment.switch
        peer = SWITCHES[(SWITCHES.index(old.peer) + 1) % len(SWITCHES)] if renamed else old.peer
        self._hairpin(False)
        self.segment.switch = Switch(peer, old.interval, old.ttl, old.grants, old.forced, old.echoes)
        self._says()

    def is_replaced(self, nth: int, reflects: bool, speaks: bool) -> None:
        """The cable goes to another switch, and the host sees no loss of carrier."""
        old = self.segment.switch
        self.segment.switch = Switch(SWITCHES[nth], old.interval, old.ttl, reflects, True, True, speaks)
        self._hairpin(reflects)
        if speaks:
            self._settles()

    def intrudes(self, word: Word) -> None:
        """A second neighbor."""
        self._delivers(INTRUDER, word, self._ttl)

    def intruder_leaves(self) -> None:
        self._delivers(INTRUDER, Word(), 0)

    def learns_the_host_elsewhere(self) -> None:
        self.segment.learnt[HOST.octets] = "elsewhere"

    def parrots(self, on: bool) -> None:
        """Somebody on the segment sends every probe back, but too late."""
        self._parrot = on

    def replays_probes(self) -> None:
        """Somebody on the segment sends back what is too old to be waited for."""
        for octets in [octets for left, octets in self._probes if self.now - left > _STALE]:
            self.agenda.arrives("probe", self.now, partial(self._hears_probe, octets, -math.inf))

    def _settles(self) -> None:
        switch = self.segment.switch
        self._hairpin(switch.should_reflect)
        switch.word = Word(capable=switch.grants, control=switch.should_reflect, echo=switch.word.echo)
        self._says()

    def _hairpin(self, on: bool) -> None:
        if self.segment.hairpin is not on:
            self.segment.hairpin = on
            self.judge.off_since = math.inf if on else self.now

    def _every_interval(self) -> None:
        if self.segment.switch.speaks:
            self._says()
        self.agenda.at(self.now + self.segment.switch.interval, self._every_interval)

    def _says(self) -> None:
        switch = self.segment.switch
        if switch.speaks:
            self._delivers(switch.peer, switch.word, switch.ttl)

    def _delivers(self, peer: Peer, word: Word, ttl: int) -> None:
        if self._lost:
            self._lost -= 1
            return
        frame = word.frame(peer, ttl)
        self.agenda.arrives("lldp", self.now + _CABLE, lambda: self._hears(peer, word, ttl, frame))

    def _hears(self, peer: Peer, word: Word, ttl: int, frame: bytes) -> None:
        if self._port is None or not self._port.enabled:
            return
        self.judge.hears(peer.address, word, ttl, self.now)
        self._perform(self.uplink.receive(frame, None, self.now))

    # --- what gets lost

    def loses(self, count: int) -> None:
        """The next LLDPDUs do not arrive."""
        self._lost = count

    def overflows(self, count: int, vital: bool) -> None:
        """LLDPDUs find no room in the receive buffer: such that may be the switch's, or none of them."""
        if vital:
            lost = count + self.agenda.drop("lldp")
            self.agenda.arrives("lldp", self.now, lambda: self._missed(lost))
        else:
            self.uplink.overflowed(count)

    def _missed(self, count: int) -> None:
        self.judge.forgets(self.now)
        self._perform(self.uplink.missed(count, self.now))

    def loses_probes(self, count: int) -> None:
        """The next ones do not come back."""
        self._lost_probes = count

    def misses_probes(self) -> None:
        """Frames of that kind were lost unheard."""
        self.agenda.drop("probe")
        self.judge.troubled(self.now)
        self.agenda.arrives("probe", self.now, lambda: self._perform(self.uplink.probes_missed(self.now)))

    def refuses_probes(self, count: int) -> None:
        """The next ones do not leave."""
        self._refused_probes = count

    def refuses_frames(self, count: int) -> None:
        self._refused_frames = count

    def is_slow(self, latency: float) -> None:
        """How long a probe is away."""
        self._latency = latency

    # --- the machine

    def stalls(self, seconds: float, links_first: bool) -> None:
        self.judge.troubled(self.now, seconds)
        self.agenda.stall(seconds, links_first=links_first)

    def sleeps(self) -> None:
        """The machine was suspended; what arrived meanwhile is thrown away."""
        self.agenda.drop("lldp")
        self.judge.troubled(self.now)
        self.judge.sleeps(self.now)
        self._link_lost = True
        self._perform(self.uplink.slept(3600.0, self.now))
        self._link_lost = False

    def releases(self) -> None:
        self._released = True
        self.judge.releases(self.now)
        self._perform(self.uplink.release(self.now))

    # --- links

    def loses_carrier(self) -> None:
        if self._port is not None:
            self._port = replace(self._port, carrier=False)
            self._notices()

    def goes_down(self) -> None:
        if self._port is not None:
            self._port = replace(self._port, up=False)
            self._notices()

    def comes_up(self) -> None:
        port = self._port or replace(PORT, ifindex=next(self._index), carrier=False)
        if not port.enabled:
            self._port = replace(port, up=True, carrier=True, carrier_ups=port.carrier_ups + 1)
            self._notices()

    def flaps(self) -> None:
        """Down and up again, before anybody looks."""
        self.loses_carrier()
        self.comes_up()

    def vanishes(self) -> None:
        """The interface goes, and the guests on it."""
        self._port = None
        self._guests.clear()
        self._notices()

    def is_another_interface(self) -> None:
        self._guests.clear()
        self._port = replace(PORT, ifindex=next(self._index))
        self._notices()

    def changes_address(self, last: int) -> None:
        if self._port is not None:
            self._port = replace(self._port, address=MacAddress(HOST.octets[:5] + bytes([last])))
            self.judge.troubled(self.now)
            self._notices()

    def looks(self) -> None:
        """The agent looks, although nothing has changed."""
        self._notices()

    def _notices(self, after: float = _NOTICE) -> None:
        self.agenda.arrives("link", self.now + after, self._look)

    def _look(self) -> None:
        old, new = self._looked, self._port
        enabled = new is not None and new.enabled
        anew = old is None or new is None or (old.ifindex, old.carrier_ups) != (new.ifindex, new.carrier_ups)
        self._looked = new
        self._link_lost = not enabled or anew
        self.judge.links(enabled=enabled, anew=anew, now=self.now)
        wanted = {each.ifindex: each.wanted for each in self.uplink.status.attachments}
        for index, guest in self._guests.items():
            if not guest.seen:
                self._notes_fight(guest, wanted.get(index, guest.mode))
            guest.seen = True
        managed = any(guest.mode is not PRIVATE for guest in self._guests.values())
        self.judge.guests_since = min(self.judge.guests_since, self.now) if managed else math.inf
        links = [
            LinkState(index, f"macvtap{index}", _address(index), True, True, 1, lower=2, mode=guest.mode)
            for index, guest in self._guests.items()
        ]
        self._perform(self.uplink.link(new, links, self.now))
        self._link_lost = False

    def _notes_fight(self, guest: Guest, wanted: MacvlanMode | None) -> None:
        if wanted in (None, guest.mode) or guest.stuck:
            return
        guest.fights = (*(at for at in guest.fights if self.now - at < _PEACE), self.now)
        if len(guest.fights) > _FIGHTS:
            guest.contested_at = self.now

    # --- guests

    def adds(self, mode: MacvlanMode, refuses: frozenset[MacvlanMode]) -> None:
        if self._port is not None and len(self._guests) < 5:
            self._meddled |= bool(refuses)
            self._guests[next(self._index)] = Guest(mode, refuses)
            self._notices()

    def removes(self, nth: int, noticed: bool) -> None:
        if self._guests:
            del self._guests[self._pick(nth)]
            self._notices(_NOTICE if noticed else 0.5)

    def somebody_sets(self, nth: int, mode: MacvlanMode) -> None:
        if self._guests:
            guest = self._guests[self._pick(nth)]
            if guest.mode is not mode and not guest.stuck:
                guest.mode, guest.seen, self._meddled = mode, False, True
            self._notices()

    def somebody_insists(self, nth: int, times: int) -> None:
        """Sets it to the other mode again and again, whatever the agent does."""
        for _ in range(times):
            if self._guests:
                now = self._guests[self._pick(nth)].mode
                self.somebody_sets(nth, BRIDGE if now is VEPA else VEPA)
                self.passes(0.01)

    def refuses(self, nth: int, modes: frozenset[MacvlanMode]) -> None:
        if self._guests:
            self._meddled = True
            self._guests[self._pick(nth)].refuses = modes

    def relents(self) -> None:
        for guest in self._guests.values():
            guest.refuses = frozenset()

    def loses_answers(self, unread: bool) -> None:
        """What the kernel says after a change can't be read."""
        self._unread, self._meddled = unread, True

    def plays_the_switch(self, nth: int, word: Word) -> None:
        """A guest sends what the switch would."""
        if self._guests:
            frame = bytearray(word.frame(self.segment.switch.peer, self._ttl))
            frame[6:12] = _address(self._pick(nth)).octets
            octets = bytes(frame)
            self.agenda.arrives("lldp", self.now, lambda: self._perform(self.uplink.receive(octets, None, self.now)))

    def reflects_lldp(self) -> None:
        """What the host said last comes back."""
        if self._said:
            octets = self._said
            self.agenda.arrives("lldp", self.now, lambda: self._perform(self.uplink.receive(octets, None, self.now)))

    def _pick(self, nth: int) -> int:
        here = sorted(self._guests)
        return here[nth % len(here)]

    # --- wishes

    def _perform(self, effects: list[Effect]) -> None:
        perform(self.uplink, effects, self._answer, self.now)
        mode = self.uplink.status.mode
        if mode is self._mode:
            return
        self._mode = mode
        if mode is Mode.VEPA:
            self._entries.append(self.now)
        elif self._entries:
            planned = self.now - self._entries[-1] >= _PLANNED and self.judge.withdrawn
            if planned or self._link_lost:
                self._entries.pop()

    def _answer(self, effect: Effect) -> Actuated | None:
        if isinstance(effect, SendFrame):
            return self._sends(effect)
        if isinstance(effect, SendProbe):
            return self._sends_probe(effect)
        return self._sets(effect) if isinstance(effect, SetModes) else None

    def _sends(self, wish: SendFrame) -> Actuated:
        self._check_words(wish.octets)
        if self._port is None or not self._port.enabled:
            return Actuated(wish, {wish.port: errno.ENETDOWN})
        if self._refused_frames:
            self._refused_frames -= 1
            return Actuated(wish, {wish.port: errno.ENOBUFS})
        self._said = wish.octets
        switch = self.segment.switch
        switch.hears(wish.octets)
        if switch.speaks and switch.should_reflect is not switch.word.control and switch.word.role == "bridge":
            self.agenda.at(self.now + _CABLE, self._settles)
        return Actuated(wish, {})

    def _sends_probe(self, wish: SendProbe) -> Actuated:
        if self._refused_probes or self._port is None or not self._port.enabled:
            self._refused_probes = max(0, self._refused_probes - 1)
            self.judge.troubled(self.now)
            return Actuated(wish, {wish.port: errno.ENOBUFS})
        left = self.now
        self._probes.append((left, wish.probe))
        self.segment.forwards(wish.teach)
        if self.segment.forwards(wish.probe) and not self._lost_probes:
            arrival = left + self._latency
            self.agenda.arrives("probe", arrival, lambda: self._hears_probe(wish.probe, left))
        elif self._parrot:
            self.agenda.arrives("probe", left + _STALE, lambda: self._hears_probe(wish.probe, -math.inf))
        self._lost_probes = max(0, self._lost_probes - 1)
        return Actuated(wish, {}, at=left)

    def _hears_probe(self, octets: bytes, left: float) -> None:
        if self._port is not None and self._port.enabled:
            self.judge.proves(left, self.now)
            self._perform(self.uplink.receive(octets, None, self.now, self.now))

    def _sets(self, wish: SetModes) -> Actuated:
        if VEPA in wish.modes.values():
            self._check_entry()
        errors = {}
        for index, mode in wish.modes.items():
            guest = self._guests.get(index)
            if guest is None:
                continue
            if guest.mode is PRIVATE and guest.seen:
                raise Wrong(f"guest {index} is private, and was told to be in {mode}")
            guest.tried_at = self.now
            if mode in guest.refuses:
                errors[index] = errno.EBUSY
            else:
                guest.mode = mode
            guest.stuck = mode is BRIDGE and (guest.mode is VEPA or self._unread)
        self._notices()
        if self._unread:
            return Actuated(wish, dict.fromkeys(wish.modes, errno.EPERM))
        return Actuated(wish, errors, modes={i: self._guests[i].mode for i in wish.modes if i in self._guests})

    def _on_deadline(self) -> None:
        self._wakeups.append(self.now)
        while self._wakeups[0] < self.now - 1.0:
            self._wakeups.popleft()
        if len(self._wakeups) > _WAKEUPS:
            raise Wrong(f"{len(self._wakeups)} deadlines within a second")
        self.judge.expires(self.now)
        self._perform(self.uplink.on_deadline(self.now, drained=True))

    # --- what must hold

    def _in_vepa(self) -> list[int]:
        """Guests that are in VEPA, and that nothing outside the agent excuses."""
        return [index for index, guest in self._guests.items() if guest.mode is VEPA and not self._excused(guest)]

    def _excused(self, guest: Guest) -> bool:
        if not guest.seen or self.now - guest.contested_at <= _REPAIRED:
            return True
        return guest.stuck and self.now - guest.tried_at <= _RETRIED

    def _check(self) -> None:
        judge, now = self.judge, self.now
        judge.expires(now)
        vepa = self._in_vepa()
        judge.inside = bool(vepa)
        if vepa and not judge.grounds:
            raise Wrong(f"guests {vepa} are in VEPA, and nothing allows it: {self._told()}")
        if vepa and now - judge.since < judge.hold_up - _EPSILON:
            raise Wrong(f"guests {vepa} are in VEPA, which was earned for {now - judge.since:g} s: {self._told()}")
        if vepa and judge.disproved(now):
            raise Wrong(f"guests {vepa} are in VEPA, {now - judge.off_since:g} s after relay went: {self._told()}")
        self._check_status()
        self._check_flaps()

    def _check_entry(self) -> None:
        self.entered += 1
        if not self.judge.grounds or self.now - self.judge.since < self.judge.hold_up - _EPSILON:
            raise Wrong(f"VEPA was entered after {self.now - self.judge.since:g} s: {self._told()}")

    def _check_words(self, octets: bytes) -> None:
        """What a frame says is so already."""
        said = station_octet(octets)
        vepa = self._in_vepa()
        if said is None or said & 3 == 0:
            if vepa:
                raise Wrong(f"the switch is told that there is no relay, and guests {vepa} are in VEPA")
        elif vepa and not self.judge.grounds:
            raise Wrong(f"a frame leaves before guests {vepa} do: {self._told()}")
        if said is not None and bool(said & 4) is not (self._relay in ASKING):
            raise Wrong(f"the switch is told {said:02X}")

    def _check_status(self) -> None:
        status = self.uplink.status
        known = {each.ifindex: each.mode for each in status.attachments}
        sure = {i: guest for i, guest in self._guests.items() if guest.seen and not guest.stuck and not self._unread}
        for index, guest in sure.items():
            if known.get(index) is not guest.mode:
                raise Wrong(f"guest {index} is in {guest.mode}, and is shown in {known.get(index)}")
        modes = {guest.mode for guest in sure.values()} - {PRIVATE}
        if len(sure) < len(self._guests) or not modes:
            return
        if status.mode is Mode.VEB and VEPA in modes and status.state is State.SETTLED:
            raise Wrong(f"guests are in VEPA, and VEB is shown: {self._told()}")
        if status.mode is Mode.VEPA and VEPA not in modes and status.state is not State.ENTERING:
            raise Wrong(f"guests are in VEB, and VEPA is shown: {self._told()}")

    def _check_flaps(self) -> None:
        recent = [at for at in self._entries if self.now - at < ENTRY.flap_window]
        self._entries = recent
        if len(recent) > self._entry.flap_limit and not self._meddled:
            raise Wrong(f"VEPA was entered at {recent}")

    def _told(self) -> str:
        status = self.uplink.status
        return f"{status.mode.value}, {status.state.value}, {status.reason.value} at {self.now:.4f} s"

    # --- the end

    def calms(self) -> None:
        """Nothing goes wrong any more, and guests have the time to enter VEPA, unless they are locked out."""
        self.relents()
        self._unread, self._latency, self._parrot = False, 1e-5, False
        self._lost = self._lost_probes = self._refused_probes = self._refused_frames = 0
        self.comes_up()
        self.stops_echoing(echoes=True)
        self.intruder_leaves()
        self.segment.switch.speaks = True
        self.forces(on=True)
        if not self._guests:
            self.adds(BRIDGE, frozenset())
        self.passes(3.5)

    def heals(self) -> None:
        """Guests get into VEPA at last, if anything was ever to allow it."""
        begin = self.now
        self.calms()
        self.adds(BRIDGE, frozenset())
        while self.now - begin < _HEALED and not self._healed():
            self.passes(5.0)
        if not self._healed():
            raise Wrong(f"nothing is wrong for {_HEALED:g} s: {self._told()}")

    def _healed(self) -> bool:
        modes = {guest.mode for guest in self._guests.values()} - {PRIVATE}
        never = self._released or self._relay is ReflectiveRelay.OFF
        return modes == {BRIDGE} if never else modes == {VEPA}


def _address(index: int) -> MacAddress:
    return MacAddress(bytes([0x52, 0x54, 0, 0, 0, index & 0xFF]))
