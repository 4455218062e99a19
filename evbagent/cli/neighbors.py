"""`evbagent neighbors`: who is heard on each port, and why nobody is."""

from __future__ import annotations

from collections.abc import Iterator

import click

from evbagent.cli.asking import ask, evb_words
from evbagent.cli.exits import Format, format_option, print_json
from evbagent.cli.settings import config_option, read
from evbagent.cli.tables import age, aligned
from evbagent.shapes import Neighbor, Neighbors, Port, Scope

__all__ = ["command"]

_HEADINGS = ("PORT", "SCOPE", "SYSTEM", "PORT ID", "CHASSIS ID", "TTL", "AGE", "EVB", "DCBX", "NOTE")


@click.command("neighbors")
@click.argument("port", required=False)
@click.option("--details", is_flag=True, help="Everything that each of them says.")
@config_option
@format_option
def command(port: str | None, details: bool, config: str | None, form: Format) -> None:
    """Show who is heard on each port (or on PORT): every LLDP neighbor of every scope.

    TTL is what is left of it, in seconds, and what it was; AGE since the neighbor was first heard.
    """
    answer = ask(read(config, form), lambda client: client.neighbors(port), form)
    if form == "json":
        print_json(answer)
        return
    if details:
        _details(answer)
    elif answer.neighbors:
        _table(answer)
    for note in _notes(answer):
        click.echo(note)


def _table(answer: Neighbors) -> None:
    """One line each; where the terminal is too narrow for that, a paragraph each."""
    lines = aligned(_HEADINGS, [_row(neighbor) for neighbor in answer.neighbors])
    if lines is None:
        lines = [line for neighbor in answer.neighbors for line in _paragraph(neighbor)]
    click.echo("\n".join(lines))


def _row(neighbor: Neighbor) -> tuple[str, ...]:
    return (
        neighbor.port,
        neighbor.scope.removeprefix("nearest-"),
        neighbor.system_name or "-",
        neighbor.port_id,
        neighbor.chassis_id,
        f"{neighbor.expires_in_seconds:.0f}/{neighbor.ttl}",
        age(neighbor.age_seconds),
        "-" if neighbor.evb is None else evb_words(neighbor.evb),
        ", ".join(neighbor.dcbx) or "-",
        _note(neighbor),
    )


def _note(neighbor: Neighbor) -> str:
    faults = len(neighbor.frame["faults"])
    notes = ["two agents share this identity"] if neighbor.shared_identity else []
    if neighbor.rate_limited:
        notes.append(f"{neighbor.rate_limited} frames came too fast")
    if faults:
        notes.append(f"{faults} faulty TLV{'s' if faults > 1 else ''}, see --details")
    return "; ".join(notes)


def _paragraph(neighbor: Neighbor) -> list[str]:
    _, _, system, port_id, chassis_id, ttl, known, evb, dcbx, note = _row(neighbor)
    lines = [
        f"{neighbor.port}  {neighbor.scope}  {system}",
        f"  port {port_id}  chassis {chassis_id}",
        f"  ttl {ttl} s  age {known}  evb {evb}  dcbx {dcbx}",
    ]
    return [*lines, f"  {note}"] if note else lines


def _details(answer: Neighbors) -> None:
    from evbagent.cli.decode import brief, show

    for neighbor in answer.neighbors:
        click.echo(f"{neighbor.port}  {neighbor.scope}  {neighbor.system_name or neighbor.chassis_id}")
        _, _, _, _, _, ttl, known, evb, *_ = _row(neighbor)
        last = neighbor.last_heard.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        click.echo(f"  ttl {ttl} s, age {known}, last heard {last}, evb {evb}")
        show(brief(dict(neighbor.frame)), "  ")
        click.echo()


# --- notes


def _notes(answer: Neighbors) -> list[str]:
    """What is wrong on a port; where nobody is known, why."""
    known = {neighbor.port for neighbor in answer.neighbors}
    notes = [] if answer.ports else ["The daemon has no port: its configuration names none that is here."]
    for port in answer.ports:
        if port.name not in known:
            notes.append(f"{port.name}: no neighbor: {_why_none(port)}")
        if port.missed:
            notes.append(f"{port.name}: {port.missed} frames were lost unheard; everybody was heard anew")
        if port.overflowed:
            notes.append(f"{port.name}: {port.overflowed} frames were lost unheard, and none of an EVB neighbor")
        notes += [f"{port.name}: {scope.scope}: {words}" for scope in port.scopes for words in _discarded(scope)]
    return notes


def _why_none(port: Port) -> str:
    if not port.carrier:
        return "no carrier"
    heard = sum(scope.frames_in for scope in port.scopes)
    reasons: dict[str, int] = dict(port.discards)
    for scope in port.scopes:
        for reason, count in scope.discards.items():
            reasons[reason] = reasons.get(reason, 0) + count
    discarded = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
    if not heard and not reasons:
        return "no LLDP frame was heard since the daemon began"
    return f"{heard} LLDP frames were heard since the daemon began" + (f"; discarded: {discarded}" if discarded else "")


def _discarded(scope: Scope) -> Iterator[str]:
    if scope.turned_away:
        when = "" if scope.too_many_neighbors else ", but not lately"
        yield f"too many neighbors: {scope.turned_away} frames turned away{when} (neighbors.limit)"
    too_fast = scope.discards.get("rate_limited", 0)
    if too_fast:
        yield f"{too_fast} frames came too fast and were not read"
