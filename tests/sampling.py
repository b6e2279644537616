"""How many samples of one mechanism a run takes: a few, or all of them with ``ALL_CUTS``."""

from __future__ import annotations

import functools
import inspect
import os
import random
from typing import Any, Callable, Iterable, Sequence, TypeVar

import pytest

T = TypeVar("T")

#: all offsets, and all pairs of an era and a case, in place of some; takes some minutes
ALL_CUTS = "HUGCHAT_SYNC_ALL_CUTS" in os.environ


def bundles(every: Iterable[T], size: int = 25) -> Sequence[Sequence[T]]:
    """Return the rows of a long table in bundles: a test of each would cost more than the row."""
    rows = list(every)
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def each(names: str | Sequence[str], rows: Iterable[Any]) -> Callable[[T], T]:
    """Return a decorator like ``pytest.mark.parametrize`` that makes one test of all rows.

    For long tables of short rows: a test of its own costs more than such a row. What a test gets
    besides is shared by its rows. A failure names the row.
    """
    wanted = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    table = [row if len(wanted) > 1 else (row,) for row in rows]
    assert table, "a table without rows shows nothing"

    def decorate(test: Any) -> Any:
        @functools.wraps(test)
        def over_all_rows(**given: Any) -> None:
            for row in table:
                try:
                    test(**given, **dict(zip(wanted, row)))
                except (Exception, pytest.fail.Exception) as error:
                    raise AssertionError(f"in the row {row!r:.300}: {error}") from error

        signature = inspect.signature(test)
        kept = [one for one in signature.parameters.values() if one.name not in wanted]
        over_all_rows.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        return over_all_rows

    return decorate


def some(every: Iterable[T], ordinary: Iterable[T]) -> Sequence[T]:
    """Return what an ordinary run takes, or *every* one."""
    return list(every if ALL_CUTS else ordinary)


def drawn(every: Iterable[T], size: int, seed: str) -> Sequence[T]:
    """Return *size* of them, the same ones for the same seed; with ``ALL_CUTS`` all."""
    rows = list(every)
    kept = set(random.Random(seed).sample(range(len(rows)), size))  # noqa: S311 -- no secret
    return some(rows, [row for index, row in enumerate(rows) if index in kept])
