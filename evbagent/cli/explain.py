"""`evbagent explain`: why guests on an uplink are bridged as they are, and what would have to change for VEPA."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import click

from evbagent.cli.exits import Exit, Format, fail, format_option, print_json, say
from evbagent.cli.settings import config_option
from evbagent.cli.status import MISSHAPEN, policy_option, seen
from evbagent.cli.tables import age
from evbagent.decision import ROWS, Policy, before

__all__ = ["command", "sentences"]

_SCHEMA: Final = "evbagent/explain/1"
_NAMES: Final = 8  # of attachments in one line
_FACTS: Final[dict[str, dict[object, str]]] = {  # what is known, in words; None stands for any other value
    "link": {
        "up": "the link is up",
        "down": "the link is down, or has no carrier",
        "absent": "there is no interface of that name",
    },
    "requested": {True: "relay is asked for (RRREQ 1)", False: "relay is not asked for (RRREQ 0)"},
    "peers": {0: "no neighbor speaks EVB", 1: "one neighbor speaks EVB", None: "{} neighbors speak EVB"},
    "crowded": {True: "more than one neighbor is on the link"},
    "peer": {None: "it is {}"},
    "version": {"ratified": "it speaks EVB as in 802.1Q", "draft": "it speaks EVB's draft version"},
    "mode": {
        "bridge": "it is an EVB bridge",
        "station": "it is an EVB station",
        None: "its EVB mode is {}",
    },
    "capable": {True: "the port can reflect (RRCAP 1)", False: "the port can't reflect (RRCAP 0)"},
    "control": {True: "relay is announced as on (RRCTR 1)", False: "relay is announced as off (RRCTR 0)"},
    "echoed": {True: "it repeats what we ask for", False: "it repeats something else than what we ask for"},
    "acknowledged": {True: "it counts as having heard us"},
    "answerable": {False: "it can't be answered where it speaks"},
    "lost": {
        "withdrawn": "relay was on, and was withdrawn",
        "lost": "relay was on, and was lost",
        "expired": "relay was on, and the switch fell silent",
    },
    "verified": {True: "frames of the probe come back", False: "frames of the probe don't come back"},
    "failure": {"stopped": "they did so before", "never": "they never did since the link came up"},
    "silent": {True: "the switch has been silent for longer than it should"},
}
_PENDING: Final = {
    "holding_up": "the hold-up ends",
    "locked_out": "the lock-out ends",
    "attachments": "attachments that are not where they belong are tried again",
}
_REACH: Final = {
    "chosen": "somebody's choice, and left alone",
    "foreign": "in another namespace, and out of reach",
}


@click.command("explain")
@click.argument("uplink")
@config_option
@policy_option
@format_option
def command(uplink: str, config: str | None, policy: str | None, form: Format) -> None:
    """Tell why guests on UPLINK are bridged as they are, and what would have to change for VEPA."""
    (entry,) = seen(uplink, config, policy, form)["uplinks"]
    try:
        if form == "json":
            print_json({"schema": _SCHEMA, "uplink": entry, "before": _before(entry["explanation"])})
        else:
            for line in list(sentences(entry, datetime.now(UTC))):  # all or none
                say(line)
    except MISSHAPEN as error:
        fail(
            Exit.FAILED,
            f"{policy or 'what it wrote'} is no policy document of this version: {error!r}",
            form=form,
        )


def sentences(uplink: dict[str, Any], now: datetime) -> Iterator[str]:
    """One uplink of a status, explained line by line."""
    explanation, would = uplink["explanation"], uplink["would"]
    how = f"{uplink['state']}, {uplink['reason']}"
    yield f"{uplink['name']}: guests are in {_mode(uplink['effective'])} for {age(uplink['age_seconds'])} ({how})."
    words = ("mode {mode}", "reflective_relay {reflective_relay}", "apply {apply}")
    configured = f"Configured: {', '.join(words).format(**uplink['configured']).lower()}."
    yield configured if would is None else f"{configured} If it were applied, guests would be in {_mode(would)}."
    yield ""
    verdict = f"{_numbers(explanation['row'])} of the decision table: {_mode(explanation)}"
    yield f"{_begun(explanation['sentence'])} ({verdict})."
    yield from (f"{_begun(obstacle['sentence'])}." for obstacle in explanation["obstacles"])
    cures = [*(obstacle["cure"] for obstacle in explanation["obstacles"]), explanation["cure"]]
    yield from _section("To get VEPA", [cure for cure in cures if cure is not None])
    yield from _section("What is known, and for how long", list(_evidence(explanation["evidence"])))
    rows = [f"{_numbers(row['row'])} ({row['reason']}): {row['sentence']}" for row in _before(explanation)]
    yield from _section("Rows that come before it, none of which holds", rows)
    yield from _section("What the kernel has", list(_attachments(uplink["attachments"])) or ["no guest"])
    yield from _section("What comes by itself", [_pending(each, now) for each in explanation["pending"]])


def _mode(holder: dict[str, Any]) -> str:
    return str(holder["mode"]).upper()


def _begun(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield f"{title}:"
        yield from (f"  {line}" for line in lines)


def _numbers(rows: list[int]) -> str:
    return f"row{'s' * (len(rows) > 1)} {' and '.join(map(str, rows))}"


def _before(explanation: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that were looked at before the one that decided; none where another version has other rows."""
    policy = next((policy for policy in Policy if policy.value == explanation["policy"]), None)
    row = next((row for row in ROWS if row.sentence == explanation["sentence"]), None)
    rows = () if policy is None or row is None else before(policy, row)
    return [{"row": list(row.numbers), "reason": row.reason.value, "sentence": row.sentence} for row in rows]


def _evidence(facts: list[dict[str, Any]]) -> Iterator[str]:
    words = [(_fact(fact["what"], fact["value"]), age(fact["age_seconds"])) for fact in facts]
    width = max((len(text) for text, _ in words), default=0)
    return (f"{text:{width}}  {since}" for text, since in words)


def _fact(what: str, value: object) -> str:
    texts = _FACTS.get(what, {})
    text = texts.get(value) or texts.get(None)
    return f"{what}: {value}" if text is None else text.format(value)


def _attachments(attachments: list[dict[str, Any]]) -> Iterator[str]:
    """Guests that have the same mode, and the same that is wanted of them, in one line."""
    groups: dict[tuple[str, str], list[str]] = {}
    for each in attachments:
        mode = each["mode"] or "unknown"
        wanted = "" if each["wanted"] in (None, each["mode"]) else f", and {each['wanted']} is wanted"
        note = _REACH.get(each["reach"], "")
        groups.setdefault((mode + wanted, note), []).append(each["name"])
    for (mode, note), names in groups.items():
        more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
        yield f"{', '.join(names[:_NAMES])}{more}: {mode}{f' ({note})' if note else ''}"


def _pending(pending: dict[str, Any], now: datetime) -> str:
    seconds = (datetime.fromisoformat(pending["due"]) - now).total_seconds()
    what = _PENDING.get(pending["what"], pending["what"])
    return f"{what} in {age(seconds)}" if seconds > 0 else f"{what} now"
