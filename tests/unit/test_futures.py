"""The pool behind ``wait=False``."""

from __future__ import annotations

import pickle
import threading
import time
from concurrent.futures import Future

import pytest
from sampling import each

from hugchat_sync import HuggingChat, UsageError
from hugchat_sync.futures import Background


@pytest.fixture()
def background():
    pool = Background(4)
    yield pool
    pool.close()


def test_waiting_call_runs_in_the_callers_thread(background):
    assert background.run(threading.current_thread, True) is threading.current_thread()


def test_call_without_waiting_gives_a_real_future(background):
    future = background.run(lambda: 5, False)

    assert isinstance(future, Future)
    assert future.result(5) == 5


def test_future_raises_what_the_call_raised(background):
    def call():
        raise UsageError("no")

    assert type(background.run(call, False).exception(5)) is UsageError


def test_no_thread_begins_before_it_is_needed():
    before = threading.active_count()

    Background(4).run(lambda: None, True)

    assert threading.active_count() == before


def test_waiting_call_inside_a_call_cannot_deadlock():
    pool = Background(1)

    future = pool.run(lambda: pool.run(lambda: 7, True), False)

    assert future.result(5) == 7
    pool.close()


def test_close_finishes_the_calls_under_way():
    pool = Background(2)
    future = pool.run(lambda: time.sleep(0.05) or "done", False)

    pool.close()

    assert (future.done(), future.result()) == (True, "done")


def test_pool_pickles_without_its_threads():
    pool = Background(3)
    pool.run(lambda: None, False).result(5)

    copy = pickle.loads(pickle.dumps(pool))

    assert copy.run(lambda: 1, False).result(5) == 1
    pool.close()
    copy.close()


@each("workers", [0, -1, "many", 1.5, True, False, None])
def test_number_of_workers_that_cannot_be_right_is_refused(workers):
    with pytest.raises(UsageError, match="max_workers"):
        HuggingChat("http://127.0.0.1:9/chat", max_workers=workers)


@each("workers", [0, -1, 1.5, True, False])
@each("way", ["by position", "max_thread"])
def test_old_number_of_threads_that_cannot_be_right_is_refused(workers, way):
    with pytest.raises(UsageError, match="max_workers"):
        HuggingChat(workers) if way == "by position" else HuggingChat(max_thread=workers)


@pytest.mark.parametrize(
    "threads",
    [
        lambda: HuggingChat(2, max_workers=8),
        lambda: HuggingChat(2, max_workers=2),
        lambda: HuggingChat(max_thread=2, max_workers=8),
        lambda: HuggingChat(2, max_thread=2),
    ],
)
def test_number_of_threads_given_twice_is_refused(threads):
    with pytest.raises(UsageError, match="twice"):
        threads()
