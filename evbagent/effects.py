"""Wishes: frozen values that say what should be true; the edge makes it so and answers with `Actuated`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evbagent.status import MacvlanMode, UplinkStatus

__all__ = [
    "Actuated",
    "Effect",
    "Faulted",
    "Moved",
    "Publish",
    "SendFrame",
    "SendProbe",
    "SetHairpin",
    "SetModes",
    "Wish",
    "latest",
]


@dataclass(frozen=True, slots=True)
class SendFrame:
    """These octets leave the port; `scope` is the label of the LLDP agent that sends."""

    port: int
    scope: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class SendProbe:
    """One round of the probe: `teach` leaves the port and `probe` right behind it, both or (an error) none.

    Never left out for a later one, as a `SendFrame` may be: each is waited for.
    """

    port: int
    sequence: int
    teach: bytes
    probe: bytes


@dataclass(frozen=True, slots=True)
class SetModes:
    """These attachments (ifindex to mode) of the uplink have these modes: one batch, read back."""

    uplink: str
    modes: Mapping[int, MacvlanMode]


@dataclass(frozen=True, slots=True)
class SetHairpin:
    """The bridge port reflects frames to where they came from, or does not."""

    port: int
    on: bool


@dataclass(frozen=True, slots=True)
class Publish:
    """This is the uplink's status from now on."""

    status: UplinkStatus


@dataclass(frozen=True, slots=True)
class Moved:
    """Something took a new state that people want to read about; `subject` names the uplink or port."""

    machine: str
    subject: str
    old: str
    new: str
    why: str


@dataclass(frozen=True, slots=True)
class Faulted:
    """Something went wrong that nobody is waiting for; `reason` is a label, `detail` says it in words."""

    subject: str
    reason: str
    detail: str


Wish = SendFrame | SendProbe | SetModes | SetHairpin
Effect = Wish | Publish | Moved | Faulted


@dataclass(frozen=True, slots=True)
class Actuated:
    """What became of a wish. `errors`: errno by ifindex, empty where all went well.

    `modes`: for `SetModes`, what the kernel has now, without the devices that are gone, or None where it could not be
    read; `hairpin`: for `SetHairpin`, the flag as read back, None where it can't be read; `at`: for `SendProbe`, the
    loop's clock right before the probe was handed to the kernel, None where nobody looked.
    """

    effect: Wish
    errors: Mapping[int, int]
    modes: Mapping[int, MacvlanMode] | None = None
    hairpin: bool | None = None
    at: float | None = None


def latest(effects: list[Effect]) -> list[Effect]:
    """Wishes in their order, without frames that a later one of the same agent has made stale."""
    if len(effects) < 2:
        return effects
    last = {(e.port, e.scope): e for e in effects if isinstance(e, SendFrame)}
    return [e for e in effects if not isinstance(e, SendFrame) or last[e.port, e.scope] is e]
