"""The TLVs of LLDP-MED: telephones and what serves them (ANSI/TIA-1057 clause 10.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from evbagent.wire.basic import printable
from evbagent.wire.octets import Cursor, bounded, u8, u16, u24
from evbagent.wire.tlv import OrgKey, Repeated, Tlv

__all__ = [
    "OUI",
    "AssetId",
    "Capabilities",
    "ExtendedPower",
    "FirmwareRevision",
    "HardwareRevision",
    "Location",
    "Manufacturer",
    "Model",
    "NetworkPolicy",
    "SerialNumber",
    "SoftwareRevision",
]

OUI: Final = b"\x00\x12\xbb"
_LOCATION_LIMIT: Final = 506


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Which MED TLVs the device knows, a bit each, and its class (10.2.2): 1..3 endpoint, 4 network device."""

    KEY: ClassVar = OrgKey(OUI, 0x01)
    NAME: ClassVar = "med_capabilities"
    LENGTHS: ClassVar = range(3, 4)
    REPEATED: ClassVar = Repeated.FIRST_COUNTS
    CHECKED: ClassVar = False

    capabilities: int
    device_class: int

    def __post_init__(self) -> None:
        bounded("capabilities", self.capabilities, 0xFFFF)
        bounded("a device class", self.device_class, 0xFF)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        return cls(cursor.u16(), cursor.u8())

    def tlv(self) -> Tlv:
        return Tlv.organizational(self.KEY, u16(self.capabilities) + u8(self.device_class))


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """VLAN, priority and DSCP of one application (10.2.3), e.g. 1 for voice."""

    KEY: ClassVar = OrgKey(OUI, 0x02)
    NAME: ClassVar = "med_network_policy"
    LENGTHS: ClassVar = range(4, 5)
    REPEATED: ClassVar = Repeated.ALL_COUNT
    CHECKED: ClassVar = False

    application: int
    unknown: bool  # the device needs the policy and doesn't know it
    tagged: bool
    vid: int
    priority: int
    dscp: int

    def __post_init__(self) -> None:
        for name, most in (("application", 0xFF), ("vid", 0xFFF), ("priority", 7), ("dscp", 63)):
            bounded(name, getattr(self, name), most)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        application, policy = cursor.u8(), cursor.u24()
        flags = bool(policy & 0x800000), bool(policy & 0x400000)
        return cls(application, *flags, policy >> 9 & 0xFFF, policy >> 6 & 0x07, policy & 0x3F)

    def tlv(self) -> Tlv:
        policy = self.unknown << 23 | self.tagged << 22 | self.vid << 9 | self.priority << 6 | self.dscp
        return Tlv.organizational(self.KEY, u8(self.application) + u24(policy))


@dataclass(frozen=True, slots=True)
class Location:
    """Where the port is (10.2.4), its data as they came.

    `location_format` is 1 for coordinates, 2 for a civic address, 3 for an emergency call's number (ELIN).
    """

    KEY: ClassVar = OrgKey(OUI, 0x03)
    NAME: ClassVar = "med_location"
    LENGTHS: ClassVar = range(1, _LOCATION_LIMIT + 2)
    REPEATED: ClassVar = Repeated.ALL_COUNT
    CHECKED: ClassVar = False

    location_format: int
    data: bytes

    def __post_init__(self) -> None:
        bounded("a location's format", self.location_format, 0xFF)
        bounded("the length of a location", len(self.data), _LOCATION_LIMIT)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        return cls(cursor.u8(), cursor.rest())

    def tlv(self) -> Tlv:
        return Tlv.organizational(self.KEY, u8(self.location_format) + self.data)


@dataclass(frozen=True, slots=True)
class ExtendedPower:
    """Power asked for or offered (10.2.5), in tenths of a watt; `power_type` 0 is a source, 1 a powered device."""

    KEY: ClassVar = OrgKey(OUI, 0x04)
    NAME: ClassVar = "med_extended_power"
    LENGTHS: ClassVar = range(3, 4)
    REPEATED: ClassVar = Repeated.FIRST_COUNTS
    CHECKED: ClassVar = False

    power_type: int
    source: int
    priority: int
    power: int

    def __post_init__(self) -> None:
        for name, most in (("power_type", 3), ("source", 3), ("priority", 15), ("power", 0xFFFF)):
            bounded(name, getattr(self, name), most)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        octet = cursor.u8()
        return cls(octet >> 6, octet >> 4 & 0x03, octet & 0x0F, cursor.u16())

    def tlv(self) -> Tlv:
        octet = self.power_type << 6 | self.source << 4 | self.priority
        return Tlv.organizational(self.KEY, u8(octet) + u16(self.power))


@dataclass(frozen=True, slots=True)
class _Inventory:
    """One line of the inventory, 0..32 octets of text (10.2.6); the octets stay as they came, NULs included."""

    KEY: ClassVar[OrgKey]
    LENGTHS: ClassVar = range(33)
    REPEATED: ClassVar = Repeated.FIRST_COUNTS
    CHECKED: ClassVar = False

    octets: bytes

    def __post_init__(self) -> None:
        bounded("the length of an inventory's text", len(self.octets), 32)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        return cls(cursor.rest())

    def tlv(self) -> Tlv:
        return Tlv.organizational(self.KEY, self.octets)

    def __str__(self) -> str:
        return printable(self.octets.rstrip(b"\0"))


class HardwareRevision(_Inventory):
    """10.2.6.1."""

    __slots__ = ()
    KEY: ClassVar = OrgKey(OUI, 0x05)
    NAME: ClassVar = "med_hardware_revision"


class FirmwareRevision(_Inventory):
    """10.2.6.2."""

    __slots__ = ()
    KEY: ClassVar = OrgKey(OUI, 0x06)
    NAME: ClassVar = "med_firmware_revision"


class SoftwareRevision(_Inventory):
    """10.2.6.3."""

    __slots__ = ()
    KEY: ClassVar = OrgKey(OUI, 0x07)
    NAME: ClassVar = "med_software_revision"


class SerialNumber(_Inventory):
    """10.2.6.4."""

    __slots__ = ()
    KEY: ClassVar = OrgKey(OUI, 0x08)
    NAME: ClassVar = "med_serial_number"


class Manufacturer(_Inventory):
    """10.2.6.5."""

    __slots__ = ()
    KEY: ClassVar = OrgKey(OUI, 0x09)
    NAME: ClassVar = "med_manufacturer"


class Model(_Inventory):
    """10.2.6.6."""

    __slots__ = ()
    KEY: ClassVar = OrgKey(OUI, 0x0A)
    NAME: ClassVar = "med_model"


class AssetId(_Inventory):
    """10.2.6.7."""

    __slots__ = ()
    KEY: ClassVar = OrgKey(OUI, 0x0B)
    NAME: ClassVar = "med_asset_id"
