"""The hand-made examples: cases that no recorded server was in."""

from __future__ import annotations

from itertools import chain

import pytest
from answers import played
from exchanges import WIRE, one_by_one, reply

from hugchat_sync.calls import Reply
from hugchat_sync.dialects import Logged, load_dialect
from hugchat_sync.events import (
    ElicitationRequest,
    FinalAnswer,
    Route,
    Status,
    TitleChanged,
    Token,
    WebSearchError,
)

NEW, OLD = "v2-2025", "lines-2023"
GREETING = "Hello! How can I help you today?"
WEATHER = "It is 24 °C and sunny in Paris. 🌞"
TITLE_2023 = "🚴 Tour de France winner"
WINNER = "Jonas Vingegaard won the… (45)"

# fmt: off
ANSWERS: list[tuple[str, tuple[str, int, str, int, str, str, str]]] = [
    (NEW, ("answer-2026-08.plain.jsonl", 3, GREETING, 0, "", "", "finished")),
    (NEW, ("answer-2026-08.tools-router.jsonl", 8, WEATHER, 0, "get_weather", "Weather in Paris", "finished")),  # noqa: E501
    (NEW, ("answer-2026-08.stopped.jsonl", 5, "Once upon a time", 0, "", "", "finished")),
    (NEW, ("answer-2026-08.error-402.jsonl", 0, "", 0, "", "", "QuotaExceeded")),
    (NEW, ("answer-2026-08.elicitation-blocking.jsonl", 2, "24 °C there.", 0, "get_weather", "", "finished")),  # noqa: E501
    (NEW, ("answer-2026-08.elicitation-parked.jsonl", 0, "", 0, "get_weather", "", "finished")),
    (OLD, ("answer-2023-10.web-search.ndjson", 16, WINNER, 2, "", "", "answered")),
    (OLD, ("answer-2023-10.web-search-error.ndjson", 5, "I could not search.", 0, "", TITLE_2023, "answered")),  # noqa: E501
]
# fmt: on


def content(name: str) -> bytes:
    return (WIRE / "examples" / name).read_bytes()


def example(name: str) -> Reply:
    return Reply(200, {"content-type": "application/json"}, content(name))


@pytest.mark.parametrize(("era", "row"), ANSWERS)
def test_answer(era: str, row: tuple[str, int, str, int, str, str, str]) -> None:
    body = content(row[0])
    whole = played(era, [body])
    assert whole.row(row[0]) == row
    assert played(era, one_by_one(body)).events == whole.events


def test_thinking_route_and_late_title_of_a_routed_answer() -> None:
    found = played(NEW, [content("answer-2026-08.tools-router.jsonl")])
    assert found.answer.reasoning == "I should look it up"
    assert found.answer.route == Route("agentic", "moonshotai/Kimi-K2.6", "together")
    final = found.events.index(FinalAnswer(WEATHER, False))
    assert found.events.index(TitleChanged("Weather in Paris")) > final


def test_a_question_that_parks_the_run() -> None:
    events = played(NEW, [content("answer-2026-08.elicitation-parked.jsonl")]).events
    request = next(event for event in events if isinstance(event, ElicitationRequest))
    assert request.expires_at is None
    assert events[-1] == Status("finished")


def test_title_as_a_status_and_a_failed_search() -> None:
    events = played(OLD, [content("answer-2023-10.web-search-error.ndjson")]).events
    assert TitleChanged(TITLE_2023) in events
    assert any(isinstance(event, WebSearchError) for event in events)


def test_log_from_behind_a_position() -> None:
    call = load_dialect(NEW).reattach("x", "y", 3)
    steps = list(chain.from_iterable(call.read([content("reattach-2026-08.sse")])))
    assert steps[0] == Logged(4, (Token("It is 24 °C and "),))
    assert steps[-1] == Logged(7, (), "completed")


def test_stored_objects_of_today() -> None:
    era = load_dialect(NEW)
    tree = era.conversation("x").read(example("conversation-2026.superjson.json"))
    assert [message.interrupted for message in tree.messages[2::2]] == [False, False]
    assert tree.messages[2].reasoning == "I should look it up."
    assert tree.messages[3].files[0].name == "map.png"
    assert tree.messages[-1].interrupted
    page = era.list_conversations().read(example("conversations-list-2026.superjson.json"))
    assert [item.title for item in page.conversations] == ["Weather in Paris", "New Chat"]
    created = era.create_conversation("m", "")
    assert created.read(example("create-conversation-2026.response.json")).leaf is not None
    settings = era.settings().read(example("settings-2026.superjson.json"))
    assert settings.stored_prompt("omni") == "Answer briefly."


def test_stored_row_of_2023() -> None:
    era = load_dialect(OLD)
    tree = era.conversation("x").read(example("conversation-2023-10.__data.json"))
    assert [message.role for message in tree.messages] == ["user", "assistant"]
    leaf = era.conversation("x").read(example("conversation-2023-10.leaf-only.__data.json"))
    assert leaf == tree


def test_last_round_of_tools_may_end_in_blanks() -> None:
    found = played(NEW, [reply(NEW, "2507-k01-calculator").body])
    assert found.answer.streamed.endswith("\n")
    stored = reply(NEW, "2507-k01-calculator-after").text
    assert '"Hello, world. This is a measured stream of tokens"' in stored
    assert found.answer.text == "Hello, world. This is a measured stream of tokens"
