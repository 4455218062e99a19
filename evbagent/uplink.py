"""One uplink: its ports' evidence and its attachments to one decision and the wishes that follow; pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from evbagent.adoption import Adoption
from evbagent.attachments import Attachments
from evbagent.dcb import KernelDcb
from evbagent.decision import Decision, Facts, Policy, Row, decide, policy_of, probe_is_asked
from evbagent.effects import Actuated, Effect, Faulted, Moved, Publish, SendFrame, SendProbe, SetModes
from evbagent.entry import Entry, EntrySettings, EntryState
from evbagent.evb.station import Station
from evbagent.events import LinkState, Loss
from evbagent.explanation import Explainer, known
from evbagent.legacy import Legacy
from evbagent.lldp.agent import AgentSettings
from evbagent.obstacles import standing
from evbagent.port import Identity, Port
from evbagent.probe.machine import Probe
from evbagent.status import (
    ConfiguredMode,
    DraftUse,
    Explanation,
    Fallback,
    Mode,
    NeighborStatus,
    Obstacle,
    PortStatus,
    Reason,
    RelayStatus,
    State,
    UplinkStatus,
    Would,
)
from evbagent.uplinksettings import UplinkSettings
from evbagent.wire.ethernet import Scope
from evbagent.wire.octets import MacAddress

__all__ = ["Uplink", "UplinkSettings"]

_FALLBACK: Final = {Fallback.VEB: Mode.VEB}
_SOURCES: Final = {Reason.PROBE_PROVEN: "probe", Reason.ASSUMED: "operator"}


class Uplink:
    """Leaving VEPA is immediate: the wish stands in the effects of the very call that brought the bad news."""

    def __init__(
        self,
        name: str,
        settings: UplinkSettings,
        identity: Identity,
        agents: Mapping[Scope, AgentSettings],
        now: float,
        entry: EntrySettings = EntrySettings(),  # noqa: B008  frozen
        *,
        draft: DraftUse = DraftUse.AUTO,
        probe: Probe | None = None,
    ) -> None:
        """`probe` proves relay with frames; without one the switch's word is all that there is."""
        self.name = name
        self._settings = settings
        self._policy = policy_of(settings.mode, settings.reflective_relay)
        self._proposed = Policy.ASK if settings.mode is ConfiguredMode.OBSERVE else self._policy
        told = [scope for scope, agent in agents.items() if agent.transmit]
        self._station = Station(name, request=self._policy.asks, draft=draft, scopes=told)
        self._port = Port(name, identity, agents, self._station, probe)
        self._attachments = Attachments(name, applies=settings.applies)
        self._released = False
        self._looked = False
        self._alarmed: Reason | None = None
        self._probing: int | None = None  # on which link the probe runs, by how many were lost before it
        self._unproven = False  # the probe runs, and has not yet said anything since it began to
        self._suspect = False
        self._entry = Entry(name, entry)
        self._explainer = Explainer()
        self.adoption = Adoption(name, self._entry)
        self._decision = self._decide()
        self._since = (now, Mode.VEB, State.DOWN, Reason.NO_PEER)
        self._status = self._collect(now)
        self.transitions: Counter[tuple[str, str, str]] = Counter()  # (from, to, reason)

    # --- what is known

    @property
    def deadline(self) -> float:
        """When `on_deadline` has something to do, the loop's clock in seconds."""
        return min(self._port.deadline, self._own_deadline)

    @property
    def _own_deadline(self) -> float:
        silent = self._station.silent_at if self._wanted is Mode.VEPA and not self._suspect else math.inf
        proof = self.adoption.deadline if self._unproven else math.inf
        return min(self._entry.deadline, self._attachments.deadline, silent, proof)

    @property
    def _known(self) -> tuple[object, ...]:
        """What is replaced by other objects where there is news."""
        return self._station.evidence, self._port.proof, self._port.dcbx

    @property
    def mode_errors(self) -> int:
        """Batches after which some attachment was not where it belongs."""
        return self._attachments.errors

    @property
    def drifts(self) -> int:
        """How often somebody else moved a managed attachment away from where it belongs."""
        return self._attachments.drifts

    @property
    def status(self) -> UplinkStatus:
        return self._status

    def ports(self, now: float) -> tuple[PortStatus, ...]:
        return (self._port.status(now),)

    def neighbors(self, now: float) -> tuple[NeighborStatus, ...]:
        """Who is known on its ports."""
        return self._port.neighbors(now)

    @property
    def own(self) -> frozenset[MacAddress]:
        """The addresses of its ports and of the guests on it."""
        return self._port.own

    # --- what happens

    def receive(self, octets: bytes, vlan: int | None, now: float, arrived: float | None = None) -> list[Effect]:
        """One frame that came in on the port; `vlan` as the kernel says, None for an untagged one.

        `arrived` is when the kernel had it, on the loop's clock, None where that is not known.
        """
        before = self._known
        effects = self._port.receive(octets, vlan, now, arrived)
        if self._suspect or self._is_news(before):  # what other frames cost must not grow with guests
            return self._after(effects, now)
        return effects

    def _is_news(self, before: tuple[object, ...]) -> bool:
        return any(new is not old for new, old in zip(self._known, before, strict=True))

    @property
    def vital(self) -> frozenset[MacAddress]:
        """Sources whose frames must be heard whatever else arrives."""
        return self._port.vital

    def overflowed(self, count: int) -> None:
        """So many frames were lost, none of them from a `vital` source."""
        self._port.overflowed(count)

    def probes_missed(self, now: float) -> list[Effect]:
        """Frames of the probe's kind were lost unheard."""
        before = self._known
        effects = self._port.probes_missed(now)
        return self._after(effects, now) if self._is_news(before) else effects

    def missed(self, count: int, now: float) -> list[Effect]:
        """So many frames were lost unheard: what they said is unknown, and one may have taken relay away."""
        return self._after(self._port.missed(count, now), now)

    def slept(self, seconds: float, now: float) -> list[Effect]:
        """The machine was suspended: what was known before counts no more."""
        return self._after(self._port.slept(seconds, now), now)

    def link(
        self,
        port: LinkState | None,
        attachments: Sequence[LinkState],
        now: float,
        others: frozenset[MacAddress] = frozenset(),
    ) -> list[Effect]:
        """The port, and all macvlan and macvtap devices on it, as the kernel has them now.

        `others` are the addresses that other interfaces of this host have.
        """
        drifted = self._attachments.look(attachments, self._wanted, now)
        if not self._looked:  # what is found at the start is nobody's change
            self._looked = True
            self._status = self._collect(now)
        guests = frozenset(link.address for link in attachments if link.address is not None)
        known = self.adoption.offer(port, attachments, now)
        effects = [*drifted, *self._port.link(port, guests, now, others, adopted=known)]
        return self._after([*self.adoption.conclude(self._decide(), now), *effects], now)

    def inherit(self, legacy: Legacy, now: float) -> list[Effect]:
        """Before the first look: what the daemon before this one left behind, times on the loop's clock."""
        self.adoption.inherit(legacy, now)
        return []

    def legacy(self, now: float) -> Legacy | None:
        """What a daemon after this one needs to know, None where it has nothing to go on with or to clear up."""
        if not self._settings.applies:
            return None
        return self.adoption.legacy(self._port, vepa=self._wanted is Mode.VEPA, now=now)

    def dcb(self, kernel: KernelDcb | None, now: float) -> list[Effect]:
        """What the port's driver says about DCB, None where it says nothing."""
        before = self._known
        effects = self._port.dcb(kernel)
        return self._after(effects, now) if self._is_news(before) else effects

    def on_deadline(self, now: float, *, drained: bool = False) -> list[Effect]:
        """Time has come for something; `drained` says that nothing is left to be read of the probe's frames."""
        before, due = self._known, self._own_deadline <= now
        self._attachments.retry(now)
        effects = self._port.on_deadline(now, drained=drained)
        if self._unproven:
            effects += self.adoption.unproven(now, drained=drained)
        return self._after(effects, now) if due or self._is_news(before) else effects

    def release(self, now: float) -> list[Effect]:
        """The agent stops: guests into the fallback first, then the shutdown LLDPDU."""
        self._released = True
        self._attachments.forget_failures()  # what did not leave is tried once more, for nobody will later
        return [*self._after([], now), *self._port.withdraw(now)]

    def actuated(self, outcome: Actuated, now: float) -> list[Effect]:
        """What became of a wish; success is what was read back, failure is tried again."""
        if isinstance(outcome.effect, SendFrame):
            self._port.actuated(outcome, now)
            if not outcome.errors:
                self._station.sent(outcome.effect)
            return []
        if isinstance(outcome.effect, SendProbe):
            before = self._known
            effects = self._port.actuated(outcome, now)
            return self._after(effects, now) if self._is_news(before) else effects
        if not isinstance(outcome.effect, SetModes):
            return []
        return [*self._attachments.outcome(outcome, now), *self._after([], now)]

    # --- what follows

    def _decide(self) -> Decision:
        return decide(Policy.NO if self._released else self._policy, self._facts)

    @property
    def _facts(self) -> Facts:
        return Facts(self._station.evidence, self._port.proof, self._entry.inside)

    @property
    def _ground(self) -> tuple[object, ...]:
        """What VEPA rests on: which link, and which switch where one speaks."""
        peer = self._station.evidence.peer
        return self._port.links_lost, *(() if peer is None else ((peer.chassis_id, peer.port_id),))

    def _ask_probe(self, now: float) -> list[Effect]:
        """The probe runs where it matters what it proves, and where a guest would suffer if nobody did."""
        if not self._port.probed:
            return []
        policy = Policy.NO if self._released else self._policy
        on = self._port.enabled and bool(self._attachments.managed) and probe_is_asked(policy, self._facts)
        if on and self._probing != self._port.links_lost:
            self._unproven = True
        self._probing = self._port.links_lost if on else None
        effects = self._port.probe(on=on, now=now)
        self._unproven = self._unproven and on and self._port.proof.verified is None
        return effects

    @property
    def _wanted(self) -> Mode:
        """Where guests belong now: VEPA needs a decision, a link, and a kernel that lets every attachment in."""
        earned = self._entry.inside and self._port.enabled and not self._attachments.refused
        return Mode.VEPA if earned else _FALLBACK[self._settings.fallback]

    @property
    def _waits_for_proof(self) -> bool:
        """The first guest has come: the probe begins only now, and its answer is on its way."""
        return self._wanted is Mode.VEPA and self._unproven

    def _after(self, effects: list[Effect], now: float) -> list[Effect]:
        """Decide anew; modes go before frames, because frames tell others what is already so."""
        before = self._decision.mode
        effects = [*effects, *self._ask_probe(now)]
        self._decision = self._decide()
        if self._decision.mode is not before:  # another target: what failed on the way to the old one is no news
            self._attachments.forget_failures()
        proven = self._entry.inside or not self._unproven
        allowed = self._decision.mode is Mode.VEPA and self._port.enabled and proven
        announced = self._decision.reason is Reason.RR_WITHDRAWN
        ground = self._ground
        effects += self._entry.evaluate(allowed=allowed, announced=announced, now=now, ground=ground)
        if self._wanted is not Mode.VEPA:
            self.adoption.end()
        modes = [] if self._waits_for_proof else self._attachments.wishes(self._wanted, now)
        if modes:  # what becomes of them is told when it is known
            return [*modes, *effects]
        old, self._status = self._status, self._collect(now)
        return [*effects, *self._told(old)]

    def _told(self, old: UplinkStatus) -> list[Effect]:
        """What others should know about the change, nothing where there is none."""
        new = self._status
        if new == old:
            return []
        why = self._why.sentence
        effects: list[Effect] = [Publish(new)]
        if new.mode is not old.mode:
            self.transitions[old.mode.value, new.mode.value, new.reason.value] += 1
            effects.append(Moved("uplink", self.name, old.mode.value, new.mode.value, new.reason.value))
        elif new.reason is not old.reason:
            effects.append(Moved("decision", self.name, old.reason.value, new.reason.value, why))
        alarm = new.reason if new.degraded and not self._released else None
        if alarm not in (None, self._alarmed):
            detail = f"mode vepa is configured and guests are in veb: {why}"
            effects.append(Faulted(self.name, "vepa_missed", detail))
        self._alarmed = alarm
        return effects

    # --- the snapshot

    def _state(self, effective: Mode) -> State:
        if not self._port.enabled:
            return State.DOWN
        if not self._settings.applies:
            return State.OBSERVING
        if effective is Mode.VEPA and self._wanted is not Mode.VEPA:
            return State.LEAVING  # to be seen only where the kernel does not let an attachment go
        if self._entry.state is EntryState.LOCKED_OUT:
            return State.LOCKED_OUT
        if self._suspect:
            return State.SUSPECT
        on_its_way = (
            self._waits_for_proof
            or effective is not self._wanted
            or self._attachments.refused
            or self._reason() is Reason.HOLDING_UP
        )
        return State.ENTERING if on_its_way else State.SETTLED

    def _collect(self, now: float) -> UplinkStatus:
        settings = self._settings
        effective = self._status.mode if self._waits_for_proof else self._attachments.mode(self._wanted)
        evidence = self._station.evidence
        silent = now >= self._station.silent_at or evidence.lost is Loss.EXPIRED
        self._suspect = self._wanted is Mode.VEPA and silent
        reason = self._reason()
        state = self._state(effective)
        if self._since[1:] != (effective, state, reason):
            self._since = (now, effective, state, reason)
        return UplinkStatus(
            name=self.name,
            ports=(self._port.name,),
            configured_mode=settings.mode,
            reflective_relay=settings.reflective_relay,
            fallback=settings.fallback,
            apply=settings.apply,
            mode=effective,
            backend=self._decision.backend,
            state=state,
            reason=reason,
            since=self._since[0],
            relay=self._relay(),
            attachments=self._attachments.statuses(self._wanted),
            dcbx=(self._port.dcbx,),
            would=None if settings.applies else Would(self._proposal().mode, self._proposal().reason),
            explanation=self._explanation(now),
        )

    @property
    def _obstacles(self) -> tuple[Obstacle, ...]:
        """All that keeps guests out of VEPA beside the evidence; what decides the reason stands first."""
        allowed = self._decision.mode is Mode.VEPA
        return standing(
            released=self._released,
            refused=self._attachments.refused,
            entry=self._entry.state if allowed else None,
            unproven=self._unproven and allowed,
            here=self._port.ifindex is not None,
            enabled=self._port.enabled,
            applies=self._settings.applies,
        )

    @property
    def _why(self) -> Obstacle | Row:
        """What the uplink's reason comes from."""
        return next((obstacle for obstacle in self._obstacles if obstacle.reason is not None), self._decision.row)

    def _reason(self) -> Reason:
        return self._why.reason or self._decision.reason

    def _proposal(self) -> Decision:
        """What the agent would do if it were let: as configured, or as `auto` where it only observes."""
        return decide(self._proposed, self._facts)

    def _explanation(self, now: float) -> Explanation:
        values = known(self._station.evidence, self._port.proof, silent=self._suspect)
        timers = {self._entry.state.value.lower(): self._entry.deadline, "attachments": self._attachments.deadline}
        return self._explainer.explain(self._proposed, self._proposal().row, self._obstacles, values, timers, now)

    def _relay(self) -> RelayStatus:
        evidence = self._station.evidence
        source = "evb_tlv" if evidence.peer is not None else _SOURCES.get(self._decision.reason)
        return evidence.status(verified=self._port.proof.verified, source=source)
