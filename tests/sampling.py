"""How many samples of one mechanism a run takes: a few, or all of them with ``ALL_CUTS``."""

from __future__ import annotations

import os
from typing import Iterable, Sequence, TypeVar

T = TypeVar("T")

#: all offsets, and all pairs of an era and a case, in place of some; takes some minutes
ALL_CUTS = "HUGCHAT_SYNC_ALL_CUTS" in os.environ


def bundles(every: Iterable[T], size: int = 25) -> Sequence[Sequence[T]]:
    """Return the rows of a long table in bundles: a test of each would cost more than the row."""
    rows = list(every)
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def some(every: Iterable[T], ordinary: Iterable[T]) -> Sequence[T]:
    """Return what an ordinary run takes, or *every* one."""
    return list(every if ALL_CUTS else ordinary)
