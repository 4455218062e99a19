"""The lab as its users run it: the scripted story, what it says when a step fails, and that it needs no rights."""

from __future__ import annotations

import json
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

import evbagent
from tests.support import peers

pytestmark = pytest.mark.netns

STEPS: Final = [
    "relay negotiated",
    "guests reach each other through the switch",
    "relay withdrawn",
    "guests reach each other inside the host",
    "relay back",
    "switch agent dies silently",
    "relay dies too",
]


def lab(*args: str, within: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*within, sys.executable, "-m", "evbagent", "lab", *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd="/",
    )


def held(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The report of a story of which every step held."""
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["ok"] is True
    assert [(step["name"], step["ok"]) for step in report["steps"]] == [(name, True) for name in STEPS]
    return report


@pytest.mark.slow
def test_the_story_holds_and_reports_what_it_measured() -> None:
    report = held(lab("--script", "-f", "json", "--guests", "3"))
    assert (report["schema"], report["story"]) == ("evbagent/lab/1", "basic")
    assert report["settings"] == {"agent": {"hold_up": 0.2}, "switch": {"lldp": {"interval": 1, "hold": 2}}}
    for step in report["steps"]:
        assert step.keys() == {"name", "ok", "seconds", "frames_sent", "frames_lost", "via_switch", "detail"}
        assert step["seconds"] > 0
        assert step["detail"]
        assert step["frames_lost"] == 0
    by_name = {step["name"]: step for step in report["steps"]}
    through, inside = by_name[STEPS[1]], by_name[STEPS[3]]
    assert through["via_switch"] >= through["frames_sent"] > 0
    assert inside["frames_sent"] > 10 * inside["via_switch"]


@pytest.mark.slow
def test_the_story_of_a_restart_holds() -> None:
    done = lab("--script", "-f", "json", "--story", "restart")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["settings"] == {"agent": {"hold_up": 0.2, "guard": {"grace": 3.0}}}
    assert [(step["name"], step["ok"], step["frames_lost"]) for step in report["steps"]] == [
        ("relay negotiated, with a guard", True, 0),
        ("daemon killed and started again", True, 0),
        ("daemon restarted", True, 0),
        ("daemon killed for good", True, 0),
        ("daemon back after all", True, 0),
    ]
    for step in report["steps"][1:3]:
        assert step["via_switch"] >= step["frames_sent"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("story", ["basic", "restart"])
def test_a_sabotaged_daemon_is_found_out(story: str) -> None:
    done = lab("--script", "-f", "json", "--sabotage", "no-flip", "--story", story)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["ok"] is False
    *before, last = report["steps"]
    assert all(step["ok"] for step in before)
    assert last["ok"] is False
    assert "every guest in vepa" in last["detail"]


def test_stories_are_listed() -> None:
    done = lab("--story", "list")
    assert done.returncode == 0
    assert done.stdout.startswith("basic ")
    listed = json.loads(lab("--story", "list", "-f", "json").stdout)
    assert listed["schema"] == "evbagent/stories/1"
    assert "basic" in [story["name"] for story in listed["stories"]]


def test_a_story_that_does_not_exist_is_refused() -> None:
    done = lab("--script", "--story", "bassic")
    assert done.returncode == 2
    assert "'bassic'" in done.stderr
    assert "basic" in done.stderr


NOBODY: Final = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all"),
)


def _enterable(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def reachable(kept: Path) -> tuple[str, ...]:
    """A prefix for a command whose user may not enter all the folders on the way to interpreter and repository.

    Mounts that nobody else sees lay an empty folder over the first such one, with what is needed put back in it; in the
    meantime `kept` holds that.
    """
    needed = [Path(path).resolve() for path in (sys.base_prefix, sys.prefix, Path(evbagent.__file__).parents[1])]
    barriers = {
        path: barrier
        for path in needed
        if (barrier := next((folder for folder in reversed(path.parents) if not _enterable(folder)), None))
    }
    places = {shlex.quote(str(path)): shlex.quote(str(kept / str(n))) for n, path in enumerate(barriers)}
    lines = ["set -e", "umask 022"]
    lines += [f"mkdir -p {place} && mount --bind {path} {place}" for path, place in places.items()]
    lines += [f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(barrier))}" for barrier in set(barriers.values())]
    lines += [f"mkdir -p {path} && mount --bind {place} {path}" for path, place in places.items()]
    return "unshare", "--mount", "sh", "-c", "\n".join([*lines, 'exec "$@"']), "sh"


@pytest.mark.slow
def test_the_story_holds_without_any_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rights = subprocess.run([*NOBODY, "cat", "/proc/self/status"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"^Uid:\s+65534\s+65534\s", rights, re.MULTILINE)
    assert set(re.findall(r"^Cap\w+:\s+(\w+)$", rights, re.MULTILINE)) == {"0" * 16}
    refusal = subprocess.run([*NOBODY, "unshare", "-Urn", "true"], capture_output=True, text=True, check=False)
    if refusal.returncode != 0:
        peers.skip(f"user namespaces are not allowed here: {refusal.stderr.strip()}")
    monkeypatch.delenv("TMPDIR", raising=False)
    held(lab("--script", "-f", "json", within=(*reachable(tmp_path), *NOBODY)))
