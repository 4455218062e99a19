"""The story of a cable that moves to another port of the switch, and of a switch that comes back as another one."""

from __future__ import annotations

import time
from typing import Any, Final

from evbagent.lab.earning import earned_with_traffic, in_vepa
from evbagent.lab.exposure import exposed
from evbagent.lab.lab import Lab
from evbagent.lab.seen import until
from evbagent.lab.story import Step, StepFailed, Story, Teller
from evbagent.lab.switch import SwitchSettings
from evbagent.status import MacvlanMode
from evbagent.wire.octets import MacAddress

__all__ = ["MOVED_CABLE"]

_HOLD_UP: Final = 1.0
_AT_ONCE: Final = 0.2  # seconds
_PACED: Final = 1.0  # seconds for which the kernel may keep a change of carrier to itself (linkwatch)
_OTHER_PORT: Final = "port2"
_OTHER_CHASSIS: Final = MacAddress.parse("02:00:00:00:00:ab")
_BEFORE: Final = SwitchSettings(interval=1.0, hold=2)  # TTL 3 s: the switch that is no more is soon forgotten
_AFTER: Final = SwitchSettings(interval=1.0, hold=2, chassis=_OTHER_CHASSIS)
_PATIENCE: Final = 5.0
_FEW: Final = 20  # frames


async def _moved_cable(teller: Teller) -> None:
    lab = teller.lab

    async def negotiated(step: Step) -> None:
        await lab.switch.start(_BEFORE)
        await lab.agent.start()
        await in_vepa(teller, step, "rr_active")

    async def pulled(step: Step) -> None:
        began = time.monotonic()
        lab.unplug()
        await until(teller, MacvlanMode.BRIDGE, "peer_lost", _PACED + _PATIENCE, state="down")
        took = time.monotonic() - began
        if took > _PACED + _AT_ONCE:
            raise StepFailed(f"guests left VEPA {took:.3f} s after the cable was pulled")
        step.detail = f"left VEPA after {took:.3f} s; {teller.seen}"

    async def plugged(step: Step) -> None:
        lab.plug(_OTHER_PORT)
        await lab.switch.start(_BEFORE)
        await _carried(lab)
        await earned_with_traffic(teller, step, "rr_active", _HOLD_UP)
        _expect(lab, port_id=_OTHER_PORT)
        step.detail += f"; the switch says that this is {_OTHER_PORT}"

    async def through_the_switch(step: Step) -> None:
        await in_vepa(teller, step, "rr_active")

    async def another_switch(step: Step) -> None:
        async def restart() -> None:
            lab.switch.die()
            await lab.switch.start(_AFTER)

        async with exposed(lab, step) as exposure:
            await exposure.ends(restart, within=_AT_ONCE)
        await until(teller, MacvlanMode.BRIDGE, "multiple_peers", _PATIENCE)
        step.detail = f"left VEPA after {exposure.seconds[0]:.3f} s; {teller.seen}"

    async def settled(step: Step) -> None:
        await earned_with_traffic(teller, step, "rr_active", _HOLD_UP)
        _expect(lab, chassis_id=str(_OTHER_CHASSIS))
        step.detail += f"; the switch is {_OTHER_CHASSIS} now"

    await teller.step("relay negotiated", negotiated)
    await teller.step("cable pulled", pulled)
    await teller.step("cable in another port", plugged)
    await teller.step("guests reach each other through the switch", through_the_switch)
    await teller.step("the switch restarts under another chassis ID", another_switch)
    await teller.step("the old one is forgotten", settled)
    await teller.step("guests reach each other through the switch again", through_the_switch)


async def _carried(lab: Lab) -> None:
    """Without carrier below them macvlans carry nothing, not even between guests of one host: until they do again.

    The switch port takes longer, for it forwards only after it has listened and learnt (STP).
    """
    deadline = time.monotonic() + _PATIENCE
    while (await lab.exchange(_FEW)).lost:
        if time.monotonic() > deadline:
            raise StepFailed(f"guests do not reach each other {_PATIENCE:g} s after the cable is in again")


def _expect(lab: Lab, **wanted: str) -> None:
    """The neighbor that the agent believes; raises `StepFailed` where it is another one."""
    uplink = lab.agent.uplink
    peer: dict[str, Any] = {} if uplink is None else uplink["relay"]["peer"] or {}
    if not wanted.items() <= peer.items():
        raise StepFailed(f"the agent's neighbor is {peer}, and not {wanted}")


MOVED_CABLE: Final = Story(
    "moved-cable",
    "the cable moves to another port of the switch, and the switch restarts under another chassis ID",
    {"agent": {"hold_up": _HOLD_UP}, "switch": {"lldp": {"interval": 1, "hold": 2}}},
    _moved_cable,
)
