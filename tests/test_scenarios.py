"""Recordings of daemons that ran, as tests: each file in tests/scenarios with what people expect of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evbagent.replay import Checked, Replay

FILES = sorted((Path(__file__).parent / "scenarios").glob("*.jsonl"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_expected_is_so(file: Path) -> None:
    with file.open("rb") as lines:
        replay = Replay(lines)
        checks = [each for each in replay if isinstance(each, Checked)]
    assert replay.torn is None
    assert checks, f"{file} expects nothing: add lines such as {{'expect': {{'mode': 'veb'}}}} behind what leads to it"
    assert [f"{file}:{check.line}: {sentence}" for check in checks for sentence in check.unmet] == []
