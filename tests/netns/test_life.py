"""A daemon's life and death: who comes back in time is not missed, and who does not leaves nobody in VEPA."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from evbagent.lab import Lab
from evbagent.lab.switch import SwitchSettings
from evbagent.lab.topology import HOST_ADDRESS, SWITCH_PORT, UPLINK, edit, index_of
from evbagent.linux.files import Lock
from evbagent.status import MacvlanMode
from evbagent.wire.evb import RrStatus
from tests.support.observing import bridged, said, sampled, steady
from tests.support.taps import Captured, Tap

pytestmark = pytest.mark.netns

VEPA, BRIDGE = MacvlanMode.VEPA, MacvlanMode.BRIDGE
PROBE: Final = b"\x88\xb5"
SHORT, LONG = 2.0, 60.0  # seconds of grace
PATIENCE = 15.0  # seconds; what is waited for comes within one where nothing else runs


@asynccontextmanager
async def living(*, guard: bool = True, grace: float = LONG, **settings: Any) -> AsyncIterator[Lab]:
    """A lab with guests in VEPA, and with a guard of whom the daemon knows."""
    async with Lab() as lab:
        lab.agent.settings |= {"guard": {"grace": grace}, **settings}
        await lab.switch.start(SwitchSettings())
        if guard:
            await lab.agent.start_guard()
            await lab.until(lambda: watching(lab), PATIENCE, "the guard")
        await lab.agent.start()
        await bridged(lab, VEPA, "rr_active", PATIENCE)
        await lab.until(lambda: state(lab)["uplinks"][0]["vepa"], PATIENCE, "the state file to say so")
        yield lab


def watching(lab: Lab) -> bool:
    return Lock(lab.agent.run_dir / "guard.lock").taken()


def state(lab: Lab) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((lab.agent.run_dir / "state.json").read_bytes())
    return content


def guarded(lab: Lab) -> bool | None:
    policy = lab.agent.policy
    return None if policy is None else policy["agent"]["guard"]


def of_the_host(tap: Tap) -> list[Captured]:
    """The agent's LLDPDUs, as they arrive at the switch."""
    return [frame for frame in tap.heard if frame.source == HOST_ADDRESS]


def asks(frame: Captured) -> bool:
    """Whether the switch is told that relay is wanted, and seen to be on."""
    return frame.evb is not None and frame.evb.station.rr_request and frame.evb.station.rr_status is RrStatus.TRUE


def goodbyes(tap: Tap) -> int:
    return sum(frame.pdu.ttl == 0 for frame in of_the_host(tap))


async def again(lab: Lab) -> str:
    """A new daemon has begun; all that it has said."""
    before = len(lab.agent.log.read_bytes())
    await lab.agent.start()

    def log() -> str:
        return lab.agent.log.read_bytes()[before:].decode()

    await lab.until(lambda: "running" in log(), PATIENCE, "the next daemon")
    return log()


async def guard_says(lab: Lab, words: str, times: int = 1) -> None:
    await lab.until(
        lambda: lab.agent.guard.log.read_text().count(words) >= times, PATIENCE, f"the guard to say: {words}"
    )


# --- going on


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "restarted"])
def test_a_daemon_that_is_back_in_time_goes_on_and_nobody_notices(how: signal.Signals) -> None:
    async def scene() -> None:
        async with living() as lab:
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                flow = lab.flow(rate=1000.0)
                flow.start()
                try:
                    async with sampled(lab, lambda: (lab.modes(), lab.switch.granted, lab.switch.confirmed)) as seen:
                        ended = await lab.agent.end(how)
                        log = await again(lab)
                        await lab.until(lambda: of_the_host(tap), PATIENCE, "a frame of the next daemon")
                        await bridged(lab, VEPA, "rr_active", PATIENCE)
                finally:
                    exchange = flow.stop()
                told = of_the_host(tap)
                probes = {frame.source for frame in tap.seen if not frame.outgoing and frame.octets[12:14] == PROBE}
            assert ended == (0 if how is signal.SIGTERM else -how)
            assert (exchange.lost, exchange.duplicated) == (0, 0)
            assert exchange.sent > 200
            assert seen == [({"guest1": VEPA, "guest2": VEPA}, True, True)]
            assert all(asks(frame) for frame in told)
            assert len(probes - {HOST_ADDRESS}) == 1, "a switch learns no address more"
            assert "left in vepa -> adopted" in log
            assert "uplink veb -> vepa" not in log
            assert "uplink vepa -> veb" not in log

    asyncio.run(scene())


