"""The daemon as a process: how it begins, what it refuses, what it tells others, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from evbagent.lab import Lab
from evbagent.lab.namespaces import Namespace
from evbagent.lab.topology import HOST_ADDRESS, SWITCH_ADDRESS, SWITCH_PORT, UPLINK
from evbagent.status import MacvlanMode
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode
from tests.support.observing import bridged, sampled, scrape
from tests.support.taps import Tap, lldp_frame

pytestmark = pytest.mark.netns

RUN: Final = ("run", "--config")


def evbagent(namespace: Namespace, *args: str, within: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """One command in that namespace, to its end."""
    return subprocess.run(
        namespace.command(*within, sys.executable, "-m", "evbagent", *args),
        pass_fds=(namespace.descriptor,),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def refused(*args: str, within: tuple[str, ...] = ()) -> tuple[int, str]:
    """Exit code and complaint of a command that does not get as far as the network, in a lab of its own."""

    async def scene() -> tuple[int, str]:
        async with Lab() as lab:
            done = evbagent(lab.host_namespace, *args, within=within)
            assert done.stdout == ""
            assert "Traceback" not in done.stderr
            return done.returncode, done.stderr

    return asyncio.run(scene())


def configuration(folder: Path, **settings: Any) -> str:
    """The path of a configuration whose run folder is in `folder`."""
    file = folder / "evbagent.yaml"
    file.write_text(yaml.safe_dump({"run_dir": str(folder / "run"), **settings}))
    return str(file)


# --- beginning

WRONG: Final = {
    "a value": (
        "uplinks:\n  eth0:\n    mode: vpea\n",
        [":3:", "uplinks.eth0.mode", "'vpea'", "did you mean 'vepa'?"],
    ),
    "a key": ("lldp:\n  intervall: 30\n", [":2:", "lldp", "'intervall'", "did you mean 'interval'?"]),
    "a number": ("lldp:\n  hold: 0\n", [":2:", "lldp.hold", "0 is not possible", ">= 1"]),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_configuration_is_refused_with_its_place_and_the_nearest_right_one(
    text: str, said: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "evbagent.yaml"
    file.write_text(text)
    code, complaint = refused(*RUN, str(file))
    assert code == 2
    for word in (str(file), *said):
        assert word in complaint


@pytest.mark.parametrize(
    ("name", "hint"), [("eth1", "did you mean 'eth0'?"), ("nope", "here: eth0")], ids=["nearly right", "all wrong"]
)
def test_an_uplink_that_is_not_there_is_refused_by_name_with_the_nearest(name: str, hint: str, tmp_path: Path) -> None:
    code, complaint = refused(*RUN, configuration(tmp_path), "--uplink", name)
    assert code == 5
    assert repr(name) in complaint
    assert hint in complaint


@pytest.mark.parametrize(
    ("kept", "lacking"), [("net_admin", "CAP_NET_RAW"), ("net_raw", "CAP_NET_ADMIN")], ids=["no raw", "no admin"]
)
def test_a_missing_capability_is_named(kept: str, lacking: str, tmp_path: Path) -> None:
    config = configuration(tmp_path, uplinks={UPLINK: {"mode": "auto"}})
    code, complaint = refused(*RUN, config, within=("setpriv", "--inh-caps=-all", f"--bounding-set=-all,+{kept}"))
    assert code == 4
    assert lacking in complaint
    assert f"CAP_{kept.upper()}" not in complaint


def test_a_second_daemon_on_the_same_run_folder_is_refused() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            done = evbagent(lab.host_namespace, *RUN, str(lab.agent.config))
            assert done.returncode == 1
            assert f"process {lab.agent.pid} already runs in {lab.agent.run_dir}" in done.stderr
            assert lab.agent.ended is None
            assert lab.all_in(MacvlanMode.VEPA)

    asyncio.run(scene())


# --- what is told to others


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_everybody_can_read_the_policy_document_whatever_the_umask() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            with umask(0o077):
                await lab.agent.start()
            await lab.until(lambda: lab.agent.policy, 5.0, "the policy document")
            assert stat.S_IMODE((lab.agent.run_dir / "policy.json").stat().st_mode) == 0o644
            assert stat.S_IMODE(lab.agent.run_dir.stat().st_mode) == 0o755

    asyncio.run(scene())


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_the_service_manager_hears_of_readiness_and_of_the_end(abstract: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with Lab() as lab:
            name = "@evbagent-test" if abstract else str(lab.folder / "notify")
            monkeypatch.setenv("NOTIFY_SOCKET", name)
            with lab.host_namespace.entered():  # an abstract name belongs to a network namespace
                manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            with manager:
                manager.bind(name.replace("@", "\0", 1) if abstract else name)
                words: list[str] = []

                def told(word: str) -> bool:
                    with contextlib.suppress(BlockingIOError):
                        words.extend(manager.recv(4096).decode().splitlines())
                    return word in words

                await lab.agent.start()
                await lab.until(lambda: told("READY=1"), 5.0, "READY=1")
                assert f"STATUS=running on {UPLINK}" in words
                assert not told("STOPPING=1")
                assert await lab.agent.stop() == 0
                await lab.until(lambda: told("STOPPING=1"), 1.0, "STOPPING=1")

    asyncio.run(scene())


PROMISED: Final = {
    "evbagent_build_info",
    "evbagent_uplink_mode",
    "evbagent_uplink_mode_configured",
    "evbagent_uplink_state",
    "evbagent_uplink_reason",
    "evbagent_relay_capable",
    "evbagent_relay_requested",
    "evbagent_relay_operational",
    "evbagent_attachments",
    "evbagent_neighbors",
    "evbagent_lldp_frames_out_total",
    "evbagent_lldp_frames_in_total",
    "evbagent_lldp_frames_discarded_total",
    "evbagent_lldp_frames_in_errors_total",
    "evbagent_lldp_tlvs_discarded_total",
    "evbagent_lldp_tlvs_unrecognized_total",
    "evbagent_lldp_ageouts_total",
    "evbagent_transitions_total",
    "evbagent_mode_change_errors_total",
    "evbagent_reaction_seconds_bucket",
    "evbagent_reaction_seconds_count",
    "evbagent_reaction_seconds_sum",
}


def test_metrics_are_scraped_at_the_configured_address() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            lab.add_guest(3, MacvlanMode.PRIVATE)
            lab.agent.settings["metrics"] = {"listen": "127.0.0.1:9999"}
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            await lab.until(lambda: "metrics url=http://127.0.0.1:9999/metrics" in lab.agent_log(99), 5.0, "a listener")
            metrics = scrape(lab.host_namespace, "127.0.0.1:9999")
            assert metrics.names >= PROMISED
            assert metrics.holding("evbagent_uplink_mode", "mode") == ["vepa"]
            assert metrics.holding("evbagent_uplink_mode_configured", "mode") == ["auto"]
            assert metrics.holding("evbagent_uplink_state", "state") == ["settled"]
            assert metrics.holding("evbagent_uplink_reason", "reason") == ["rr_active"]
            for known in ("capable", "requested", "operational"):
                assert metrics.sum(f"evbagent_relay_{known}", uplink=UPLINK) == 1
            assert metrics.sum("evbagent_attachments", reach="managed", mode="vepa") == 2
            assert metrics.sum("evbagent_attachments", reach="chosen", mode="private") == 1
            assert metrics.sum("evbagent_attachments") == 3
            entry = {"uplink": UPLINK, "from": "veb", "to": "vepa", "reason": "rr_active"}
            assert metrics.sum("evbagent_transitions_total", **entry) == 1
            assert metrics.sum("evbagent_mode_change_errors_total") == 0
            assert metrics.sum("evbagent_reaction_seconds_count") == 1
            scope = {"port": UPLINK, "scope": "nearest-customer-bridge"}
            assert metrics.sum("evbagent_neighbors", **scope) == 1
            assert metrics.sum("evbagent_lldp_frames_in_total", **scope) > 0
            assert metrics.sum("evbagent_lldp_frames_out_total", **scope) > 0

    asyncio.run(scene())


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_status_answers_while_a_daemon_runs_and_says_when_none_does(how: str) -> None:
    async def scene() -> None:
        async with Lab() as lab:
            command = ("status", "--format", "json", "--config", str(lab.agent.config))
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            running = evbagent(lab.host_namespace, *command)
            assert running.returncode == 0
            status = json.loads(running.stdout)
            assert status["schema"] == "evbagent/status/1"
            assert [(uplink["name"], uplink["effective"]["mode"]) for uplink in status["uplinks"]] == [(UPLINK, "vepa")]
            assert evbagent(lab.host_namespace, *command, "eth9").returncode == 5
            await (lab.agent.stop() if how == "stop" else lab.agent.kill())
            over = evbagent(lab.host_namespace, *command)
            assert over.returncode == 3
            assert json.loads(over.stdout)["error"]["code"] == "not_running"

    asyncio.run(scene())


# --- without a configuration

# The files of this machine are none of the test's business: /run is empty, and there is no configuration.
_BARE: Final = """
mount -t tmpfs tmpfs /run && if [ -d /etc/evbagent ]; then mount -t tmpfs tmpfs /etc/evbagent; fi && exec "$@"
"""
ANNOUNCED: Final = {
    "a switch that can reflect": (BridgeStatus(rr_capable=True), {"mode": "veb", "reason": "rr_pending"}),
    "a switch that reflects unasked": (BridgeStatus(True, True), {"mode": "vepa", "reason": "rr_active"}),
}


# With the first it could do harm; the second is all that it needs.
@pytest.mark.parametrize("rights", ["+net_raw,+net_admin", "+net_raw"], ids=["able to", "unable to"])
@pytest.mark.parametrize(("status", "would"), ANNOUNCED.values(), ids=ANNOUNCED.keys())
def test_without_a_configuration_nothing_is_applied_and_nothing_said(
    status: BridgeStatus, would: dict[str, str], rights: str
) -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            lab.add_guest(1, MacvlanMode.VEPA)
            lab.add_guest(2, MacvlanMode.BRIDGE)
            found = lab.modes()
            observer = ["setpriv", "--inh-caps=-all", f"--bounding-set=-all,{rights}"]
            observer += ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "evbagent", "run", "--uplink", UPLINK]
            with Tap(lab.switch_namespace, SWITCH_PORT) as port, lab.agent.log.open("wb") as log:
                async with sampled(lab, lab.modes) as modes:
                    daemon = await asyncio.create_subprocess_exec(
                        *lab.host_namespace.command("unshare", "--mount", "sh", "-c", _BARE, "sh", *observer),
                        stdin=asyncio.subprocess.DEVNULL,
                        stderr=log,
                        pass_fds=(lab.host_namespace.descriptor,),
                    )
                    policy = Path(f"/proc/{daemon.pid}/root/run/evbagent/policy.json")

                    def uplink() -> dict[str, Any]:
                        text = policy.read_bytes() if policy.exists() else b"{}"
                        entry: dict[str, Any] = json.loads(text).get("uplinks", {}).get(UPLINK, {})
                        return entry

                    await lab.until(uplink, 5.0, "the daemon to listen")
                    port.send(lldp_frame(SWITCH_ADDRESS, chassis=SWITCH_ADDRESS, evb=Evb(EvbMode.BRIDGE, status)))
                    await lab.until(lambda: uplink().get("would") == would, 5.0, f"auto being {would}")
                    seen = uplink()
                    assert seen["configured"]["mode"] == "observe"
                    assert (seen["state"], seen["effective"]["mode"]) == ("observing", "vepa")
                    assert [entry["wanted"] for entry in seen["attachments"]] == [None, None]
                    daemon.terminate()
                    assert await daemon.wait() == 0
                assert port.heard == []  # a second station would confuse the switch
            assert modes == [found]

    asyncio.run(scene())


# --- the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_releases_the_guests_and_says_goodbye(number: signal.Signals) -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            with Tap(lab.switch_namespace, SWITCH_PORT) as port:
                os.kill(lab.agent.pid, number)
                await lab.until(lambda: lab.agent.ended is not None, 2.0, "the daemon to end")
                *_, last = [frame for frame in port.heard if frame.source == HOST_ADDRESS]
            assert lab.agent.ended == 0
            assert lab.all_in(MacvlanMode.BRIDGE)
            assert (last.pdu.ttl, last.pdu.optional) == (0, ())
            await lab.until(lambda: not lab.switch.granted, 1.0, "the switch to take relay back")

    asyncio.run(scene())


def test_a_daemon_ends_in_time_while_the_switch_is_silent() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            lab.switch.die()
            began = time.monotonic()
            assert await lab.agent.stop() == 0
            assert time.monotonic() - began < 2.0
            assert lab.all_in(MacvlanMode.BRIDGE)

    asyncio.run(scene())
