"""Samples, their medians and ratios, and the tables that show them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Figure", "markdown"]


@dataclass(frozen=True, slots=True)
class Figure:
    """What one thing took, in milliseconds; `beside` is the name of the figure that it is compared with."""

    name: str
    samples: Sequence[float]
    beside: str | None = None
    note: str = field(default="")

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    def as_json(self, ratio: float | None) -> dict[str, Any]:
        ordered = sorted(self.samples)
        return {
            "name": self.name,
            "n": len(ordered),
            "median_ms": round(self.median, 3),
            "p90_ms": round(ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))], 3),
            "min_ms": round(ordered[0], 3),
            "max_ms": round(ordered[-1], 3),
            "beside": self.beside,
            "ratio": None if ratio is None else round(ratio, 2),
            "note": self.note,
        }


def rows(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """Every figure with its ratio to the one that stands beside it."""
    medians = {figure.name: figure.median for figure in figures}
    return [
        figure.as_json(None if figure.beside is None else figure.median / medians[figure.beside]) for figure in figures
    ]


def markdown(figures: Sequence[Figure]) -> str:
    """One table."""
    lines = [
        "| figure | n | median ms | p90 | min..max | ratio | beside |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows(figures):
        name = f"{row['name']} ({row['note']})" if row["note"] else row["name"]
        ratio = "" if row["ratio"] is None else f"{row['ratio']:g}"
        lines.append(
            f"| {name} | {row['n']} | {row['median_ms']:g} | {row['p90_ms']:g} | {row['min_ms']:g}..{row['max_ms']:g}"
            f" | {ratio} | {row['beside'] or ''} |"
        )
    return "\n".join(lines) + "\n"
