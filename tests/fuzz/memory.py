"""What an object keeps: every collection that can be reached from it, whoever keeps it and under whatever name."""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Iterator
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

__all__ = ["largest", "weight"]

_SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, Enum)  # code and constants, nobody's own


def _reachable(root: object) -> Iterator[object]:
    seen, waiting = {id(root)}, [root]
    while waiting:
        each = waiting.pop()
        yield each
        for other in gc.get_referents(each):
            if id(other) not in seen and not isinstance(other, _SHARED):
                seen.add(id(other))
                waiting.append(other)


def weight(root: object) -> int:
    """Octets of memory, all that is reachable included."""
    return sum(map(sys.getsizeof, _reachable(root)))


def largest(root: object) -> int:
    """How many entries the largest collection has that can grow: lists, dictionaries, sets, queues."""
    return max(len(each) for each in _reachable(root) if isinstance(each, list | dict | set | deque))
