from __future__ import annotations

import json
from email import message_from_bytes
from typing import Any

import pytest
from exchanges import content, exchange, reply
from sampling import each

from hugchat_sync.calls import Part
from hugchat_sync.dialects import Prompt, Upload
from hugchat_sync.dialects.tree_2024 import Facts, Tree2024
from hugchat_sync.errors import Unavailable, UsageError

TREES = {
    "2404": Tree2024(Facts("json", "none")),
    "2406": Tree2024(Facts("json", "object", flag_searches=False)),
    "2408": Tree2024(Facts("multipart", "object", flag_searches=False)),
    "2412": Tree2024(Facts("multipart", "array", keep_alives=True)),
}
TREE = TREES["2412"]
PICTURE = reply("tree-2024", "2412-e03-output").body


def recorded_body(name: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the data of a recorded message, and its file parts: filename and content."""
    request = exchange("tree-2024", name)["request"]
    kind = next(value for key, value in request["headers"].items() if key.lower() == "content-type")
    body = content(request["body"])
    if kind == "application/json":
        return json.loads(body), []
    parts = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body).get_payload()
    files = [(part.get_filename(), part.get_payload()) for part in parts if part.get_filename()]
    return json.loads(parts[-1].get_payload()), files


def sent_body(tree: Tree2024, prompt: Prompt) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the same of the message that *tree* describes."""
    request = tree.chat(prompt).request
    if request.json is not None:
        return request.json, []
    files = [(str(part.filename), str(part.content)) for _, part in request.parts if part.filename]
    (data,) = [part for name, part in request.parts if name == "data"]
    assert data == Part(data.content)
    return json.loads(data.content), files


@each(
    ("name", "changes"),
    [
        ("c01-plain", {}),
        ("d02-retry-assistant", {"action": "retry"}),
        ("d03-edit-user", {"action": "edit"}),
        ("d07-branch", {}),
        ("e01-image", {"files": (Upload("dot.png", PICTURE, "image/png"),)}),
        ("j01-search", {"web_search": True}),
        ("j08-search-off", {}),
    ],
)
@each("server", ["2404", "2412"])
def test_a_message_is_spelt_as_it_was_recorded(
    server: str, name: str, changes: dict[str, Any]
) -> None:
    known = recorded_body(f"{server}-{name}")
    text, parent = known[0].get("inputs", "unused"), known[0]["id"]
    prompt = Prompt("a" * 24, text, "m", "g", parent_id=parent, **changes)
    assert sent_body(TREES[server], prompt) == known


def test_the_picture_of_june_2024_is_an_object() -> None:
    known, _ = recorded_body("2406-e01-image")
    files = (Upload("dot.png", PICTURE, "image/png"),)
    prompt = Prompt("a" * 24, known["inputs"], "m", "g", parent_id=known["id"], files=files)
    assert sent_body(TREES["2406"], prompt)[0]["files"] == known["files"]
    assert sent_body(TREES["2408"], prompt)[1] == recorded_body("2408-e01-image")[1]


@each(
    ("facts", "search", "tools"),
    [
        (Facts(tools="none"), True, None),
        (
            Facts(tools="object", tool_names=("websearch", "x")),
            True,
            {"websearch": True, "x": False},
        ),
        (
            Facts(tools="object", tool_names=("websearch", "x")),
            False,
            {"websearch": False, "x": False},
        ),
        (Facts(tools="array", flag_searches=False), True, ["00000000000000000000000a"]),
        (Facts(tools="array"), True, []),
        (Facts(tools="array"), False, []),
    ],
)
def test_how_a_search_is_asked_for(facts: Facts, search: bool, tools: Any) -> None:
    prompt = Prompt("a" * 24, "hi", "m", "g", parent_id="p", web_search=search)
    data, _ = sent_body(Tree2024(facts), prompt)
    assert (data["web_search"], data.get("tools")) == (search, tools)


def test_a_message_without_its_parent_is_not_sent() -> None:
    with pytest.raises(UsageError):
        TREE.chat(Prompt("a" * 24, "hi", "m", "g"))


def test_the_other_form_of_body_is_at_hand() -> None:
    prompt = Prompt("a" * 24, "hi", "m", "g", parent_id="p")
    other: Any = TREES["2406"].other_body_form()
    assert sent_body(other, prompt) == sent_body(TREES["2408"], prompt)
    back: Any = Tree2024().other_body_form()
    assert back.chat(prompt).request.json["inputs"] == "hi"
    assert "tools" not in back.chat(prompt).request.json  # no server of this time takes an array
    assert isinstance(
        TREE.chat(prompt).request.error(reply("tree-2024", "2404-e07-multipart-body")), Unavailable
    )


def test_manners_of_the_stream() -> None:
    prompt = Prompt("a" * 24, "hi", "m", "g", parent_id="p")
    assert [tree.chat(prompt).keep_alives for tree in TREES.values()] == [False, False, False, True]
    assert not TREE.chat(prompt).closes_at_answer
    assert TREE.chat(prompt).request.headers["Accept-Encoding"] == "identity"
    assert TREE.manners.stops_by_closing
    assert not TREE.manners.survives_disconnect
    assert TREE.find_ignored({"parameters": {}, "web_search": True, "id": "x"}) == (
        "parameters",
        "id",
    )
