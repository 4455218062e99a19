"""Files that others rely on are whole, readable, and locks end with their process."""

import contextlib
import grp
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from evbagent.linux.files import LocalSocket, Lock, Pulse, read_owned, replace_file, write_private


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_a_file_is_readable_for_everybody_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "policy.json"
    before = os.umask(umask)
    try:
        replace_file(path, b"{}")
    finally:
        os.umask(before)
    assert (stat.S_IMODE(path.stat().st_mode), path.read_bytes()) == (0o644, b"{}")


def test_a_file_that_does_not_fit_leaves_the_old_one_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_bytes(b"old")
    script = (
        "import resource, signal, sys; from pathlib import Path; from evbagent.linux.files import replace_file\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "replace_file(Path(sys.argv[1]), b'x' * 1000)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert "File too large" in done.stderr
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"policy.json": b"old"}
    assert resource.getrlimit(resource.RLIMIT_FSIZE) != (100, 100)


def test_a_lock_is_one_process_and_nobody_else_can_open_it(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    assert first.take()
    assert not second.take()
    assert second.holder() == str(os.getpid())
    assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o600
    first.release()
    assert second.take()
    second.release()


def test_whoever_looks_at_a_lock_sees_whether_somebody_has_it(tmp_path: Path) -> None:
    watcher, lock = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    assert not watcher.taken()  # there is no file yet
    watcher.wait()
    assert lock.take()
    assert watcher.taken()
    lock.release()
    assert not watcher.taken()
    assert lock.take(), "who looks keeps nobody out"
    lock.release()


def test_who_takes_a_lock_may_leave_a_note(tmp_path: Path) -> None:
    lock, reader = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    assert lock.take("4026531840")
    assert (reader.holder(), reader.note()) == (str(os.getpid()), "4026531840")
    lock.release()
    assert lock.take()
    assert (reader.holder(), reader.note()) == (str(os.getpid()), "")
    lock.release()


def test_a_lock_in_a_folder_that_was_made_anew_is_another_one(tmp_path: Path) -> None:
    watcher, old, new = (Lock(tmp_path / "run" / "lock") for _ in range(3))
    (tmp_path / "run").mkdir()
    assert old.take()
    assert watcher.taken()
    (tmp_path / "run" / "lock").unlink()
    assert not watcher.taken()
    assert new.take()
    assert watcher.taken()
    old.release()
    assert watcher.taken()
    new.release()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_who_waits_for_a_lock_is_woken_by_the_end_of_its_process(tmp_path: Path, how: signal.Signals) -> None:
    path = tmp_path / "lock"
    script = "import sys, time; from pathlib import Path; from evbagent.linux.files import Lock\n"
    script += "lock = Lock(Path(sys.argv[1])); assert lock.take(); print(flush=True); time.sleep(60)"
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        waiter = threading.Thread(target=Lock(path).wait)
        waiter.start()
        assert Lock(path).taken()
        assert waiter.is_alive()
        holder.send_signal(how)
        waiter.join(10)
        assert not waiter.is_alive()
    assert not Lock(path).taken()


def test_what_is_written_for_us_alone_is_read_by_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_private(path, b"{}")
    assert (stat.S_IMODE(path.stat().st_mode), read_owned(path, 2)) == (0o600, b"{}")
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_more_than_was_asked_for_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_private(path, b"x" * 101)
    with pytest.raises(OSError, match="more than 100 octets"):
        read_owned(path, 100)


def world_writable(path: Path) -> None:
    path.write_bytes(b"{}")
    path.chmod(0o666)


def somebody_elses(path: Path) -> None:
    path.write_bytes(b"{}")
    os.chown(path, 12345, -1)


HOSTILE = {
    "a file that anybody can write": (world_writable, "can write it"),
    "a folder": (Path.mkdir, "can write it|Is a directory"),
    "a link": (lambda path: path.symlink_to("/etc/hostname"), "symbolic link"),
    "a pipe that nobody writes to": (os.mkfifo, "can write it"),
}


@pytest.mark.parametrize(("make", "why"), HOSTILE.values(), ids=HOSTILE.keys())
def test_what_somebody_else_may_have_made_is_not_read(tmp_path: Path, make: Callable[[Path], None], why: str) -> None:
    path = tmp_path / "state.json"
    make(path)
    with pytest.raises(OSError, match=why):
        read_owned(path, 100)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    somebody_elses(path)
    with pytest.raises(PermissionError, match="can write it"):
        read_owned(path, 100)


def test_a_lock_that_was_readable_once_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("junk")
    path.chmod(0o666)
    lock = Lock(path)
    assert lock.take()
    assert (stat.S_IMODE(path.stat().st_mode), path.read_text()) == (0o600, f"{os.getpid()}\n")
    lock.release()


def test_a_pulse_beats_as_long_as_its_process_and_for_any_number_of_askers(tmp_path: Path) -> None:
    path = tmp_path / "alive.sock"
    assert not Pulse.beats(path)
    pulse = Pulse(path)
    assert all(Pulse.beats(path) for _ in range(100))
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    pulse.close()
    assert not Pulse.beats(path)


def test_a_pulse_that_a_crash_left_behind_does_not_beat(tmp_path: Path) -> None:
    path = tmp_path / "alive.sock"
    script = "import os, sys; from pathlib import Path; from evbagent.linux.files import Pulse\n"
    script += "pulse = Pulse(Path(sys.argv[1])); os._exit(0)"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    assert path.exists()
    assert not Pulse.beats(path)
    pulse = Pulse(path)
    assert Pulse.beats(path)
    pulse.close()


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_a_local_socket_has_its_mode_before_anybody_can_connect(mask: int, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    before = os.umask(mask)
    try:
        opened = LocalSocket(path, 0o660)
    finally:
        os.umask(before)
    about = path.stat()
    assert (stat.S_IMODE(about.st_mode), about.st_gid) == (0o660, os.getegid())
    opened.close()
    assert not path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to any group")
def test_a_local_socket_belongs_to_the_group_that_may_use_it(tmp_path: Path) -> None:
    other = next(group for group in grp.getgrall() if group.gr_gid != os.getegid())
    with contextlib.closing(LocalSocket(tmp_path / "api.sock", 0o660, group=other.gr_name)):
        assert (tmp_path / "api.sock").stat().st_gid == other.gr_gid


def test_a_group_that_is_not_there_is_named_and_leaves_no_socket(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="there is no group 'nobodys'"):
        LocalSocket(tmp_path / "api.sock", 0o660, group="nobodys")
    assert list(tmp_path.iterdir()) == []


def test_a_local_socket_replaces_what_a_dead_process_left(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    with contextlib.closing(LocalSocket(path, 0o660)), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(path))
