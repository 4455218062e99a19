"""`python -m tests.soak --minutes 30 --seed 1`: faults from a seed, under traffic, one after the other."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

from evbagent.lab import Lab, LabTimeout
from evbagent.lab.namespaces import privileged
from evbagent.lab.switch import SwitchSettings
from tests.soak.faults import FAULTS, well

__all__ = ["Soak", "Unsound"]

RATE: Final = 500.0  # guests' frames a second
SLACK: Final = 0.1  # seconds by which the end of a fault may be noticed late
GROWTH: Final = 6 * 1024 * 1024  # octets that a daemon may grow by after its first faults
SETTLED: Final = 3  # faults after which a daemon has imported and allocated what it needs
SPARE: Final = 3  # descriptors that come and go: a client, a dump


class Unsound(AssertionError):
    """Something did not hold."""


class Soak:
    """One lab, one seed; `run` raises `Unsound` where frames were lost that should not, or something grows."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._faults: Counter[int] = Counter()  # by pid of the daemon
        self._first: dict[int, tuple[int, int]] = {}  # by pid: octets and descriptors, after the daemon's first faults
        self.done: Counter[str] = Counter()
        self.lost = self.sent = 0
        self.without = 0.0  # seconds

    async def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        async with Lab() as lab:
            lab.agent.settings |= {"flap": {"limit": 100}, "guard": {"grace": 60}}
            await lab.agent.start_guard()
            await lab.switch.start(SwitchSettings(keep_hairpin=True))
            await lab.agent.start()
            await well(lab)
            while time.monotonic() < end:
                await self._turn(lab)
            log = lab.agent.log.read_text(errors="replace")
            if "Traceback" in log or "unexpected" in log:
                raise Unsound(f"the daemon's log:\n{lab.agent_log(40)}")

    async def _turn(self, lab: Lab) -> None:
        fault = self._chance.choice(FAULTS)
        flow = lab.flow(rate=RATE)
        flow.start()
        try:
            without = await fault(lab, self._chance)
            await well(lab)
        finally:
            exchange = await asyncio.to_thread(flow.stop)
        self.done[fault.__name__] += 1
        self.lost, self.sent, self.without = (
            self.lost + exchange.lost,
            self.sent + exchange.sent,
            self.without + without,
        )
        allowed = RATE * (without + SLACK) if without else 0
        if exchange.lost > allowed or exchange.duplicated:
            what = f"{exchange.lost} frames lost, {exchange.duplicated} came twice, relay was off for {without:.3f} s"
            raise Unsound(f"{fault.__name__}: {what}\n{lab.agent_log(30)}")
        self._weigh(lab)

    def _weigh(self, lab: Lab) -> None:
        pid = lab.agent.pid
        status = Path(f"/proc/{pid}/status").read_text()
        octets = 1024 * int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])
        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        self._faults[pid] += 1
        if self._faults[pid] < SETTLED:
            return
        first = self._first.setdefault(pid, (octets, descriptors))
        if octets - first[0] > GROWTH or descriptors - first[1] > SPARE:
            raise Unsound(f"the daemon grows: from {first} octets and descriptors to {(octets, descriptors)}")


def main() -> None:
    """Exit code 1 and the seed where something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    if not privileged():
        parser.exit(4, "the soak needs root, or a user namespace: unshare -Urn python -m tests.soak\n")
    soak = Soak(arguments.seed)
    print(f"seed {arguments.seed}, {arguments.minutes:g} minutes", flush=True)
    try:
        asyncio.run(soak.run(60.0 * arguments.minutes))
    except (Unsound, LabTimeout) as unsound:
        sys.exit(f"{unsound}\nseed {arguments.seed}, after {dict(soak.done)}")
    turns = ", ".join(f"{name} {count}" for name, count in sorted(soak.done.items()))
    print(f"{sum(soak.done.values())} faults: {turns}")
    print(f"{soak.lost} of {soak.sent} frames lost; relay was off under guests for {soak.without:.1f} s in all")


if __name__ == "__main__":
    main()
