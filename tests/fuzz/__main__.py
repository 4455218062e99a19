"""`python -m tests.fuzz [--seconds N] [TARGET ...]`: search targets for inputs that break them, and say how far it got.

What is found is written to tests/fuzz/found, where every later run of the tests plays it again; the exit code is 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from evbagent.wire.ethernet import Scope
from evbagent.wire.registry import ORGANIZATIONAL
from tests.fuzz.targets import FOUND, TARGETS, found

_CORPORA: Final = Path(".fuzz")  # inputs that reached something new, kept for the next search
_LIMITS: Final = ("-max_len=4096", "-timeout=20", "-report_slow_units=20", "-rss_limit_mb=2048")
_PROGRESS: Final = re.compile(r"cov: (\d+) ft: \d+ corp: (\d+)/")
_DONE: Final = re.compile(r"Done (\d+) runs in (\d+) second")
_SHOWN: Final = 40  # lines of what is said about a finding


def _prepare(name: str) -> Path:
    """The corpus of a target, with its seeds and all that was ever found in it."""
    corpus = _CORPORA / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, octets in enumerate((*TARGETS[name].seeds(), *found(name).values())):
        (corpus / f"seed-{number:04}").write_bytes(octets)
    words = [kind.octets for kind in ORGANIZATIONAL] + [scope.address.octets for scope in Scope]
    lines = ('"' + "".join(f"\\x{octet:02x}" for octet in word) + '"\n' for word in words)
    (_CORPORA / "words").write_text("".join(lines))
    return corpus


def _search(name: str, seconds: int) -> bool:
    """One target for that long; whether nothing was wrong."""
    corpus, before = _prepare(name), set(found(name))
    options = (f"-max_total_time={seconds}", f"-artifact_prefix={FOUND}/{name}-", f"-dict={_CORPORA / 'words'}")
    command = [sys.executable, "-m", "tests.fuzz.libfuzzer", name, str(corpus), *options, *_LIMITS]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        new = ", ".join(sorted(found(name).keys() - before)) or "no input"
        said = done.stdout.strip() or done.stderr.strip()  # an exception, or what libFuzzer itself could not bear
        print("\n".join(said.splitlines()[-_SHOWN:]))
        print(f"{name}: found {new} in {FOUND}; `pytest tests/fuzz` plays it again", flush=True)
        return False
    (runs, took), (covered, inputs) = _DONE.findall(done.stderr)[-1], _PROGRESS.findall(done.stderr)[-1]
    rate = int(runs) // max(1, int(took))
    print(
        f"{name}: {runs} executions in {took} s ({rate}/s), {covered} branches covered by {inputs} inputs", flush=True
    )
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long each target is searched (%(default)s)")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(TARGETS)}; all where none is named")
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - TARGETS.keys()
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}: there are {', '.join(TARGETS)}")
    if arguments.seconds < 1:
        parser.error(f"--seconds is at least 1, not {arguments.seconds}")
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris is missing: run `make fuzz`, or install the extra `fuzz`")
    sound = [_search(name, arguments.seconds) for name in arguments.targets or TARGETS]
    return 0 if all(sound) else 1


if __name__ == "__main__":
    sys.exit(main())
