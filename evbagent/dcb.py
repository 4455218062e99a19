"""Data Center Bridging as one side of a link has it, and how two sides may differ (802.1Q-2018 36 to 38)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, Flag
from typing import Final, Self

__all__ = [
    "ALGORITHMS",
    "ETS",
    "STRICT",
    "STRICT_GROUP",
    "Application",
    "ApplicationVlan",
    "Applications",
    "Bits",
    "Dcb",
    "DcbxMismatch",
    "DcbxMode",
    "DcbxSource",
    "DcbxVersion",
    "Ets",
    "Feature",
    "Finding",
    "KernelDcb",
    "Pfc",
    "Selector",
    "classes",
]

STRICT, ETS = 0, 2
ALGORITHMS: Final = {STRICT: "strict", 1: "credit_based_shaper", ETS: "ets", 255: "vendor"}  # of transmission selection
STRICT_GROUP: Final = 15  # CEE's priority group without a share, which goes first


class DcbxVersion(Enum):
    """Which DCBX somebody speaks: 802.1's, or one of those from before (CEE is revision 1.01, CIN 1.00)."""

    IEEE = "ieee"
    CEE = "cee"
    CIN = "cin"


class Feature(Enum):
    """What DCBX is about."""

    ETS = "ets"
    PFC = "pfc"
    APPLICATIONS = "applications"


class Selector(Enum):
    """What an application's number is; `port` is one of any transport, and the only kind of port that CEE has."""

    ETHERTYPE = "ethertype"
    TCP = "tcp"
    UDP = "udp"
    PORT = "port"
    DSCP = "dscp"


@dataclass(frozen=True, slots=True)
class Bits:
    """A feature's standing; None where that version of DCBX, or that side, has no such bit.

    `willing`: takes what the peer has. `enable`: takes part. `error`: could not agree.
    """

    willing: bool | None = None
    enable: bool | None = None
    error: bool | None = None


def classes(numbers: Iterable[int], *, groups: bool = False) -> tuple[int | None, ...]:
    """Classes by priority, None for a reserved number; among `groups`, `STRICT_GROUP` is not."""
    return tuple(number if number < 8 or (groups and number == STRICT_GROUP) else None for number in numbers)


@dataclass(frozen=True, slots=True)
class Ets:
    """Which class each priority belongs to, and what each class gets of the link.

    `prio_tc` holds the classes (in CEE and CIN: the groups) of priorities 0..7, as `classes` makes them; `bandwidth` is
    in percent, and as `tsa` by class.
    """

    bits: Bits
    prio_tc: tuple[int | None, ...]
    bandwidth: tuple[int, ...]
    tsa: tuple[int, ...]
    max_tcs: int | None = None
    cbs: bool | None = None

    @property
    def algorithms(self) -> tuple[int | None, ...]:
        """By priority, None for one without a class."""
        return tuple(self._algorithm(tc) for tc in self.prio_tc)

    @property
    def shares(self) -> tuple[int | None, ...]:
        """Percent by priority, None for one whose class shares nothing."""
        return tuple(None if tc is None else self.sharing.get(tc) for tc in self.prio_tc)

    @property
    def sharing(self) -> dict[int, int]:
        """Percent by class, of those that have priorities and share the link."""
        return {tc: self.bandwidth[tc] for tc in range(8) if tc in self.prio_tc and self._algorithm(tc) == ETS}

    def _algorithm(self, tc: int | None) -> int | None:
        if tc == STRICT_GROUP:
            return STRICT
        return None if tc is None else self.tsa[tc]


