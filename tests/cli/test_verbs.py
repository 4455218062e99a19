"""What a person at a terminal sees, and what a script can rely on."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from evbagent import __version__
from evbagent.cli import main
from evbagent.dcb import DcbxMode, KernelDcb
from evbagent.linux.files import Pulse
from evbagent.policy.document import Moment, document
from evbagent.status import (
    AttachmentStatus,
    Backend,
    ConfiguredMode,
    DcbxStatus,
    Fallback,
    MacvlanMode,
    Mode,
    PeerStatus,
    Reach,
    Reason,
    ReflectiveRelay,
    RelayStatus,
    State,
    UplinkStatus,
    Would,
)
from tests.support import dcbx
from tests.support.frames import OTHER

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SWITCH = PeerStatus("00:00:5e:00:53:01", "ge-0/0/1", "tor1")
ON = RelayStatus(True, True, True, True, None, "evb_tlv", "ratified", 1, False, SWITCH)
UNKNOWN = RelayStatus(None, True, None, None, None, None, None, 0, False, None)
VEPA = UplinkStatus(
    "eth0",
    ("eth0",),
    ConfiguredMode.AUTO,
    ReflectiveRelay.AUTO,
    Fallback.VEB,
    True,
    Mode.VEPA,
    Backend.MACVTAP,
    State.SETTLED,
    Reason.RR_ACTIVE,
    100.0,
    ON,
    (
        AttachmentStatus("macvtap0", 7, Reach.MANAGED, MacvlanMode.VEPA, MacvlanMode.VEPA),
        AttachmentStatus("macvtap1", 8, Reach.CHOSEN, MacvlanMode.PRIVATE, None),
    ),
    None,
)
OBSERVED = UplinkStatus(
    "eth1",
    ("eth1",),
    ConfiguredMode.OBSERVE,
    ReflectiveRelay.AUTO,
    Fallback.VEB,
    True,
    Mode.VEB,
    Backend.MACVTAP,
    State.OBSERVING,
    Reason.POLICY,
    100.0,
    UNKNOWN,
    (),
    Would(Mode.VEB, Reason.NO_PEER),
)


def evbagent(*args: str, stdin: str = "") -> Result:
    return CliRunner().invoke(main, args, input=stdin)


def written(folder: Path, *uplinks: UplinkStatus) -> str:
    path = folder / "policy.json"
    content = document(uplinks, host="host1", generation=3, moment=Moment(107.5, NOW))
    path.write_bytes(msgspec.json.encode(content))
    return str(path)


def test_the_version_is_the_package_s() -> None:
    assert evbagent("version").output.startswith(f"evbagent {__version__} (Python ")
    assert json.loads(evbagent("version", "-f", "json").output)["version"] == __version__


def test_the_status_is_a_line_for_each_uplink_and_notes_where_there_is_more_to_say(tmp_path: Path) -> None:
    result = evbagent("status", "--policy", written(tmp_path, VEPA, OBSERVED))
    head, first, second, *notes = result.output.splitlines()
    assert result.exit_code == 0
    assert head.split() == ["UPLINK", "CONFIGURED", "MODE", "STATE", "REASON", "SINCE", "RELAY", "SWITCH", "GUESTS"]
    assert first.split()[:5] == ["eth0", "auto", "vepa", "settled", "rr_active"]
    assert first.split()[6:] == ["on", "tor1", "ge-0/0/1", "1", "private,", "1", "vepa"]
    assert second.split()[:5] == ["eth1", "observe", "veb", "observing", "policy"]
    assert second.split()[6:] == ["unknown", "-", "none"]
    assert notes == [
        "eth0: macvtap1 is chosen (private), left alone",
        "eth1: nothing is applied; it would be veb (no_peer)",
    ]


WORDS_FOR_RELAY = {
    "unknown": UNKNOWN,
    "unable": replace(UNKNOWN, capable=False, operational=False),
    "off": replace(UNKNOWN, capable=True, operational=False),
    "on": replace(UNKNOWN, capable=True, operational=True),
    "proven": replace(UNKNOWN, capable=True, operational=True, verified=True),
    "disproved": replace(UNKNOWN, capable=True, operational=True, verified=False),
}


@pytest.mark.parametrize(("word", "relay"), WORDS_FOR_RELAY.items(), ids=WORDS_FOR_RELAY.keys())
def test_what_frames_prove_is_shown_before_what_the_switch_says(tmp_path: Path, word: str, relay: RelayStatus) -> None:
    result = evbagent("status", "--policy", written(tmp_path, replace(OBSERVED, relay=relay)))
    assert result.output.splitlines()[1].split()[6] == word


def test_the_status_for_programs_is_a_list_with_ages_as_of_now(tmp_path: Path) -> None:
    result = evbagent("status", "--policy", written(tmp_path, VEPA), "-f", "json", "eth0")
    status = json.loads(result.output)
    (uplink,) = status["uplinks"]
    assert (status["schema"], uplink["name"], uplink["since"]) == (
        "evbagent/status/1",
        "eth0",
        "2026-01-02T03:03:57.500+00:00",
    )
    age = (datetime.now(UTC) - NOW).total_seconds() + 7.5
    assert uplink["age_seconds"] == pytest.approx(age, abs=60)


DCBX = {
    "nobody speaks": (dcbx.status(), None),
    "a peer, and a kernel that has what it offers": (
        dcbx.status(*dcbx.IEEE, kernel=dcbx.KERNEL),
        "eth0: DCBX (ieee by switch1 ge-0/0/1): no mismatch known",
    ),
    "a kernel that does not say": (
        dcbx.status(*dcbx.IEEE),
        "eth0: DCBX (ieee by switch1 ge-0/0/1): the kernel does not say what it has",
    ),
    "a mismatch": (
        dcbx.status(dcbx.CEE.tlv(), kernel=dcbx.KERNEL),
        "eth0: DCBX (cee by switch1 ge-0/0/1): version",
    ),
    "several peers": (dcbx.status(*dcbx.IEEE, others=[OTHER]), "eth0: DCBX: multiple_peers"),
    "firmware that heard a peer": (
        dcbx.status(kernel=KernelDcb(DcbxMode.LLD_MANAGED, ieee_peer=dcbx.OWN)),
        "eth0: DCBX (ieee): firmware_agent",
    ),
}


@pytest.mark.parametrize(("port", "note"), DCBX.values(), ids=DCBX.keys())
def test_dcbx_is_a_note_where_somebody_speaks_or_something_does_not_fit(
    port: DcbxStatus, note: str | None, tmp_path: Path
) -> None:
    uplink = replace(VEPA, attachments=(), dcbx=(port,))
    _, _, *notes = evbagent("status", "--policy", written(tmp_path, uplink)).output.splitlines()
    assert notes == ([] if note is None else [note])


def test_an_uplink_that_demands_vepa_and_has_it_not_is_pointed_at(tmp_path: Path) -> None:
    path = Path(written(tmp_path, OBSERVED))
    policy = json.loads(path.read_text())
    policy["uplinks"]["eth1"]["configured"]["mode"] = "vepa"
    path.write_text(json.dumps(policy))
    assert (
        "eth1: mode vepa is configured and not there (policy): guests are in veb"
        in evbagent("status", "--policy", str(path)).output
    )


MISSHAPEN: dict[str, Any] = {
    "no JSON": "{",
    "another document": {"schema": "x"},
    "a time that is none": {"uplinks": {"eth0": {"since": "yesterday"}}},
    "uplinks in a list": {"uplinks": []},
    "half an uplink": {"uplinks": {"eth0": {"since": "2026-01-02T03:03:57+00:00", "name": "eth0"}}},
}


@pytest.mark.parametrize("content", MISSHAPEN.values(), ids=MISSHAPEN.keys())
def test_a_document_that_is_none_is_said_to_be_none(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "policy.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    result = evbagent("status", "--policy", str(path))
    assert (result.exit_code, result.exception.__class__) == (1, SystemExit)
    assert f"{path} is no policy document" in result.output


def test_a_daemon_that_does_not_run_is_told_from_one_that_does(tmp_path: Path) -> None:
    config = tmp_path / "evbagent.yaml"
    config.write_text(f"run_dir: {tmp_path}\n")
    written(tmp_path, VEPA)
    result = evbagent("status", "--config", str(config), "-f", "json")
    assert result.exit_code == 3
    assert json.loads(result.output)["error"]["code"] == "not_running"
    pulse = Pulse(tmp_path / "alive.sock")
    assert evbagent("status", "--config", str(config)).exit_code == 0
    pulse.close()


REFUSALS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no such verb": (("stauts",), 2, "No such command 'stauts'"),
    "no such uplink": (
        ("status", "--policy", "{policy}", "eth7"),
        5,
        "'eth7' is no uplink of the daemon (it has: eth0)",
    ),
    "no such document": (("status", "--policy", "{folder}/none"), 3, "there is no policy document at"),
    "a document in a file": (("status", "--policy", "{policy}/x"), 1, "Not a directory"),
    "no such configuration": (("status", "--config", "{folder}/none"), 2, "can't be read: No such file or directory"),
    "no hexadecimal": (("decode", "--hex", "0180zz"), 2, "'0180zz' is not hexadecimal"),
    "nothing to decode": (("decode",), 2, "there is no frame to decode"),
    "no such story": (("lab", "--story", "none"), 2, "there is no story 'none' (there are: basic, "),
    "a wrong configuration for the guard": (("guard", "--config", "{policy}"), 2, "there is no key 'schema'"),
    "a wrong configuration to release": (("release", "--config", "{policy}"), 2, "there is no key 'schema'"),
}


@pytest.mark.parametrize(("args", "code", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_can_not_be_done_is_said_with_its_exit_code(
    tmp_path: Path, args: tuple[str, ...], code: int, message: str
) -> None:
    places = {"policy": written(tmp_path, VEPA), "folder": str(tmp_path)}
    result = evbagent(*(arg.format(**places) for arg in args))
    assert result.exit_code == code
    assert message in result.output


def test_where_there_never_was_a_daemon_there_is_nothing_to_release(tmp_path: Path) -> None:
    config = tmp_path / "evbagent.yaml"
    config.write_text(f"run_dir: {tmp_path}/run\n")
    result = evbagent("release", "--config", str(config))
    assert (result.exit_code, result.output) == (
        0,
        "nothing to release: no daemon runs, and none has left anything\n",
    )
    assert json.loads(evbagent("release", "--config", str(config), "-f", "json").output) == {
        "schema": "evbagent/release/1",
        "daemon": None,
        "uplinks": [],
    }
    assert not (tmp_path / "run").exists()


FRAME = "0180c200000000005e00530188cc02070400005e00530104090567652d302f302f3106020078fe090080c20d03056eb4340000"


@pytest.mark.parametrize(
    "text", [FRAME, "0x" + FRAME.upper(), " ".join(FRAME[i : i + 2] for i in range(0, len(FRAME), 2))]
)
def test_a_frame_is_decoded_however_its_digits_are_written(text: str) -> None:
    result = evbagent("decode", "-f", "json", "--hex", text)
    (frame,) = json.loads(result.output)["frames"]
    assert (result.exit_code, frame["verdict"], frame["scope"]) == (0, "valid", "nearest-customer-bridge")
    assert (frame["chassis_id"]["value"], frame["port_id"]["value"], frame["ttl"]) == (
        "00:00:5e:00:53:01",
        "ge-0/0/1",
        120,
    )
    evb = frame["evb"]
    assert (evb["rr_capable"], evb["rr_control"], evb["rr_request"], evb["rr_status"]) == (True, True, True, 1)


def test_frames_on_standard_input_are_decoded_line_by_line() -> None:
    result = evbagent("decode", "-f", "json", stdin=f"{FRAME}\n\n{FRAME[:28]}\n")
    verdicts = [(frame["verdict"], frame["discard_reason"]) for frame in json.loads(result.output)["frames"]]
    assert verdicts == [("valid", None), ("discarded", "missing_mandatory")]


def test_the_table_of_a_frame_shows_what_it_says() -> None:
    lines = [line.split() for line in evbagent("decode", "--hex", FRAME).output.splitlines()]
    assert ["rr_control", "yes"] in lines
    assert ["verdict", "valid"] in lines
