"""`evbagent probe`: whether the switch reflects on a port, asked with frames of our own, with or without a daemon."""

from __future__ import annotations

import asyncio
import difflib
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from statistics import median
from typing import Any, Final

import click

from evbagent.cli.exits import Exit, Format, fail, format_option, print_json
from evbagent.daemon.journal import Journal
from evbagent.daemon.runner import Runner
from evbagent.events import LinkState
from evbagent.linux.capabilities import NET_RAW, missing
from evbagent.linux.kernel import Kernel
from evbagent.linux.links import LinkTable
from evbagent.linux.rtnetlink import RouteSocket
from evbagent.probe.attempt import ProbeSettings
from evbagent.probe.inquiry import Inquiry, Round
from evbagent.probe.machine import Probe

__all__ = ["command", "verdict"]

_MOST: Final = 1000  # rounds
_GLANCE: Final = 0.005  # seconds between looks at what is known
_CAUSES: Final = (
    "relay (hairpin) is off on the switch port; with EVB it is on only while a station asks, as the daemon does",
    "port security, 802.1X or a limit of addresses lets in no address but the port's own",
    "the switch port does not forward, or not yet (spanning tree), takes no untagged frames, or filters 88-B5",
)


@click.command("probe")
@click.argument("port")
@click.option("--count", type=click.IntRange(1, _MOST), default=1, show_default=True, help="Rounds, 0.25 s apart.")
@format_option
def command(port: str, count: int, form: Format) -> None:
    """Send a frame that a reflecting switch port sends back, and tell whether it came back.

    Needs no daemon, and leaves one that runs alone. Each run shows the switch one more address on the port. Exits 0 if
    a frame of every round came back, and 1 if not, which has more causes than relay that is off.
    """
    if missing(NET_RAW):
        hint = "run it as root, or give it the capability (setpriv --ambient-caps)"
        fail(Exit.NOT_PERMITTED, f"{NET_RAW} is missing (to send and hear the probe)", hint=hint, form=form)
    told = _told if form == "table" and count > 1 else _untold
    try:
        with closing(RouteSocket()) as route:
            links = LinkTable(route)
            links.refresh(foreign=True)
            link = _link(links, port, form)
            inquiry = asyncio.run(_ask(link, Kernel(route, links), links, count, told))
            links.refresh()
            after = links.named(port)
    except PermissionError as error:
        fail(Exit.NOT_PERMITTED, f"{port} can't be listened on: {error}", form=form)
    except OSError as error:
        fail(Exit.FAILED, f"{port} can't be probed: {error}", form=form)
    held = after is not None and after.enabled and after.carrier_ups == link.carrier_ups
    answer = verdict(link, str(inquiry.address), inquiry.rounds, held=held)
    if form == "json":
        print_json(answer)
    else:
        click.echo(f"{port}: {answer['message']}")
        if answer["causes"]:
            click.echo("it may be that")
        for cause in answer["causes"]:
            click.echo(f"- {cause}")
    raise SystemExit(Exit.OK if answer["verified"] else Exit.FAILED)


def _link(links: LinkTable, port: str, form: Format) -> LinkState:
    """The interface, with carrier; ends the command where there is none."""
    link = links.named(port)
    if link is None:
        here = sorted(each.name for each in links)
        near = difflib.get_close_matches(port, here, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"here: {', '.join(here[:16]) or 'none'}"
        fail(Exit.NO_SUCH_INTERFACE, f"there is no Ethernet interface {port!r}", hint=hint, form=form)
    if not link.up:
        hint = f"`ip link set {port} up` turns it on"
        fail(Exit.FAILED, f"{port} is administratively down: there is nothing to probe", hint=hint, form=form)
    if not link.carrier:
        fail(Exit.FAILED, f"{port} has no carrier: there is nothing to probe", hint="look at the cable", form=form)
    return link


async def _ask(
    link: LinkState, kernel: Kernel, links: LinkTable, count: int, told: Callable[[int, Round], object]
) -> Inquiry:
    """All rounds, each `told` with its number when it has ended. Raises `OSError` where the port can't be used."""
    settings = ProbeSettings()
    probe = Probe(link.name, os.urandom(32), os.urandom(8), settings)
    inquiry = Inquiry(link.name, probe, rounds=count, interval=settings.interval)
    runner = Runner(inquiry, kernel, Journal(), publish=lambda: None, reaction=lambda _: None)
    others = {each.address for each in (*links, *links.attachments(link.ifindex)) if each.address is not None}
    shown = 0
    try:
        runner.attach(link, everything=links.needs_everything(link))
        runner.perform(inquiry.begin(link, others, asyncio.get_running_loop().time()))
        while not inquiry.done:
            await asyncio.sleep(_GLANCE)
            for number, each in enumerate(inquiry.rounds[shown:], shown + 1):
                told(number, each)
            shown = len(inquiry.rounds)
    finally:
        runner.release()
    return inquiry


def _untold(_number: int, _each: Round) -> None:
    """The answer as a whole says it all."""


def _told(number: int, each: Round) -> None:
    if each.verified and each.round_trip is not None:
        click.echo(f"round {number}: came back after {_micro(each.round_trip)}")
    else:
        click.echo(f"round {number}: " + ("could not be judged" if each.verified is None else "did not come back"))


def verdict(link: LinkState, probe_address: str, rounds: Sequence[Round], *, held: bool) -> dict[str, Any]:
    """What the rounds prove together; `held`: the link was up all the while."""
    verified, message = _judge(rounds, held=held)
    never = verified is False and not any(each.verified for each in rounds)
    return {
        "schema": "evbagent/probe/1",
        "port": link.name,
        "verified": verified,
        "address": str(link.address),
        "probe_address": probe_address,
        "rounds": [
            {"verified": each.verified, "frames": each.frames, "round_trip_seconds": each.round_trip} for each in rounds
        ],
        "message": message,
        "causes": list(_CAUSES) if never else [],
    }


def _judge(rounds: Sequence[Round], *, held: bool) -> tuple[bool | None, str]:
    """`verified` of all rounds, and the sentence; what came back, did so whatever the link did later."""
    trips = [each.round_trip for each in rounds if each.verified and each.round_trip is not None]
    if len(trips) == len(rounds) == 1:
        return True, f"a frame of ours came back after {_micro(trips[0])}: the switch reflects, relay is on"
    if len(trips) == len(rounds):
        span = " / ".join(_micro(each) for each in (min(trips), median(trips), max(trips)))
        return True, f"all {len(rounds)} rounds came back after {span} (least / median / most): relay is on"
    if not held:
        return None, "the link went down meanwhile: nothing is proven"
    if any(each.verified is None for each in rounds):
        return None, f"nothing is proven: {_unjudged(rounds)}"
    if trips:
        return False, f"{len(trips)} of {len(rounds)} rounds came back: relay comes and goes, or frames are lost"
    frames = sum(each.frames for each in rounds)
    return False, f"none of {frames} frames came back: relay is off, or the switch drops them"


def _unjudged(rounds: Sequence[Round]) -> str:
    number = next((each.errno for each in rounds if each.verified is None and each.errno is not None), None)
    if number is not None:
        return f"frames did not leave ({os.strerror(number)})"
    return "this host was too busy to tell a late answer from none, try once more"


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs"
