"""A daemon that records: its file, replayed, is what it said, what it sent and what it did."""

from __future__ import annotations

import asyncio
import stat

import pytest

from evbagent.effects import Effect, Faulted, Moved, SendFrame, SetModes
from evbagent.lab import Lab
from evbagent.lab.switch import SwitchSettings
from evbagent.lab.topology import HOST_ADDRESS, SWITCH_PORT, UPLINK, edit, index_of
from evbagent.replay import Replay, Step
from evbagent.status import MacvlanMode
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode
from evbagent.wire.octets import MacAddress
from tests.support.observing import attachment, bridged, said
from tests.support.taps import Tap, lldp_frame

pytestmark = pytest.mark.netns

VEPA, BRIDGE = MacvlanMode.VEPA, MacvlanMode.BRIDGE
OTHER = MacAddress.parse("02:00:00:00:00:bb")


async def life(lab: Lab, port: Tap) -> None:
    """Something of everything that may happen to an uplink."""
    await lab.switch.start(SwitchSettings(interval=1.0, hold=2))
    await lab.agent.start()
    await bridged(lab, VEPA, "rr_active")
    lab.switch.offer(relay=False)
    await bridged(lab, BRIDGE, "rr_withdrawn")
    lab.switch.offer(relay=True)
    await bridged(lab, VEPA, "rr_active")
    lab.add_guest(3, BRIDGE)
    await bridged(lab, VEPA, "rr_active")
    edit(lab.host_namespace, lambda ip: ip.link("del", index=index_of(ip, "guest1")))
    del lab.guests["guest1"]
    await lab.until(lambda: attachment(lab, "guest1") is None, 5.0, "guest1 to be gone")
    second = Evb(EvbMode.BRIDGE, BridgeStatus(True, True))
    port.send(lldp_frame(OTHER, chassis=OTHER, ttl=1, evb=second))
    await bridged(lab, BRIDGE, "multiple_peers")
    await bridged(lab, VEPA, "rr_active")
    lab.switch.die()
    await lab.until(lambda: said(lab) == "vepa, suspect, probe_proven", 6.0, "the probe alone to speak for relay")
    lab.switch.set_hairpin(on=False)
    await bridged(lab, BRIDGE, "peer_lost")
    await lab.agent.stop()


def line(effect: Effect) -> str | None:
    """As the daemon logs it."""
    match effect:
        case Moved(machine, subject, old, new, why):
            return f"notice: {machine} {old} -> {new} subject={subject} why={quoted(why)}"
        case Faulted(subject, reason, detail):
            return f"error: {reason} subject={subject} detail={quoted(detail)}"
    return None


def quoted(text: str) -> str:
    return f'"{text}"' if any(c in text for c in ' "=') else text


def test_a_replay_says_sends_and_sets_what_the_daemon_did() -> None:
    async def scene() -> tuple[list[str], list[bytes], bytes, int]:
        async with Lab() as lab:
            folder = lab.folder / "recordings"
            lab.agent.settings["record"] = {"folder": str(folder)}
            with Tap(lab.switch_namespace, SWITCH_PORT) as port:
                await life(lab, port)
                sent = [frame.octets for frame in port.heard if frame.source == HOST_ADDRESS]
            file = folder / f"{UPLINK}.jsonl"
            return lab.agent_log(999).splitlines(), sent, file.read_bytes(), file.stat().st_mode

    log, sent, content, mode = asyncio.run(scene())
    steps = [each for each in Replay(content.splitlines(keepends=True)) if isinstance(each, Step)]
    done = [done for step in steps for done in step.done]
    effects = [each.effect for each in done]
    assert stat.S_IMODE(mode) == 0o600
    assert [said for said in map(line, effects) if said is not None] == [
        said for said in log if said.startswith(("notice: ", "error: "))
    ]
    assert [effect.octets for effect in effects if isinstance(effect, SendFrame)] == sent
    assert [*map(set, (effect.modes.values() for effect in effects if isinstance(effect, SetModes)))] == [
        {VEPA},
        {BRIDGE},
        {VEPA},
        {VEPA},  # the third guest
        {BRIDGE},
        {VEPA},
        {BRIDGE},
    ]
    assert not any(each.assumed for each in done)
    assert not any(step.unwished or step.line is None for step in steps)


def test_a_daemon_that_can_not_record_says_so_once_and_does_its_work() -> None:
    async def scene() -> str:
        async with Lab() as lab:
            lab.agent.settings["record"] = {"folder": "/proc/nowhere"}
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, VEPA, "rr_active")
            await lab.until(lambda: "the recording ends here" in lab.agent_log(99), 5.0, "the end of the recording")
            lab.switch.offer(relay=False)
            await bridged(lab, BRIDGE, "rr_withdrawn")
            assert await lab.agent.stop() == 0
            return lab.agent_log(99)

    log = asyncio.run(scene())
    assert log.count("the recording ends here") == 1
    assert "No such file or directory: '/proc/nowhere'" in log