def test_what_the_next_daemon_then_hears_counts_as_ever() -> None:
    async def scene() -> None:
        async with living() as lab:
            await lab.agent.kill()
            await again(lab)
            lab.switch.offer(relay=False)
            await bridged(lab, BRIDGE, "rr_withdrawn", PATIENCE)

    asyncio.run(scene())


def test_what_the_switch_said_holds_no_longer_than_its_ttl_after_a_restart() -> None:
    async def scene() -> None:
        async with living(probe={"enabled": False}) as lab:  # which would show that relay is on all the same
            lab.switch.die()
            await lab.switch.start(SwitchSettings(interval=1.0, hold=9))  # TTL 10 s, and nobody repeats it
            await lab.until(lambda: left_of(lab) < float("inf"), PATIENCE, "the switch in the state file")
            expiry = left_of(lab)
            await lab.until(lambda: left_of(lab) < expiry, PATIENCE, "the short TTL in the state file")
            lab.switch.die()
            began = time.monotonic()
            await lab.agent.kill()
            assert "-> adopted" in await again(lab)
            assert lab.all_in(VEPA)
            await bridged(lab, BRIDGE, "peer_lost", PATIENCE)
            assert time.monotonic() - began < 14.0

    def left_of(lab: Lab) -> float:
        neighbors = state(lab)["uplinks"][0]["neighbors"]
        return float(neighbors[0]["expires"]) if neighbors else float("inf")

    asyncio.run(scene())


# --- not going on

Gap = Callable[[Lab], None]


def edited(change: Callable[[dict[str, Any]], object]) -> Gap:
    def gap(lab: Lab) -> None:
        content = state(lab)
        change(content)
        (lab.agent.run_dir / "state.json").write_text(json.dumps(content))

    return gap


def flap(lab: Lab) -> None:
    lab.unplug()
    lab.plug()


def half(lab: Lab) -> None:
    path = lab.agent.run_dir / "state.json"
    path.write_bytes(path.read_bytes()[:200])


def open_to_all(lab: Lab) -> None:
    (lab.agent.run_dir / "state.json").chmod(0o666)


def moved(lab: Lab) -> None:
    def bridge(ip: Any) -> None:
        ip.link("set", index=index_of(ip, "guest2"), kind="macvlan", macvlan_mode="bridge")

    edit(lab.host_namespace, bridge)


def expire(content: dict[str, Any]) -> None:
    content["uplinks"][0]["neighbors"][0]["expires"] = 1.0


GAPS: Final[dict[str, tuple[Gap, str]]] = {
    "another boot": (edited(lambda content: content["boot"].update(id="another")), "the machine was booted since"),
    "another namespace": (edited(lambda content: content["boot"].update(namespace=1)), "another network namespace"),
    "another ifindex": (edited(lambda content: content["uplinks"][0].update(ifindex=4711)), "another interface's now"),
    "expired": (edited(expire), "what the switch said has expired"),
    "a flap": (flap, "carrier was lost meanwhile"),
    "a guest that was moved": (moved, "guest2 is in bridge mode"),
    "half a file": (half, "the state file is ignored"),
    "a file that others could write": (open_to_all, "the state file is ignored"),
    "another schema": (edited(lambda content: content.update(schema="evbagent/state/2")), "the state file is ignored"),
}


@pytest.mark.parametrize(("gap", "why"), GAPS.values(), ids=GAPS.keys())
def test_what_does_not_match_is_not_adopted_and_guests_begin_in_veb(gap: Gap, why: str) -> None:
    async def scene() -> None:
        async with living(guard=False) as lab:
            await lab.agent.kill()
            gap(lab)
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                log = await again(lab)
                assert why in log
                assert "-> adopted" not in log
                await lab.until(lambda: of_the_host(tap), PATIENCE, "the first frame")
                assert not asks(of_the_host(tap)[0])
            await bridged(
                lab, VEPA, "rr_active", 2 * PATIENCE
            )  # earned again; with STP the port listens and learns first

    asyncio.run(scene())


def test_guests_on_an_interface_that_has_lost_its_name_are_left_to_nobody() -> None:
    def swap(ip: Any) -> None:
        ip.link("set", index=index_of(ip, UPLINK), ifname="uplink9")
        ip.link("add", ifname=UPLINK, kind="veth", peer={"ifname": "end"})

    async def scene() -> None:
        async with living(guard=False) as lab:
            await lab.agent.kill()
            edit(lab.host_namespace, swap)
            assert lab.all_in(VEPA)
            log = await again(lab)
            assert lab.all_in(BRIDGE)
            assert "an uplink of the last daemon, none of ours, is released" in log

    asyncio.run(scene())


