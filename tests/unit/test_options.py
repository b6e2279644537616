"""Timeouts and retries as values."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, astuple

import pytest
from sampling import each

from hugchat_sync import Client, Retry, Timeout, UsageError
from hugchat_sync.options import check_timeout


def test_default_clocks_are_those_of_the_contract():
    assert astuple(Timeout()) == (10, 60, 300, 3600)


def test_default_retry_is_that_of_the_contract():
    assert astuple(Retry()) == (3, 0.5, 8.0, 120)


@pytest.mark.parametrize(
    ("given", "clocks"),
    [
        (None, Timeout()),
        (7, Timeout(total=7.0)),
        (0.5, Timeout(total=0.5)),
        (Timeout(idle=5), Timeout(idle=5)),
    ],
)
def test_number_is_the_total(given, clocks):
    assert check_timeout(given) == clocks


@each("given", ["soon", 0, -1, float("nan"), True, (1, 2)])
def test_timeout_that_cannot_be_right_is_refused(given):
    with pytest.raises(UsageError, match="timeout"):
        Client("http://127.0.0.1:9/chat", timeout=given)


@pytest.mark.parametrize("clocks", [{"idle": 0}, {"connect": -1}, {"progress": None}])
def test_clock_that_cannot_be_right_is_refused(clocks):
    with pytest.raises(UsageError, match="timeout"):
        Client("http://127.0.0.1:9/chat", timeout=Timeout(**clocks))


@pytest.mark.parametrize("given", [5, "3", {"tries": 3}])
def test_retries_that_are_no_retry_are_refused(given):
    with pytest.raises(UsageError, match="retries"):
        Client("http://127.0.0.1:9/chat", retries=given)


@pytest.mark.parametrize("tries", [0, -1, 1.5])
def test_number_of_tries_that_cannot_be_right_is_refused(tries):
    with pytest.raises(UsageError, match="tries"):
        Client("http://127.0.0.1:9/chat", retries=Retry(tries=tries))


def test_delay_has_its_ceiling_after_any_number_of_tries():
    assert Retry().delay(5000, 1.0) == 8.0


@pytest.mark.parametrize("value", [Timeout(), Retry()])
def test_values_are_frozen(value):
    with pytest.raises(FrozenInstanceError):
        value.connect = value.tries = 1


@each(
    ("tried", "jitter", "seconds"),
    [(1, 1.0, 0.5), (2, 1.0, 1.0), (3, 1.0, 2.0), (9, 1.0, 8.0), (1, 0.0, 0.25), (9, 0.0, 4.0)],
)
def test_delay_doubles_up_to_its_ceiling_with_jitter(tried, jitter, seconds):
    assert Retry().delay(tried, jitter) == seconds


def test_other_number_of_tries_leaves_the_rest():
    assert Retry(first_delay=2).with_tries(5) == Retry(tries=5, first_delay=2)


def test_same_number_of_tries_is_the_same_retry():
    retry = Retry()

    assert retry.with_tries(None) is retry
