"""The client tells apart who does not answer, who refuses, and who is no daemon of this version."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from evbagent.client import Client, Misshapen, NotAnswered, Unreachable


@contextlib.contextmanager
def answering(path: Path, octets: bytes) -> Iterator[None]:
    """Somebody takes one connection, reads a request, says this and hangs up."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.bind(str(path))
        door.listen(1)
        door.settimeout(10)

        def serve() -> None:
            connection, _ = door.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(octets)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def said(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


STRANGE: Final = {
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "half an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
    "no JSON": said("200 OK", "hello"),
    "another shape": said("200 OK", '{"schema": "x"}'),
    "a refusal of another shape": said("404 Not Found", '{"detail": "no"}'),
}


@pytest.mark.parametrize("octets", STRANGE.values(), ids=STRANGE.keys())
def test_who_answers_in_another_shape_is_no_daemon_of_this_version(octets: bytes, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with answering(path, octets), pytest.raises(Misshapen, match=str(path)):
        Client(path).neighbors()


def test_a_refusal_is_raised_with_its_cure(tmp_path: Path) -> None:
    body = '{"error": {"code": "busy", "message": "not now", "hint": "later"}}'
    with answering(tmp_path / "api.sock", said("503 Busy", body)), pytest.raises(NotAnswered, match="not now") as told:
        Client(tmp_path / "api.sock").capture("eth0")
    assert (told.value.refusal.code, told.value.refusal.hint) == ("busy", "later")


def test_nobody_there_is_said_with_the_path_and_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with pytest.raises(Unreachable, match="No such file") as told:
        Client(path).neighbors()
    assert isinstance(told.value.__cause__, FileNotFoundError)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    with pytest.raises(Unreachable, match="Connection refused"):
        Client(path).neighbors()
    path.unlink()
    with answering(path, b""), pytest.raises(Unreachable, match="closed connection"):
        Client(path).neighbors()
