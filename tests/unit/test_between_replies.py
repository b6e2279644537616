"""What servers between the eras answered, as their dialects read it."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import pytest
from exchanges import chunked, content, exchange, reply

from hugchat_sync.dialects import Prompt
from hugchat_sync.dialects.lines_2023 import Lines2023
from hugchat_sync.dialects.tgi_2023 import Tgi2023
from hugchat_sync.dialects.tree_2024 import Tree2024
from hugchat_sync.dialects.v2_2025 import V22025
from hugchat_sync.errors import FeatureUnavailable
from hugchat_sync.events import FinalAnswer, Status, TitleChanged, Token

ID = "6b0854700feffe56a704da97"


def sent(name: str) -> dict[str, Any]:
    """Return the body of a recorded request."""
    found: dict[str, Any] = json.loads(content(exchange("between", name)["request"]["body"]))
    return found


def prompt(text: str, question: str, **more: Any) -> Prompt:
    return Prompt(ID, text, message_id=question, generation_id="ours", **more)


MAY = (
    Tgi2023(),
    "2305-07-data-after-send",
    "[[text:hello from May]] [[title:May chat]] hi",
    "fc7a3dcb-fb20-41be-a6a6-cbb84ceded8c",
    "4d04f3e8-5667-40ff-a621-638104b0070d",
    "hello from May",
)
STOPPED = (
    MAY[0],
    "2305-11-data-after-stop",
    "[[tokens:80]] [[delay:0.05]] count",
    "be8ff28b-e1c7-4fe3-aeee-65369e8db5d2",
    "f7c699d7-e934-42ad-abec-9e3a0a20153b",
    "Hello, world. This is a measured stream of tokens\n Hello, world. This is a measured stream"
    " of tokens",
)
FEBRUARY = (
    Lines2023(ends=True),
    "2402-10-data-after-send",
    "[[text:old answer]] [[title:Fine title]] [[titledelay:1.5]] mark2402x old question",
    "a7cbe39e-dd3d-4c17-a76d-4bace67a588f",
    "01def553-2003-4285-934e-8f366b6e1167",
    "old answer",
)


@pytest.mark.parametrize(
    ("dialect", "name", "text", "question", "answer", "said"),
    [MAY, STOPPED, FEBRUARY],
    ids=["May", "May, stopped", "February"],
)
def test_an_answer_with_an_id_of_the_servers_is_found_behind_its_question(
    dialect: Any, name: str, text: str, question: str, answer: str, said: str
) -> None:
    found = dialect.stored(ID, prompt(text, question)).read(reply("between", name))
    assert (found.question_id, found.answer_id, found.text) == (question, answer, said)
    assert found.state == "done"

    again = {"action": "retry", "parent_id": question}
    looked = dialect.stored(ID, prompt(text, "x", replaced_id=answer, **again))
    assert getattr(looked.read(reply("between", name)), "answer_id", None) is None
    looked = dialect.stored(ID, prompt(text, "x", replaced_id="an older one", **again))
    assert looked.read(reply("between", name)).answer_id == answer
    edited = dialect.stored(ID, prompt("Other words", "x", action="edit", parent_id=question))
    assert getattr(edited.read(reply("between", name)), "answer_id", None) is None


def test_the_reply_of_february_2024_is_read_to_its_title() -> None:
    call = Lines2023(ends=True).chat(prompt("Hi", "q"))
    events = list(chain.from_iterable(call.read(chunked("between", "2402-09-send"))))
    assert not call.closes_at_answer
    assert events == [
        Status("started"),
        Token("old"),
        Token(" answer"),
        FinalAnswer("old answer", False),
        TitleChanged("\U0001f4ac Fine title"),
    ]


def test_the_reply_of_0_9_5_under_its_own_label() -> None:
    call = Tree2024().chat(prompt("Hi", "q", parent_id="p"))
    events = list(chain.from_iterable(call.read(chunked("between", "0.9.5-06-stream"))))
    assert events[-1] == FinalAnswer("hello from the old server", False)
    assert "".join(str(event) for event in events if isinstance(event, Token)) == (
        "hello from the old server"
    )


def test_a_page_is_not_the_answer_of_deleting_all() -> None:
    form, api = Tree2024().remove_all_conversations()
    with pytest.raises(FeatureUnavailable):
        form.read(reply("between", "0.9.5-10-delete-all-form"))
    assert api.read(reply("between", "0.9.5-13-delete-all")) is None
    assert api.request.path == "/api/conversations"
    (form,) = Tgi2023().remove_all_conversations()
    with pytest.raises(FeatureUnavailable):
        form.read(reply("between", "2305-12-delete-all-form"))
    assert form.read(reply("between", "2310-04-delete-all-form")) is None


def test_the_route_for_a_share_is_missed_or_taken() -> None:
    call = V22025().import_share("Vkqw3PH")
    assert call is not None
    assert call.read(reply("between", "2510-03-import-share")) is None
    assert call.read(reply("between", "0.9.6-03-import-share")) == "6b085470ef5f4d18eda27ed0"
    assert sent("0.9.6-03-import-share") == call.request.json


def test_a_row_of_february_2024_is_a_conversation() -> None:
    tree = Lines2023().conversation(ID).read(reply("between", "2402-10-data-after-send"))
    assert [message.text for message in tree.path()][-1] == "old answer"
    assert Lines2023().conversation(ID).read(reply("between", "2402-08-data-new")).messages == ()
