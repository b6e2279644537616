"""A bounded pool for ``wait=False``, and what a forked child needs anew: locks and such pools.

A lock that a thread of the parent holds is never given back in a child, which has one thread only.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Callable, Protocol, TypeVar, Union
from weakref import WeakSet

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

T = TypeVar("T")

SLICE = 0.5  # seconds of a wait at most: Windows delivers Ctrl-C only between two of them


class LockOwner(Protocol):
    """An object that holds locks or threads, which a forked child cannot use."""

    def renew_locks(self) -> None:
        """Take new locks and no threads."""
        ...


_OWNERS: WeakSet[LockOwner] = WeakSet()


def renew_locks_after_fork(owner: LockOwner) -> None:
    """Call ``owner.renew_locks()`` now, and again in each child forked from this process."""
    owner.renew_locks()
    _OWNERS.add(owner)


def _renew_all_locks() -> None:
    for owner in list(_OWNERS):
        owner.renew_locks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all_locks)


class Background:
    """Runs calls later; the pool begins with the first of them."""

    def __init__(self, workers: int = 8) -> None:
        self._workers = workers
        self._here = threading.local()
        renew_locks_after_fork(self)

    def renew_locks(self) -> None:
        """Take a new lock and no threads yet."""
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def __reduce__(self) -> tuple[type[Background], tuple[int]]:
        return Background, (self._workers,)  # the calls under way stay where they are

    def run(self, call: Callable[[], T], wait: bool) -> Union[T, Future[T]]:  # noqa: UP007
        """Return what *call* returns, or, without *wait*, its future.

        With *wait* it is called here and now: a pool task that waited for another one of the same
        pool could wait for ever.
        """
        if wait:
            return call()
        with self._lock:
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(
                    self._workers,
                    thread_name_prefix="hugchat-sync",
                    initializer=setattr,
                    initargs=(self._here, "is_worker", True),
                )
            return self._pool.submit(call)

    def close(self) -> None:
        """Finish the calls under way and end the pool.

        From inside one of them, or what follows it, it ends without waiting: they go on.
        """
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=not hasattr(self._here, "is_worker"))
