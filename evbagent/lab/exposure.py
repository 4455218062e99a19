"""Traffic through a whole step: no frame may be lost but what guests sent to a switch that reflected no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from evbagent.lab.guests import Flow
from evbagent.lab.lab import Lab
from evbagent.lab.story import Step, StepFailed
from evbagent.status import MacvlanMode

__all__ = ["REACTION", "Exposure", "exposed"]

REACTION: Final = 0.35  # seconds in which the probe, as it is by default, finds out that relay is off
_RATE: Final = 1000.0  # frames a second
_FLOWING: Final = 100  # frames after which traffic is under way
_UNDER_WAY: Final = 10  # frames that may be on a cable when somebody looks
_PATIENCE: Final = 5.0
_STALL_COSTS: Final = 4.0  # seconds a second: after one of 20 ms the probe asks anew, which takes 60 ms more


class Exposure:
    """Counts the frames that guests sent while they were in VEPA and nothing came back."""

    def __init__(self, lab: Lab, flow: Flow) -> None:
        self._lab = lab
        self._flow = flow
        self.frames = 0
        self.seconds: list[float] = []

    async def ends(self, act: Callable[[], Awaitable[None]], *, within: float = REACTION) -> None:
        """Relay ends by `act`: `StepFailed` where guests leave VEPA later than `within` seconds, stalls of ours aside.

        A machine that is busy with something else keeps the daemon, or us, from a processor; the kernel says how long.
        """
        lab, flow = self._lab, self._flow
        waited, sent, began = self._waited(), flow.sent, time.monotonic()
        await act()
        await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), _PATIENCE, "every guest in bridge mode")
        took = time.monotonic() - began
        self.frames += flow.sent - sent
        self.seconds.append(took)
        waited = self._waited() - waited
        if took > within + _STALL_COSTS * waited:
            busy = f" (of which the processor was elsewhere for {waited:.3f} s)"
            raise StepFailed(f"guests left VEPA {took:.3f} s after relay had gone{busy}, {within:g} s are allowed")

    def _waited(self) -> float:
        """Seconds for which daemon and lab were ready to run, and did not (proc(5), schedstat)."""
        return sum(_runqueue_wait(process) for process in (str(self._lab.agent.pid), "self"))


@asynccontextmanager
async def exposed(lab: Lab, step: Step) -> AsyncIterator[Exposure]:
    """Guests' traffic while the block runs, counted in `step`; raises `StepFailed` where more is lost than exposed."""
    before = lab.via_switch()
    flow = lab.flow(rate=_RATE)
    exposure = Exposure(lab, flow)
    flow.start()
    try:
        await _flows(lab, flow)
        yield exposure
        await _flows(lab, flow)
    finally:
        exchange = await asyncio.to_thread(flow.stop)
        step.frames_sent, step.frames_lost = exchange.sent, exchange.lost
        step.via_switch = lab.via_switch() - before
    allowed = exposure.frames + _UNDER_WAY if exposure.seconds else 0
    if exchange.lost > allowed or exchange.duplicated:
        lost = f"{exchange.lost} of {exchange.sent} frames lost, {exchange.duplicated} came twice"
        raise StepFailed(f"{lost}; {exposure.frames} were sent while nothing came back")


async def _flows(lab: Lab, flow: Flow) -> None:
    """Until so many more frames have left."""
    wanted = flow.sent + _FLOWING
    await lab.until(lambda: flow.sent >= wanted, _PATIENCE, "traffic to be under way")


def _runqueue_wait(process: str) -> float:
    """0 where the kernel does not say, or the process has ended."""
    path = Path(f"/proc/{process}/schedstat")
    return int(path.read_text().split()[1]) / 1e9 if path.exists() else 0.0
