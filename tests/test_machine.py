"""Machines run to a fixed point along their arrows, and a machine that doesn't is a bug that shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.effects import Effect, Faulted
from evbagent.machine import Machine, MachineError


class Box(Enum):
    """The boxes of a figure with a way through and a circle."""

    A = "a"
    B = "b"
    C = "c"


def entered(box: Box, now: float) -> Effect:
    return Faulted("figure", box.value, str(now))


class Figure(Machine[Box]):
    """A to B to C and back to A; where it goes from each box is up to the test."""

    EDGES: ClassVar = frozenset({(Box.A, Box.B), (Box.B, Box.C), (Box.C, Box.A)})

    def __init__(self, exits: Mapping[Box, Box], boxes: int = 1000) -> None:
        super().__init__(Box.A)
        self.exits = exits
        self.boxes = boxes

    def _exit(self, now: float) -> Box | None:
        return self.exits.get(self.state) if self.boxes else None

    def _enter(self, now: float) -> Iterator[Effect]:
        self.boxes -= 1
        yield entered(self.state, now)


CIRCLE = {Box.A: Box.B, Box.B: Box.C, Box.C: Box.A}

RUNS: dict[str, tuple[dict[Box, Box], list[Box]]] = {
    "stays where no condition holds": ({}, []),
    "takes one step": ({Box.A: Box.B}, [Box.B]),
    "goes on until none holds": ({Box.A: Box.B, Box.B: Box.C}, [Box.B, Box.C]),
}


@pytest.mark.parametrize(("exits", "path"), RUNS.values(), ids=RUNS.keys())
def test_a_machine(exits: dict[Box, Box], path: list[Box]) -> None:
    figure = Figure(exits)
    assert figure.run(1.5) == [entered(box, 1.5) for box in path]
    assert figure.state is (path[-1] if path else Box.A)


def test_a_machine_at_rest_has_nothing_more_to_do() -> None:
    figure = Figure({Box.A: Box.B})
    figure.run(0.0)
    assert figure.run(1.0) == []


def test_a_way_without_an_arrow_is_a_bug_and_is_not_taken() -> None:
    figure = Figure({Box.A: Box.C})
    with pytest.raises(MachineError, match=r"^Figure has no arrow from Box\.A to Box\.C$"):
        figure.run(0.0)
    assert figure.state is Box.A


def test_an_arrow_to_itself_has_to_stand_in_the_figure_too() -> None:
    with pytest.raises(MachineError, match=r"no arrow from Box\.A to Box\.A$"):
        Figure({Box.A: Box.A}).run(0.0)


def test_a_machine_that_finds_no_rest_is_a_bug() -> None:
    with pytest.raises(MachineError, match=r"^Figure finds no rest in Box\.[ABC]$"):
        Figure(CIRCLE).run(0.0)


class Unfinished(Machine[Box]):
    """A figure with a condition and no box."""

    EDGES: ClassVar = Figure.EDGES

    def _exit(self, now: float) -> Box | None:
        return Box.B


@pytest.mark.parametrize("machine", [Machine(Box.A), Unfinished(Box.A)], ids=["no conditions", "no boxes"])
def test_a_figure_has_to_be_drawn_before_it_runs(machine: Machine[Box]) -> None:
    with pytest.raises(NotImplementedError):
        machine.run(0.0)


@settings(deadline=None)
@given(st.integers(0, 200))
def test_a_machine_goes_as_far_as_its_conditions_lead_and_never_without_end(boxes: int) -> None:
    figure = Figure(CIRCLE, boxes)
    try:
        effects = figure.run(0.0)
    except MachineError:
        assert boxes > 50  # far more than any figure of IEEE 802 enters at once
    else:
        assert effects == [entered([Box.B, Box.C, Box.A][n % 3], 0.0) for n in range(boxes)]
        assert boxes < 100
