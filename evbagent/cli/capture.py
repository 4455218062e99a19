"""`evbagent capture`: the frames that crossed a port last, as lines or as a pcap."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from evbagent.cli.asking import ask, evb_words
from evbagent.cli.exits import Exit, Format, fail, format_option, print_json
from evbagent.cli.settings import config_option, read
from evbagent.pcap import written
from evbagent.shapes import Capture, CapturedFrame

__all__ = ["command"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@click.command("capture")
@click.argument("port")
@click.option("--write", "-w", "file", type=click.Path(allow_dash=True), help="Write a pcap; - is stdout.")
@click.option("--count", type=click.IntRange(min=1, max=999_999_999), metavar="N", help="The last N frames only.")
@config_option
@format_option
def command(port: str, file: str | None, count: int | None, config: str | None, form: Format) -> None:
    """Show the LLDP frames that the daemon has heard and sent on PORT last, the oldest first.

    It shows what the daemon has kept (256 frames and 256 KiB at most), and does not wait for more.
    """
    if file is not None and form == "json":
        fail(Exit.USAGE, "-w writes a pcap, and -f json JSON: choose one of them", form=form)
    if file == "-" and sys.stdout.isatty():
        fail(Exit.USAGE, "a pcap is nothing for a terminal: name a file, or pipe it, as in `| tshark -r -`")
    answer = ask(read(config, form), lambda client: client.capture(port, count), form)
    if file is not None:
        _write(answer, file)
    elif form == "json":
        print_json(answer)
    else:
        for frame in answer.frames:
            click.echo(_line(frame))
        if not answer.frames:
            click.echo(f"No LLDP frame has crossed {answer.port} since the daemon began.")


def _write(answer: Capture, file: str) -> None:
    pieces = written((_microseconds(frame.time), bytes.fromhex(frame.octets)) for frame in answer.frames)
    octets = b"".join(pieces)
    try:
        if file == "-":
            sys.stdout.buffer.write(octets)
            return
        Path(file).write_bytes(octets)
    except OSError as error:
        fail(Exit.FAILED, f"{file} can't be written: {error.strerror}")
    click.echo(f"{len(answer.frames)} frames written to {file}", err=True)


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _line(frame: CapturedFrame) -> str:
    decoded = frame.frame
    time = frame.time.astimezone().strftime("%m-%d %H:%M:%S.%f")[:-3]
    scope = (decoded["scope"] or "-").removeprefix("nearest-")
    words = [time, f"{frame.direction:3}", f"{scope:15}", decoded["source"] or "-", f"{frame.verdict:6}", *_says(frame)]
    return " ".join(words)


def _says(frame: CapturedFrame) -> list[str]:
    """Who it is, where, for how long, and its EVB."""
    decoded = frame.frame
    if decoded["chassis_id"] is None:
        return [fault["reason"] for fault in decoded["faults"]]
    words = [decoded["system_name"] or decoded["chassis_id"]["value"], decoded["port_id"]["value"]]
    words.append(f"ttl {decoded['ttl']}" if decoded["ttl"] else "goodbye")
    if frame.evb is not None:
        words.append(f"EVB {evb_words(frame.evb)}")
    return words
