"""`evbagent explain`: each row and each obstacle in the words that an operator reads.

`python -m tests.cli.test_explain` writes the texts anew, to be read before they are kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from click.testing import CliRunner, Result

from evbagent import obstacles
from evbagent.cli import main
from evbagent.cli.explain import sentences
from evbagent.decision import ROWS, Policy, before, decide
from evbagent.effects import Actuated, Effect, SendFrame, SendProbe, SetModes
from evbagent.entry import EntrySettings
from evbagent.events import LinkState
from evbagent.explanation import Explainer, known
from evbagent.policy.document import Moment, document, status_of
from evbagent.probe.attempt import ProbeSettings
from evbagent.probe.machine import Probe
from evbagent.status import ConfiguredMode, MacvlanMode, Obstacle, Reason, UplinkStatus
from evbagent.uplink import Uplink, UplinkSettings
from evbagent.wire.evb import StationStatus
from evbagent.wire.octets import MacAddress
from tests.support.frames import HOST, IDENTITY, SWITCH, agents, bridge, perform
from tests.test_decision import DRAFTS, PROBED, TABLE, play

GOLDEN: Final = Path(__file__).parent.parent / "data" / "explanations.txt"
NOON: Final = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
VEPA, BRIDGE = MacvlanMode.VEPA, MacvlanMode.BRIDGE
PORT = LinkState(2, "eth0", HOST, up=True, carrier=True, carrier_ups=1)
GRANTED, WITHDRAWN = SWITCH.frame(bridge()), SWITCH.frame(bridge(control=False))


class Host:
    """An uplink with guests, above a kernel that refuses VEPA where it is told to."""

    def __init__(
        self, configured: UplinkSettings | None = None, hold_up: float = 0.0, probe: Probe | None = None
    ) -> None:
        entry = EntrySettings(hold_up=hold_up, flap_limit=2)
        self.uplink = Uplink("eth0", configured or UplinkSettings(), IDENTITY, agents(), 0.0, entry, probe=probe)
        self.modes = dict.fromkeys((7, 8), BRIDGE)
        self.refuses: set[MacvlanMode] = set()
        self.port: LinkState | None = PORT

    def sees(self, *others: LinkState) -> Host:
        links = [
            LinkState(i, f"tap{i}", MacAddress(bytes([2, 0, 0, 9, 9, i])), True, True, 1, lower=2, mode=mode)
            for i, mode in self.modes.items()
        ]
        return self._told(self.uplink.link(self.port, [*links, *others], 1.0), 1.0)

    def hears(self, frame: bytes, now: float = 2.0) -> Host:
        return self._told(self.uplink.receive(frame, None, now), now)

    def ends(self) -> Host:
        return self._told(self.uplink.release(3.0), 3.0)

    def _told(self, effects: list[Effect], now: float) -> Host:
        perform(self.uplink, effects, self._answer, now)
        return self

    def _answer(self, effect: Effect) -> Actuated | None:
        if isinstance(effect, SendFrame | SendProbe):
            return Actuated(effect, {})
        if not isinstance(effect, SetModes):
            return None
        self.modes |= {i: mode for i, mode in effect.modes.items() if not (i == 8 and mode in self.refuses)}
        errors = {i: 16 for i, mode in effect.modes.items() if self.modes[i] is not mode}
        return Actuated(effect, errors, modes={i: self.modes[i] for i in effect.modes})


def refusing() -> Host:
    host = Host()
    host.refuses = {VEPA}
    return host.sees().hears(GRANTED)


def flapping() -> Host:
    host = Host().sees()
    for now in (2.0, 4.0):
        host.hears(GRANTED, now).hears(SWITCH.frame(ttl=0), now + 1.0)
    return host.hears(GRANTED, 6.0)


def stuck() -> Host:
    host = Host().sees().hears(GRANTED)
    host.refuses = {BRIDGE}
    return host.hears(WITHDRAWN)


def gone(port: LinkState | None) -> Host:
    host = Host().sees().hears(GRANTED)
    host.port = port
    return host.sees()


def beside_others() -> Host:
    chosen = LinkState(9, "tap9", None, True, True, 1, lower=2, mode=MacvlanMode.PRIVATE)
    pod = LinkState(10, "pod10", None, True, True, 1, lower=2, mode=VEPA, foreign=True)
    many = [replace(chosen, ifindex=i, name=f"src{i}", mode=MacvlanMode.SOURCE) for i in range(20, 31)]
    return Host().sees(chosen, pod, *many).hears(GRANTED)


ROWS_PLAYED: Final = {**TABLE, **{f"draft {name}": played for name, played in DRAFTS.items()}}
OBSERVER = UplinkSettings(mode=ConfiguredMode.OBSERVE)
PROBE: Final = partial(Probe, "eth0", bytes(32), bytes(8), ProbeSettings())
SCENES: dict[str, Callable[[], Host]] = {
    "the daemon has ended": lambda: Host().sees().hears(GRANTED).ends(),
    "a guest refuses": refusing,
    "holding up": lambda: Host(hold_up=30.0).sees().hears(GRANTED),
    "locked out": flapping,
    "the probe has begun": lambda: (
        Host(probe=Probe("eth0", bytes(32), bytes(8), ProbeSettings())).sees().hears(GRANTED)
    ),
    "a guest does not leave": stuck,
    "no interface": lambda: gone(None),
    "no carrier": lambda: gone(replace(PORT, carrier=False)),
    "only observed, and it could be": lambda: Host(OBSERVER).sees().hears(SWITCH.frame(bridge(echo=StationStatus()))),
    "only observed, and it could not be": lambda: Host(OBSERVER).sees().hears(WITHDRAWN),
    "hands off": lambda: Host(UplinkSettings(apply=False)).sees().hears(GRANTED),
    "beside what is nobody's business": beside_others,
}


def status(name: str) -> UplinkStatus:
    if name in SCENES:
        return SCENES[name]().uplink.status
    if name in PROBED:
        return probed(name)
    configured, steps, *_ = ROWS_PLAYED[name]
    return play(configured, steps)[0]


def probed(name: str) -> UplinkStatus:
    """What an uplink would say that knows this."""
    policy, facts, mode, reason = PROBED[name]
    values = known(facts.evidence, facts.probe, silent=facts.inside and facts.expired)
    explanation = Explainer().explain(policy, decide(policy, facts).row, (), values, {}, 2.0)
    return replace(Host().sees().uplink.status, mode=mode, reason=reason, explanation=explanation)


def told(status: UplinkStatus) -> str:
    """Ten seconds after the start."""
    policy = document([status], host="host1", generation=1, moment=Moment(9.0, NOON))
    later = NOON + timedelta(seconds=1)
    (uplink,) = status_of(policy, later)["uplinks"]
    lines = [line for line in sentences(uplink, later) if not line.startswith("  row")]  # those are the table's
    return "".join(f"{line}\n" for line in lines)


def golden() -> dict[str, str]:
    blocks = GOLDEN.read_text(encoding="utf-8").split("==== ")[1:]
    return {name: text.rstrip("\n") + "\n" for name, _, text in (block.partition("\n") for block in blocks)}


TEXTS = golden()


@pytest.mark.parametrize("name", TEXTS)
def test_an_operator_reads_exactly_this(name: str) -> None:
    assert told(status(name)) == TEXTS[name]


def test_each_row_and_each_obstacle_has_its_text() -> None:
    explanations = [status(name).explanation for name in TEXTS]
    assert {explanation.sentence for explanation in explanations} == {row.sentence for row in ROWS}
    there = {value for value in vars(obstacles).values() if isinstance(value, Obstacle)}
    assert {obstacle for e in explanations for obstacle in e.obstacles} == there
    assert set(TEXTS) >= SCENES.keys()


# --- the command


def evbagent(*args: str) -> Result:
    return CliRunner().invoke(main, args)


def written(folder: Path, status: UplinkStatus, **changes: Any) -> str:
    """A policy document with that uplink, some of whose explanation may be another one."""
    policy = document([status], host="host1", generation=1, moment=Moment(9.0, NOON))
    policy["uplinks"]["eth0"]["explanation"] |= changes
    path = folder / "policy.json"
    path.write_bytes(msgspec.json.encode(policy))
    return str(path)


def test_people_read_it_line_by_line(tmp_path: Path) -> None:
    result = evbagent("explain", "eth0", "--policy", written(tmp_path, status("17: withdrawn")))
    assert result.exit_code == 0
    assert "The switch had relay on and has withdrawn it (row 17 of the decision table: VEB)." in result.output
    lines = result.output.splitlines()
    heading = lines.index("Rows that come before it, none of which holds:")
    passed = before(Policy.ASK, next(row for row in ROWS if row.reason is Reason.RR_WITHDRAWN))
    assert lines[heading + 1 : lines.index("", heading)] == [
        f"  row {row.numbers[0]} ({row.reason.value}): {row.sentence}" for row in passed
    ]
    assert len(lines) == len(TEXTS["17: withdrawn"].splitlines()) + len(passed)


def test_programs_get_the_uplink_with_ages_and_the_rows_that_come_before(tmp_path: Path) -> None:
    result = evbagent("explain", "-f", "json", "eth0", "--policy", written(tmp_path, status("17: withdrawn")))
    explained = json.loads(result.output)
    explanation = explained["uplink"]["explanation"]
    assert (explained["schema"], explained["uplink"]["name"]) == ("evbagent/explain/1", "eth0")
    assert (explanation["row"], explanation["reason"], explanation["obstacles"]) == ([17], "rr_withdrawn", [])
    (lost,) = [fact for fact in explanation["evidence"] if fact["what"] == "lost"]
    assert (lost["value"], lost["since"]) == ("withdrawn", "2026-11-22T11:59:53.000+00:00")
    assert lost["age_seconds"] == pytest.approx((datetime.now(UTC) - NOON).total_seconds() + 7.0, abs=60)
    assert [row["reason"] for row in explained["before"]] == ["multiple_peers", "peer_is_station", "peer_mode"]
    assert explained["before"][0]["row"] == [8]


UNKNOWN: dict[str, tuple[dict[str, Any], str]] = {
    # what a later version may write -> what is made of it
    "a reason": ({"reason": "moon", "sentence": "it is full", "row": [99]}, "It is full (row 99 of the decision"),
    "a piece of evidence": ({"evidence": [{"what": "moon", "value": 7, "since": NOON.isoformat()}]}, "  moon: 7  "),
    "another value of one": (
        {"evidence": [{"what": "link", "value": "slow", "since": NOON.isoformat()}]},
        "  link: slow  ",
    ),
    "something that is due": ({"pending": [{"what": "moon", "due": NOON.isoformat()}]}, "  moon now"),
    "text that is meant to harm": ({"sentence": "\x1b[2J"}, r"\x1b[2J (row"),
}


@pytest.mark.parametrize(("changes", "line"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_this_version_does_not_know_is_shown_as_it_is(tmp_path: Path, changes: dict[str, Any], line: str) -> None:
    result = evbagent("explain", "eth0", "--policy", written(tmp_path, status("17: withdrawn"), **changes))
    assert result.exit_code == 0
    assert any(each.startswith(line) for each in result.output.splitlines())


def test_a_document_that_is_none_is_said_to_be_none(tmp_path: Path) -> None:
    result = evbagent("explain", "eth0", "--policy", written(tmp_path, status("17: withdrawn"), row=None))
    assert (result.exit_code, result.exception.__class__) == (1, SystemExit)
    assert "is no policy document of this version" in result.output


def test_an_uplink_that_is_none_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, status("17: withdrawn"))
    assert evbagent("explain", "eth7", "--policy", path).exit_code == 5
    assert evbagent("explain", "--policy", path).exit_code == 2


if __name__ == "__main__":
    NAMES = [*TEXTS, *(name for name in SCENES if name not in TEXTS)]
    GOLDEN.write_text("\n".join(f"==== {name}\n{told(status(name))}" for name in NAMES), encoding="utf-8")
