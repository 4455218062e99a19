"""Stories: what should happen on a link, step by step, each step checked against the kernel."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from evbagent.lab.lab import Lab, LabTimeout

__all__ = ["REPORT_SCHEMA", "Report", "Step", "StepFailed", "Story", "Teller"]

REPORT_SCHEMA: Final = "evbagent/lab/1"


class StepFailed(Exception):
    """A step did not hold; the text says what was seen instead."""


@dataclass(slots=True)
class Step:
    """One step as it went; `via_switch` is the kernel's count of frames in at the switch port."""

    name: str
    ok: bool = False
    seconds: float = 0.0
    frames_sent: int = 0
    frames_lost: int = 0
    via_switch: int = 0
    detail: str = ""


@dataclass(slots=True)
class Report:
    """How a story went; `settings` are those that it changed from the defaults."""

    story: str
    settings: dict[str, Any]
    steps: list[Step] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return bool(self.steps) and all(step.ok for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": REPORT_SCHEMA,
            "story": self.story,
            "ok": self.ok,
            "settings": self.settings,
            "steps": [asdict(step) for step in self.steps],
        }


class Teller:
    """Runs steps one after the other, keeps the report, and stops at the first that does not hold."""

    def __init__(self, lab: Lab, report: Report, on_step: Callable[[Step], None]) -> None:
        self.lab = lab
        self._report = report
        self._on_step = on_step
        self.seen = ""  # what kernel and agent said at the end of the last wait

    async def step(self, name: str, body: Callable[[Step], Awaitable[None]]) -> None:
        """Raises `StepFailed` where it does not hold."""
        step = Step(name)
        self._report.steps.append(step)
        began = time.monotonic()
        try:
            await body(step)
            step.ok = True
        except (StepFailed, LabTimeout) as failure:
            step.detail = str(failure)
            raise StepFailed(step.detail) from None
        finally:
            step.seconds = round(time.monotonic() - began, 3)
            self._on_step(step)

    async def traffic(self, step: Step, *, through_switch: bool, frames: int = 200) -> None:
        """Every guest reaches every other one, by the way that the mode says."""
        before = self.lab.via_switch()
        exchange = await self.lab.exchange(frames)
        step.frames_sent, step.frames_lost = exchange.sent, exchange.lost
        step.via_switch = self.lab.via_switch() - before
        if exchange.lost or exchange.duplicated:
            raise StepFailed(f"{exchange.lost} of {exchange.sent} frames lost, {exchange.duplicated} came twice")
        if through_switch and step.via_switch < exchange.sent:
            raise StepFailed(f"{exchange.sent} frames sent, but only {step.via_switch} seen at the switch port")
        if not through_switch and step.via_switch > exchange.sent // 10:  # LLDP itself is counted there too
            raise StepFailed(f"{step.via_switch} frames at the switch port, although guests are bridged in the host")


@dataclass(frozen=True, slots=True)
class Story:
    """A name, a sentence, what it changes, and how it is told."""

    name: str
    summary: str
    settings: dict[str, Any]
    tell: Callable[[Teller], Awaitable[None]]

    async def play(self, lab: Lab, on_step: Callable[[Step], None] = lambda _: None) -> Report:
        """Tell it in this lab; never raises for a step that does not hold, the report says so."""
        lab.agent.settings |= self.settings["agent"]
        report = Report(self.name, self.settings)
        with contextlib.suppress(StepFailed):  # it stands in the report, where the step that failed has its detail
            await self.tell(Teller(lab, report, on_step))
        return report
