"""A bounded pool for ``wait=False``."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Callable, TypeVar, Union

from .fork import begin

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

T = TypeVar("T")


class Background:
    """Runs calls later; the pool begins with the first of them."""

    def __init__(self, workers: int = 8) -> None:
        self._workers = workers
        begin(self)

    def begin_anew(self) -> None:
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

                self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="hugchat-sync")
            return self._pool.submit(call)

    def close(self) -> None:
        """Finish the calls under way and end the pool."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True)
