"""Whether the machine slept. No machine of ours can be suspended, so the clocks are made up."""

from __future__ import annotations

import pytest

from evbagent.linux.suspend import Suspend

SLEPT = {
    "it did not": ([5.0, 5.0], [0.0]),
    "the clocks were read a moment apart": ([5.0, 5.02, 4.99], [0.0, 0.0]),
    "it did": ([5.0, 3605.0], [3600.0]),
    "it is told once": ([5.0, 65.0, 65.0], [60.0, 0.0]),
    "it did twice": ([5.0, 65.0, 66.0], [60.0, 1.0]),
}


@pytest.mark.parametrize(("readings", "told"), SLEPT.values(), ids=SLEPT.keys())
def test_how_long_the_machine_slept_since_the_last_look(readings: list[float], told: list[float]) -> None:
    clock = iter(readings)
    suspend = Suspend(lambda: next(clock))
    assert [round(suspend.seconds(), 3) for _ in told] == told


def test_this_machine_is_awake() -> None:
    assert Suspend().seconds() == 0.0
