"""The daemon's API beside real neighbors: who is heard, what crossed, and that no client does the daemon any harm."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import pytest

from evbagent.client import Client
from evbagent.decode import decode
from evbagent.lab import Lab
from evbagent.lab.topology import HOST_ADDRESS, SWITCH_ADDRESS, SWITCH_PORT, UPLINK, edit, index_of
from evbagent.pcap import frames
from evbagent.status import MacvlanMode
from evbagent.wire.basic import SystemName
from evbagent.wire.octets import MacAddress
from tests.support import peers
from tests.support.api import ask, connected, get
from tests.support.lldpd import Lldpd
from tests.support.observing import bridged, relay, said
from tests.support.taps import Tap, lldp_frame

pytestmark = pytest.mark.netns

STRANGER: Final = MacAddress.parse("02:00:00:00:00:ee")


def door(lab: Lab) -> Path:
    return lab.agent.run_dir / "api.sock"


async def evbagent(lab: Lab, *args: str, code: int = 0) -> bytes:
    """What a command says, which has to end with that exit code."""
    command = [sys.executable, "-m", "evbagent", args[0], "--config", str(lab.agent.config), *args[1:]]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=30, check=False)
    assert done.returncode == code, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done.stdout


async def neighbors(lab: Lab) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(await evbagent(lab, "neighbors", "-f", "json"))["neighbors"]
    return entries


# --- neighbors


@pytest.mark.peer
def test_a_real_lldpd_and_the_switch_are_listed_with_their_names() -> None:
    peers.require("lldpd")

    async def scene() -> None:
        async with Lab() as lab, Lldpd(lab.switch_namespace, lab.folder, SWITCH_PORT) as lldpd:
            with Tap(lab.host_namespace, UPLINK) as tap:
                await lab.switch.start()
                await lab.agent.start()
                await bridged(lab, MacvlanMode.VEPA, "rr_active")
                await lldpd.start()
                await lab.until(lambda: len({frame.pdu.msap for frame in tap.heard}) > 1, 5.0, "lldpd to speak")
                await lab.until(lambda: relay(lab)["crowded"], 5.0, "the daemon to hear it")
                listed = {entry["port_id"]: entry for entry in await neighbors(lab)}
                last = {decode(frame.octets)["port_id"]["value"]: frame for frame in tap.heard}
        assert listed.keys() == last.keys()
        for port_id, entry in listed.items():
            assert (entry["port"], entry["scope"]) == (UPLINK, "nearest-customer-bridge")
            assert entry["frame"] == decode(last[port_id].octets)
            assert entry["source"] == str(last[port_id].source)
            assert 0 < entry["expires_in_seconds"] <= entry["ttl"]
        switch, other = listed.pop("port1"), listed.pop(str(SWITCH_ADDRESS))  # lldpd names its port by its address
        assert (switch["system_name"], switch["evb"]["version"], switch["evb"]["relay_on"]) == (
            "lab-switch",
            "ratified",
            True,
        )
        assert (other["system_name"].startswith(socket.gethostname()), other["evb"]) == (True, None)
        assert listed == {}

    asyncio.run(scene())


def test_a_hostile_name_is_shown_escaped() -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            await lab.agent.start()
            await lab.until(lambda: "api socket=" in lab.agent_log(99), 5.0, "the API")
            with Tap(lab.switch_namespace, SWITCH_PORT) as port:
                port.send(lldp_frame(STRANGER, chassis=STRANGER, port="p\x9b2J", name="\x1b[31m\u202eliar\u2066\r\n"))
            client = Client(door(lab))
            await lab.until(lambda: client.neighbors().neighbors, 5.0, "the stranger to be heard")
            for args in (("neighbors",), ("neighbors", "--details"), ("capture", UPLINK)):
                text = (await evbagent(lab, *args)).decode()
                assert r"\x1b[31m\u202eliar\u2066\r\n" in text
                assert all(map(str.isprintable, text.splitlines()))

    asyncio.run(scene())


# --- capture


@pytest.mark.peer
def test_what_crossed_is_a_pcap_that_tshark_reads_frame_by_frame(tmp_path: Path) -> None:
    peers.require("tshark")
    file = tmp_path / "eth0.pcap"

    async def scene() -> None:
        async with Lab() as lab:
            with Tap(lab.host_namespace, UPLINK) as tap:
                await lab.agent.start()
                await lab.until(lambda: tap.told, 5.0, "the daemon to speak")
                await lab.switch.start()
                await bridged(lab, MacvlanMode.VEPA, "rr_active")
                await lab.until(lambda: lab.switch.confirmed, 5.0, "the station to confirm relay")
                await evbagent(lab, "capture", UPLINK, "-w", str(file))
                told, heard = tap.told, tap.heard
        kept = list(frames(file.read_bytes()))
        columns = ("frame.time_epoch", "eth.src", "lldp.tlv.system.name")
        args = [word for column in columns for word in ("-e", column)]
        read = [line.split("|") for line in tshark(file, "-T", "fields", "-E", "separator=|", *args).splitlines()]
        for source, crossed in ((HOST_ADDRESS, told), (SWITCH_ADDRESS, heard)):
            ours = [(octets, line) for octets, line in zip(kept, read, strict=True) if line[1] == str(source)]
            assert len(ours) >= 2
            for (octets, (stamp, _, name)), frame in zip(ours, crossed, strict=False):
                assert octets == frame.octets
                assert float(stamp) == pytest.approx(frame.stamp, abs=0.05)
                assert name == frame.pdu.text(SystemName)
        assert tshark(file, "-Y", "_ws.malformed || !lldp") == ""

    asyncio.run(scene())


@pytest.mark.peer
def test_a_tag_that_the_kernel_took_out_is_in_the_pcap(tmp_path: Path) -> None:
    peers.require("tshark")
    file = tmp_path / "eth0.pcap"
    octets = lldp_frame(STRANGER, chassis=STRANGER, name="stranger")
    tagged = octets[:12] + b"\x81\x00\x60\x05" + octets[12:]

    def enslave(ip: Any) -> None:
        ip.link("add", ifname="br-host", kind="bridge", br_stp_state=0)
        ip.link("set", index=index_of(ip, UPLINK), master=index_of(ip, "br-host"))

    async def scene() -> None:
        async with Lab(0) as lab:
            edit(lab.host_namespace, enslave)  # there the daemon's socket sees tags
            await lab.agent.start()
            await lab.until(lambda: "api socket=" in lab.agent_log(99), 5.0, "the API")
            with Tap(lab.switch_namespace, SWITCH_PORT) as port:
                port.send(tagged)
            client = Client(door(lab))
            await lab.until(lambda: any(f.direction == "in" for f in client.capture(UPLINK).frames), 5.0, "the frame")
            assert [f.verdict for f in client.capture(UPLINK).frames if f.direction == "in"] == ["tagged"]
            file.write_bytes(await evbagent(lab, "capture", UPLINK, "-w", "-"))

    asyncio.run(scene())
    assert [frame for frame in frames(file.read_bytes()) if frame[6:12] == STRANGER.octets] == [tagged]
    assert tshark(file, "-Y", "vlan.id == 5 && vlan.priority == 3", "-T", "fields", "-e", "eth.src").split() == [
        str(STRANGER)
    ]


def tshark(file: Path, *args: str) -> str:
    """What it prints about a capture."""
    done = subprocess.run(
        peers.command("tshark", "-n", "-r", str(file), *args),
        env=peers.environment("tshark"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_reflected_frames_of_ours_are_in_it_and_called_so() -> None:
    async def scene() -> None:
        async with Lab(stp=False) as lab:  # such a bridge floods the customer-bridge scope, with hairpin back to us too
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            client = Client(door(lab))
            await lab.until(lambda: any(f.verdict == "own" for f in client.capture(UPLINK).frames), 5.0, "a reflection")
            told = [(f.direction, f.verdict, f.frame["source"]) for f in client.capture(UPLINK).frames]
            assert set(told) == {
                ("out", "sent", str(HOST_ADDRESS)),
                ("in", "own", str(HOST_ADDRESS)),
                ("in", "valid", str(SWITCH_ADDRESS)),
            }

    asyncio.run(scene())


# --- the socket


def test_only_owner_and_group_may_ask_whatever_the_umask() -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            before = os.umask(0)
            try:
                await lab.agent.start()
            finally:
                os.umask(before)
            await lab.until(lambda: door(lab).exists(), 5.0, "the API's socket")
            about = door(lab).stat()
            assert (stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid) == (0o660, 0, 0)
            assert await lab.agent.stop() == 0
            assert not door(lab).exists()

    asyncio.run(scene())


def test_who_asks_before_it_is_ready_waits_and_a_dead_daemons_socket_is_replaced() -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            for end in (lab.agent.kill, lab.agent.stop):
                await lab.agent.start()
                await lab.until(lambda: lab.agent.policy is not None, 5.0, "the daemon")
                answer = await asyncio.to_thread(get, door(lab), "/v1/uplinks")
                assert [uplink["name"] for uplink in answer.body["uplinks"]] == [UPLINK]
                await end()
                (lab.agent.run_dir / "policy.json").unlink()

    asyncio.run(scene())


def test_without_an_api_there_is_no_socket_and_the_command_says_so() -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            lab.agent.settings["api"] = {"enabled": False}
            await lab.agent.start()
            await lab.until(lambda: "metrics url=" in lab.agent_log(99), 5.0, "the daemon")
            assert not door(lab).exists()
            error = json.loads(await evbagent(lab, "neighbors", "-f", "json", code=1))["error"]
            assert "api.enabled" in error["hint"]

    asyncio.run(scene())


def test_a_group_that_is_not_there_is_refused_at_the_start() -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            lab.agent.settings["api"] = {"group": "nobodys"}
            await lab.agent.start()
            await lab.until(lambda: lab.agent.ended is not None, 5.0, "the daemon to end")
            assert lab.agent.ended == 1
            assert "there is no group 'nobodys' on this host; set another run_dir or api.group" in lab.agent_log()

    asyncio.run(scene())


# --- clients

WRONG: Final = {
    b"POST /v1/uplinks HTTP/1.1\r\nHost: x\r\n\r\n": (405, "method_not_allowed"),
    b"GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n": (404, "not_found"),
    b"GET /" + b"a" * 100_000: (400, "bad_request"),
    b"GET /v1/uplinks HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n" + b"a" * 100_000: (
        413,
        "content_too_large",
    ),
    os.urandom(64) + b"\r\n\r\n": (400, "bad_request"),
}


def descriptors(pid: int) -> int:
    """How many files and sockets a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_no_client_keeps_the_daemon_from_its_work() -> None:
    """While five hundred hang about and others talk nonsense, a withdrawal puts every guest into VEB at once."""

    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            with contextlib.ExitStack() as stack:
                for number in range(500):
                    sock = stack.enter_context(await asyncio.to_thread(connected, door(lab)))
                    sock.sendall((b"", b"GET /v1/", b"GET /v1/neighbors HTTP/1.1\r\n")[number % 3])
                for request, error in WRONG.items():
                    assert (await asyncio.to_thread(ask, door(lab), request)).error == error
                lab.switch.offer(relay=False)
                await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), 1.0, "every guest in bridge mode")
                answer = await asyncio.to_thread(get, door(lab), f"/v1/uplinks/{UPLINK}")
                assert answer.body["uplinks"][0]["effective"]["mode"] == "veb"
                assert descriptors(lab.agent.pid) < 100
            assert lab.agent.ended is None
            assert not [line for line in lab.agent_log(99).splitlines() if line.startswith("error:")]

    asyncio.run(scene())


def test_a_daemon_ends_in_time_while_clients_are_connected() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            with contextlib.ExitStack() as stack:
                socks = [stack.enter_context(await asyncio.to_thread(connected, door(lab))) for _ in range(50)]
                for sock in socks[:25]:
                    sock.sendall(b"GET /v1/neighbors HTTP/1.1\r\nHost: x\r\n\r\n")
                began = time.monotonic()
                assert await lab.agent.stop() == 0
                assert time.monotonic() - began < 2.0
            assert lab.all_in(MacvlanMode.BRIDGE)
            assert said(lab) == "veb, settled, released"
            assert not [line for line in lab.agent_log(99).splitlines() if line.startswith("error:")]

    asyncio.run(scene())
