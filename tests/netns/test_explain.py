"""`evbagent explain` asks a daemon that runs."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from evbagent.lab import Lab
from evbagent.lab.topology import UPLINK
from evbagent.status import MacvlanMode
from tests.support.observing import bridged

pytestmark = pytest.mark.netns


def explained(lab: Lab, uplink: str = UPLINK) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "evbagent", "explain", uplink, "--config", str(lab.agent.config)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_what_a_daemon_does_is_explained_while_it_runs() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            lab.add_guest(3, MacvlanMode.PRIVATE)
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            granted = explained(lab).stdout.splitlines()
            assert "  it is lab-switch port1" in [line.rsplit("  ", 1)[0].rstrip() for line in granted]
            assert "  guest1, guest2: vepa" in granted
            assert "  guest3: private (somebody's choice, and left alone)" in granted
            assert "To get VEPA:" not in granted
            lab.switch.offer(relay=False)
            await bridged(lab, MacvlanMode.BRIDGE, "rr_withdrawn")
            withdrawn = explained(lab)
            assert withdrawn.returncode == 0
            assert "has withdrawn it (row 17 of the decision table: VEB)." in withdrawn.stdout
            assert "To get VEPA:" in withdrawn.stdout
            assert explained(lab, "eth9").returncode == 5
            await lab.agent.stop()
            assert explained(lab).returncode == 3

    asyncio.run(scene())
