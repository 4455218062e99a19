"""What `evbagent probe` makes of its rounds."""

from __future__ import annotations

import errno

import pytest
from click.testing import CliRunner

from evbagent.cli import main
from evbagent.cli.probe import verdict
from evbagent.events import LinkState
from evbagent.probe.inquiry import Round
from evbagent.wire.octets import MacAddress

LINK = LinkState(2, "eth0", MacAddress.parse("02:00:00:00:00:01"), up=True, carrier=True, carrier_ups=1)
MISSED = Round(False, 4, None, None)


def back(microseconds: float) -> Round:
    return Round(True, 1, microseconds / 1e6, None)


VERDICTS: dict[str, tuple[tuple[Round, ...], bool, bool | None, str]] = {
    # rounds, whether the link was up all the while, what is proven, and how that is said
    "it came back": (
        (back(24),),
        True,
        True,
        "a frame of ours came back after 24 µs: the switch reflects, relay is on",
    ),
    "all came back": (
        (back(24), back(20), back(31)),
        True,
        True,
        "all 3 rounds came back after 20 µs / 24 µs / 31 µs (least / median / most): relay is on",
    ),
    "it came back before the link went": ((back(24),), False, True, "a frame of ours came back after 24 µs"),
    "nothing came back": ((MISSED,), True, False, "none of 4 frames came back: relay is off, or the switch drops them"),
    "nothing came back, twice": ((MISSED, MISSED), True, False, "none of 8 frames came back"),
    "some came back": (
        (back(24), MISSED),
        True,
        False,
        "1 of 2 rounds came back: relay comes and goes, or frames are lost",
    ),
    "the link went": ((MISSED,), False, None, "the link went down meanwhile: nothing is proven"),
    "a full queue": (
        (Round(None, 0, None, errno.ENOBUFS),),
        True,
        None,
        "nothing is proven: frames did not leave (No buffer space available)",
    ),
    "a busy host": ((back(24), Round(None, 9, None, None)), True, None, "nothing is proven: this host was too busy"),
}


@pytest.mark.parametrize(("rounds", "held", "verified", "words"), VERDICTS.values(), ids=VERDICTS.keys())
def test_no_more_is_said_than_the_rounds_prove(
    rounds: tuple[Round, ...], held: bool, verified: bool | None, words: str
) -> None:
    answer = verdict(LINK, "12:34:56:78:9a:bc", rounds, held=held)
    assert answer["verified"] is verified
    assert answer["message"].startswith(words)
    assert bool(answer["causes"]) is (words.startswith("none of"))
    assert len(answer["rounds"]) == len(rounds)


def test_a_no_names_more_causes_than_relay_that_is_off() -> None:
    causes = " ".join(verdict(LINK, "12:34:56:78:9a:bc", (MISSED,), held=True)["causes"])
    for cause in ("hairpin", "port security", "802.1X", "spanning tree", "untagged", "88-B5"):
        assert cause in causes


@pytest.mark.parametrize("count", ["0", "1001", "x"])
def test_a_count_that_makes_no_sense_is_refused(count: str) -> None:
    assert CliRunner().invoke(main, ["probe", "eth0", "--count", count]).exit_code == 2
