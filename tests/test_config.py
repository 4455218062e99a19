"""The configuration: defaults as documented, every value as written, every refusal in words that help."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from enum import Enum
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evbagent.config import (
    DEFAULT_FILE,
    ApiSettings,
    ConfigError,
    EvbSettings,
    FlapSettings,
    GuardSettings,
    LldpSettings,
    MetricsSettings,
    NeighborSettings,
    OnStop,
    ProbeConfig,
    RecordSettings,
    Settings,
    load,
    observing,
)
from evbagent.entry import EntrySettings
from evbagent.status import ConfiguredMode, DraftUse, Fallback, ReflectiveRelay
from evbagent.uplink import UplinkSettings
from evbagent.wire.ethernet import Scope

NEAREST, NON_TPMR, CUSTOMER = Scope

# --- what is accepted

DEFAULTS = Settings(
    uplinks={},
    lldp=LldpSettings(
        transmit=(CUSTOMER,),
        receive=(NEAREST, NON_TPMR, CUSTOMER),
        interval=30,
        hold=4,
        fast_start=4,
        fast_interval=1,
        credit=5,
    ),
    evb=EvbSettings(draft=DraftUse.AUTO),
    neighbors=NeighborSettings(limit=32),
    metrics=MetricsSettings(listen="127.0.0.1:9817"),
    api=ApiSettings(enabled=True, group=None),
    record=RecordSettings(folder=None, limit=64),
    on_stop=OnStop.HANDOVER,
    guard=GuardSettings(grace=10.0),
    run_dir="/run/evbagent",
    policy_file=None,
    state_file=None,
    system_name=None,
)

EMPTY = {
    "nothing": "",
    "a comment": "# later\n",
    "null": "null\n",
    "an empty mapping": "{}\n",
    "sections that are commented out": "uplinks:\n  # eth0:\nlldp:\nevb:\nneighbors:\nmetrics:\n  # listen:\napi:\n",
    "sections without keys": "uplinks: {}\nlldp: {}\nneighbors: {}\nmetrics: {}\n",
}


@pytest.mark.parametrize("text", EMPTY.values(), ids=EMPTY.keys())
def test_what_is_not_said_has_its_documented_default(text: str) -> None:
    assert load(text, "evbagent.yaml") == DEFAULTS


def test_an_uplink_without_a_word_is_automatic() -> None:
    automatic = UplinkSettings(ConfiguredMode.AUTO, ReflectiveRelay.AUTO, Fallback.VEB, apply=True)
    assert load("uplinks:\n  eth0:\n  bond0.5: {}\n", "evbagent.yaml").uplinks == {
        "eth0": automatic,
        "bond0.5": automatic,
    }


def test_an_uplink_that_no_configuration_mentions_is_observed() -> None:
    assert observing(("eth0", "eth1")) == {
        "eth0": UplinkSettings(mode=ConfiguredMode.OBSERVE),
        "eth1": UplinkSettings(mode=ConfiguredMode.OBSERVE),
    }


@pytest.mark.parametrize("mode", ConfiguredMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("apply", [True, False], ids=["apply", "hands off"])
def test_nothing_is_applied_where_it_is_forbidden_or_only_observed(mode: ConfiguredMode, apply: bool) -> None:
    assert UplinkSettings(mode, apply=apply).applies is (apply and mode is not ConfiguredMode.OBSERVE)


EVERYTHING = """
uplinks:
  eth0: {mode: vepa, reflective_relay: off, fallback: veb, apply: false}
  eth1: {mode: observe}
lldp:
  transmit: [nearest-bridge, nearest-customer-bridge]
  receive: [nearest-customer-bridge]
  interval: 5
  hold: 3
  fast_start: 2
  fast_interval: 2
  credit: 1
