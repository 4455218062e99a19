"""The daemon with a fault built in: a story that still passes with it proves nothing (`evbagent lab --sabotage`)."""

from __future__ import annotations

from typing import Final

__all__ = ["SABOTAGES"]

SABOTAGES: Final = {  # each is a module that takes the place of `evbagent`
    "no-flip": "evbagent.lab.sabotage.no_flip",
    "no-probe": "evbagent.lab.sabotage.no_probe",
    "no-hold-up": "evbagent.lab.sabotage.no_hold_up",
    "no-lockout": "evbagent.lab.sabotage.no_lockout",
}
