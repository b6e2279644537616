from __future__ import annotations

from typing import Any

import pytest
from answers import prompt
from exchanges import reply
from sampling import each

from hugchat_sync.dialects import Prompt, Stored, load_dialect
from hugchat_sync.dialects.trees import find_stored as find_with
from hugchat_sync.errors import ConversationNotExistError

ERA = "v2-2025"
V2 = load_dialect(ERA)
PLACE = "root"


def message(name: str, role: str, parent: str | None, **more: Any) -> dict[str, Any]:
    ancestors = [parent] if parent else []
    return {"id": name, "from": role, "content": name, "ancestors": ancestors, **more}


def find(messages: list[dict[str, Any]], sent: Prompt) -> Stored | None:
    return find_with(messages, sent, load_dialect(ERA).log_reader(sent))


def stored(name: str, **fields: Any) -> Stored | None:
    return V2.stored("x", prompt(**fields)).read(reply(ERA, name))


@pytest.mark.parametrize(
    ("name", "run", "state", "begins"),
    [
        ("l10-v2-after", "9e30f209-8a12-42fa-ab37-2e887b08314a", "done", "Hello, world."),
        ("l02-v2-while-running", "9e30f209-8a12-42fa-ab37-2e887b08314a", "running", "Hello"),
        ("k01-stop-after", None, "interrupted", "Hello, world."),
        ("d07-tree-v2", "5ec66b49-f5cf-45cd-ae25-d790f9ba162b", "done", "Hello, world."),
    ],
)
def test_run_is_found_by_our_own_id(name: str, run: str | None, state: str, begins: str) -> None:
    tree = V2.conversation("x").read(reply(ERA, name))
    run = run or _generation(name)
    found = stored(name, generation_id=run)
    assert found is not None
    assert found.state == state
    assert found.text.startswith(begins)
    answers = {item.id: item for item in tree.messages if item.role == "assistant"}
    assert answers[found.answer_id or ""].parent_id == found.question_id


def _generation(name: str) -> str:
    text = reply(ERA, name).text
    return text.partition('"generationId":"')[2][:36]


def test_run_that_never_arrived() -> None:
    assert stored("d07-tree-v2") is None


def test_conversation_is_gone() -> None:
    error = V2.stored("x", prompt()).request.error(reply(ERA, "l31-v2"))
    assert type(error) is ConversationNotExistError


QUESTION = message("Hello", "user", PLACE)
ROOT = message(PLACE, "system", None)


def test_without_ids_the_text_at_our_place_tells() -> None:
    answer = message("a", "assistant", "Hello", updates=[{"type": "finalAnswer", "text": "a"}])
    ours = prompt(parent_id=PLACE)
    assert find([ROOT, QUESTION, answer], ours) == Stored("Hello", "a", "a", "", "done")
    assert find([ROOT, QUESTION], ours) == Stored("Hello", None)
    assert find([ROOT], ours) is None
    assert find([ROOT, QUESTION, answer], prompt(parent_id="elsewhere")) is None


def test_without_ids_a_silent_answer_is_unknown() -> None:
    answer = message("a", "assistant", "Hello")
    found = find([ROOT, QUESTION, answer], prompt(parent_id=PLACE))
    assert found is not None
    assert found.state == "unknown"


def test_without_ids_a_retry_is_a_younger_answer_beside_the_old() -> None:
    old = message("old", "assistant", "Hello")
    young = message("young", "assistant", "Hello")
    again = prompt(action="retry", parent_id="old", text="")
    found = find([ROOT, QUESTION, old, young], again)
    assert found is not None
    assert found.answer_id == "young"
    assert find([ROOT, QUESTION, old], again) is None
    assert find([ROOT, QUESTION], again) is None


def test_without_ids_an_edit_is_a_question_beside_the_old() -> None:
    old = message("old", "user", PLACE)
    edit = prompt(action="edit", parent_id="old")
    found = find([ROOT, old, QUESTION], edit)
    assert found is not None
    assert found.question_id == "Hello"
    assert find([ROOT, old], edit) is None
    same = message("old", "user", PLACE, content="Hello")
    assert find([ROOT, same], edit) is None


@each(
    ("fields", "state"),
    [
        ({"interrupted": True}, "interrupted"),
        ({"interrupted": False}, "done"),
        ({}, "running"),
        ({"updates": [{"type": "status", "status": "started"}]}, "running"),
        ({"updates": [{"type": "status", "status": "error"}]}, "failed"),
        ({"updates": [{"type": "status", "status": "finished"}]}, "done"),
    ],
)
def test_states(fields: dict[str, Any], state: str) -> None:
    ours = prompt()
    answer = message("a", "assistant", "Hello", generationId=ours.generation_id, **fields)
    found = find([ROOT, QUESTION, answer], ours)
    assert found is not None
    assert found.state == state
