"""`python -m tests.benchmarks`: run them all, print a table, write the JSON where told."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
from pathlib import Path

from evbagent.lab.namespaces import privileged
from tests.benchmarks.figures import Figure, markdown, rows
from tests.benchmarks.measure import flood, link_up, start, withdrawal


async def _all(repetitions: int, sizes: list[int]) -> list[Figure]:
    figures = [*await start(repetitions), *await link_up(repetitions), *await flood(repetitions)]
    for size in sizes:
        figures += await withdrawal(size, repetitions)
    return figures


def main() -> None:
    """A table on standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--attachments", type=int, nargs="+", default=[1, 20, 200])
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    if not privileged():
        parser.exit(4, "benchmarks need root, or a user namespace: unshare -Urn python -m tests.benchmarks\n")
    figures = asyncio.run(_all(arguments.repetitions, arguments.attachments))
    print(f"Linux {platform.release()}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    print(markdown(figures))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows(figures), indent=2) + "\n")


if __name__ == "__main__":
    main()
