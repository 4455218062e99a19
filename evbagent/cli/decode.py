"""`evbagent decode`: what the agent makes of frames, offline."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain
from typing import IO, Any, Final

import click

from evbagent.cli.exits import Exit, Format, fail, format_option
from evbagent.decode import SCHEMA, decode
from evbagent.pcap import CaptureError, frames

__all__ = ["brief", "command", "show"]

_CAPTURE_LIMIT: Final = 256 * 1024 * 1024  # octets; read as a whole


@click.command("decode")
@click.option("--hex", "texts", multiple=True, metavar="HEX", help="A frame from its destination on (repeatable).")
@click.option("--pcap", "capture", type=click.File("rb"), metavar="FILE", help="A capture, pcap or pcapng; - is stdin.")
@format_option
def command(texts: tuple[str, ...], capture: IO[bytes] | None, form: Format) -> None:
    """Decode Ethernet frames given as hexadecimal digits, in a capture, or as digits, one frame a line, on stdin.

    Blanks, colons, dashes and a leading 0x don't matter.
    """
    lines = texts
    if not texts and capture is None:
        lines = tuple(line for line in sys.stdin.read().splitlines() if line.strip())
        if not lines:
            fail(Exit.USAGE, "there is no frame to decode: give --hex, --pcap, or lines on standard input", form=form)
    stream = _all([_octets(text, form) for text in lines], capture)
    try:
        first = next(stream, None)
    except CaptureError as error:
        fail(Exit.FAILED, f"{_name(capture)} can't be read: {error}", form=form)
    found = stream if first is None else chain([first], stream)
    try:
        (_json if form == "json" else _table)(found)
    except CaptureError as error:  # behind frames that are on standard output already
        click.echo(f"evbagent: {_name(capture)} can't be read to its end: {error}", err=True)
        sys.exit(Exit.FAILED)


def _name(capture: IO[bytes] | None) -> str:
    name = getattr(capture, "name", "<stdin>")
    return "standard input" if name == "<stdin>" else str(name)


def _octets(text: str, form: Format) -> bytes:
    digits = text.strip().lower().removeprefix("0x")
    for separator in " \t:-.":
        digits = digits.replace(separator, "")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        shown = text if len(text) <= 40 else text[:37] + "..."
        fail(Exit.USAGE, f"{shown!r} is not hexadecimal: pairs of 0-9 and a-f are wanted", form=form)


def _all(given: list[bytes], capture: IO[bytes] | None) -> Iterator[bytes]:
    yield from given
    if capture is not None:
        octets = capture.read(_CAPTURE_LIMIT + 1)
        if len(octets) > _CAPTURE_LIMIT:
            raise CaptureError(f"it is larger than {_CAPTURE_LIMIT // 1024**2} MiB: cut it, e.g. with editcap")
        yield from frames(octets)


def _json(octets: Iterator[bytes]) -> None:
    """One document, written frame by frame, so that a long capture needs no more memory than it has itself."""
    import msgspec

    click.echo(f'{{\n  "schema": "{SCHEMA}",\n  "frames": [', nl=False)
    between = "\n"
    try:
        for frame in octets:
            click.echo(between, nl=False)
            click.echo(msgspec.json.encode(decode(frame)), nl=False)
            between = ",\n"
    finally:
        click.echo("\n  ]\n}")


def _table(octets: Iterator[bytes]) -> None:
    for number, frame in enumerate(octets):
        if number:
            click.echo()
        show(brief(decode(frame)), "")


def brief(answer: dict[str, Any]) -> dict[str, Any]:
    """Without what is there twice: digits of what can be read, and TLVs that have a place of their own."""
    brief = dict(answer)
    for key in ("chassis_id", "port_id"):
        if brief[key] is not None:
            brief[key] = "{value} ({subtype_name})".format(**brief[key])
    brief["tlvs"] = [f"{type_}:{length}" for type_, length in brief["tlvs"]]
    brief["org_tlvs"] = [
        {key: item for key, item in tlv.items() if key != ("hex" if tlv["fields"] else "fields")}
        for tlv in brief["org_tlvs"]
        if not tlv["fields"] or tlv["name"] not in _ELSEWHERE
    ]
    return brief


_ELSEWHERE: Final = (
    *("evb", "evb_draft", "cdcp", "cee"),
    *("ets_configuration", "ets_recommendation", "pfc", "application_priority"),
)


def show(value: dict[str, Any], indent: str) -> None:
    """Names and values, one a line; what is not there is left out."""
    present = {key: item for key, item in value.items() if not _empty(item)}
    width = max(map(len, present), default=0)
    for key, item in present.items():
        if isinstance(item, dict):
            click.echo(f"{indent}{key}:")
            show(item, indent + "  ")
        elif isinstance(item, list) and isinstance(item[0], dict):
            click.echo(f"{indent}{key}:")
            for entry in item:
                click.echo(f"{indent}  {_line(entry)}")
        else:
            text = " ".join(map(_line, item)) if isinstance(item, list) else _line(item)
            click.echo(f"{indent}{key:{width}}  {text}")


def _empty(item: Any) -> bool:
    if isinstance(item, dict):
        return all(map(_empty, item.values()))
    return item is None or item in ([], "")


def _line(item: Any) -> str:
    if isinstance(item, dict):
        pairs = ((key, _line(value), isinstance(value, dict)) for key, value in item.items() if not _empty(value))
        return " ".join(f"{key}=({text})" if nested else f"{key}={text}" for key, text, nested in pairs)
    if isinstance(item, list):
        return "[" + ", ".join(map(_line, item)) + "]"
    if isinstance(item, bool):
        return "yes" if item else "no"
    return str(item)
