"""YAML to frozen settings; every refusal names file, line, key, value, the reason and the nearest right one. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import yaml
from msgspec import Meta

from evbagent.entry import EntrySettings
from evbagent.status import ConfiguredMode, DraftUse, ReflectiveRelay
from evbagent.uplink import UplinkSettings
from evbagent.wire.ethernet import Scope

__all__ = [
    "DEFAULT_FILE",
    "ApiSettings",
    "ConfigError",
    "EvbSettings",
    "FlapSettings",
    "GuardSettings",
    "LldpSettings",
    "MetricsSettings",
    "NeighborSettings",
    "OnStop",
    "ProbeConfig",
    "RecordSettings",
    "Settings",
    "load",
]

DEFAULT_FILE: Final = "/etc/evbagent/evbagent.yaml"
T = TypeVar("T")


class ConfigError(ValueError):
    """A configuration that can't be used; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class LldpSettings:
    """802.1AB-2016 9.2.5; intervals in seconds."""

    transmit: tuple[Scope, ...] = (Scope.NEAREST_CUSTOMER_BRIDGE,)
    receive: tuple[Scope, ...] = tuple(Scope)
    interval: Annotated[int, Meta(ge=1, le=3600)] = 30
    hold: Annotated[int, Meta(ge=1, le=100)] = 4
    fast_start: Annotated[int, Meta(ge=1, le=8)] = 4
    fast_interval: Annotated[int, Meta(ge=1, le=3600)] = 1
    credit: Annotated[int, Meta(ge=1, le=10)] = 5


@dataclass(frozen=True, slots=True)
class EvbSettings:
    """Which versions of EVB are spoken; the ratified one always is."""

    draft: DraftUse = DraftUse.AUTO


@dataclass(frozen=True, slots=True)
class NeighborSettings:
    """How many neighbors a port keeps for each scope; two at least, or a second EVB neighbor would go unseen."""

    limit: Annotated[int, Meta(ge=2, le=1024)] = 32


