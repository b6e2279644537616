"""What is sent, beside what was sent when the server was recorded."""

from __future__ import annotations

import email
import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from answers import CONVERSATION, prompt
from exchanges import BASE, content, exchange
from sampling import each

from hugchat_sync.calls import Call, Part, StreamCall
from hugchat_sync.dialects import Upload, load_dialect
from hugchat_sync.records import Settings

ERA = "v2-2025"
V2 = load_dialect(ERA)
UUID = "33333333-3333-4333-8333-333333333333"


def recorded_parts(name: str) -> list[tuple[str | None, str | None, str, str]]:
    """Return (name, filename, type, content) of each part of a recorded body."""
    request = exchange(ERA, name)["request"]
    kind = {key.lower(): value for key, value in request["headers"].items()}["content-type"]
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    found = []
    for part in email.message_from_bytes(head + content(request["body"])).get_payload():
        name_of = part.get_param("name", header="content-disposition")
        kind = part.get_content_type() if part.get("content-type") else ""
        text = part.get_payload(decode=True).decode()
        found.append((name_of, part.get_filename(), kind, text))
    return found


def sent(**fields: Any) -> dict[str, Any]:
    """Return the JSON that a prompt is sent as."""
    parts = dict(V2.chat(prompt(**fields)).request.parts)
    assert parts["data"].filename is None
    data: dict[str, Any] = json.loads(parts["data"].content)
    return data


#: what we send besides what was sent then
MORE = {"generationId": prompt().generation_id, "selectedMcpServerNames": []}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("c01-plain", {"text": "Hello there [[tokens:20]] [[delay:0.02]]"}),
        ("d02-retry-assistant", {"action": "retry", "text": ""}),
        ("d03-edit-user", {"action": "edit", "text": "One edited [[tokens:4]]"}),
    ],
)
def test_message(name: str, fields: dict[str, Any]) -> None:
    [(part, filename, _, text)] = recorded_parts(name)
    assert (part, filename) == ("data", None)
    then = json.loads(text)
    assert sent(parent_id=then["id"], **fields) == {**then, **MORE}


def test_files_are_sent_as_text_with_a_prefixed_name() -> None:
    files = [part for part in recorded_parts("e13-two-files") if part[0] == "files"]
    uploads = tuple(
        Upload((filename or "").partition(";")[2], b64decode(text), kind)
        for _, filename, kind, text in files
    )
    parts = V2.chat(prompt(files=uploads)).request.parts
    assert [name for name, _ in parts] == ["data", "files", "files"]
    assert [(part.filename, part.mime, part.content) for _, part in parts[1:]] == [
        (filename, kind, text) for _, filename, kind, text in files
    ]


def test_file_names_stay_as_they_are() -> None:
    upload = Upload('räksmörgås ";.txt', b"x", "text/plain")
    part = dict(V2.chat(prompt(files=(upload,))).request.parts)["files"]
    assert part == Part(b64encode(b"x").decode(), 'base64;räksmörgås ";.txt', "text/plain")


def test_generation_id_is_sent() -> None:
    [(_, _, _, text)] = recorded_parts("c28-generation-id")
    then = json.loads(text)
    assert sent(generation_id=then["generationId"])["generationId"] == then["generationId"]


def test_no_tools_unless_chosen() -> None:
    [(_, _, _, text)] = recorded_parts("f09-tools-selection-empty")
    assert json.loads(text)["selectedMcpServerNames"] == []
    data = sent()
    assert data["selectedMcpServerNames"] == []
    assert "selectedMcpServers" not in data
    assert "web_search" not in data


def test_own_server() -> None:
    [(_, _, _, text)] = recorded_parts("f10-tools-own-server")
    then = json.loads(text)
    own = {"name": "Mine", "url": "http://127.0.0.1:8933/mcp", "headers": {"X-A": "1"}}
    data = sent(own_servers=(own,))
    assert data["selectedMcpServers"] == then["selectedMcpServers"]
    assert data["selectedMcpServerNames"] == then["selectedMcpServerNames"]


def test_search_server_is_chosen_once() -> None:
    data = sent(web_search=True, search_server="Exa", tool_servers=("Maps", "Exa"))
    assert data["selectedMcpServerNames"] == ["Maps", "Exa"]
    assert sent(search_server="Exa")["selectedMcpServerNames"] == ["Exa"]


def test_switch_of_2025_is_sent_where_no_search_server_is_known() -> None:
    assert sent(web_search=True)["web_search"] is True


def test_text_that_cannot_be_encoded_is_sent_all_the_same() -> None:
    assert sent(text="a\ud83d")["inputs"] == "a\ud83d"


