"""The state file on disk."""

from __future__ import annotations

from pathlib import Path

from evbagent.linux.files import read_owned, write_private
from evbagent.state import LARGEST, SavedState, StateError

__all__ = ["load", "save"]


def load(path: Path) -> SavedState | None:
    """None where there is none; raises `StateError` where there is something else."""
    try:
        return SavedState.decode(read_owned(path, LARGEST))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(error.strerror) from None


def save(path: Path, state: SavedState) -> None:
    """Raises `OSError`; the old one is there then."""
    write_private(path, state.encode())
