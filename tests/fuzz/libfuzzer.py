"""`python -m tests.fuzz.libfuzzer TARGET [libFuzzer's arguments]`: a search guided by what new code inputs reach.

The process ends within libFuzzer and with its exit code; `python -m tests.fuzz` starts it and reads what it says.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["evbagent"]):  # what is imported here counts, and what was before does not
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    program, name, *arguments = sys.argv
    atheris.Setup([program, *arguments], TARGETS[name].run)
    atheris.Fuzz()
