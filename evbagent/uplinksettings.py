"""What the operator wants of one uplink."""

from __future__ import annotations

from dataclasses import dataclass

from evbagent.status import ConfiguredMode, Fallback, ReflectiveRelay

__all__ = ["UplinkSettings"]


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """The keys below `uplinks.NAME` of the configuration."""

    mode: ConfiguredMode = ConfiguredMode.AUTO
    reflective_relay: ReflectiveRelay = ReflectiveRelay.AUTO
    fallback: Fallback = Fallback.VEB
    apply: bool = True

    @property
    def applies(self) -> bool:
        return self.apply and self.mode is not ConfiguredMode.OBSERVE
