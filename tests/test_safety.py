"""No wrong VEPA, whatever happens: the whole core against a switch, a kernel and a loop that all misbehave.

`EVBAGENT_SAFETY_EXAMPLES=10000 pytest tests/test_safety.py` runs more sequences than `make test` has the time for.
"""

from __future__ import annotations

import os
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evbagent.status import MacvlanMode, ReflectiveRelay
from tests.safety.segment import Word
from tests.safety.world import World

EXAMPLES: Final = int(os.environ.get("EVBAGENT_SAFETY_EXAMPLES", "200"))

Event = tuple[float, str, dict[str, Any]]

words = st.builds(
    Word,
    role=st.sampled_from(["bridge", "bridge", "bridge", "station", "neither", "nothing"]),
    capable=st.sampled_from([True, True, True, False]),
    control=st.booleans(),
)
modes = st.sampled_from([MacvlanMode.BRIDGE, MacvlanMode.VEPA, MacvlanMode.PRIVATE])
refused = st.sampled_from([frozenset(), frozenset({MacvlanMode.BRIDGE}), frozenset({MacvlanMode.VEPA})])
flags, nth, few = st.booleans(), st.integers(0, 4), st.integers(1, 5)
gaps = st.sampled_from([0.0, 0.001, 0.012, 0.03, 0.1, 0.3, 0.3, 1.0, 1.0, 2.9, 3.1, 3.1, 4.0, 8.0, 31.0])

HAPPENINGS: Final[dict[str, dict[str, st.SearchStrategy[Any]]]] = {
    "relays": {"on": flags},
    "forces": {"on": flags},
    "behind": {"on": flags},
    "lies": {"word": words},
    "chatters": {"times": st.integers(5, 15), "withdraws": flags},
    "stops_echoing": {"echoes": flags},
    "mutes": {},
    "speaks": {},
    "says_goodbye": {},
    "dies": {},
    "restarts": {"renamed": flags},
    "is_replaced": {"nth": st.integers(0, 2), "reflects": flags, "speaks": flags},
    "intrudes": {"word": words},
    "intruder_leaves": {},
    "learns_the_host_elsewhere": {},
    "parrots": {"on": flags},
    "replays_probes": {},
    "loses": {"count": few},
    "overflows": {"count": few, "vital": flags},
    "loses_probes": {"count": few},
    "misses_probes": {},
    "refuses_probes": {"count": st.integers(1, 12)},
    "refuses_frames": {"count": few},
    "is_slow": {"latency": st.sampled_from([1e-5, 1e-3, 0.015, 0.03])},
    "stalls": {"seconds": st.sampled_from([0.015, 0.05, 0.3, 0.5, 3.0, 10.0]), "links_first": flags},
    "sleeps": {},
    "releases": {},
    "loses_carrier": {},
    "goes_down": {},
    "comes_up": {},
    "flaps": {},
    "vanishes": {},
    "is_another_interface": {},
    "changes_address": {"last": st.integers(1, 3)},
    "looks": {},
    "adds": {"mode": modes, "refuses": refused},
    "removes": {"nth": nth, "noticed": flags},
    "somebody_sets": {"nth": nth, "mode": modes},
    "somebody_insists": {"nth": nth, "times": st.integers(5, 9)},
    "refuses": {"nth": nth, "modes": refused},
    "relents": {},
    "loses_answers": {"unread": flags},
    "plays_the_switch": {"nth": nth, "word": words},
    "reflects_lldp": {},
}
OFTEN: Final = ("relays", "forces", "behind", "comes_up", "adds", "speaks")
RARELY: Final = ("releases",)


def happening(name: str) -> st.SearchStrategy[Event]:
    return st.tuples(gaps, st.just(name), st.fixed_dictionaries(HAPPENINGS[name]))


NAMES: Final = [name for name in HAPPENINGS for _ in range(4 if name in OFTEN else 2 if name not in RARELY else 1)]
happenings = st.sampled_from(NAMES).flatmap(happening)
acts = st.lists(happenings, min_size=1, max_size=8)
worlds = st.fixed_dictionaries(
    {
        "relay": st.sampled_from([ReflectiveRelay.AUTO, *ReflectiveRelay]),
        "probed": st.sampled_from([True, True, True, False]),
        "late": st.sampled_from([0.0, 0.005, 0.015]),
        "ttl": st.sampled_from([121, 21, 3]),
        "guests": st.integers(0, 3),
        "limit": st.sampled_from([3, 100]),
    }
)

SEEN: Final = {"worlds": 0, "entered": 0}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(world=worlds, acts=st.lists(acts, min_size=1, max_size=8), heals=flags)
def play(world: dict[str, Any], acts: list[list[Event]], heals: bool) -> None:
    """Before each act all is well, for most of what can go wrong goes wrong in VEPA."""
    if world["relay"] is ReflectiveRelay.PROBE:
        world["probed"] = True
    it = World(**world)
    for act in acts:
        it.calms()
        for gap, name, arguments in act:
            it.passes(gap)
            getattr(it, name)(**arguments)
        it.passes(0.5)
    if heals:
        it.heals()
    SEEN["worlds"] += 1
    SEEN["entered"] += it.entered


def test_no_vepa_is_wrong_whatever_happens() -> None:
    play()
    assert SEEN["entered"] > SEEN["worlds"], f"guests were hardly ever in VEPA: {SEEN}"