UNWANTED: Final[dict[str, dict[str, Any]]] = {
    "observed": {"mode": "observe"},
    "hands off": {"apply": False},
}


@pytest.mark.parametrize("uplink", UNWANTED.values(), ids=UNWANTED.keys())
def test_an_uplink_that_the_next_daemon_does_not_apply_is_released(uplink: dict[str, Any]) -> None:
    async def scene() -> None:
        async with living(guard=False) as lab:
            await lab.agent.kill()
            lab.agent.settings["uplinks"] = {UPLINK: uplink}
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                await again(lab)
                assert lab.all_in(BRIDGE)
                assert goodbyes(tap) == 1

    asyncio.run(scene())


# --- the end, with a guard


def test_a_daemon_that_stays_away_is_cleared_up_after_when_the_grace_is_over_and_not_before() -> None:
    async def scene() -> None:
        async with living(grace=SHORT) as lab:
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                began = time.monotonic()
                await lab.agent.kill()
                await lab.until(lambda: lab.all_in(BRIDGE), PATIENCE, "every guest in bridge mode")
                await guard_says(lab, "notice: released")
                assert SHORT <= time.monotonic() - began < SHORT + PATIENCE
                assert [frame.pdu.ttl for frame in of_the_host(tap)] == [0]
                await lab.until(lambda: not lab.switch.granted, PATIENCE, "the switch to have taken relay back")
            policy = lab.agent.policy
            assert policy is not None
            assert (policy["stale"], said(lab)) == (True, "veb, settled, released")
            assert [entry["mode"] for entry in policy["uplinks"][UPLINK]["attachments"]] == ["bridge", "bridge"]
            assert state(lab)["released"] is True
            assert "adopted" not in await again(lab)
            await bridged(lab, VEPA, "rr_active", PATIENCE)
            await lab.agent.kill()  # and the guard has not grown tired
            await lab.until(lambda: lab.all_in(BRIDGE), PATIENCE, "every guest in bridge mode")

    asyncio.run(scene())


def test_a_hand_over_to_nobody_ends_in_veb_too() -> None:
    async def scene() -> None:
        async with living(grace=SHORT) as lab:
            began = time.monotonic()
            assert await lab.agent.stop() == 0
            assert lab.all_in(VEPA)
            assert said(lab) == "vepa, settled, rr_active"
            assert "handed over" in lab.agent_log()
            await lab.until(lambda: lab.all_in(BRIDGE), PATIENCE, "every guest in bridge mode")
            assert time.monotonic() - began >= SHORT

    asyncio.run(scene())


def test_a_daemon_that_hangs_has_not_gone() -> None:
    async def scene() -> None:
        async with living(grace=0.2) as lab:
            await guard_says(lab, f"lock is held pid={lab.agent.pid}")
            os.kill(lab.agent.pid, signal.SIGSTOP)
            try:
                await steady(lab, lambda: (lab.modes(), lab.agent.guard.log.read_text()), 1.0)
            finally:
                os.kill(lab.agent.pid, signal.SIGCONT)
            assert lab.all_in(VEPA)

    asyncio.run(scene())


def test_a_guard_that_comes_when_all_is_over_releases_what_it_finds() -> None:
    async def scene() -> None:
        async with living(guard=False, grace=SHORT) as lab:
            await lab.agent.kill()
            await lab.agent.start_guard()
            await lab.until(lambda: lab.all_in(BRIDGE), PATIENCE, "every guest in bridge mode")
            await guard_says(lab, "notice: released")

    asyncio.run(scene())


def test_a_guard_leaves_alone_what_is_of_another_boot() -> None:
    async def scene() -> None:
        async with living(guard=False, grace=0.0) as lab:
            await lab.agent.kill()
            GAPS["another boot"][0](lab)
            await lab.agent.start_guard()
            await guard_says(lab, "the machine was booted since")
            await steady(lab, lambda: (lab.modes(), len(lab.agent.guard.log.read_bytes())), 1.2)
            assert lab.all_in(VEPA)

    asyncio.run(scene())