@dataclass(frozen=True, slots=True)
class FlapSettings:
    """What comes and goes: so many entries into VEPA within `window`, and it is locked out; times in seconds."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 3
    window: Annotated[float, Meta(ge=1, le=86400)] = 600
    lockout: Annotated[float, Meta(ge=1, le=86400)] = 600  # doubled each time
    longest_lockout: Annotated[float, Meta(ge=1, le=86400)] = 7200


@dataclass(frozen=True, slots=True)
class ProbeConfig:
    """The reflective-relay probe: a round every `interval` seconds while relay is announced and guests are there."""

    enabled: bool = True
    interval: Annotated[float, Meta(ge=0.05, le=60)] = 0.25


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Where Prometheus scrapes; None switches the listener off."""

    listen: Annotated[str, Meta(pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$")] | None = "127.0.0.1:9817"


class OnStop(Enum):
    """What SIGTERM means: modes stay for the next daemon while a guard watches, or guests are put into VEB."""

    HANDOVER = "handover"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """How long the guard waits for the next daemon, seconds."""

    grace: Annotated[float, Meta(ge=0, le=3600)] = 10.0


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Whether the API listens, and the group that may use it beside root; None leaves the socket's group as it is."""

    enabled: bool = True
    group: Annotated[str, Meta(min_length=1, max_length=32)] | None = None


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """Where what comes in is written down, one file an uplink of at most `limit` MiB; None records nothing."""

    folder: Annotated[str, Meta(pattern="^/")] | None = None
    limit: Annotated[int, Meta(ge=1, le=4096)] = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration."""

    uplinks: Mapping[Annotated[str, Meta(pattern=r"^[^\s/:]{1,15}$")], UplinkSettings] = field(default_factory=dict)
    lldp: LldpSettings = LldpSettings()
    evb: EvbSettings = EvbSettings()
    neighbors: NeighborSettings = NeighborSettings()
    hold_up: Annotated[float, Meta(ge=0, le=3600)] = 3  # seconds
    flap: FlapSettings = FlapSettings()
    probe: ProbeConfig = ProbeConfig()
    metrics: MetricsSettings = MetricsSettings()
    api: ApiSettings = ApiSettings()
    record: RecordSettings = RecordSettings()
    on_stop: OnStop = OnStop.HANDOVER
    guard: GuardSettings = GuardSettings()
    run_dir: Annotated[str, Meta(pattern="^/")] = "/run/evbagent"
    policy_file: Annotated[str, Meta(pattern="^/")] | None = None  # None: policy.json in run_dir
    state_file: Annotated[str, Meta(pattern="^/")] | None = None  # None: state.json in run_dir
    system_name: Annotated[str, Meta(min_length=1, max_length=255)] | None = None  # None: the host's name

    @property
    def entry(self) -> EntrySettings:
        """How VEPA is earned."""
        flap = self.flap
        return EntrySettings(self.hold_up, flap.limit, flap.window, flap.lockout, flap.longest_lockout)

    @property
    def policy_path(self) -> str:
        return self.policy_file or f"{self.run_dir}/policy.json"

    @property
    def state_path(self) -> str:
        return self.state_file or f"{self.run_dir}/state.json"

    @property
    def lock_path(self) -> str:
        """Held by the daemon as long as it runs."""
        return f"{self.run_dir}/evbagent.lock"

    @property
    def guard_path(self) -> str:
        """Held by the guard as long as it watches."""
        return f"{self.run_dir}/guard.lock"

    @property
    def pulse_path(self) -> str:
        """The socket that whoever wants to know whether the daemon runs can connect to."""
        return f"{self.run_dir}/alive.sock"

    @property
    def api_path(self) -> str:
        """The socket that the API listens on."""
        return f"{self.run_dir}/api.sock"


class _Loader(yaml.CSafeLoader):
    """Booleans are `true` and `false` alone (YAML 1.2): `reflective_relay: off` is a word."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load(text: str, file: str) -> Settings:
    """The settings in `text`; `file` is the name that errors show. Raises `ConfigError`."""
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        return Settings() if root is None else _settings(_Reader(file, loader), root)
    except yaml.YAMLError as error:
        raise ConfigError(_not_yaml(file, error)) from None
    finally:
        loader.dispose()


def _not_yaml(file: str, error: yaml.YAMLError) -> str:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return f"{file}: not YAML: {str(error).splitlines()[0]}"
    what = ", ".join(part for part in (error.context, error.problem) if part)
    return f"{file}:{error.problem_mark.line + 1}: not YAML: {what}"


def _settings(reader: _Reader, root: Any) -> Settings:
    settings = reader.value(root, Settings, ())
    assert isinstance(settings, Settings)
    for name, uplink in settings.uplinks.items():
        if uplink.reflective_relay is ReflectiveRelay.PROBE and not settings.probe.enabled:
            raise reader.refused(
                root, f"uplinks.{name}: reflective_relay 'probe' needs the probe: set probe.enabled to true"
            )
    return settings


def observing(names: tuple[str, ...]) -> dict[str, UplinkSettings]:
    """What uplinks get that no configuration mentions."""
    return {name: UplinkSettings(mode=ConfiguredMode.OBSERVE) for name in names}


class _Reader:
    """Walks the nodes beside the types, so that an error knows its line."""

    def __init__(self, file: str, loader: _Loader) -> None:
        self._file = file
        self._loader = loader

    def value(self, node: Any, kind: Any, path: tuple[str, ...]) -> Any:
        if is_dataclass(kind):
            return self._struct(node, kind, path)
        if get_origin(kind) is Mapping:
            key_kind, value_kind = get_args(kind)
            pairs = self._pairs(node, path)
            return {
                self._leaf(pair[0], key_kind, (*path, key)): self.value(pair[1], value_kind, (*path, key))
                for key, pair in pairs.items()
            }
        return self._leaf(node, kind, path)

    def _struct(self, node: Any, kind: Any, path: tuple[str, ...]) -> Any:
        hints = get_type_hints(kind, include_extras=True)
        known = [f.name for f in fields(kind)]
        values = {}
        for key, (key_node, value_node) in self._pairs(node, path).items():
            if key not in known:
                raise self._error(key_node, path, f"there is no key {key!r}{_nearest(key, known)}")
            values[key] = self.value(value_node, hints[key], (*path, key))
        return kind(**values)

    def _pairs(self, node: Any, path: tuple[str, ...]) -> dict[str, tuple[Any, Any]]:
        if _is_null(node):  # a key whose values are all commented out
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, path, f"{_shown(self._plain(node))} stands where keys with values belong")
        pairs: dict[str, tuple[Any, Any]] = {}
        for key_node, value_node in node.value:
            key = str(self._plain(key_node))
            if key in pairs:
                raise self._error(key_node, path, f"the key {key!r} stands there twice")
            pairs[key] = key_node, value_node
        return pairs

    def _leaf(self, node: Any, kind: Any, path: tuple[str, ...]) -> Any:
        value = self._plain(node)
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            reason = str(error).split(" - at ")[0].replace("`", "'")
            words = [str(member.value) for member in _choices(kind)]
            if words:
                reason = f"it is one of {', '.join(words)}{_meant(str(value), words)}"
            raise self._error(node, path, f"{_shown(value)} is not possible: {reason}") from None

    def _plain(self, node: Any) -> Any:
        try:
            return self._loader.construct_document(node)
        except (AttributeError, LookupError, ValueError) as error:  # a scalar that its tag does not fit: 2026-13-45
            raise self._error(node, (), f"{_shown(node.value)} is no value: {error}") from None

    def refused(self, root: Any, what: str) -> ConfigError:
        """Of keys that do not go together, wherever they stand."""
        return self._error(root, (), what)

    def _error(self, node: Any, path: tuple[str, ...], what: str) -> ConfigError:
        where = f" {'.'.join(path)}:" if path else ""
        return ConfigError(f"{self._file}:{node.start_mark.line + 1}:{where} {what}")


def _is_null(node: Any) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _choices(kind: Any) -> list[Enum]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)
    return [member for arg in get_args(kind) for member in _choices(arg)]


def _nearest(word: str, words: list[str]) -> str:
    return _meant(word, words) or f" (there are {', '.join(words)})"


def _meant(word: str, words: list[str]) -> str:
    found = difflib.get_close_matches(word, words, 1, 0.4)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _shown(value: Any) -> str:
    """As YAML has it, which knows no `None`; long ones are cut."""
    text = str(value).lower() if isinstance(value, bool) else "null" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
