"""A short search of both targets, all that was ever found once more, and proof that a fault would be found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any, Final

import pytest

from evbagent.effects import Actuated, Effect, Faulted, SendFrame, SendProbe, SetModes
from evbagent.events import LinkState
from evbagent.status import MacvlanMode
from evbagent.switchport import SwitchPort
from evbagent.uplink import Uplink
from evbagent.wire.ethernet import Frame, FrameDiscarded
from evbagent.wire.evb import Evb, RrStatus, StationStatus
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.tlv import Tlv
from tests.fuzz.mutants import Finding, explore, mutants
from tests.fuzz.roles import port
from tests.fuzz.targets import TARGETS, found

VEPA, BRIDGE = MacvlanMode.VEPA, MacvlanMode.BRIDGE


def nothing(finding: Finding | None) -> None:
    if finding is not None:
        raise AssertionError(f"this input breaks it: {finding.octets.hex()}") from finding.error


def test_a_short_search_of_the_decoders_finds_nothing() -> None:
    target = TARGETS["decoder"]
    nothing(explore(target.run, target.seeds(), seed=1, runs=10_000))


# What has to happen in a search of a port, because otherwise the rest holds for want of it.
PLACES: Final = {
    *("settled vepa rr_active", "entering veb holding_up", "settled veb rr_withdrawn", "settled veb peer_lost"),
    *("settled veb multiple_peers", "settled veb released", "settled veb policy", "down veb peer_lost"),
    *("observing vepa rr_active", "settled veb rr_inconsistent", "settled veb peer_is_station", "draft vepa"),
    *("locked_out veb flap_lockout", "leaving vepa rr_withdrawn", "entering veb attachment_out_of_reach"),
    *("hairpin True True", "hairpin True False", "hairpin True None", "hairpin False False", "relay"),
    *("too_many_neighbors", "too many neighbors", "own", "no_agent", "missing_mandatory", "duplicate_mandatory"),
    *("settled vepa probe_proven", "settled vepa assumed", "settled veb probe_failed", "settled veb rr_contradicts"),
    *("settled veb port_security_suspected", "suspect vepa rr_active", "probe PROVEN", "probe DISPROVED"),
    *("probe_unsigned", "probe_replayed", "rate_limited"),
}


def test_a_short_search_of_a_port_leads_everywhere_and_finds_nothing() -> None:
    seen: Counter[str] = Counter()
    nothing(explore(lambda octets: port(octets, seen=seen), TARGETS["port"].seeds(), seed=1, runs=150))
    assert {place for place in PLACES if not seen[place]} == set()


FOUND: Final = [(name, file) for name in TARGETS for file in found(name)]


@pytest.mark.parametrize(("name", "file"), FOUND, ids=[file for _, file in FOUND])
def test_what_was_found_once_is_found_no_more(name: str, file: str) -> None:
    nothing(explore(TARGETS[name].run, [found(name)[file]], seed=1, runs=0))


def test_the_same_seed_gives_the_same_inputs() -> None:
    seeds = TARGETS["port"].seeds()
    one, same, other = (list(islice(mutants(seeds, seed), 100)) for seed in (1, 1, 2))
    assert one == same
    assert one != other


# --- faults that are planted, and must be found


class Raises(Uplink):
    """Some octets, far inside a frame, are too much for it."""

    def receive(self, octets: bytes, vlan: int | None, now: float, arrived: float | None = None) -> list[Effect]:
        if len(octets) > 200:
            raise KeyError(octets[200])
        return super().receive(octets, vlan, now, arrived)


class Hasty(Uplink):
    """Goes into VEPA where there is no reason to."""

    def on_deadline(self, now: float, *, drained: bool = False) -> list[Effect]:
        return [*super().on_deadline(now, drained=drained), SetModes(self.name, {7: VEPA})]


class Reluctant(Uplink):
    """Stays in VEPA when the switch takes relay away."""

    def receive(self, octets: bytes, vlan: int | None, now: float, arrived: float | None = None) -> list[Effect]:
        effects = super().receive(octets, vlan, now, arrived)
        return [each for each in effects if not (isinstance(each, SetModes) and BRIDGE in each.modes.values())]


class Deaf(Uplink):
    """Does not learn that its link lost its carrier."""

    def link(self, port: LinkState | None, *arguments: Any) -> list[Effect]:
        return super().link(None if port is None else replace(port, carrier=True), *arguments)


class Meddling(Uplink):
    """Touches a guest that somebody put into another mode."""

    def on_deadline(self, now: float, *, drained: bool = False) -> list[Effect]:
        return [*super().on_deadline(now, drained=drained), SetModes(self.name, {9: BRIDGE})]


class Spinning(Uplink):
    """Is always due."""

    @property
    def deadline(self) -> float:
        return 0.0


class Restless(Uplink):
    """Wakes up every millisecond."""

    woken = 0.0

    @property
    def deadline(self) -> float:
        return min(super().deadline, self.woken + 0.001)

    def on_deadline(self, now: float, *, drained: bool = False) -> list[Effect]:
        self.woken = now
        return super().on_deadline(now, drained=drained)


class Hoarding(Uplink):
    """Keeps who was ever heard."""

    def receive(self, octets: bytes, vlan: int | None, now: float, arrived: float | None = None) -> list[Effect]:
        self.__dict__.setdefault("sources", []).append(octets[6:12])
        return super().receive(octets, vlan, now, arrived)


class Swollen(Uplink):
    """Keeps what was ever heard, in one piece."""

    heard = b""

    def receive(self, octets: bytes, vlan: int | None, now: float, arrived: float | None = None) -> list[Effect]:
        self.heard += octets * 16
        return super().receive(octets, vlan, now, arrived)


class Forgetful(Uplink):
    """Counts no frame that is no LLDPDU."""

    def receive(self, octets: bytes, vlan: int | None, now: float, arrived: float | None = None) -> list[Effect]:
        try:
            Lldpdu.decode(Frame.decode(octets, vlan).payload)
        except FrameDiscarded:
            return []
        return super().receive(octets, vlan, now, arrived)


class Talkative(Uplink):
    """Answers every frame with one."""

    last: SendFrame | None = None

    def receive(self, octets: bytes, vlan: int | None, now: float, arrived: float | None = None) -> list[Effect]:
        effects = super().receive(octets, vlan, now, arrived)
        frames = [each for each in effects if isinstance(each, SendFrame)]
        self.last = frames[-1] if frames else self.last
        return effects if frames or self.last is None else [*effects, self.last]


class Credulous(Uplink):
    """Takes every probe that comes back for a proof, whatever it is."""

    def probes_missed(self, now: float) -> list[Effect]:
        return []

    def actuated(self, outcome: Actuated, now: float) -> list[Effect]:
        effects = super().actuated(outcome, now)
        if isinstance(outcome.effect, SendProbe) and not outcome.errors:
            effects += super().receive(outcome.effect.probe, None, now, now)
        return effects


class Colorful(Uplink):
    """Tells what would paint a terminal."""

    def on_deadline(self, now: float, *, drained: bool = False) -> list[Effect]:
        return [*super().on_deadline(now, drained=drained), Faulted(self.name, "red", "\x1b[31m")]


def rewritten(effects: list[Effect], change: Callable[[Tlv], Tlv]) -> list[Effect]:
    """The frames among them with another EVB TLV."""
    changed: list[Effect] = []
    for effect in effects:
        if isinstance(effect, SendFrame):
            frame = Frame.decode(effect.octets)
            pdu = Lldpdu.decode(frame.payload)
            optional = tuple(change(tlv) if tlv.key == Evb.KEY else tlv for tlv in pdu.optional)
            octets = replace(frame, payload=replace(pdu, optional=optional).encode()).encode()
            changed.append(replace(effect, octets=octets))
        else:
            changed.append(effect)
    return changed


class Longwinded(Uplink):
    """Sends an EVB TLV with an octet too many, which lldpad would write beyond a buffer."""

    def on_deadline(self, now: float, *, drained: bool = False) -> list[Effect]:
        return rewritten(super().on_deadline(now, drained=drained), lambda tlv: Tlv(tlv.type, tlv.value + b"\0"))


class Boastful(Uplink):
    """Says that relay is on."""

    def on_deadline(self, now: float, *, drained: bool = False) -> list[Effect]:
        boast = StationStatus(True, RrStatus.TRUE)
        return rewritten(
            super().on_deadline(now, drained=drained),
            lambda tlv: replace(Evb.decode(tlv.information), station=boast).tlv(),
        )


PLANTED: Final[dict[type[Uplink], type[Exception]]] = {
    Raises: KeyError,
    **dict.fromkeys((Hasty, Reluctant, Deaf, Meddling, Spinning, Restless, Hoarding, Swollen), AssertionError),
    **dict.fromkeys((Forgetful, Talkative, Credulous, Colorful, Longwinded, Boastful), AssertionError),
}


@pytest.mark.parametrize(("planted", "error"), PLANTED.items(), ids=[planted.__name__ for planted in PLANTED])
def test_a_fault_planted_in_an_uplink_is_found(planted: type[Uplink], error: type[Exception]) -> None:
    finding = explore(lambda octets: port(octets, uplink=planted), TARGETS["port"].seeds(), seed=1, runs=0)
    assert finding is not None
    assert type(finding.error) is error


class Premature(SwitchPort):
    """Takes every wish for fulfilled."""

    def actuated(self, outcome: Actuated, now: float) -> list[Effect]:
        return super().actuated(replace(outcome, hairpin=True), now)


class Trusting(SwitchPort):
    """Believes what it knew before frames were lost."""

    def missed(self, count: int, now: float) -> list[Effect]:
        return []


@pytest.mark.parametrize("planted", [Premature, Trusting])
def test_a_fault_planted_in_a_switch_port_is_found(planted: type[SwitchPort]) -> None:
    seeds = TARGETS["port"].seeds()
    finding = explore(lambda octets: port(octets, switch_port=planted), seeds, seed=1, runs=0)
    assert finding is not None
    assert type(finding.error) is AssertionError


def test_an_input_that_one_octet_makes_harmful_is_found_and_told() -> None:
    def harmed(octets: bytes) -> None:
        if octets[4:5] == b"\x7f":
            raise ZeroDivisionError

    finding = explore(harmed, [bytes(8)], seed=1, runs=10_000)
    assert finding is not None
    assert (finding.octets[4], type(finding.error)) == (0x7F, ZeroDivisionError)
    with pytest.raises(AssertionError, match=finding.octets.hex()):
        nothing(finding)