def test_a_guard_that_ends_touches_nothing_and_the_daemon_says_once_that_it_is_alone() -> None:
    async def scene() -> None:
        async with living() as lab:
            await lab.until(lambda: guarded(lab) is True, PATIENCE, "the document to tell of the guard")
            assert await lab.agent.guard.end(signal.SIGTERM) == 0
            await lab.until(lambda: guarded(lab) is False, PATIENCE, "the document to tell that it has gone")
            assert lab.all_in(VEPA)
            assert lab.agent_log().count("no guard watches any more") == 1
            await lab.agent.start_guard()
            await lab.until(lambda: guarded(lab) is True, PATIENCE, "the document to tell of the next one")

    asyncio.run(scene())


def test_a_guard_may_come_first_or_later_but_there_is_one_only(tmp_path: Path) -> None:
    async def scene() -> None:
        os.environ["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        manager.bind(os.environ["NOTIFY_SOCKET"])
        try:
            async with Lab() as lab:
                assert not lab.agent.run_dir.exists()
                await lab.agent.start_guard()
                await guard_says(lab, "guarding")
                assert b"READY=1" in manager.recv(4096)
                second = command(lab, "guard")
                assert second.returncode == 1
                assert f"process {lab.agent.guard.pid} already guards" in second.stderr
                await lab.switch.start()
                await lab.agent.start()
                await bridged(lab, VEPA, "rr_active", PATIENCE)
                assert guarded(lab) is True
        finally:
            del os.environ["NOTIFY_SOCKET"]
            manager.close()

    asyncio.run(scene())


def test_a_guard_of_another_network_namespace_is_none() -> None:
    async def scene() -> None:
        async with living(guard=False) as lab:
            beside = [sys.executable, "-m", "evbagent", "guard", "--config", str(lab.agent.config)]
            guard = await asyncio.create_subprocess_exec(*beside, stderr=asyncio.subprocess.DEVNULL)
            try:
                await lab.until(lambda: watching(lab), PATIENCE, "the guard")
                assert await lab.agent.stop() == 0
            finally:
                guard.terminate()
                await guard.wait()
            assert lab.all_in(BRIDGE)
            assert "the guard is in another network namespace" in lab.agent_log()
            assert "nothing is handed over: no guard watches" in lab.agent_log()

    asyncio.run(scene())


def test_a_daemon_that_comes_while_somebody_clears_up_waits_for_it() -> None:
    async def scene() -> None:
        async with living(guard=False) as lab:
            await lab.agent.kill()
            lock = Lock(lab.agent.run_dir / "evbagent.lock")
            assert lock.take()
            await lab.agent.start()
            await steady(lab, lambda: lab.agent.ended, 1.0)
            lock.release()
            await lab.until(lambda: "-> adopted" in lab.agent_log(), PATIENCE, "the daemon to go on")

    asyncio.run(scene())


def test_a_guard_whom_the_kernel_refuses_tries_on_and_lets_a_daemon_in_between() -> None:
    async def scene() -> None:
        async with living(guard=False, grace=0.0) as lab:
            await lab.agent.kill()
            # Root of a user namespace that does not own the network namespace: every capability, and none counts here.
            outsider = ("unshare", "--user", "--map-root-user")
            guard = await asyncio.create_subprocess_exec(
                *lab.host_namespace.command(*outsider, sys.executable, "-m", "evbagent", "guard", "--config"),
                str(lab.agent.config),
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(lab.host_namespace.descriptor,),
            )
            try:
                assert guard.stderr is not None
                said: list[str] = []
                while sum("guests don't leave VEPA" in line for line in said) < 3:
                    said.append((await asyncio.wait_for(guard.stderr.readline(), 5)).decode())
                told = [line for line in said if "guests don't leave" in line]
                assert ["again=" + line.split("again=")[1].strip() for line in told] == [
                    'again="0.05 s"',
                    'again="0.1 s"',
                    'again="0.2 s"',
                ]
                assert "guest1: EPERM, guest2: EPERM" in told[0]
                assert lab.all_in(VEPA)
                policy = lab.agent.policy
                assert policy is not None
                assert (policy["stale"], policy["uplinks"][UPLINK]["state"]) == (True, "leaving")
                assert "-> adopted" in await again(lab)
            finally:
                guard.kill()
                await guard.wait()

    asyncio.run(scene())


def test_a_guard_without_the_rights_to_release_is_refused_when_it_starts() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.agent.start()
            done = command(lab, "guard", within=("setpriv", "--inh-caps=-all", "--bounding-set=-all,+net_raw"))
            assert done.returncode == 4
            assert "CAP_NET_ADMIN missing" in done.stderr

    asyncio.run(scene())


# --- the end, without a guard

RELEASING: Final[dict[str, tuple[bool, str, signal.Signals, str]]] = {
    "no guard": (False, "handover", signal.SIGTERM, "nothing is handed over: no guard watches"),
    "on_stop: release": (True, "release", signal.SIGTERM, "ended"),
    "Ctrl-C": (True, "handover", signal.SIGINT, "ended"),
    "SIGHUP": (True, "handover", signal.SIGHUP, "ended"),
    "SIGUSR1": (True, "handover", signal.SIGUSR1, "ended"),
}


@pytest.mark.parametrize(("guard", "on_stop", "how", "words"), RELEASING.values(), ids=RELEASING.keys())
def test_a_daemon_that_can_not_hand_over_or_may_not_releases(
    guard: bool, on_stop: str, how: signal.Signals, words: str
) -> None:
    async def scene() -> None:
        async with living(guard=guard, on_stop=on_stop) as lab:
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                assert await lab.agent.end(how) == 0
                assert lab.all_in(BRIDGE)
                assert goodbyes(tap) == 1
            assert said(lab) == "veb, settled, released"
            assert (state(lab)["released"], state(lab)["uplinks"][0]["vepa"]) == (True, False)
            assert words in lab.agent_log()
            assert ("no guard watches: if the daemon is killed" in lab.agent.log.read_text()) is not guard

    asyncio.run(scene())


def test_nothing_is_handed_over_where_the_state_can_not_be_written() -> None:
    async def scene() -> None:
        async with living() as lab:
            path = lab.agent.run_dir / "state.json"
            path.unlink()
            path.mkdir()
            assert await lab.agent.stop() == 0
            assert lab.all_in(BRIDGE)
            assert "the state file can't be written" in lab.agent_log()

    asyncio.run(scene())


# --- evbagent release


def command(lab: Lab, *args: str, within: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    verb = [sys.executable, "-m", "evbagent", *args, "--config", str(lab.agent.config)]
    return subprocess.run(
        lab.host_namespace.command(*within, *verb),
        pass_fds=(lab.host_namespace.descriptor,),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


async def releases(lab: Lab, *args: str) -> subprocess.CompletedProcess[str]:
    """The switch has to go on while the command waits."""
    return await asyncio.to_thread(command, lab, "release", *args)


GUESTS: Final = [{"name": "guest1", "mode": "bridge"}, {"name": "guest2", "mode": "bridge"}]


@pytest.mark.parametrize("guard", [True, False], ids=["guarded", "alone"])
def test_a_daemon_that_runs_is_asked_to_release_and_ends(guard: bool) -> None:
    async def scene() -> None:
        async with living(guard=guard) as lab:
            pid = lab.agent.pid
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                done = await releases(lab, "-f", "json")
                assert (done.returncode, done.stderr) == (0, "")
                assert goodbyes(tap) == 1
            uplink = {"name": UPLINK, "mode": "veb", "guests": GUESTS}
            assert json.loads(done.stdout) == {"schema": "evbagent/release/1", "daemon": pid, "uplinks": [uplink]}
            assert lab.all_in(BRIDGE)
            assert await lab.agent.stop() == 0

    asyncio.run(scene())


def test_what_a_dead_daemon_left_is_released_at_once_and_only_once() -> None:
    async def scene() -> None:
        async with living() as lab:
            await lab.agent.kill()
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                done = await releases(lab)
                assert (done.returncode, done.stdout, done.stderr) == (
                    0,
                    "no daemon runs; released here:\n  eth0: veb (guest1 bridge, guest2 bridge)\n",
                    "",
                )
                assert lab.all_in(BRIDGE)
                assert goodbyes(tap) == 1
            assert said(lab) == "veb, settled, released"
            done = await releases(lab)
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout == "nothing to release: no daemon runs, and none has left anything\n"
            assert "notice: released" not in lab.agent.guard.log.read_text()

    asyncio.run(scene())


def test_nothing_can_be_released_without_the_rights() -> None:
    async def scene() -> None:
        async with living(guard=False) as lab:
            await lab.agent.kill()
            done = command(lab, "release", within=("setpriv", "--inh-caps=-all", "--bounding-set=-all"))
            assert done.returncode == 4
            assert "CAP_NET_ADMIN and CAP_NET_RAW missing" in done.stderr
            assert lab.all_in(VEPA)
            half(lab)
            done = command(lab, "release", "-f", "json")
            assert done.returncode == 1
            assert json.loads(done.stdout)["error"]["code"] == "failed"
            assert "is no state file" in json.loads(done.stdout)["error"]["message"]

    asyncio.run(scene())
