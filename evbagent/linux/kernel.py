"""Wishes about links made true, and read back: the actuating side of the kernel edge."""

from __future__ import annotations

from errno import EIO, ENODEV

from evbagent.effects import Actuated, SetHairpin, SetModes
from evbagent.linux.links import LinkTable
from evbagent.linux.rtnetlink import RouteSocket

__all__ = ["Kernel"]


class Kernel:
    """Takes a wish, answers with what became of it; success is what the kernel then says, never that it took it."""

    def __init__(self, route: RouteSocket, links: LinkTable) -> None:
        self._route = route
        self._links = links

    def set_modes(self, wish: SetModes) -> Actuated:
        """All modes of an uplink in one batch, in the time of a few system calls."""
        known = {index: (self._links.kind(index), mode) for index, mode in wish.modes.items()}
        here = {index: pair for index, pair in known.items() if pair[0]}
        errors = dict.fromkeys(wish.modes.keys() - here.keys(), ENODEV)
        try:
            errors |= self._route.set_modes(here)
            return Actuated(wish, errors, modes=self._route.modes(wish.modes.keys()))
        except OSError as error:
            return Actuated(wish, dict.fromkeys(wish.modes, error.errno or EIO), modes=None)

    def set_hairpin(self, wish: SetHairpin) -> Actuated:
        """A bridge port's hairpin flag."""
        try:
            self._route.set_hairpin(wish.port, on=wish.on)
            return Actuated(wish, {}, hairpin=self._route.hairpin(wish.port))
        except OSError as error:
            return Actuated(wish, {wish.port: error.errno or EIO}, hairpin=None)
