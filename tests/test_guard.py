"""The guard's patience: counted from the moment at which the last daemon that was in charge went."""

import subprocess
import sys

import pytest

from evbagent.guard import Absence

WALKS: dict[str, list[tuple[float, float, float]]] = {
    # when no daemon was seen, the start of the one whose state is there, when that is to be released
    "one daemon": [(100.0, 5.0, 110.0), (103.0, 5.0, 110.0), (110.0, 5.0, 110.0)],
    "another one came and went": [(100.0, 5.0, 110.0), (104.0, 103.0, 114.0), (113.0, 103.0, 114.0)],
    "one came that left no word": [(100.0, 5.0, 110.0), (900.0, 5.0, 110.0)],
    "the guard began after the end": [(7.0, 5.0, 17.0)],
}


@pytest.mark.parametrize("steps", WALKS.values(), ids=WALKS.keys())
def test_a_release_is_due_a_grace_after_the_end_of_who_was_in_charge(steps: list[tuple[float, float, float]]) -> None:
    absence = Absence(10.0)
    assert [absence.due(started, now) for now, started, _ in steps] == [due for *_, due in steps]


def test_the_guard_is_small() -> None:
    script = "import sys, evbagent.guard; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"asyncio", "asyncio_dgram", "click", "hashlib", "prometheus_client", "pyroute2", "rich", "ssl", "yaml"}
    ours = {"evbagent.config", "evbagent.daemon.daemon", "evbagent.port", "evbagent.uplink"}
    assert (heavy | ours) & set(done.stdout.split()) == set()
