"""Stories of switches that do not say what they do: one whose announcement is no longer true, one that says nothing."""

from __future__ import annotations

from typing import Final

from evbagent.lab.earning import earned_with_traffic, in_vepa
from evbagent.lab.exposure import exposed
from evbagent.lab.lab import Lab
from evbagent.lab.seen import until
from evbagent.lab.story import Step, StepFailed, Story, Teller
from evbagent.lab.topology import UPLINK
from evbagent.status import MacvlanMode

__all__ = ["MUTE_SWITCH", "SILENT_LOSS"]

_HOLD_UP: Final = 1.0
_PATIENCE: Final = 5.0


async def _silent_loss(teller: Teller) -> None:
    lab = teller.lab

    async def negotiated(step: Step) -> None:
        await lab.switch.start()
        await lab.agent.start()
        await in_vepa(teller, step, "rr_active")

    async def gone(step: Step) -> None:
        lab.switch.die()
        await _stops_reflecting(teller, step, "probe_failed")
        if not _announced(lab):
            raise StepFailed("the agent no longer hears the switch announce relay, so the probe was not alone")
        step.detail += "; the switch's last word, that relay is on, still stands"

    async def inside_the_host(step: Step) -> None:
        await teller.traffic(step, through_switch=False)
        step.detail = "guests reach each other, without the switch"

    async def back(step: Step) -> None:
        lab.switch.set_hairpin(on=True)
        await earned_with_traffic(teller, step, "rr_active", _HOLD_UP)

    async def through_the_switch(step: Step) -> None:
        await in_vepa(teller, step, "rr_active")

    await teller.step("relay negotiated", negotiated)
    await teller.step("relay gone behind everybody's back", gone)
    await teller.step("guests reach each other inside the host", inside_the_host)
    await teller.step("relay back", back)
    await teller.step("guests reach each other through the switch", through_the_switch)


async def _mute_switch(teller: Teller) -> None:
    lab = teller.lab

    async def nobody_speaks(step: Step) -> None:
        await lab.agent.start()
        await until(teller, MacvlanMode.BRIDGE, "no_peer", _PATIENCE)
        await teller.traffic(step, through_switch=False)
        step.detail = teller.seen

    async def reflects(step: Step) -> None:
        lab.switch.set_hairpin(on=True)
        await earned_with_traffic(teller, step, "probe_proven", _HOLD_UP)

    async def through_the_switch(step: Step) -> None:
        await in_vepa(teller, step, "probe_proven")

    async def gone(step: Step) -> None:
        await _stops_reflecting(teller, step, "probe_failed")

    async def inside_the_host(step: Step) -> None:
        await teller.traffic(step, through_switch=False)
        step.detail = "guests reach each other, without the switch"

    await teller.step("nobody announces relay", nobody_speaks)
    await teller.step("the switch reflects without a word", reflects)
    await teller.step("guests reach each other through the switch", through_the_switch)
    await teller.step("relay gone without a word", gone)
    await teller.step("guests reach each other inside the host", inside_the_host)


async def _stops_reflecting(teller: Teller, step: Step, reason: str) -> None:
    lab = teller.lab

    async def hairpin_off() -> None:
        lab.switch.set_hairpin(on=False)

    async with exposed(lab, step) as exposure:
        await exposure.ends(hairpin_off)
    await until(teller, MacvlanMode.BRIDGE, reason, _PATIENCE)
    step.detail = f"left VEPA after {exposure.seconds[0]:.3f} s, in which guests sent {exposure.frames} frames"
    step.detail += f"; {teller.seen}"


def _announced(lab: Lab) -> bool:
    """Whether the switch's word is still that relay is on."""
    uplink = lab.agent.uplink
    return uplink is not None and uplink["relay"]["operational"] is True


SILENT_LOSS: Final = Story(
    "silent-loss",
    "the switch stops reflecting while its announcement still says that it does",
    {"agent": {"hold_up": _HOLD_UP}},
    _silent_loss,
)
MUTE_SWITCH: Final = Story(
    "mute-switch",
    "a switch reflects and says nothing, and the operator lets frames that come back decide",
    {"agent": {"hold_up": _HOLD_UP, "uplinks": {UPLINK: {"mode": "auto", "reflective_relay": "probe"}}}},
    _mute_switch,
)
