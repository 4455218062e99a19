"""The stories that the lab can tell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from evbagent.lab.agent import HOLD_UP
from evbagent.lab.flapping import FLAP
from evbagent.lab.lab import Lab
from evbagent.lab.moving import MOVED_CABLE
from evbagent.lab.seen import modes, until
from evbagent.lab.silence import MUTE_SWITCH, SILENT_LOSS
from evbagent.lab.story import Step, StepFailed, Story, Teller
from evbagent.lab.switch import SwitchSettings
from evbagent.status import MacvlanMode

__all__ = ["STORIES"]

_SHORT: Final = SwitchSettings(interval=1.0, hold=2)  # TTL 3 s: the story need not wait two minutes for an expiry
_TTL: Final = 3.0
_PATIENCE: Final = 5.0
_GRACE: Final = 3.0


async def _basic(teller: Teller) -> None:
    lab = teller.lab

    async def negotiated(step: Step) -> None:
        await lab.switch.start(_SHORT)
        await lab.agent.start()
        await until(teller, MacvlanMode.VEPA, "rr_active", _PATIENCE)
        await lab.until(lambda: lab.switch.confirmed, _PATIENCE, "the station to confirm relay")
        step.detail = f"relay asked for, granted, confirmed; {teller.seen}"

    async def through_the_switch(step: Step) -> None:
        await teller.traffic(step, through_switch=True)
        step.detail = "every frame between guests was counted in at the switch port"

    async def withdrawn(step: Step) -> None:
        lab.switch.offer(relay=False)
        await until(teller, MacvlanMode.BRIDGE, "rr_withdrawn", _PATIENCE)
        step.detail = f"hairpin {'on' if lab.switch.hairpin else 'off'}; {teller.seen}"

    async def inside_the_host(step: Step) -> None:
        await teller.traffic(step, through_switch=False)
        step.detail = "guests still reach each other, without the switch"

    async def restored(step: Step) -> None:
        lab.switch.offer(relay=True)
        await until(teller, MacvlanMode.VEPA, "rr_active", _PATIENCE)
        await teller.traffic(step, through_switch=True)
        step.detail = teller.seen

    async def falls_silent(step: Step) -> None:
        lab.switch.die()
        await until(teller, MacvlanMode.VEPA, "probe_proven", _TTL + 1.0, state="suspect")
        await teller.traffic(step, through_switch=True)
        step.detail = f"its word has expired (TTL {_TTL:g} s), and probes still come back; {teller.seen}"

    async def stops_reflecting(step: Step) -> None:
        lab.switch.set_hairpin(on=False)
        took = await until(teller, MacvlanMode.BRIDGE, "peer_lost", _PATIENCE)
        await teller.traffic(step, through_switch=False)
        step.detail = f"left VEPA {took:.2f} s after the switch stopped reflecting; {teller.seen}"

    await teller.step("relay negotiated", negotiated)
    await teller.step("guests reach each other through the switch", through_the_switch)
    await teller.step("relay withdrawn", withdrawn)
    await teller.step("guests reach each other inside the host", inside_the_host)
    await teller.step("relay back", restored)
    await teller.step("switch agent dies silently", falls_silent)
    await teller.step("relay dies too", stops_reflecting)


async def _restart(teller: Teller) -> None:
    lab = teller.lab
    lab.agent.settings["guard"] = {"grace": _GRACE}

    async def negotiated(step: Step) -> None:
        await lab.switch.start()
        await lab.agent.start_guard()
        await lab.agent.start()
        await until(teller, MacvlanMode.VEPA, "rr_active", _PATIENCE)
        await lab.until(lambda: _guarded(lab) and lab.switch.confirmed, _PATIENCE, "relay confirmed, and a guard seen")
        step.detail = f"relay confirmed, and a guard watches the daemon; {teller.seen}"

    async def killed(step: Step) -> None:
        await _unnoticed(teller, step, lab.agent.kill)

    async def handed_over(step: Step) -> None:
        await _unnoticed(teller, step, lab.agent.stop)

    async def gone(step: Step) -> None:
        await lab.agent.kill()
        took = await until(teller, MacvlanMode.BRIDGE, "released", _GRACE + _PATIENCE)
        if took < 0.9 * _GRACE:
            raise StepFailed(f"the guard gave the daemon {took:.1f} s, and guard.grace is {_GRACE:g} s")
        await lab.until(lambda: not lab.switch.granted, _PATIENCE, "the switch to hear goodbye")
        await teller.traffic(step, through_switch=False)
        step.detail = f"left VEPA {took:.1f} s after the daemon died, and the switch was told; {teller.seen}"

    async def back(step: Step) -> None:
        await lab.agent.start()
        await until(teller, MacvlanMode.VEPA, "rr_active", _PATIENCE)
        await teller.traffic(step, through_switch=True)
        step.detail = teller.seen

    await teller.step("relay negotiated, with a guard", negotiated)
    await teller.step("daemon killed and started again", killed)
    await teller.step("daemon restarted", handed_over)
    await teller.step("daemon killed for good", gone)
    await teller.step("daemon back after all", back)


def _guarded(lab: Lab) -> bool:
    policy = lab.agent.policy
    return policy is not None and policy["agent"]["guard"] is True


async def _unnoticed(teller: Teller, step: Step, end: Callable[[], Awaitable[int]]) -> None:
    """One daemon ends, the next one begins: guests' frames arrive, no mode moves, the switch sees relay asked for."""
    lab, noticed = teller.lab, set[str]()
    before = lab.agent.policy

    def back() -> bool:
        if not lab.all_in(MacvlanMode.VEPA):
            noticed.add(f"kernel: {modes(lab)}")
        if not (lab.switch.granted and lab.switch.confirmed):
            noticed.add("the switch was told something else")
        policy = lab.agent.policy
        return before is not None and policy is not None and policy["written_at"] != before["written_at"]

    seen_before = lab.via_switch()
    flow = lab.flow()
    flow.start()
    began = time.monotonic()
    try:
        await end()
        await lab.agent.start()
        await lab.until(back, _PATIENCE, "the next daemon's policy document")
        away = time.monotonic() - began
    finally:
        exchange = await asyncio.to_thread(flow.stop)
    step.frames_sent, step.frames_lost = exchange.sent, exchange.lost
    step.via_switch = lab.via_switch() - seen_before
    await until(teller, MacvlanMode.VEPA, "rr_active", _PATIENCE)
    if exchange.lost or exchange.duplicated or noticed:
        told = "; ".join(sorted(noticed))
        raise StepFailed(f"{exchange.lost} of {exchange.sent} frames lost, {exchange.duplicated} came twice; {told}")
    step.detail = f"nobody watched for {away:.1f} s, and nobody noticed; {teller.seen}"


STORIES: Final = {
    story.name: story
    for story in (
        Story(
            "basic",
            "relay is granted, withdrawn, granted again, and dies without a word, first its announcement, then itself",
            {"agent": {"hold_up": HOLD_UP}, "switch": {"lldp": {"interval": 1, "hold": 2}}},
            _basic,
        ),
        Story(
            "restart",
            "the daemon is killed, restarted, and killed for good, and a guard watches",
            {"agent": {"hold_up": HOLD_UP, "guard": {"grace": _GRACE}}},
            _restart,
        ),
        SILENT_LOSS,
        MUTE_SWITCH,
        FLAP,
        MOVED_CABLE,
    )
}
