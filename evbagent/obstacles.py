"""What keeps guests out of VEPA although the evidence lets them in, or whatever it says; pure.

No rows of decision.py, because that table knows evidence alone.
"""

from __future__ import annotations

from typing import Final

from evbagent.entry import EntryState
from evbagent.status import Obstacle, Reason

__all__ = [
    "HOLDING_UP",
    "LINK_DOWN",
    "LOCKED_OUT",
    "NOT_APPLIED",
    "NO_INTERFACE",
    "OUT_OF_REACH",
    "RELEASED",
    "UNPROVEN",
    "standing",
]

RELEASED: Final = Obstacle(
    "released", "the daemon ends, and nobody watches any more", "start the daemon again", Reason.RELEASED
)
NO_INTERFACE: Final = Obstacle(
    "no_interface", "there is no interface of that name", "make it, or name another one under uplinks"
)
LINK_DOWN: Final = Obstacle(
    "link_down",
    "the link is down or has no carrier, so nothing can be heard",
    "set it up, and look at the cable and the switch port",
)
NOT_APPLIED: Final = Obstacle(
    "not_applied",
    "nothing is applied here, so this is what would be",
    "set mode: auto, and apply: true, on this uplink",
)
OUT_OF_REACH: Final = Obstacle(
    "attachment_out_of_reach",
    "an attachment did not take VEPA, so none is left in it",
    "see in the log (mode_not_set) which one, and why; it is tried again by itself",
    Reason.ATTACHMENT_OUT_OF_REACH,
)
HOLDING_UP: Final = Obstacle(
    "holding_up",
    "relay is on, and has to stay on for a while before guests use it",
    "wait for the end of hold_up",
    Reason.HOLDING_UP,
)
LOCKED_OUT: Final = Obstacle(
    "flap_lockout",
    "relay came and went too often, so guests stay in VEB for a while",
    "find out at the switch or the cable why relay comes and goes, and wait for the end of the lock-out",
    Reason.FLAP_LOCKOUT,
)
UNPROVEN: Final = Obstacle(
    "unproven", "the probe has begun, and none of its frames has come back yet", "wait for the probe's answer"
)


def standing(
    *,
    released: bool,
    refused: bool,
    entry: EntryState | None,
    unproven: bool,
    here: bool,
    enabled: bool,
    applies: bool,
) -> tuple[Obstacle, ...]:
    """Those that stand in the way; what decides the uplink's reason comes first.

    `refused`: an attachment did not take VEPA. `entry`: how far VEPA is earned, None where the evidence does not allow
    it. `unproven`: the probe has only begun. `here` and `enabled`: the interface is there, and its link is up.
    """
    there = (
        (RELEASED, released),
        (OUT_OF_REACH, refused),
        (HOLDING_UP, entry in (EntryState.OUT, EntryState.HOLDING_UP)),
        (LOCKED_OUT, entry is EntryState.LOCKED_OUT),
        (UNPROVEN, unproven),
        (NO_INTERFACE, not here),
        (LINK_DOWN, here and not enabled),
        (NOT_APPLIED, not applies),
    )
    return tuple(obstacle for obstacle, holds in there if holds)
