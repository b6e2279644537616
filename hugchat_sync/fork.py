"""What a forked child needs anew: locks that a thread of its parent may hold, and pools of threads.

A child has one thread, whatever its parent had: nobody there would ever give such a lock back.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Beginner(Protocol):
    """Something with locks or threads of its own."""

    def begin_anew(self) -> None:
        """Take new locks and no threads."""
        ...


_LIVING: WeakSet[Beginner] = WeakSet()


def begin(one: Beginner) -> None:
    """Let *one* begin: now, and again in every child that is forked from this process."""
    one.begin_anew()
    _LIVING.add(one)


def _begin_all_anew() -> None:
    for one in list(_LIVING):
        one.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all_anew)