evb: {draft: off}
neighbors: {limit: 8}
hold_up: 0.5
flap: {limit: 2, window: 60, lockout: 30.5, longest_lockout: 90}
probe: {enabled: false, interval: 0.5}
metrics: {listen: "[::1]:9000"}
api: {enabled: false, group: operators}
record: {folder: /var/lib/evbagent/recordings, limit: 8}
on_stop: release
guard: {grace: 2.5}
run_dir: /run/other
policy_file: /var/lib/evbagent/policy.json
state_file: /var/lib/evbagent/state.json
system_name: host1.example.org
"""


def test_every_value_is_taken_as_it_is_written() -> None:
    settings = load(EVERYTHING, "evbagent.yaml")
    assert settings == Settings(
        uplinks={
            "eth0": UplinkSettings(ConfiguredMode.VEPA, ReflectiveRelay.OFF, Fallback.VEB, apply=False),
            "eth1": UplinkSettings(ConfiguredMode.OBSERVE),
        },
        lldp=LldpSettings((NEAREST, CUSTOMER), (CUSTOMER,), 5, 3, 2, 2, 1),
        evb=EvbSettings(DraftUse.OFF),
        neighbors=NeighborSettings(8),
        hold_up=0.5,
        flap=FlapSettings(2, 60.0, 30.5, 90.0),
        probe=ProbeConfig(enabled=False, interval=0.5),
        metrics=MetricsSettings("[::1]:9000"),
        api=ApiSettings(enabled=False, group="operators"),
        record=RecordSettings("/var/lib/evbagent/recordings", 8),
        on_stop=OnStop.RELEASE,
        guard=GuardSettings(2.5),
        run_dir="/run/other",
        policy_file="/var/lib/evbagent/policy.json",
        state_file="/var/lib/evbagent/state.json",
        system_name="host1.example.org",
    )
    assert settings.entry == EntrySettings(0.5, 2, 60.0, 30.5, 90.0)
    same = {field.name for field in fields(Settings) if getattr(settings, field.name) == getattr(DEFAULTS, field.name)}
    assert same == set()  # the text above changes all that there is


WORDS = {
    "off": ReflectiveRelay.OFF,
    "'off'": ReflectiveRelay.OFF,
    "auto": ReflectiveRelay.AUTO,
}


@pytest.mark.parametrize(("written", "meant"), WORDS.items(), ids=WORDS.keys())
def test_off_is_a_word_and_no_boolean(written: str, meant: ReflectiveRelay) -> None:
    settings = load(f"uplinks: {{eth0: {{reflective_relay: {written}}}}}", "evbagent.yaml")
    assert settings.uplinks["eth0"].reflective_relay is meant


BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False}


@pytest.mark.parametrize(("written", "meant"), BOOLEANS.items(), ids=BOOLEANS.keys())
def test_true_and_false_are_the_booleans(written: str, meant: bool) -> None:
    assert load(f"uplinks: {{eth0: {{apply: {written}}}}}", "evbagent.yaml").uplinks["eth0"].apply is meant


LISTENERS = {"null": None, "localhost:1": "localhost:1", "0.0.0.0:65535": "0.0.0.0:65535", "'[::]:9817'": "[::]:9817"}


@pytest.mark.parametrize(("written", "meant"), LISTENERS.items(), ids=LISTENERS.keys())
def test_metrics_listen_where_they_are_told_or_nowhere(written: str, meant: str | None) -> None:
    assert load(f"metrics: {{listen: {written}}}", "evbagent.yaml").metrics.listen == meant


PATHS = {
    "run_dir: /run/x": "/run/x/policy.json",
    "policy_file: /p.json": "/p.json",
    "policy_file: null": "/run/evbagent/policy.json",
}


@pytest.mark.parametrize(("text", "path"), PATHS.items(), ids=PATHS.keys())
def test_the_policy_is_written_into_the_run_folder_unless_a_file_is_named(text: str, path: str) -> None:
    assert load(text, "evbagent.yaml").policy_path == path


STATES = {
    "run_dir: /run/x": "/run/x/state.json",
    "state_file: /s.json": "/s.json",
    "state_file: null": "/run/evbagent/state.json",
}


@pytest.mark.parametrize(("text", "path"), STATES.items(), ids=STATES.keys())
def test_the_state_is_kept_in_the_run_folder_unless_a_file_is_named(text: str, path: str) -> None:
    assert load(text, "evbagent.yaml").state_path == path


def test_locks_and_the_pulse_are_in_the_run_folder() -> None:
    settings = load("run_dir: /run/x", "evbagent.yaml")
    assert settings.pulse_path == "/run/x/alive.sock"
    assert settings.lock_path == "/run/x/evbagent.lock"
    assert settings.guard_path == "/run/x/guard.lock"


def test_the_default_file_is_where_distributions_put_configuration() -> None:
    assert DEFAULT_FILE == "/etc/evbagent/evbagent.yaml"


# --- what is refused

KEYS = (
    "uplinks, lldp, evb, neighbors, hold_up, flap, probe, metrics, api, record, on_stop, guard,"
    " run_dir, policy_file, state_file, system_name"
)
MODES = "auto, vepa, veb, observe"
SCOPES = "nearest-bridge, nearest-non-tpmr-bridge, nearest-customer-bridge"
INTERFACE = r"^[^\\s/:]{1,15}$"
LISTEN = r"^(\\[[0-9a-fA-F:]+\\]|[^:\\s]+):\\d{1,5}$"

REFUSALS: dict[str, tuple[str, str]] = {
    "a probe that is needed and off": (
        "# ours\nuplinks: {eth0: {reflective_relay: probe}}\nprobe: {enabled: false}",
        "2: uplinks.eth0: reflective_relay 'probe' needs the probe: set probe.enabled to true",
    ),
    # keys
    "a key misspelt": ("uplink: {}", "1: there is no key 'uplink' (did you mean 'uplinks'?)"),
    "a key unlike any": ("# ours\n\nzzz: red", f"3: there is no key 'zzz' (there are {KEYS})"),
    "a key misspelt in a section": (
        "neighbors:\n  limit: 3\n  limits: 4",
        "3: neighbors: there is no key 'limits' (did you mean 'limit'?)",
    ),
    "a key misspelt in an uplink": (
        "uplinks:\n  eth0:\n    mod: auto",
        "3: uplinks.eth0: there is no key 'mod' (did you mean 'mode'?)",
    ),
    "the only key of a section unlike any": (
        "metrics: {port: 1}",
        "1: metrics: there is no key 'port' (there are listen)",
    ),
    "a key that is no word": ("[a]: 1", f"1: there is no key \"['a']\" (there are {KEYS})"),
    "a key twice": ("run_dir: /a\nrun_dir: /a", "2: the key 'run_dir' stands there twice"),
    "an uplink twice": ("uplinks:\n  eth0: {}\n  eth0: {}", "3: uplinks: the key 'eth0' stands there twice"),
    # words
    "a mode misspelt": (
        "uplinks:\n  eth0:\n    mode: veba",
        f"3: uplinks.eth0.mode: 'veba' is not possible: it is one of {MODES} (did you mean 'veb'?)",
    ),
    "a mode unlike any": (
        "uplinks:\n  eth0: {mode: 17}",
        f"2: uplinks.eth0.mode: 17 is not possible: it is one of {MODES}",
    ),
    "relay on": (
        "uplinks: {eth0: {reflective_relay: on}}",
        (
            "1: uplinks.eth0.reflective_relay: 'on' is not possible: "
            "it is one of auto, passive, probe, assume, off (did you mean 'off'?)"
        ),
    ),
    "relay as a boolean": (
        "uplinks: {eth0: {reflective_relay: false}}",
        (
            "1: uplinks.eth0.reflective_relay: false is not possible: "
            "it is one of auto, passive, probe, assume, off (did you mean 'assume'?)"
        ),
    ),
    "a fallback that is none": (
        "uplinks: {eth0: {fallback: vepa}}",
        "1: uplinks.eth0.fallback: 'vepa' is not possible: it is one of veb (did you mean 'veb'?)",
    ),
    "yes": (
        "uplinks: {eth0: {apply: yes}}",
        "1: uplinks.eth0.apply: 'yes' is not possible: Expected 'bool', got 'str'",
    ),
    "a scope misspelt": (
        "lldp:\n  transmit: [nearest-bridg]",
        f"2: lldp.transmit: ['nearest-bridg'] is not possible: it is one of {SCOPES} (did you mean 'nearest-bridge'?)",
    ),
    "a scope without a list": (
        "lldp: {receive: nearest-bridge}",
        f"1: lldp.receive: 'nearest-bridge' is not possible: it is one of {SCOPES} (did you mean 'nearest-bridge'?)",
    ),
    # numbers
    "too small": ("lldp: {interval: 0}", "1: lldp.interval: 0 is not possible: Expected 'int' >= 1"),
    "too large": ("lldp: {interval: 3601}", "1: lldp.interval: 3601 is not possible: Expected 'int' <= 3600"),
    "a unit": ("lldp: {interval: 30s}", "1: lldp.interval: '30s' is not possible: Expected 'int', got 'str'"),
    "a fraction": ("lldp: {interval: 1.5}", "1: lldp.interval: 1.5 is not possible: Expected 'int', got 'float'"),
    "true for a number": ("lldp: {hold: true}", "1: lldp.hold: true is not possible: Expected 'int', got 'bool'"),
    "nothing for a number": ("lldp:\n  hold:", "2: lldp.hold: null is not possible: Expected 'int', got 'null'"),
    "hold": ("lldp: {hold: 101}", "1: lldp.hold: 101 is not possible: Expected 'int' <= 100"),
    "fast_start": ("lldp: {fast_start: 9}", "1: lldp.fast_start: 9 is not possible: Expected 'int' <= 8"),
    "fast_interval": ("lldp: {fast_interval: 0}", "1: lldp.fast_interval: 0 is not possible: Expected 'int' >= 1"),
    "credit": ("lldp: {credit: 11}", "1: lldp.credit: 11 is not possible: Expected 'int' <= 10"),
    "limit": ("neighbors: {limit: 1025}", "1: neighbors.limit: 1025 is not possible: Expected 'int' <= 1024"),
    "one neighbor, where two must be told apart": (
        "neighbors: {limit: 1}",
        "1: neighbors.limit: 1 is not possible: Expected 'int' >= 2",
    ),
    # texts
    "a relative path": (
        "run_dir: run",
        "1: run_dir: 'run' is not possible: Expected 'str' matching regex '^/'",
    ),
    "a relative policy file": (
        "policy_file: p.json",
        "1: policy_file: 'p.json' is not possible: Expected 'str' matching regex '^/'",
    ),
    "a relative state file": (
        "state_file: s.json",
        "1: state_file: 's.json' is not possible: Expected 'str' matching regex '^/'",
    ),
    "an end that is none": (
        "on_stop: handver",
        "1: on_stop: 'handver' is not possible: it is one of handover, release (did you mean 'handover'?)",
    ),
    "a grace before the end": ("guard: {grace: -1}", "1: guard.grace: -1 is not possible: Expected 'float' >= 0.0"),
    "a listener without a port": (
        "metrics: {listen: localhost}",
        f"1: metrics.listen: 'localhost' is not possible: Expected 'str' matching regex '{LISTEN}'",
    ),
    "a listener that is a number": (
        "metrics: {listen: 9817}",
        "1: metrics.listen: 9817 is not possible: Expected 'str | null', got 'int'",
    ),
    "a relative folder": (
        "record: {folder: here}",
        "1: record.folder: 'here' is not possible: Expected 'str' matching regex '^/'",
    ),
    "room for nothing": ("record: {limit: 0}", "1: record.limit: 0 is not possible: Expected 'int' >= 1"),
    "room without end": ("record: {limit: 4097}", "1: record.limit: 4097 is not possible: Expected 'int' <= 4096"),
    "an empty name": ("system_name: ''", "1: system_name: '' is not possible: Expected 'str' of length >= 1"),
    "a name too long": (
        f"system_name: {'x' * 256}",
        f"1: system_name: '{'x' * 56}... is not possible: Expected 'str' of length <= 255",
    ),
    "an interface name too long": (
        "uplinks:\n  sixteen-letters.: {}",
        f"2: uplinks.sixteen-letters.: 'sixteen-letters.' is not possible: Expected 'str' matching regex '{INTERFACE}'",
    ),
    "an interface that is a number": (
        "uplinks: {1: {}}",
        "1: uplinks.1: 1 is not possible: Expected 'str', got 'int'",
    ),
    # shapes
    "a list": ("- eth0", "1: ['eth0'] stands where keys with values belong"),
    "a word": ("hello", "1: 'hello' stands where keys with values belong"),
    "uplinks as a list": ("uplinks: [eth0]", "1: uplinks: ['eth0'] stands where keys with values belong"),
    "an uplink as a word": (
        "uplinks:\n  eth0: auto",
        "2: uplinks.eth0: 'auto' stands where keys with values belong",
    ),
    # YAML
    "a bracket left open": (
        "# ours\nuplinks: [eth0\nrun_dir: /a",
        "3: not YAML: while parsing a flow sequence, did not find expected ',' or ']'",
    ),
    "two colons": ("run_dir: a: b", "1: not YAML: mapping values are not allowed in this context"),
    "two documents": (
        "run_dir: /a\n---\nrun_dir: /b",
        "2: not YAML: expected a single document in the stream, but found another document",
    ),
    "a tag": (
        "run_dir: !!python/object:os.system x",
        "1: not YAML: could not determine a constructor for the tag 'tag:yaml.org,2002:python/object:os.system'",
    ),
    "a date that is none": ("run_dir: 2026-13-45", "1: '2026-13-45' is no value: month must be in 1..12"),
    "a control character": (
        "\0",
        " not YAML: unacceptable character #x0000: control characters are not allowed",
    ),
}


@pytest.mark.parametrize(("text", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_names_file_line_key_value_and_what_is_right(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(text, "evbagent.yaml")
    assert str(refused.value) == f"evbagent.yaml:{message}"


# --- all that can be configured

printable = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=15)
paths = printable.map(lambda name: f"/{name}")
scopes = st.lists(st.sampled_from(Scope), max_size=3).map(tuple)
settings = st.builds(
    Settings,
    uplinks=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9.@]{0,14}", fullmatch=True),
        st.builds(UplinkSettings, *(st.sampled_from(kind) for kind in (ConfiguredMode, ReflectiveRelay, Fallback))),
        max_size=3,
    ),
    lldp=st.builds(
        LldpSettings,
        scopes,
        scopes,
        st.integers(1, 3600),
        st.integers(1, 100),
        st.integers(1, 8),
        st.integers(1, 3600),
        st.integers(1, 10),
    ),
    evb=st.builds(EvbSettings, st.sampled_from(DraftUse)),
    neighbors=st.builds(NeighborSettings, st.integers(2, 1024)),
    metrics=st.builds(MetricsSettings, st.none() | st.integers(0, 65535).map(lambda port: f"localhost:{port}")),
    api=st.builds(ApiSettings, st.booleans(), st.none() | st.sampled_from(["root", "operators"])),
    record=st.builds(RecordSettings, st.none() | paths, st.integers(1, 4096)),
    run_dir=paths,
    policy_file=st.none() | paths,
    system_name=st.none() | printable,
)


def plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, tuple) else value


@given(settings)
def test_settings_written_as_yaml_are_read_as_the_same(wanted: Settings) -> None:
    assert load(yaml.safe_dump(plain(asdict(wanted)), allow_unicode=True), "evbagent.yaml") == wanted


@given(st.text(st.sampled_from("uplinks: {}[]\n-&*!'\"|>%@`#?,0123xeo~."), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    result = outcome(text)
    assert isinstance(result, Settings) or result.startswith("evbagent.yaml:")


def outcome(text: str) -> Settings | str:
    try:
        return load(text, "evbagent.yaml")
    except ConfigError as refused:
        return str(refused)
