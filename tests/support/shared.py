"""The reference data that may lie beside the repository: frames of others, which are read there and never copied."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.peers import REPOSITORY, skip

__all__ = ["CorpusFrame", "captures", "corpus", "fake_driver", "mutants"]

SHARED: Final = Path(os.environ.get("EVBAGENT_SHARED", REPOSITORY.parent / "shared"))


@dataclass(frozen=True, slots=True)
class CorpusFrame:
    """One whole frame that nobody here wrote, with what tshark and tcpdump read in it (`corpus/README.md`)."""

    id: str
    valid: bool
    octets: bytes
    oracle: dict[str, Any]


def corpus() -> list[CorpusFrame]:
    """All frames of the corpus, by `kind` the valid and the malformed; skips where the file is not there."""
    return [
        CorpusFrame(entry["id"], entry["kind"] == "valid", bytes.fromhex(entry["hex"]), entry["oracle_tshark"])
        for entry in _lines("frames.jsonl")
    ]


def mutants() -> list[tuple[str, bytes]]:
    """The valid frames with something changed in each, by name; skips where the file is not there."""
    return [(entry["id"], bytes.fromhex(entry["hex"])) for entry in _lines("mutants.jsonl")]


def captures() -> dict[str, bytes]:
    """The captures of two lldpads, by the name without its suffix; skips where there are none."""
    files = sorted((SHARED / "peers" / "pcaps").glob("*.pcap"))
    if not files:
        skip(f"no captures of lldpad in {SHARED / 'peers' / 'pcaps'}: EVBAGENT_SHARED names the folder they are below")
    return {file.stem: file.read_bytes() for file in files}


def fake_driver(folder: Path) -> Path:
    """A library that, loaded before others (LD_PRELOAD), answers for a driver with DCB: none of ours has one.

    It is compiled into `folder`; skips where its source or a compiler is not there.
    """
    source, compiler = SHARED / "peers" / "fakedcb.c", shutil.which("cc")
    if not source.is_file() or compiler is None:
        skip(f"no driver here has DCB, and to fake one {source if compiler else 'a C compiler (cc)'} is missing")
    library = folder / "fakedcb.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True, timeout=60)
    return library


def _lines(name: str) -> list[dict[str, Any]]:
    file = SHARED / "corpus" / name
    if not file.is_file():
        skip(f"{file} is not there: EVBAGENT_SHARED names the folder that holds corpus/{name}")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
