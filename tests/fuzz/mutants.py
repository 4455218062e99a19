"""Inputs made from others by chance, the same ones for the same seed: the fuzzer for where there is no libFuzzer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from random import Random
from typing import Final, NamedTuple

__all__ = ["Finding", "explore", "mutants"]

_LONGEST: Final = 4096
_TELLING: Final = bytes((0, 1, 2, 3, 4, 5, 9, 0x7F, 0x80, 0xFE, 0xFF))  # ends of ranges, lengths, types


class Finding(NamedTuple):
    """What was raised, and for which input."""

    octets: bytes
    error: Exception


def explore(run: Callable[[bytes], None], seeds: Sequence[bytes], *, seed: int, runs: int) -> Finding | None:
    """Run the seeds as they are and then so many mutants of them, up to the first that raises."""
    for octets in (*seeds, *islice(mutants(seeds, seed), runs)):
        try:
            run(octets)
        except Exception as error:
            return Finding(octets, error)
    return None


def mutants(seeds: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Without end: one of the seeds, changed once to four times."""
    chance = Random(seed)
    while True:
        octets = chance.choice(seeds)
        for _ in range(chance.randint(1, 4)):
            octets = chance.choice(_CHANGES)(octets, chance, seeds)[:_LONGEST]
        yield octets


def _range(octets: bytes, chance: Random) -> slice:
    start = chance.randint(0, len(octets))
    return slice(start, chance.randint(start, min(len(octets), start + 64)))


def _flip(octets: bytes, chance: Random, _seeds: Sequence[bytes]) -> bytes:
    changed = bytearray(octets or b"\0")
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _set(octets: bytes, chance: Random, _seeds: Sequence[bytes]) -> bytes:
    changed = bytearray(octets or b"\0")
    changed[chance.randrange(len(changed))] = chance.choice((chance.choice(_TELLING), chance.randrange(256)))
    return bytes(changed)


def _insert(octets: bytes, chance: Random, _seeds: Sequence[bytes]) -> bytes:
    at = chance.randint(0, len(octets))
    return octets[:at] + chance.randbytes(chance.randint(1, 8)) + octets[at:]


def _delete(octets: bytes, chance: Random, _seeds: Sequence[bytes]) -> bytes:
    gone = _range(octets, chance)
    return octets[: gone.start] + octets[gone.stop :]


def _repeat(octets: bytes, chance: Random, _seeds: Sequence[bytes]) -> bytes:
    part = _range(octets, chance)
    return octets[: part.stop] + octets[part] * chance.randint(1, 8) + octets[part.stop :]


def _splice(octets: bytes, chance: Random, seeds: Sequence[bytes]) -> bytes:
    other = chance.choice(seeds)
    return octets[: chance.randint(0, len(octets))] + other[chance.randint(0, len(other)) :]


def _borrow(octets: bytes, chance: Random, seeds: Sequence[bytes]) -> bytes:
    other, at = chance.choice(seeds), chance.randint(0, len(octets))
    return octets[:at] + other[_range(other, chance)] + octets[at:]


_CHANGES: Final = (_flip, _set, _insert, _delete, _repeat, _splice, _borrow)
