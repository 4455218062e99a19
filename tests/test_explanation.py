"""What is said of a decision: its row, what stands in the way, what is known and since when."""

import math
from dataclasses import fields, replace

import pytest

from evbagent.decision import ROWS, Policy, before
from evbagent.events import EvbVersion, Loss, ProbeEvidence, ProbeFailure, RelayEvidence
from evbagent.explanation import Explainer, known
from evbagent.obstacles import LINK_DOWN, NO_INTERFACE
from evbagent.status import Fact, Mode, Obstacle, PeerStatus, Pending
from evbagent.wire.evb import EvbMode

SWITCH = RelayEvidence(
    requested=True,
    peers=1,
    crowded=True,
    peer=PeerStatus("00:00:5e:00:53:01", "ge-0/0/1", "tor1"),
    version=EvbVersion.RATIFIED,
    mode=EvbMode.BRIDGE,
    capable=True,
    control=False,
    echoed=True,
    acknowledged=True,
    answerable=False,
    lost=Loss.WITHDRAWN,
)
DISPROVED = ProbeEvidence(verified=False, since=1.0, failure=ProbeFailure.STOPPED)


def facts(explainer: Explainer, values: dict[str, bool | int | str], now: float, *there: Obstacle) -> list[Fact]:
    """What it says of these values, without the link."""
    link, *rest = explainer.explain(Policy.ASK, ROWS[0], there, values, {}, now).facts
    assert link.what == "link"
    return rest


def test_a_fact_keeps_its_time_while_it_is_so() -> None:
    explainer = Explainer()
    assert facts(explainer, {"a": 1, "b": "x"}, 1.0) == [Fact("a", 1, 1.0), Fact("b", "x", 1.0)]
    assert facts(explainer, {"a": 1, "b": "y"}, 2.0) == [Fact("a", 1, 1.0), Fact("b", "y", 2.0)]


def test_a_fact_that_was_gone_is_new() -> None:
    explainer = Explainer()
    facts(explainer, {"a": 1}, 1.0)
    assert facts(explainer, {}, 2.0) == []
    assert facts(explainer, {"a": 1}, 3.0) == [Fact("a", 1, 3.0)]


LINKS: dict[str, tuple[tuple[Obstacle, ...], str]] = {
    "up": ((), "up"),
    "down": ((LINK_DOWN,), "down"),
    "absent": ((NO_INTERFACE,), "absent"),
}


@pytest.mark.parametrize(("there", "link"), LINKS.values(), ids=LINKS.keys())
def test_the_link_is_a_fact_like_others(there: tuple[Obstacle, ...], link: str) -> None:
    explanation = Explainer().explain(Policy.ASK, ROWS[0], there, {}, {}, 1.0)
    assert (explanation.facts, explanation.obstacles) == ((Fact("link", link, 1.0),), there)


def test_timers_that_never_ring_are_left_out() -> None:
    timers = {"holding_up": 3.0, "attachments": math.inf}
    assert Explainer().explain(Policy.ASK, ROWS[0], (), {}, timers, 1.0).pending == (Pending("holding_up", 3.0),)


@pytest.mark.parametrize("policy", Policy, ids=lambda policy: policy.value)
def test_a_row_comes_after_those_of_its_policy(policy: Policy) -> None:
    rows = [row for row in ROWS if policy in row.policies]
    for index, row in enumerate(rows):
        explanation = Explainer().explain(policy, row, (), {}, {}, 1.0)
        assert (explanation.rows, explanation.sentence, explanation.cure) == (row.numbers, row.sentence, row.cure)
        assert before(policy, row) == tuple(rows[:index])


def test_no_two_rows_say_the_same_and_each_says_how_to_get_to_vepa() -> None:
    assert len({row.sentence for row in ROWS}) == len(ROWS)
    assert [row for row in ROWS if (row.cure is None) is not (row.mode is Mode.VEPA)] == []


def test_everything_that_the_evidence_says_is_known() -> None:
    assert known(SWITCH, DISPROVED, silent=True) == {
        "requested": True,
        "peers": 1,
        "crowded": True,
        "peer": "tor1 ge-0/0/1",
        "version": "ratified",
        "mode": "bridge",
        "capable": True,
        "control": False,
        "echoed": True,
        "acknowledged": True,
        "answerable": False,
        "lost": "withdrawn",
        "verified": False,
        "failure": "stopped",
        "silent": True,
    }
    assert list(known(SWITCH, DISPROVED, silent=True))[:-3] == [field.name for field in fields(RelayEvidence)]


UNSAID: dict[str, tuple[RelayEvidence, dict[str, object]]] = {
    "nobody": (RelayEvidence(False), {"requested": False, "peers": 0}),
    "a neighbor that is no bridge": (
        replace(SWITCH, mode=EvbMode.STATION, crowded=False, answerable=True, lost=None),
        {"requested": True, "peers": 1, "peer": "tor1 ge-0/0/1", "version": "ratified", "mode": "station"},
    ),
    "a neighbor without a name": (
        RelayEvidence(True, peers=1, peer=PeerStatus("00:00:5e:00:53:01", "ge-0/0/1", None)),
        {"requested": True, "peers": 1, "peer": "00:00:5e:00:53:01 ge-0/0/1"},
    ),
}


@pytest.mark.parametrize(("evidence", "facts"), UNSAID.values(), ids=UNSAID.keys())
def test_what_nobody_said_is_not_known(evidence: RelayEvidence, facts: dict[str, object]) -> None:
    assert known(evidence, ProbeEvidence(), silent=False) == facts
