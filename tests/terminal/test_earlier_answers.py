"""Two runs of the program, one after the other, while the answer to the first still comes."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import Any, Callable, Iterator

import pytest
from eras import Play
from eras.arena import MANNERS, Arena
from sampling import some

from hugchat_sync.local.testing import Script

#: how the first run ends, and with which code
ENDS = {"killed": -9, "terminated": 143, "interrupted": 130, "timed out": 6}
FAMILIES = ["lines-2023", "tree-2024 of December", "v2-2025"]

SLOW = Script(tokens=tuple(f"{number} " for number in range(25)), delay=0.1)
WHOLE = "".join(SLOW.tokens).rstrip()
NEXT = Script(tokens=("The second.",))


@pytest.fixture
def held(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """A server whose first answer stops in the middle until ``hold`` is set."""
    hold = threading.Event()
    first = Play(("Half", " and", " half."), hold=hold)
    with Arena(request.param, first, Play(("The second.",))) as arena:
        arena.hold = hold  # type: ignore[attr-defined]
        arena.model_goes_on = request.param == "v2-2025"  # type: ignore[attr-defined]
        yield arena  # type: ignore[misc]
        hold.set()


def begun(arena: Any, start: Any, *words: str) -> Any:
    """Start the first question, and wait until the model was asked."""
    process = start("--base-url", arena.url, "ask", "The first?", "--no-input", *words)
    end = time.monotonic() + 20
    while not arena.turns and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.3)  # its first word is on the way
    return process


def ended(process: Any, how: str) -> None:
    signals = {"killed": "SIGKILL", "terminated": "SIGTERM", "interrupted": "SIGINT"}
    if how in signals:
        process.send_signal(getattr(signal, signals[how]))
    assert process.wait(20) == ENDS[how]


def told(owner: Any, arena: Any) -> list[str]:
    """Return what stands in the only conversation."""
    client = owner(arena)
    [place] = client.fetch_conversations()
    return [entry.text for entry in client.history(place)]


@pytest.mark.skipif(sys.platform == "win32", reason="the signals of another system")
@pytest.mark.parametrize(
    ("held", "how"),
    some(
        [(era, how) for era in MANNERS for how in ENDS],
        [*((era, "killed") for era in FAMILIES), *(("v2-2025", how) for how in list(ENDS)[1:])],
    ),
    indirect=["held"],
)
def test_second_question_wipes_nothing(
    held: Any, start: Any, program: Any, owner: Any, how: str
) -> None:
    first = begun(held, start, *(["--timeout", "1.5"] if how == "timed out" else []))
    ended(first, how)
    threading.Timer(0.4, held.hold.set).start()

    second = program("--base-url", held.url, "ask", "-c", "The second?", "--no-input")

    assert (second.code, second.out) == (0, "The second.\n")
    question, answer, *rest = told(owner, held)
    assert question == "The first?"
    assert rest == ["The second?", "The second."]
    goes_on = held.model_goes_on and how in ("killed", "timed out")
    assert answer == "Half and half." if goes_on else answer.startswith("Half")


@pytest.mark.parametrize("held", some(MANNERS, FAMILIES), indirect=True)
def test_second_question_waits_for_a_first_that_is_read(
    held: Any, start: Any, program: Any, owner: Any
) -> None:
    first = begun(held, start)
    threading.Timer(0.4, held.hold.set).start()

    second = program("--base-url", held.url, "ask", "-c", "The second?", "--no-input")

    assert (second.code, second.out) == (0, "The second.\n")
    assert first.wait(20) == 0
    assert first.stdout.read().decode().split() == ["Half", "and", "half."]
    assert told(owner, held) == ["The first?", "Half and half.", "The second?", "The second."]


@pytest.mark.parametrize("held", some(MANNERS, FAMILIES), indirect=True)
def test_time_that_is_spent_waiting_is_a_timeout_without_an_answer(
    held: Any, start: Any, program: Any
) -> None:
    """What came of the earlier answer is no answer to this question."""
    begun(held, start)

    second = ["ask", "-c", "The second?", "--no-input", "--timeout", "1"]
    done = program("--base-url", held.url, *second)

    assert (done.code, done.out) == (6, "")
    assert "an earlier answer in this conversation goes on" in done.err
    assert "--timeout" in done.err
    assert done.err.count("\n") == 1
    assert len(held.turns) == 1


def test_finished_answer_is_not_waited_for(scripted: Any, program: Any, owner: Any) -> None:
    server = scripted(SLOW, NEXT)
    assert program("--base-url", server.url, "ask", "The first?").out == f"{WHOLE}\n"
    began = time.monotonic()

    assert program("--base-url", server.url, "ask", "-c", "The second?").out == "The second.\n"

    assert time.monotonic() - began < 2
    assert told(owner, server) == ["The first?", WHOLE, "The second?", "The second."]


def test_answers_of_jobs_that_overlap_are_all_kept(
    scripted: Any, start: Any, program: Any, owner: Any
) -> None:
    """As of cron jobs that go on with the latest conversation."""
    server = scripted(Script(tokens=("Zero.",)), SLOW)
    program("--base-url", server.url, "ask", "Zero?")

    jobs = []
    for number in range(2):
        words = ("ask", "-c", f"Question {number}?", "--no-input")
        jobs.append(start("--base-url", server.url, *words))
        time.sleep(0.8)

    assert [job.wait(60) for job in jobs] == [0, 0]
    texts = told(owner, server)
    assert texts[1::2] == ["Zero.", WHOLE, WHOLE]
    assert sorted(texts[2::2]) == ["Question 0?", "Question 1?"]


def test_late_title_that_is_kept_only_while_somebody_reads_is_stayed_for(program: Any) -> None:
    play = Play(("Hello.",), title="A late one", late=0.6)
    with Arena("lines-2023 of January", play) as arena:
        done = program("--base-url", arena.url, "ask", "Hi", "--no-input")

        assert (done.code, done.out) == (0, "Hello.\n")
        time.sleep(0.2)  # the server writes when its reader has gone
        assert [one.title[2:] for one in arena.server.conversations.values()] == ["A late one"]
