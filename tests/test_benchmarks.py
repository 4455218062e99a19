"""The benchmarks run: what they measure is theirs to say, that they measure is ours."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evbagent.lab.namespaces import privileged
from tests.support import peers


@pytest.mark.netns
def test_the_benchmarks_give_every_figure_and_a_table(tmp_path: Path) -> None:
    if not privileged():
        peers.skip("needs root: CAP_SYS_ADMIN and CAP_NET_ADMIN make namespaces with links in them")
    figures = tmp_path / "figures.json"
    bench = [sys.executable, "-m", "tests.benchmarks", "--repetitions", "1", "--attachments", "1", "--json"]
    done = subprocess.run([*bench, str(figures)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(figures.read_text())
    assert {row["name"].split(":")[0].split(",")[0] for row in rows} >= {
        "process start to first LLDPDU",
        "link up to relay agreed with our own switch",
        "1 attachments",
    }
    assert all(row["median_ms"] > 0 for row in rows)
    assert all(row["name"] in done.stdout for row in rows)
