"""The lab's stories of relay that fails: each holds, and none holds for a daemon that lacks what it is about."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any, Final

import pytest

from evbagent.lab.sabotage import SABOTAGES

pytestmark = [pytest.mark.netns, pytest.mark.slow]

LONGEST: Final = 40.0  # seconds; nobody watches a demonstration for longer
STORIES: Final[dict[str, tuple[dict[str, Any], set[str]]]] = {
    # what it changes from the defaults, and the steps in which frames may be lost
    "silent-loss": ({"agent": {"hold_up": 1.0}}, {"relay gone behind everybody's back"}),
    "mute-switch": (
        {"agent": {"hold_up": 1.0, "uplinks": {"eth0": {"mode": "auto", "reflective_relay": "probe"}}}},
        {"relay gone without a word"},
    ),
    "flap": ({"agent": {"hold_up": 0.2, "flap": {"lockout": 6.0}}}, {"relay comes and goes 3 times"}),
    "moved-cable": (
        {"agent": {"hold_up": 1.0}, "switch": {"lldp": {"interval": 1, "hold": 2}}},
        {"the switch restarts under another chassis ID"},
    ),
}


def play(story: str, *args: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report."""
    done = subprocess.run(
        [sys.executable, "-m", "evbagent", "lab", "--script", "--story", story, "-f", "json", *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, report


@pytest.mark.parametrize(("story", "settings", "lossy"), [(name, *rest) for name, rest in STORIES.items()])
def test_the_story_holds(story: str, settings: dict[str, Any], lossy: set[str]) -> None:
    began = time.monotonic()
    code, report = play(story)
    assert time.monotonic() - began < LONGEST
    assert [step for step in report["steps"] if not step["ok"]] == []
    assert (code, report["ok"], report["settings"]) == (0, True, settings)
    assert {step["name"] for step in report["steps"] if step["frames_lost"]} <= lossy
    for step in report["steps"]:
        assert step["detail"]
        if step["name"].startswith("guests reach each other"):
            through_the_switch = step["via_switch"] >= step["frames_sent"] > 0
            assert through_the_switch is not step["name"].endswith("inside the host")


FAILS: Final = [
    # story, fault, and the step at which it is found out
    ("silent-loss", "no-flip", "relay negotiated"),
    ("silent-loss", "no-probe", "relay gone behind everybody's back"),
    ("silent-loss", "no-hold-up", "relay back"),
    ("mute-switch", "no-probe", "the switch reflects without a word"),
    ("flap", "no-lockout", "relay is on again, and guests wait"),
    ("moved-cable", "no-probe", "cable in another port"),
    ("moved-cable", "no-hold-up", "cable in another port"),
]


@pytest.mark.parametrize(("story", "sabotage", "step"), FAILS)
def test_a_daemon_with_a_fault_is_found_out(story: str, sabotage: str, step: str) -> None:
    code, report = play(story, "--sabotage", sabotage)
    *before, last = report["steps"]
    assert (code, report["ok"]) == (1, False)
    assert (last["name"], last["ok"], [each for each in before if not each["ok"]]) == (step, False, [])
    assert last["detail"]


def test_every_fault_is_one_that_some_story_finds() -> None:
    assert {sabotage for _, sabotage, _ in FAILS} == SABOTAGES.keys()