@dataclass(frozen=True, slots=True)
class Pfc:
    """Priority-based flow control: `enabled` by priority; `cap` classes may have it at a time."""

    bits: Bits
    enabled: tuple[bool, ...]
    cap: int | None = None
    mbc: bool | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """The priorities of an application's frames, the lowest first."""

    selector: Selector
    protocol: int
    priorities: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Applications:
    """Every application that somebody has a priority for."""

    bits: Bits
    entries: tuple[Application, ...]

    @classmethod
    def of(cls, bits: Bits, entries: Iterable[tuple[Selector | None, int, Iterable[int]]]) -> Self:
        """From selector, protocol and priorities; what stands there again adds to it, in whatever order it came.

        A selector of None is one that means nothing here (reserved, a vendor's own), and its entry is left out.
        """
        found: dict[tuple[Selector, int], set[int]] = {}
        for selector, protocol, priorities in entries:
            if selector is not None:
                found.setdefault((selector, protocol), set()).update(priorities)
        ordered = sorted(found.items(), key=lambda item: (item[0][0].value, item[0][1]))
        return cls(bits, tuple(Application(*key, tuple(sorted(priorities))) for key, priorities in ordered))


@dataclass(frozen=True, slots=True)
class ApplicationVlan:
    """The VLAN of an application's frames."""

    selector: Selector
    protocol: int
    vid: int


@dataclass(frozen=True, slots=True)
class Dcb:
    """One side; None where it says nothing. `recommendation`: the ETS that it wants its peer to use."""

    version: DcbxVersion
    ets: Ets | None = None
    recommendation: Ets | None = None
    pfc: Pfc | None = None
    applications: Applications | None = None
    vlans: tuple[ApplicationVlan, ...] = ()

    @property
    def features(self) -> dict[Feature, Bits | None]:
        """How each feature stands, None for one that it says nothing about."""
        parts = {Feature.ETS: self.ets, Feature.PFC: self.pfc, Feature.APPLICATIONS: self.applications}
        return {feature: None if part is None else part.bits for feature, part in parts.items()}


class DcbxMode(Flag):
    """Who speaks DCBX for an interface, and which (DCB_CAP_DCBX_* of linux/dcbnl.h)."""

    HOST = 0x01
    LLD_MANAGED = 0x02
    CEE = 0x04
    IEEE = 0x08
    STATIC = 0x10


@dataclass(frozen=True, slots=True)
class KernelDcb:
    """What an interface's driver answers, None where it does not.

    `ieee` and `cee` are what the interface has now, `ieee_peer` and `cee_peer` what a firmware agent heard.
    """

    mode: DcbxMode | None = None
    ieee: Dcb | None = None
    cee: Dcb | None = None
    ieee_peer: Dcb | None = None
    cee_peer: Dcb | None = None

    @property
    def firmware_agent(self) -> bool | None:
        """Whether a firmware agent speaks DCBX, and perhaps keeps LLDP to itself; None where nobody says.

        Some drivers say LLD_MANAGED for it, others (mlx5) merely not HOST.
        """
        if not self.mode:
            return None
        return DcbxMode.HOST not in self.mode

    @property
    def _older(self) -> bool:
        """The kernel keeps one table of applications, whose numbers mean what the mode says."""
        return self.mode is not None and DcbxMode.CEE in self.mode and DcbxMode.IEEE not in self.mode

    @property
    def own(self) -> Dcb | None:
        """What the interface has, in the version that it is set to."""
        return self.cee if self._older else self.ieee or self.cee

    @property
    def peer(self) -> Dcb | None:
        """What a firmware agent heard of the peer."""
        return self.cee_peer if self._older else self.ieee_peer or self.cee_peer


class DcbxMismatch(Enum):
    """How the peer's offer and what the kernel has do not fit, and what stands in the way of comparing them."""

    FIRMWARE_AGENT = "firmware_agent"
    MULTIPLE_PEERS = "multiple_peers"
    VERSION = "version"
    PEER_ERROR = "peer_error"
    PFC_ENABLED = "pfc_enabled"
    ETS_CLASSES = "ets_classes"
    ETS_BANDWIDTH = "ets_bandwidth"
    ETS_ALGORITHM = "ets_algorithm"
    APPLICATION_MISSING = "application_missing"
    APPLICATION_PRIORITY = "application_priority"
    NOBODY_WILLING = "nobody_willing"


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether there is this mismatch, None where one side does not say; `detail` tells it in words."""

    kind: DcbxMismatch
    holds: bool | None
    detail: str = ""


class DcbxSource(Enum):
    """Who heard the offer: our LLDP, or a firmware agent that told the kernel."""

    LLDP = "lldp"
    FIRMWARE = "firmware"
