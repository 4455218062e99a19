"""What kernel and agent say, and how a story waits until both say the same."""

from __future__ import annotations

from evbagent.lab.lab import Lab
from evbagent.lab.story import Teller
from evbagent.status import MacvlanMode

__all__ = ["modes", "said", "until"]


def said(lab: Lab) -> str | None:
    """Mode, state and reason in the policy document; None before there is one."""
    uplink = lab.agent.uplink
    return None if uplink is None else f"{uplink['effective']['mode']}, {uplink['state']}, {uplink['reason']}"


def modes(lab: Lab) -> str:
    """The guests' modes in the kernel."""
    return ", ".join(f"{name} {mode.value}" for name, mode in sorted(lab.modes().items()))


async def until(teller: Teller, mode: MacvlanMode, reason: str, seconds: float, *, state: str = "settled") -> float:
    """Until the kernel has every guest in that mode and the agent says why; how long it took. Raises `LabTimeout`."""
    lab, spoken = teller.lab, "vepa" if mode is MacvlanMode.VEPA else "veb"
    wanted = f"{spoken}, {state}, {reason}"
    what = f"every guest in {mode.value} and the agent saying '{wanted}'"
    try:
        return await lab.until(lambda: lab.all_in(mode) and said(lab) == wanted, seconds, what)
    finally:
        teller.seen = f"kernel: {modes(lab)}; agent: {said(lab)}"
