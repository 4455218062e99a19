"""The API over its socket: what can be asked, how it refuses, and that no client can keep others from an answer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from evbagent import shapes
from evbagent.client import Client, NotAnswered
from evbagent.daemon.view import View
from evbagent.policy.document import Moment, status
from evbagent.status import UplinkStatus
from evbagent.wire.ethernet import Scope
from tests.support.api import Answer, Served, answered, ask, connected, get, serving
from tests.support.frames import OTHER, SWITCH, Peer, bridge

Scene = Callable[[Served], Awaitable[None]]


def play(folder: Path, scene: Scene, limit: int = 32, patience: float = 10.0) -> None:
    """What clients do, beside an API that runs."""

    async def all_of_it() -> None:
        async with serving(folder, limit=limit, patience=patience) as served:
            await scene(served)

    asyncio.run(all_of_it())


async def asked(served: Served, url: str) -> Answer:
    return await asyncio.to_thread(get, served.socket, url)


# --- answers


def test_uplinks_are_told_as_the_status_command_tells_them(tmp_path: Path) -> None:
    async def scene(served: Served) -> None:
        served.hear(SWITCH.frame(bridge()))
        whole, one = await asked(served, "/v1/uplinks"), await asked(served, "/v1/uplinks/eth0")
        assert (whole.status, one.status) == (200, 200)
        assert (whole.body["schema"], one.body["schema"]) == ("evbagent/status/1", "evbagent/status/1")
        (uplink,), (same,) = whole.body["uplinks"], one.body["uplinks"]
        (shown,) = status((served.uplink.status,), Moment(0.0, datetime.now(UTC)))["uplinks"]
        passing = {"since", "age_seconds", "explanation"}
        lasting = shown.keys() - passing
        assert {key: uplink[key] for key in lasting} == {key: shown[key] for key in lasting}
        assert uplink.keys() == same.keys() == shown.keys()
        sentences = {each["explanation"]["sentence"] for each in (uplink, same, shown)}
        assert sentences == {served.uplink.status.explanation.sentence}
        assert (uplink["age_seconds"], same["since"][:19]) == (pytest.approx(10, abs=5), uplink["since"][:19])

    play(tmp_path, scene)


def test_neighbors_are_told_with_every_scope_and_their_ports(tmp_path: Path) -> None:
    async def scene(served: Served) -> None:
        served.hear(SWITCH.frame(bridge()))
        served.hear(OTHER.frame(scope=Scope.NEAREST_BRIDGE))
        for url in ("/v1/neighbors", "/v1/neighbors?port=eth0"):
            answer = await asked(served, url)
            assert (answer.status, answer.body["schema"]) == (200, "evbagent/neighbors/1")
            told = [(entry["scope"], entry["system_name"]) for entry in answer.body["neighbors"]]
            assert told == [("nearest-bridge", "switch2"), ("nearest-customer-bridge", "switch1")]
            assert [neighbor["age_seconds"] for neighbor in answer.body["neighbors"]] == pytest.approx([10, 10], abs=5)
            (port,) = answer.body["ports"]
            assert (port["name"], [scope["frames_in"] for scope in port["scopes"]]) == ("eth0", [1, 0, 1])

    play(tmp_path, scene)


def test_frames_are_told_as_they_came_and_as_many_as_wanted(tmp_path: Path) -> None:
    async def scene(served: Served) -> None:
        first, second = SWITCH.frame(bridge()), OTHER.frame()
        served.hear(first)
        served.hear(second, tag=b"\x81\x00\x00\x05")
        answer = await asked(served, "/v1/ports/eth0/capture")
        assert (answer.status, answer.body["schema"], answer.body["total"]) == (200, "evbagent/capture/1", 2)
        told = [(entry["octets"], entry["verdict"], entry["frame"]["vlan"]) for entry in answer.body["frames"]]
        tagged = second[:12] + b"\x81\x00\x00\x05" + second[12:]
        assert told == [(first.hex(), "valid", None), (tagged.hex(), "tagged", 5)]
        last = await asked(served, "/v1/ports/eth0/capture?count=1")
        assert [entry["octets"] for entry in last.body["frames"]] == [tagged.hex()]
        assert len((await asked(served, "/v1/ports/eth0/capture?count=999")).body["frames"]) == 2

    play(tmp_path, scene)


def test_a_client_gets_the_answers_as_values(tmp_path: Path) -> None:
    async def scene(served: Served) -> None:
        served.hear(SWITCH.frame(bridge()))
        client = Client(served.socket)
        (neighbor,) = (await asyncio.to_thread(client.neighbors, "eth0")).neighbors
        assert (neighbor.chassis_id, neighbor.evb) == (
            "00:00:5e:00:53:01",
            shapes.Evb("ratified", "bridge", True, True, True),
        )
        (frame,) = (await asyncio.to_thread(client.capture, "eth0", 5)).frames
        assert frame.octets == SWITCH.frame(bridge()).hex()
        with pytest.raises(NotAnswered, match="no port of the daemon") as refused:
            await asyncio.to_thread(client.neighbors, "eth 7/ü?")
        assert (refused.value.refusal.code, refused.value.refusal.hint) == ("no_such_interface", "it has: eth0")

    play(tmp_path, scene)


# --- refusals


def said(line: str, *headers: str, body: str = "") -> str:
    """A request of these lines."""
    return "\r\n".join([f"{line} HTTP/1.1", "Host: x", *headers, "", body])


REFUSED: Final = {
    "no such path": (said("GET /v2"), 404, "not_found"),
    "a path too much": (said("GET /v1/neighbors/"), 404, "not_found"),
    "no such uplink": (said("GET /v1/uplinks/eth9"), 404, "no_such_interface"),
    "no such port": (said("GET /v1/neighbors?port=eth9"), 404, "no_such_interface"),
    "frames of no port": (said("GET /v1/ports/eth9/capture"), 404, "no_such_interface"),
    "a wrong method": (said("POST /v1/neighbors"), 405, "method_not_allowed"),
    "a method nobody knows": (said("BREW /v1/uplinks"), 405, "method_not_allowed"),
    "a wrong method with a body": (said("PUT /v1/uplinks", "Content-Length: 2", body="{}"), 405, "method_not_allowed"),
    "no such parameter": (said("GET /v1/neighbors?prot=eth0"), 400, "bad_request"),
    "a parameter of others": (said("GET /v1/uplinks?port=eth0"), 400, "bad_request"),
    "a parameter twice": (said("GET /v1/neighbors?port=eth0&port=eth0"), 400, "bad_request"),
    "no frames at all": (said("GET /v1/ports/eth0/capture?count=0"), 400, "bad_request"),
    "a count in another script": (said("GET /v1/ports/eth0/capture?count=%D9%A3"), 400, "bad_request"),
    "a count beyond all": (said(f"GET /v1/ports/eth0/capture?count={'9' * 5000}"), 400, "bad_request"),
    "a body": (said("GET /v1/uplinks", "Content-Length: 5", body="hello"), 413, "content_too_large"),
    "a body without end": (said("GET /v1/uplinks", "Transfer-Encoding: chunked"), 413, "content_too_large"),
    "no HTTP": ("\x16\x03\x01 hello\r\n\r\n", 400, "bad_request"),
    "no host": ("GET /v1/uplinks HTTP/1.1\r\n\r\n", 400, "bad_request"),
    "a path without end": ("GET /" + "a" * 100_000, 400, "bad_request"),
    "a head without end": (said("GET /v1/uplinks", *["X: y"] * 100_000), 400, "bad_request"),
}


@pytest.mark.parametrize(("request_", "code", "label"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_answered_is_refused_in_one_shape(request_: str, code: int, label: str, tmp_path: Path) -> None:
    async def scene(served: Served) -> None:
        refused = await asyncio.to_thread(ask, served.socket, request_.encode("latin-1"))
        assert refused.error == (code, label)
        assert (await asked(served, "/v1/uplinks")).status == 200
        assert [line for line in served.journal() if not line.startswith("info: api ")] == []

    play(tmp_path, scene)


def test_a_wrong_method_is_told_the_right_ones(tmp_path: Path) -> None:
    async def scene(served: Served) -> None:
        refused = await asyncio.to_thread(ask, served.socket, said("DELETE /v1/uplinks").encode())
        assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD"}

    play(tmp_path, scene)


def test_what_follows_a_body_is_not_taken_for_a_request(tmp_path: Path) -> None:
    smuggled = b"GET /v1/uplinks HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nGET /v2 HTTP/1.1\r\nHost: x\r\n\r\n"

    async def scene(served: Served) -> None:
        with connected(served.socket) as sock:
            sock.sendall(smuggled)
            assert (await asyncio.to_thread(answered, sock)).error == (413, "content_too_large")
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.to_thread(sock.recv, 1) == b""

    play(tmp_path, scene)


def test_several_questions_on_one_connection_are_answered_in_their_order(tmp_path: Path) -> None:
    question = b"GET /v1/%s HTTP/1.1\r\nHost: x\r\n\r\n"

    async def scene(served: Served) -> None:
        with connected(served.socket) as sock:
            sock.sendall(question % b"uplinks" + question % b"neighbors" + question % b"nothing" + b"junk\r\n\r\n")
            read = sock.makefile("rb")
            told = await asyncio.to_thread(read.read)
        positions = [
            told.index(word) for word in (b"evbagent/status/1", b"evbagent/neighbors/1", b"not_found", b"bad_request")
        ]
        assert positions == sorted(positions)

    play(tmp_path, scene)


def test_a_request_that_breaks_off_into_junk_ends_its_connection_and_nothing_else(tmp_path: Path) -> None:
    broken = said("GET /v1/uplinks", "Transfer-Encoding: chunked", body="no number\r\n").encode()

    async def scene(served: Served) -> None:
        with connected(served.socket) as sock:
            sock.sendall(broken)
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.to_thread(sock.recv, 1) == b""
        assert (await asked(served, "/v1/uplinks")).status == 200
        assert [line for line in served.journal() if not line.startswith("info: api ")] == []

    play(tmp_path, scene)


class Broken(View):
    """One with a bug."""

    def uplinks(self) -> tuple[UplinkStatus, ...]:
        raise RuntimeError("boom")


def test_a_bug_costs_an_answer_and_a_line_in_the_journal(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(tmp_path, view=Broken) as served:
            assert (await asked(served, "/v1/uplinks")).error == (500, "internal")
            assert (await asked(served, "/v1/neighbors")).status == 200
            (line,) = [line for line in served.journal() if line.startswith("error: ")]
            assert "an answer of the API failed" in line
            assert "RuntimeError('boom')" in line

    asyncio.run(scene())


# --- bounds


def test_silent_clients_keep_nobody_from_an_answer(tmp_path: Path) -> None:
    async def scene(served: Served) -> None:
        with contextlib.ExitStack() as stack:
            for number in range(500):
                sock = stack.enter_context(await asyncio.to_thread(connected, served.socket))
                sock.sendall((b"", b"GET /v1/", b"GET /v1/uplinks HTTP/1.1\r\nHost: x\r\n")[number % 3])
            began = time.monotonic()
            assert (await asked(served, "/v1/neighbors")).status == 200
            assert time.monotonic() - began < 2.0

    play(tmp_path, scene)


MANY: Final = [Peer(SWITCH.address, f"port{number}", "x" * 255) for number in range(300)]


def test_clients_that_do_not_read_are_given_up(tmp_path: Path) -> None:
    """More of them than there may be at all, each with an answer under way that is larger than a socket's buffers."""
    question = b"GET /v1/neighbors HTTP/1.1\r\nHost: x\r\n\r\n"

    async def scene(served: Served) -> None:
        for peer in MANY:
            served.hear(peer.frame(ttl=3600))
        with contextlib.ExitStack() as stack:
            for _ in range(80):
                sock = stack.enter_context(await asyncio.to_thread(connected, served.socket))
                with contextlib.suppress(BrokenPipeError):
                    sock.sendall(question)
            deadline = time.monotonic() + 30.0
            refused = set()
            while time.monotonic() < deadline:
                answer = await asked(served, "/v1/uplinks")
                if answer.status == 200:
                    break
                refused.add(answer.error)
                await asyncio.sleep(0.1)
            assert time.monotonic() < deadline, "nobody is answered any more"
            assert refused <= {(503, "overloaded")}

    play(tmp_path, scene, limit=1024, patience=0.5)


def test_the_end_waits_for_no_client(tmp_path: Path) -> None:
    question = said("GET /v1/neighbors").encode()

    async def scene() -> None:
        with contextlib.ExitStack() as stack:
            async with serving(tmp_path, limit=1024) as served:
                for peer in MANY:
                    served.hear(peer.frame(ttl=3600))
                silent, halfway, unread, asking = (stack.enter_context(connected(served.socket)) for _ in range(4))
                halfway.sendall(question[:20])
                unread.sendall(question)
                asking.sendall(said("GET /v1/uplinks").encode())
                assert (await asyncio.to_thread(answered, asking)).status == 200
                assert await asyncio.to_thread(unread.recv, 1) == b"H"
                began = time.monotonic()
            assert time.monotonic() - began < 2.0
            assert not served.socket.exists()
            for sock in (silent, halfway, asking):
                with contextlib.suppress(ConnectionResetError):
                    assert sock.recv(1) == b""
        assert [line for line in served.journal() if not line.startswith("info: api ")] == []

    asyncio.run(scene())
