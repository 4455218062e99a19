"""`evbagent release`: every uplink into VEB now, by the daemon where one runs and by this command where none does."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from evbagent.cli.exits import Exit, Format, fail, format_option, print_json
from evbagent.cli.settings import config_option, read
from evbagent.config import Settings
from evbagent.daemon.journal import Journal
from evbagent.guard import Places, clear_up
from evbagent.linux.boot import here
from evbagent.linux.capabilities import NET_ADMIN, NET_RAW, missing
from evbagent.linux.files import Lock, Pulse, read_owned
from evbagent.linux.saved import load
from evbagent.state import LARGEST, SavedState, StateError

__all__ = ["command"]

_PATIENCE: Final = 10.0  # seconds for a daemon to end, or for a guard to have finished
_GLANCE: Final = 0.05


@click.command("release")
@config_option
@format_option
def command(config: str | None, form: Format) -> None:
    """Put the guests of every uplink into VEB now, and say goodbye to the switches.

    A daemon that runs is asked to do so and to end. Where none runs, what the last one left is released.
    """
    settings = read(config, form)
    try:
        report = _released(settings, form)
    except PermissionError as error:
        fail(Exit.NOT_PERMITTED, f"{error.filename or settings.run_dir}: {error.strerror}", hint="as root", form=form)
    except OSError as error:
        fail(Exit.FAILED, f"nothing could be released: {error}", form=form)
    stuck = [uplink["name"] for uplink in report["uplinks"] if uplink["mode"] == "vepa"]
    if stuck:
        fail(Exit.FAILED, f"the kernel lets guests of {', '.join(stuck)} not leave VEPA", hint="try again", form=form)
    if form == "json":
        print_json(report)
    else:
        click.echo(_text(report))


def _released(settings: Settings, form: Format) -> dict[str, Any]:
    """What was done, as it is shown; raises `OSError`."""
    lock = Lock(Path(settings.lock_path))
    asked = _take(lock, settings, form) if lock.path.parent.is_dir() else None
    if lock.path.parent.is_dir():
        try:
            uplinks = _left(settings, form)
        finally:
            lock.release()
    else:
        uplinks = []
    if asked is not None and not uplinks:
        uplinks = _told(Path(settings.policy_path))
    return {"schema": "evbagent/release/1", "daemon": asked, "uplinks": uplinks}


def _take(lock: Lock, settings: Settings, form: Format) -> int | None:
    """The lock, whoever had it; the number of the daemon that was asked to end, None where there was none."""
    asked = None
    deadline = time.monotonic() + _PATIENCE
    while not lock.take():
        holder = lock.holder()
        if not Pulse.beats(Path(settings.pulse_path)):
            if time.monotonic() > deadline:
                fail(Exit.FAILED, f"process {holder} holds {lock.path} and does not let it go", form=form)
        elif asked is None:
            asked = _ask(lock, holder, form)
        elif holder != str(asked):
            hint = "stop its unit, or its supervisor, instead"
            fail(Exit.FAILED, f"daemon {asked} has released, and {holder} runs in its place", hint=hint, form=form)
        time.sleep(_GLANCE)
    return asked


def _ask(lock: Lock, holder: str, form: Format) -> int | None:
    """Ask the daemon to release and end, and wait until it has."""
    try:
        process = os.pidfd_open(int(holder))
    except (ValueError, ProcessLookupError):
        return None  # it has just ended, or begun
    try:
        if lock.holder() != holder or not lock.taken():  # else the number may be somebody else's by now
            return None
        signal.pidfd_send_signal(process, signal.SIGUSR1)
        waiting = select.poll()
        waiting.register(process, select.POLLIN)
        if not waiting.poll(_PATIENCE * 1000):
            hint = "it hangs: end it with SIGKILL, then run this again"
            fail(Exit.FAILED, f"daemon {holder} has not ended within {_PATIENCE:g} s", hint=hint, form=form)
    finally:
        os.close(process)
    return int(holder)


def _left(settings: Settings, form: Format) -> list[dict[str, Any]]:
    """What a daemon that is gone has left in VEPA is released here."""
    state = _state(settings, form)
    if state is None or state.released or state.elsewhere(here()) is not None:
        return []
    lacking = missing(NET_ADMIN, NET_RAW)
    if lacking:
        fail(Exit.NOT_PERMITTED, f"{' and '.join(lacking)} missing, to put guests into VEB", hint="as root", form=form)
    places = (settings.lock_path, settings.guard_path, settings.state_path, settings.policy_path)
    outcome = clear_up(Places(*map(Path, places)), state, state.uplinks, Journal())
    return [_uplink(each.name, {name: mode.value for name, mode in each.modes.items()}) for each in outcome]


def _state(settings: Settings, form: Format) -> SavedState | None:
    try:
        return load(Path(settings.state_path))
    except StateError as error:
        hint = "look at the guests' modes with `ip -d link`"
        fail(Exit.FAILED, f"{settings.state_path} is no state file: {error}", hint=hint, form=form)


def _told(path: Path) -> list[dict[str, Any]]:
    """What the daemon says that it has released."""
    uplinks = msgspec.json.decode(read_owned(path, LARGEST))["uplinks"].values()
    return [_uplink(each["name"], {guest["name"]: guest["mode"] for guest in each["attachments"]}) for each in uplinks]


def _uplink(name: str, modes: Mapping[str, str | None]) -> dict[str, Any]:
    guests = [{"name": guest, "mode": mode} for guest, mode in modes.items()]
    return {"name": name, "mode": "vepa" if "vepa" in modes.values() else "veb", "guests": guests}


def _text(report: dict[str, Any]) -> str:
    daemon, uplinks = report["daemon"], report["uplinks"]
    if daemon is None and not uplinks:
        return "nothing to release: no daemon runs, and none has left anything"
    by = "no daemon runs; released here" if daemon is None else f"daemon {daemon} has released and ended"
    lines = [f"{by}:"]
    for uplink in uplinks:
        guests = ", ".join(f"{guest['name']} {guest['mode']}" for guest in uplink["guests"])
        lines.append(f"  {uplink['name']}: {uplink['mode']} ({guests or 'no guests'})")
    return "\n".join(lines)
