"""A short soak with a seed of its own; `make soak MINUTES=30` is the long one."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.netns, pytest.mark.slow]


@pytest.mark.timeout(300)
def test_half_a_minute_of_faults_of_all_kinds() -> None:
    argv = [sys.executable, "-m", "tests.soak", "--minutes", "0.5", "--seed", "802"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "faults:" in done.stdout
