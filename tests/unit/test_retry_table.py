"""The table of retries: which failure of which request is tried again, and after how long."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sampling import each

from hugchat_sync.errors import (
    AuthError,
    BadRequest,
    ConnectionFailed,
    ConversationLimit,
    ModelGone,
    NotFound,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    ServerError,
    SessionExpired,
    TimedOut,
    TooLarge,
    Unavailable,
)
from hugchat_sync.futures import SLICE
from hugchat_sync.options import Retry, Timeout
from hugchat_sync.transport.http import Sender, Transport, longest_silence
from hugchat_sync.transport.retry import (
    RENEWALS,
    Patience,
    hold_within,
    seconds_asked_for,
)

FAILURES = {
    "refused": ConnectionFailed("no", unsure=False),
    "no connection in time": TimedOut("no", phase="connect", unsure=False),
    "broken in the middle": ConnectionFailed("cut", unsure=True),
    "silent": TimedOut("silent", phase="idle", unsure=True),
    "429": RateLimited("slow", status=429, retry_after=60.0, is_from_reply=False),
    "429 with Retry-After": RateLimited("slow", status=429, retry_after=7.0, is_from_reply=True),
    "429 with a long Retry-After": RateLimited(
        "slow", status=429, retry_after=121.0, is_from_reply=True
    ),
    "429 of a limit": ConversationLimit("full", status=429, retry_after=7.0, is_from_reply=True),
    "502": Unavailable("gateway", status=502),
    "503": Unavailable("busy", status=503),
    "504": Unavailable("gateway", status=504),
    "500": Unavailable("bug", status=500),
    "400": BadRequest("no", status=400),
    "401": AuthError("who?", status=401),
    "402": QuotaExceeded("pay", status=402),
    "404": NotFound("where?", status=404),
    "410": ModelGone("gone", status=410),
    "413": TooLarge("big", status=413),
    "418": ServerError("tea", status=418),
    "not understood": ProtocolError("odd"),
}
REPEATABLE = {
    "refused",
    "no connection in time",
    "broken in the middle",
    "silent",
    "429 with Retry-After",
    "502",
    "503",
    "504",
}
NOT_REPEATABLE = {"refused", "no connection in time"}


class Script:
    """A call that fails as it is told, and a clock that moves when somebody sleeps."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.calls = 0
        self.now = 1000.0
        self.slept = []

    def __call__(self):
        outcome = self.outcomes[min(self.calls, len(self.outcomes) - 1)]
        self.calls += 1
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def retrying(self, jitter=1.0):
        return Transport(
            "http://h", clock=lambda: self.now, sleep=self.sleep, jitter=lambda: jitter
        )


class Renewing(Sender):
    """A sign-in that can be renewed, or not."""

    def __init__(self, renews):
        self.renews = renews

    def recover(self, error, began, patience):
        return self.renews


def patience(total=3600.0, waits=False, **retry):
    return Patience(Timeout(), Retry(**retry), 1000.0 + total, waits)


@each("name", FAILURES)
def test_requests_of_a_repeatable_call(name):
    script = Script(FAILURES[name])

    with pytest.raises(type(FAILURES[name])):
        script.retrying().repeat(script, patience())

    assert script.calls == (3 if name in REPEATABLE else 1)


@each("name", FAILURES)
def test_requests_of_a_send_or_a_creation(name):
    script = Script(FAILURES[name])

    with pytest.raises(type(FAILURES[name])):
        script.retrying().repeat(script, patience(), repeatable=False)

    assert script.calls == (3 if name in NOT_REPEATABLE else 1)


@each("name", sorted(REPEATABLE))
def test_later_success_is_a_success(name):
    script = Script(FAILURES[name], FAILURES[name], "good")

    assert script.retrying().repeat(script, patience()) == "good"


@pytest.mark.parametrize("tries", [1, 2, 5])
def test_number_of_tries_counts_the_first_one(tries):
    script = Script(FAILURES["503"])

    with pytest.raises(Unavailable):
        script.retrying().repeat(script, patience(tries=tries))

    assert script.calls == tries


def test_waits_double_up_to_the_ceiling():
    script = Script(FAILURES["503"])

    with pytest.raises(Unavailable):
        script.retrying().repeat(script, patience(tries=7))

    assert script.slept == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]


def test_jitter_takes_up_to_half_of_a_wait():
    script = Script(FAILURES["503"])

    with pytest.raises(Unavailable):
        script.retrying(jitter=0.0).repeat(script, patience(tries=3))

    assert script.slept == [0.25, 0.5]


