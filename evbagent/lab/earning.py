"""Steps that many stories share: VEPA is agreed on, earned again under traffic, and no sooner than `hold_up` says."""

from __future__ import annotations

import time
from typing import Final

from evbagent.lab.exposure import exposed
from evbagent.lab.lab import Lab
from evbagent.lab.seen import modes, said, until
from evbagent.lab.story import Step, StepFailed, Teller
from evbagent.status import MacvlanMode

__all__ = ["earned", "earned_with_traffic", "in_vepa"]

_PATIENCE: Final = 10.0
_ROUNDING: Final = 0.8  # the share of `hold_up` that is seen of it, for we see both of its ends a little late


async def in_vepa(teller: Teller, step: Step, reason: str) -> None:
    """The guests get into VEPA, and their frames through the switch."""
    await until(teller, MacvlanMode.VEPA, reason, _PATIENCE)
    await teller.traffic(step, through_switch=True)
    step.detail = teller.seen


async def earned(teller: Teller, reason: str, hold_up: float) -> float:
    """Wait for VEPA, which `hold_up` seconds of relay come before; how long they took. Raises `StepFailed`."""
    lab = teller.lab

    def holding_up() -> bool:
        if lab.all_in(MacvlanMode.VEPA):
            raise StepFailed(f"guests are in VEPA, and the agent never said that it waits (hold_up is {hold_up:g} s)")
        return said(lab) == "veb, entering, holding_up"

    await lab.until(holding_up, _PATIENCE, "the agent to say 'veb, entering, holding_up'")
    began = time.monotonic()
    await until(teller, MacvlanMode.VEPA, reason, hold_up + _PATIENCE)
    took = time.monotonic() - began
    if took < _ROUNDING * hold_up:
        raise StepFailed(f"guests were in VEPA {took:.2f} s after relay was back, and hold_up is {hold_up:g} s")
    return took


async def earned_with_traffic(teller: Teller, step: Step, reason: str, hold_up: float) -> None:
    """As `earned`, while guests' frames flow, of which none is lost."""
    async with exposed(teller.lab, step):
        took = await earned(teller, reason, hold_up)
    step.detail = f"relay had to be on for {took:.2f} s before guests used it; {_seen(teller.lab)}"


def _seen(lab: Lab) -> str:
    return f"kernel: {modes(lab)}; agent: {said(lab)}"
