"""`evbagent status`: how guests are bridged on each uplink, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from evbagent.cli.exits import Exit, Format, fail, format_option, print_json
from evbagent.cli.settings import config_option, read
from evbagent.cli.tables import age, width
from evbagent.config import Settings
from evbagent.linux.files import Pulse
from evbagent.policy.document import status_of

__all__ = ["MISSHAPEN", "command", "policy_option", "require_daemon", "seen", "table"]

_PIPE = 200  # columns, enough for whole lines
MISSHAPEN = (ValueError, LookupError, AttributeError, TypeError)  # what reading JSON of another shape may raise
policy_option = click.option(
    "--policy", type=click.Path(dir_okay=False), help="Read this policy document, whoever wrote it."
)


@click.command("status")
@click.argument("uplink", required=False)
@config_option
@policy_option
@format_option
def command(uplink: str | None, config: str | None, policy: str | None, form: Format) -> None:
    """Show how guests are bridged on each uplink (or on UPLINK), and why."""
    status = seen(uplink, config, policy, form)
    if form == "json":
        print_json(status)
    elif not status["uplinks"]:
        click.echo("The daemon has no uplink: its configuration names none that is here.")
    else:
        try:
            click.echo(table(status), nl=False)
        except MISSHAPEN as error:
            fail(Exit.FAILED, f"{policy or 'what it wrote'} is no policy document of this version: {error!r}")


def seen(uplink: str | None, config: str | None, policy: str | None, form: Format) -> dict[str, Any]:
    """The status of all uplinks or of one, from the document named or the daemon's own; ends the command without."""
    if policy is None:
        settings = read(config, form)
        policy = settings.policy_path
        require_daemon(
            settings,
            form,
            "start it (`evbagent run`), name its configuration (--config), or read a document as it is (--policy)",
        )
    status = _read(Path(policy), form)
    if uplink is not None:
        here = [entry["name"] for entry in status["uplinks"]]
        if uplink not in here:
            fail(
                Exit.NO_SUCH_INTERFACE, f"{uplink!r} is no uplink of the daemon (it has: {', '.join(here)})", form=form
            )
        status["uplinks"] = [entry for entry in status["uplinks"] if entry["name"] == uplink]
    return status


def require_daemon(settings: Settings, form: Format, hint: str) -> None:
    """Ends the command where no daemon has the run folder."""
    try:
        alive = Pulse.beats(Path(settings.pulse_path))
    except OSError as error:
        fail(Exit.NOT_PERMITTED, f"{settings.pulse_path} can't be reached: {error.strerror}", form=form)
    if not alive:
        fail(Exit.NOT_RUNNING, f"no daemon runs with the run folder {settings.run_dir}", hint=hint, form=form)


def _read(path: Path, form: Format) -> dict[str, Any]:
    try:
        return status_of(msgspec.json.decode(path.read_bytes()), datetime.now(UTC))
    except FileNotFoundError:
        fail(Exit.NOT_RUNNING, f"there is no policy document at {path}", hint="the daemon writes it", form=form)
    except PermissionError as error:
        fail(Exit.NOT_PERMITTED, f"{path} can't be read: {error.strerror}", form=form)
    except OSError as error:
        fail(Exit.FAILED, f"{path} can't be read: {error.strerror}", form=form)
    except MISSHAPEN as error:
        fail(Exit.FAILED, f"{path} is no policy document of this version: {error!r}", form=form)


def table(status: dict[str, Any], columns: int | None = None) -> str:
    """The uplinks as a table, one line each, with a note below where there is more to say."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("UPLINK", "CONFIGURED", "MODE", "STATE", "REASON", "SINCE", "RELAY", "SWITCH", "GUESTS"):
        grid.add_column(column, no_wrap=column not in ("SWITCH", "GUESTS"))
    notes = []
    for uplink in status["uplinks"]:
        grid.add_row(*(Text(word) for word in _row(uplink)))
        notes += _notes(uplink)
    console = Console(width=columns or width(_PIPE), highlight=False)
    with console.capture() as capture:
        console.print(grid)
        for note in notes:
            console.print(Text(note))
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def _row(uplink: dict[str, Any]) -> tuple[str, ...]:
    relay, peer = uplink["relay"], uplink["relay"]["peer"]
    modes = [attachment["mode"] for attachment in uplink["attachments"]]
    guests = ", ".join(f"{modes.count(mode)} {mode}" for mode in sorted(set(modes), key=str)) or "none"
    return (
        uplink["name"],
        uplink["configured"]["mode"],
        uplink["effective"]["mode"],
        uplink["state"],
        uplink["reason"],
        age(uplink["age_seconds"]),
        _relay(relay),
        "-" if peer is None else f"{peer['system_name'] or peer['chassis_id']} {peer['port_id']}",
        guests,
    )


def _notes(uplink: dict[str, Any]) -> list[str]:
    notes = []
    name, would = uplink["name"], uplink["would"]
    if would is not None:
        notes.append(f"{name}: nothing is applied; it would be {would['mode']} ({would['reason']})")
    if uplink["configured"]["mode"] == "vepa" and uplink["effective"]["mode"] != "vepa":
        notes.append(f"{name}: mode vepa is configured and not there ({uplink['reason']}): guests are in veb")
    if uplink["relay"]["crowded"]:
        notes.append(f"{name}: more than one neighbor on the nearest-customer-bridge scope")
    notes += [
        f"{name}: {attachment['name']} is {attachment['reach']} ({attachment['mode']}), left alone"
        for attachment in uplink["attachments"]
        if attachment["reach"] != "managed"
    ]
    return notes + [note for port in uplink["dcbx"] if (note := _dcbx(port)) is not None]


def _dcbx(port: dict[str, Any]) -> str | None:
    """DCBX on one port in a line, None where there is nothing to say."""
    version, peer, kinds = port["version"], port["peer"], [mismatch["kind"] for mismatch in port["mismatches"]]
    if version is None and not kinds:
        return None
    by = "" if peer is None else f" by {peer['system_name'] or peer['chassis_id']} {peer['port_id']}"
    words = f"{port['port']}: DCBX" + ("" if version is None else f" ({version}{by})")
    if kinds:
        return f"{words}: {', '.join(kinds)}"
    return f"{words}: " + ("the kernel does not say what it has" if port["kernel"] is None else "no mismatch known")


def _relay(relay: dict[str, Any]) -> str:
    """What frames prove of the switch port, and where they prove nothing, what it says of itself."""
    if relay["verified"] is not None:
        return "proven" if relay["verified"] else "disproved"
    if relay["capable"] is None:
        return "unknown"
    if relay["operational"]:
        return "on"
    return "off" if relay["capable"] else "unable"