def test_retry_after_is_waited_for():
    script = Script(FAILURES["429 with Retry-After"], "good")

    script.retrying().repeat(script, patience())

    assert script.slept == [7.0]


def test_wait_beyond_the_limit_is_raised_at_once():
    script = Script(FAILURES["429 with a long Retry-After"])

    with pytest.raises(RateLimited) as caught:
        script.retrying().repeat(script, patience())

    assert (script.slept, caught.value.retry_after) == ([], 121.0)


def test_wait_that_the_total_does_not_cover_is_raised_at_once():
    script = Script(FAILURES["503"])

    with pytest.raises(Unavailable):
        script.retrying().repeat(script, patience(total=0.4))

    assert (script.slept, script.calls) == ([], 1)


@pytest.mark.parametrize("repeatable", [True, False])
def test_rate_limit_is_waited_for_when_the_caller_gave_a_total_that_covers_it(repeatable):
    script = Script(FAILURES["429"], "good")

    result = script.retrying().repeat(
        script, patience(total=100.0, waits=True), repeatable=repeatable
    )

    assert (result, script.slept) == ("good", [60.0])


def test_rate_limit_that_the_total_does_not_cover_is_raised_at_once():
    script = Script(FAILURES["429"])

    with pytest.raises(RateLimited) as caught:
        script.retrying().repeat(script, patience(total=30.0, waits=True), repeatable=False)

    assert (script.slept, caught.value.retry_after) == ([], 60.0)


def test_limit_of_conversations_is_never_waited_for():
    script = Script(FAILURES["429 of a limit"])

    with pytest.raises(ConversationLimit):
        script.retrying().repeat(script, patience(total=100.0, waits=True))

    assert script.calls == 1


@pytest.mark.parametrize(("renews", "calls"), [(True, 2), (False, 1)])
def test_lapsed_session_is_tried_once_more_when_it_could_be_renewed(renews, calls):
    script = Script(SessionExpired("over"), "good")
    outcome = []

    try:
        outcome.append(
            script.retrying().repeat(script, patience(), repeatable=False, sender=Renewing(renews))
        )
    except SessionExpired:
        outcome.append("expired")

    assert (outcome, script.calls) == (["good" if renews else "expired"], calls)


def test_session_that_lapses_again_is_not_renewed_for_ever():
    script = Script(SessionExpired("over"))

    with pytest.raises(SessionExpired):
        script.retrying().repeat(script, patience(), sender=Renewing(True))

    assert script.calls == 1 + RENEWALS


def test_pause_that_no_time_is_left_for_is_a_timeout():
    script = Script()

    with pytest.raises(TimedOut) as caught:
        script.retrying().pause(1, patience(total=0.1))

    assert (caught.value.phase, script.slept) == ("total", [])


def test_patience_of_one_try_keeps_the_deadline():
    whole = patience(total=9.0, waits=True, tries=5, first_delay=3)

    assert whole.once() == replace(whole, retry=Retry(tries=1, first_delay=3), waits=False)


@each(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 99 Oct 2015", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_seconds_of_a_retry_after_header(value, seconds):
    assert seconds_asked_for(value) == seconds


def test_retry_after_may_be_a_date(monkeypatch):
    monkeypatch.setattr("hugchat_sync.transport.retry.time.time", lambda: 1445412470.0)

    assert seconds_asked_for("Wed, 21 Oct 2015 07:28:00 GMT") == 10.0


@each(
    ("timeout", "left", "keep_alives", "expected"),
    [
        (Timeout(), 3600, True, (60, "idle")),
        (Timeout(), 3600, False, (300, "idle")),
        (Timeout(idle=5), 3600, False, (5, "idle")),
        (Timeout(progress=20), 3600, True, (20, "progress")),
        (Timeout(), 10, True, (10, "total")),
        (Timeout(idle=1e300, progress=1e300), 1e300, True, (1e6, "idle")),
    ],
)
def test_silence_that_a_socket_may_show(timeout, left, keep_alives, expected):
    assert longest_silence(timeout, left, keep_alives) == expected


class Held:
    """A lock that somebody else gives back at the third time of asking."""

    def __init__(self):
        self.waits = []

    def acquire(self, timeout):
        self.waits.append(timeout)
        return len(self.waits) == 3

    def release(self):
        pass


def test_wait_for_a_lock_is_cut_into_slices_between_which_windows_sees_ctrl_c():
    held = Held()
    with hold_within(held, float("inf"), "too late"):
        pass

    assert held.waits == [SLICE] * 3
