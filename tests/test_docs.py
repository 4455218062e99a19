"""The documents name what the code has: every reason with its mode, every state, verb, story and fault."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

import evbagent
from evbagent.cli import main
from evbagent.decision import ROWS
from evbagent.lab.sabotage import SABOTAGES
from evbagent.lab.stories import STORIES
from evbagent.status import ConfiguredMode, Reason, ReflectiveRelay, State

ROOT = Path(evbagent.__file__).parents[1]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
MANUAL = (ROOT / "docs" / "evbagent.8").read_text(encoding="utf-8")


def table(head: str) -> dict[str, list[str]]:
    """The rows of the tutorial's table that begins like this, by the word in their first cell."""
    lines = iter(TUTORIAL.splitlines())
    assert any(line.startswith(head) for line in lines), f"the tutorial has no table that begins with {head!r}"
    rows = {}
    for line in lines:
        if not line.startswith("|"):
            break
        first, *others = [cell.strip() for cell in line.strip("|").split("|")]
        rows[first.strip("`")] = others
    return {name: cells for name, cells in rows.items() if name.strip("-")}


def test_the_tutorial_has_a_row_for_every_reason_with_its_mode() -> None:
    modes = defaultdict(set)
    for row in ROWS:
        modes[row.reason.value].add(row.mode.value.upper())
    rows = table("| reason |")
    assert rows.keys() == {reason.value for reason in Reason}
    assert {name: {cells[0]} for name, cells in rows.items() if name in modes} == modes


def test_the_tutorial_tells_every_value_of_reflective_relay_with_whether_the_switch_is_asked() -> None:
    rows = table("| `reflective_relay` |")
    assert rows.keys() == {value.value for value in ReflectiveRelay}
    assert {name for name, cells in rows.items() if cells[0] == "yes"} == {"auto", "probe", "assume"}


def test_the_tutorial_has_a_row_for_every_story() -> None:
    assert table("| story |").keys() == STORIES.keys()


def _section(name: str) -> str:
    """Of the manual page."""
    return MANUAL.partition(f".SH {name}\n")[2].partition("\n.SH ")[0]


NAMED: dict[str, tuple[str, Iterable[str]]] = {
    "reasons": (_section("REASONS"), [reason.value for reason in Reason]),
    "states": (_section("STATES"), [state.value for state in State]),
    "values of reflective_relay": (_section("CONFIGURATION"), [value.value for value in ReflectiveRelay]),
    "values of mode": (_section("CONFIGURATION"), [mode.value for mode in ConfiguredMode]),
    "verbs": (_section("COMMANDS"), main.list_commands(main.make_context("evbagent", ["version"]))),
}


@pytest.mark.parametrize(("section", "words"), NAMED.values(), ids=NAMED.keys())
def test_the_manual_page_names_all(section: str, words: Iterable[str]) -> None:
    bold = set(re.findall(r"[\w-]+", " ".join(re.findall(r"^\.BR? (.*)$", section, re.MULTILINE))))
    assert set(words) <= bold


def test_the_manual_page_names_every_fault_in_its_synopsis() -> None:
    faults = _section("SYNOPSIS").partition("sabotage\n.BR ")[2].partition(" ]")[0]
    assert set(faults.split(" | ")) == SABOTAGES.keys()


@pytest.mark.parametrize("state", list(State))
def test_the_tutorial_says_what_each_state_means(state: State) -> None:
    assert f"`{state.value}`" in TUTORIAL.partition("## 4. Watch it")[2].partition("###")[0]