def test_custom_data_of_2023_is_not_taken() -> None:
    given = {"inputs": "x", "id": UUID, "web_search": True, "parameters": {}, "stream": True}
    assert V2.find_ignored(given) == ("id", "parameters", "stream")


CALLS: dict[str, Call[Any] | StreamCall[Any]] = {
    "h01-list-v2-p-1": V2.list_conversations(1),
    "b02-create-preprompt": V2.create_conversation("mock/plain", "Answer in French."),
    "h18-delete-v2": V2.remove_conversation("6b02a405554756adfb4f3345"),
    "h23-delete-all-v2": V2.remove_all_conversations()[0],
    "h03-rename-v2": V2.rename_conversation("6b02a405554756adfb4f3347", "New name 2"),
    "d07-tree-v2": V2.conversation("6b02a3ff554756adfb4f325e"),
    "d12-delete-message-v2": V2.remove_message(
        "6b02a3ff554756adfb4f325e", "a02f36a9-bbe4-4b0c-af70-fd8ef28e8102"
    ),
    "j02-settings-get": V2.settings(),
    "a05-models-v2": V2.models(),
    "p22-user-v2": V2.user(),
    "a09-feature-flags": V2.login_required(),
    "k01-stop-stop": V2.stop("6b02a406554756adfb4f3388"),
    "i01-share": V2.share("6b02a405554756adfb4f3368"),
    "i06-import-share": V2.import_share("JTEFM6y"),
    "a13-mcp-servers": V2.tool_servers(),
    "a28-mcp-health": V2.tool_server_health("http://127.0.0.1:8933/mcp"),
    "x11-elicitation-answer-accept": V2.answer_elicitation(
        "6b02a47d554756adfb4f3507",
        "dceff502-ba15-4e38-893e-7c75a806b96f",
        "accept",
        {"name": "Ada", "colour": "red"},
    ),
    "e07-output-text": V2.download(
        "6b02a400554756adfb4f3298",
        "0665000914516bf5772e0c3d1640a076dfd49f2eea858f9fd20e7038373e5434",
    ),
    "c01-plain": V2.chat(prompt(conversation_id="6b02a3ec554756adfb4f3188")),
}


@each("name", CALLS)
def test_request_is_the_recorded_one(name: str) -> None:
    request, then = CALLS[name].request, exchange(ERA, name)["request"]
    path, _, query = then["path"].partition("?")
    assert (request.method, BASE + request.path) == (then["method"], path)
    assert "&".join(f"{key}={value}" for key, value in request.params.items()) == query
    if request.json is not None:
        assert request.json == json.loads(content(then["body"]))


@each("name", CALLS)
def test_headers(name: str) -> None:
    request = CALLS[name].request
    assert request.headers["Accept"] == "application/json"
    if request.method != "GET":
        assert request.headers["Origin"] == "{origin}"
        assert request.headers["Referer"] == "{base}/"
    streams = isinstance(CALLS[name], StreamCall)
    assert (request.headers.get("Accept-Encoding") == "identity") is streams


def test_what_must_not_be_sent_twice() -> None:
    twice = {name for name, call in CALLS.items() if not call.request.repeatable}
    assert twice == {
        "b02-create-preprompt",
        "c01-plain",
        "i01-share",
        "i06-import-share",
        "k01-stop-stop",
        "x11-elicitation-answer-accept",
    }


def test_settings_are_sent_whole() -> None:
    settings = Settings(
        active_model="m",
        custom_prompts={"a.b": "x"},
        share_conversations_with_model_authors=False,
        welcome_modal_seen_at="2026-01-01",
        search_enabled=True,
        assistants=["x"],
        extra={"newest": {"a": 1}, "gone": None},
    )
    request = V2.save_settings(settings).request
    assert (request.method, request.path) == ("POST", "/api/v2/user/settings")
    assert request.json == {
        "activeModel": "m",
        "customPrompts": {"a.b": "x"},
        "shareConversationsWithModelAuthors": False,
        "newest": {"a": 1},
    }


def test_audio_is_sent_as_it_is() -> None:
    request = V2.transcribe(b"RIFF", "audio/wav").request
    assert request.path == "/api/transcribe"
    assert request.body == b"RIFF"
    assert request.headers["Content-Type"] == "audio/wav"


def test_headers_of_a_tool_server() -> None:
    request = V2.tool_server_health("https://x.example/mcp", {"A": "b"}).request
    assert request.json["headers"] == [{"key": "A", "value": "b"}]


def test_an_id_never_leaves_its_place_in_the_path() -> None:
    request = V2.remove_conversation("../../api/v2/conversations").request
    assert request.path == "/api/v2/conversations/..%2F..%2Fapi%2Fv2%2Fconversations"
    assert V2.conversation(CONVERSATION).request.path.endswith(CONVERSATION)
