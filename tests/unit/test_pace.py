"""Messages a minute, spaced evenly over all threads."""

from __future__ import annotations

import pickle
import threading
import time

import pytest
from sampling import each

from hugchat_sync import Client, HuggingChat, UsageError
from hugchat_sync.errors import TimedOut
from hugchat_sync.rate_limit import Pace


class Clock:
    def __init__(self):
        self.now = 100.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(round(seconds, 6))
        self.now += seconds


def test_no_limit_does_not_wait():
    clock = Clock()
    pace = Pace(None, clock=clock, sleep=clock.sleep)

    for _ in range(3):
        pace.wait()

    assert clock.slept == []


def test_messages_are_spaced_evenly():
    clock = Clock()
    pace = Pace(30, clock=clock, sleep=clock.sleep)

    for _ in range(3):
        pace.wait()

    assert clock.slept == [2.0, 2.0]


def test_time_that_passed_anyway_counts():
    clock = Clock()
    pace = Pace(60, clock=clock, sleep=clock.sleep)
    pace.wait()
    clock.now += 0.75

    pace.wait()

    assert clock.slept == [0.25]


def test_pause_in_between_saves_up_nothing():
    clock = Clock()
    pace = Pace(60, clock=clock, sleep=clock.sleep)
    pace.wait()
    clock.now += 60
    pace.wait()

    pace.wait()

    assert clock.slept == [1.0]


def test_threads_share_the_moments():
    slept = []
    pace = Pace(600, clock=lambda: 0.0, sleep=slept.append)
    threads = [threading.Thread(target=pace.wait) for _ in range(5)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(round(seconds, 6) for seconds in slept) == [0.1, 0.2, 0.3, 0.4]


def test_pace_pickles_with_its_rate():
    copy = pickle.loads(pickle.dumps(Pace(300)))
    copy.wait()
    began = time.monotonic()

    copy.wait()

    assert time.monotonic() - began > 0.1  # 0.2, less what lay between


@each("rate", [0, -1, "many", float("nan")])
@each("kind", [Client, HuggingChat])
def test_rate_that_cannot_be_right_is_refused(kind, rate):
    with pytest.raises(UsageError, match="max_per_minute"):
        kind("http://127.0.0.1:9/chat", max_per_minute=rate)


def test_wait_was_longer_than_the_time_of_the_call():
    slept = []
    pace = Pace(1, clock=lambda: 100.0, sleep=slept.append)
    pace.wait(110.0)

    with pytest.raises(TimedOut) as caught:
        pace.wait(110.0)

    assert (caught.value.phase, slept) == ("total", [])
