"""The story of relay that comes and goes: a few times guests follow it, then they stay where they are for a while."""

from __future__ import annotations

import time
from typing import Final

from evbagent.lab.agent import HOLD_UP
from evbagent.lab.earning import in_vepa
from evbagent.lab.exposure import exposed
from evbagent.lab.lab import Lab
from evbagent.lab.seen import until
from evbagent.lab.story import Step, StepFailed, Story, Teller
from evbagent.status import MacvlanMode

__all__ = ["FLAP"]

_LIMIT: Final = 3  # flap.limit's default: so many entries within the window, and no further one
_LOCKOUT: Final = 6.0
_PATIENCE: Final = 5.0
_ROUNDING: Final = 0.9


async def _flap(teller: Teller) -> None:
    lab = teller.lab

    async def hairpin_off() -> None:
        lab.switch.set_hairpin(on=False)

    async def negotiated(step: Step) -> None:
        await lab.switch.start()
        await lab.agent.start()
        await in_vepa(teller, step, "rr_active")
        lab.switch.die()  # or it would notice that its hairpin flag is turned

    async def comes_and_goes(step: Step) -> None:
        async with exposed(lab, step) as exposure:
            for entry in range(1, _LIMIT + 1):
                await until(teller, MacvlanMode.VEPA, "rr_active", _PATIENCE)
                await exposure.ends(hairpin_off)
                await until(teller, MacvlanMode.BRIDGE, "probe_failed", _PATIENCE)
                lab.switch.set_hairpin(on=True)
                step.detail = f"guests were in VEPA {entry} times, and left after "
                step.detail += ", ".join(f"{seconds:.3f}" for seconds in exposure.seconds) + " s"

    async def locked_out(step: Step) -> None:
        async with exposed(lab, step):
            await until(teller, MacvlanMode.BRIDGE, "flap_lockout", _PATIENCE, state="locked_out")
            began = time.monotonic()
            if not _verified(lab):
                raise StepFailed("guests are kept out of VEPA, and no frame of the probe comes back")
            step.detail = f"relay is on, and guests stay in the host; {teller.seen}"
            await until(teller, MacvlanMode.VEPA, "rr_active", _LOCKOUT + _PATIENCE)
            took = time.monotonic() - began
        if took < _ROUNDING * _LOCKOUT:
            raise StepFailed(f"guests were in VEPA again after {took:.1f} s, and flap.lockout is {_LOCKOUT:g} s")
        step.detail += f"; {took:.1f} s later they were in VEPA again"

    async def through_the_switch(step: Step) -> None:
        await in_vepa(teller, step, "rr_active")

    await teller.step("relay negotiated", negotiated)
    await teller.step(f"relay comes and goes {_LIMIT} times", comes_and_goes)
    await teller.step("relay is on again, and guests wait", locked_out)
    await teller.step("guests reach each other through the switch", through_the_switch)


def _verified(lab: Lab) -> bool:
    uplink = lab.agent.uplink
    return uplink is not None and uplink["relay"]["verified"] is True


FLAP: Final = Story(
    "flap",
    "relay comes and goes, until guests no longer follow it for a while",
    {"agent": {"hold_up": HOLD_UP, "flap": {"lockout": _LOCKOUT}}},
    _flap,
)
