"""What the web page of today's server can do, over a real port."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from eras import Play, TreeServer

from hugchat_sync import Client
from hugchat_sync.errors import (
    BadRequest,
    FeatureUnavailable,
    NotFound,
    ServerError,
    TooLarge,
    UsageError,
)
from hugchat_sync.events import (
    ElicitationRequest,
    ElicitationResolved,
    FileCreated,
    Reasoning,
    Route,
    Token,
    ToolCall,
    ToolError,
    ToolProgress,
    ToolResult,
)
from hugchat_sync.local import LocalServer
from hugchat_sync.local import responder as says
from hugchat_sync.local.testing import Fault, Script
from hugchat_sync.records import ChatFile

CALL = says.ToolCall("get_weather", {"city": "Paris"})
ASKED = ({"kind": "string", "name": "city", "title": "City", "required": True},)


def sent(server: LocalServer) -> dict[str, Any]:
    """Return the data of the latest message."""
    (body,) = [
        one.body for one in server.requests[-3:] if one.method == "POST" and b"inputs" in one.body
    ]
    text = body.decode("utf-8", "replace")
    start = text.index("{", text.index('name="data"'))
    found, _ = json.JSONDecoder().raw_decode(text[start:])
    assert isinstance(found, dict)
    return found


# tools ---------------------------------------------------------------------------------------


def test_tool_calls_are_told_with_their_progress(serve: Any, connect: Any) -> None:
    progress = says.ToolProgress(CALL.uuid, 1, 2, "asking")
    result = says.ToolResult(CALL.uuid, "24 degrees")
    script = Script(before=[CALL, progress, result], tokens=["It is warm."])
    message = connect(serve(script)).chat("How warm is it?")

    events = [event for event in message if isinstance(event, (ToolCall, ToolProgress, ToolResult))]

    assert [type(event) for event in events] == [ToolCall, ToolProgress, ToolResult]
    assert events[:2] == [
        ToolCall(CALL.uuid, "get_weather", {"city": "Paris"}),
        ToolProgress(CALL.uuid, 1, 2, "asking"),
    ]
    assert events[2].outputs[0]["text"] == "24 degrees"
    assert [call.name for call in message.tool_calls] == ["get_weather"]
    assert message.text() == "It is warm."


def test_failed_tool_does_not_fail_the_answer(serve: Any, connect: Any) -> None:
    failed = says.ToolError(CALL.uuid, "no such city")
    message = connect(serve(Script(before=[CALL, failed], tokens=["Sorry."]))).chat("Hi")

    errors = [event for event in message if isinstance(event, ToolError)]

    assert errors == [ToolError(CALL.uuid, "no such city")]
    assert message.text() == "Sorry."


def test_own_tool_servers_are_sent(serve: Any, connect: Any) -> None:
    server = serve()
    own = {
        "name": "Mine",
        "url": "https://tools.example/mcp",
        "headers": {"Authorization": "Bearer x"},
    }

    connect(server).ask("Hi", mcp_servers=["Web Search (documents)", own])

    data = sent(server)
    assert data["selectedMcpServerNames"] == ["Web Search (documents)", "Mine"]
    assert data["selectedMcpServers"] == [
        {
            "name": "Mine",
            "url": "https://tools.example/mcp",
            "headers": [{"key": "Authorization", "value": "Bearer x"}],
        }
    ]


def test_no_tools_are_offered_unless_they_are_wanted(serve: Any, connect: Any) -> None:
    server = serve()

    connect(server).ask("Hi")

    assert sent(server)["selectedMcpServerNames"] == []


def test_unknown_tool_server_is_refused_before_anything_is_sent(serve: Any, connect: Any) -> None:
    server = serve()

    client = connect(server)
    with pytest.raises(UsageError, match="Web Search"):
        client.ask("Hi", mcp_servers=["Nowhere"])
    named = {"name": "a", "url": "https://a.example"}
    for wrong in (5, named, [5], [{"name": "a"}], [{**named, "url": 5}], [{**named, "headers": 5}]):
        with pytest.raises(UsageError, match="name"):
            client.ask("Hi", mcp_servers=wrong)

    assert {one.method for one in server.requests} == {"GET"}


def test_id_with_half_a_character_is_one_that_is_not_there(serve: Any, connect: Any) -> None:
    client = connect(serve())
    client.ask("Hi")

    for call in (client.remove_message, lambda name: client.download(name, "there")):
        with pytest.raises(NotFound):
            call("a\ud800b")


def test_search_server_may_be_named(serve: Any, connect: Any) -> None:
    server = serve()

    connect(server).ask("Hi", web_search="Web Search (documents)")

    assert sent(server)["selectedMcpServerNames"] == ["Web Search (documents)"]


# questions of tools --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "content"), [("accept", {"city": "Paris"}), ("decline", None), ("cancel", None)]
)
def test_question_of_a_tool_waits_for_the_user(
    serve: Any, connect: Any, action: str, content: Any
) -> None:
    question = says.Question("Weather", "Which city?", ASKED, CALL.uuid)
    client = connect(serve(Script(before=[CALL, question], tokens=["Thanks."])))
    message = client.chat("How warm is it?")
    seen: list[Any] = []

    def answer(request: ElicitationRequest) -> None:
        client.answer_elicitation(request.elicitation_id, action, content)

    with ThreadPoolExecutor(1) as user:
        for event in message:
            seen.append(event)
            if isinstance(event, ElicitationRequest):
                answered = user.submit(answer, event)
    answered.result()

    (request,) = [event for event in seen if isinstance(event, ElicitationRequest)]
    (resolved,) = [event for event in seen if isinstance(event, ElicitationResolved)]
    assert (request.server, request.message, request.mode) == ("Weather", "Which city?", "form")
    assert request.fields[0]["name"] == "city"
    assert (resolved.action, resolved.resolution) == (action, "user")
    assert resolved.content == content
    assert message.text() == "Thanks."


def test_answer_to_no_question_is_refused(serve: Any, connect: Any) -> None:
    client = connect(serve())
    made = client.create_conversation()

    with pytest.raises(NotFound):
        client.answer_elicitation("00000000-0000-4000-8000-000000000000", "accept", {}, made)


def test_answer_that_does_not_fit_names_the_field(serve: Any, connect: Any) -> None:
    question = says.Question("Weather", "Which city?", ASKED)
    client = connect(serve(Script(before=[question], tokens=["Thanks."])))
    message = client.chat("How warm is it?")
    (request,) = [next(event for event in message if isinstance(event, ElicitationRequest))]

    with pytest.raises(BadRequest, match="city"):
        client.answer_elicitation(request.elicitation_id, "accept", {})

    client.answer_elicitation(request.elicitation_id, "cancel")
    assert message.text() == "Thanks."


# reasoning, routes ---------------------------------------------------------------------------


def test_thinking_inside_the_tokens_is_no_text(serve: Any, connect: Any) -> None:
    script = Script(reasoning=["Let me ", "think."], tokens=["It ", "is."])
    client = connect(serve(script))
    message = client.chat("Hi")

    assert "".join(message.tokens()) == message.text() == "It is."
    assert message.reasoning == "Let me think."
    assert client.history()[-1].text == "It is."
    assert client.conversation().messages[-1].reasoning == "Let me think."


def test_thinking_in_events_of_its_own() -> None:
    thought = [
        {"type": "reasoning", "subtype": "status", "status": "Started thinking..."},
        {"type": "reasoning", "subtype": "stream", "token": "Let me "},
        {"type": "reasoning", "subtype": "stream", "token": "think."},
        {"type": "reasoning", "subtype": "status", "status": "Done in 1s."},
    ]
    with TreeServer(Play(("It ", "is."), lines=tuple(thought))) as server:
        message = Client(server.url).chat("Hi").wait()

    pieces = [event.text for event in message if isinstance(event, Reasoning)]
    assert "".join(pieces) == message.reasoning == "Let me think."
    assert [event.text for event in message if isinstance(event, Token)] == ["It ", "is."]
    assert message.text() == "It is."


def test_choice_of_the_router_is_told(serve: Any, connect: Any) -> None:
    script = Script(
        route=says.Route("agentic", "some/model"),
        tokens=["Hi."],
        after=[says.Route(provider="there")],
    )
    message = connect(serve(script)).chat("Hi")

    routes = [event for event in message if isinstance(event, Route)]

    assert Route("agentic", "some/model", "") in routes
    assert message.route == ("agentic", "some/model", "there")


# files ---------------------------------------------------------------------------------------


def test_files_in(serve: Any, connect: Any, tmp_path: Path) -> None:
    server = serve()
    client = connect(server)
    note = tmp_path / "note.txt"
    note.write_text("caf\u00e9", encoding="utf-8")

    client.ask("What is this?", files=[note, ("dot.png", b"\x89PNG", "image/png")])

    files = client.history()[0].files
    assert [(file.name, file.mime) for file in files] == [
        ("note.txt", "text/plain"),
        ("dot.png", "image/png"),
    ]
    paths = [client.download(file, tmp_path / file.sha) for file in files]
    assert [path.read_bytes() for path in paths] == ["caf\u00e9".encode(), b"\x89PNG"]


def test_files_out(serve: Any, connect: Any, tmp_path: Path) -> None:
    made = says.FileMade("../../map.png", "image/png", b"\x89PNG made")
    client = connect(serve(Script(before=[made], tokens=["Here."])))
    message = client.chat("Draw a map")

    (event,) = [event for event in message if isinstance(event, FileCreated)]
    path = client.download(message.files[0], tmp_path)

    assert event.sha == message.files[0].sha
    assert path.read_bytes() == b"\x89PNG made"
    assert path.resolve().parent == tmp_path.resolve()
    assert list(tmp_path.iterdir()) == [path]


def test_file_of_an_answer_knows_its_conversation(serve: Any, connect: Any, tmp_path: Path) -> None:
    made = says.FileMade("map.png", "image/png", b"made")
    client = connect(serve(Script(before=[made], tokens=["Here."])))
    other, _ = client.create_conversation(), client.create_conversation()
    message = client.chat("Draw a map", other)
    message.text()

    assert [file.conversation_id for file in message.files] == [other]
    assert client.download(message.files[0], tmp_path).read_bytes() == b"made"


def test_unknown_file_is_not_written(serve: Any, connect: Any, tmp_path: Path) -> None:
    client = connect(serve())
    client.create_conversation()

    with pytest.raises(ServerError):
        client.download(ChatFile("x", "0" * 64, ""), tmp_path / "x")

    assert list(tmp_path.iterdir()) == []


def test_large_file_is_refused_before_anything_is_sent(serve: Any, connect: Any) -> None:
    server = serve()

    with pytest.raises(TooLarge, match="big.bin"):
        connect(server).chat("Hi", files=[("big.bin", bytes(10 * 1024 * 1024 + 1), "x/y")])

    assert server.requests == []


# the account ---------------------------------------------------------------------------------

CHANGES: dict[str, Any] = {
    "active_model": "local/plain",
    "custom_prompts": {"omni": "Be brief."},
    "custom_prompts_enabled": {"omni": False},
    "share_conversations_with_model_authors": False,
    "streaming_mode": "raw",
    "direct_paste": True,
    "haptics_enabled": False,
    "hide_prompt_examples": {"omni": True},
    "multimodal_overrides": {"omni": True},
    "tools_overrides": {"omni": False},
    "reasoning_overrides": {"omni": True},
    "artifacts_overrides": {"omni": True},
    "provider_overrides": {"omni": "fastest"},
    "reasoning_effort_overrides": {"omni": "low"},
    "billing_organization": "some-org",
    "welcome_modal_seen": True,
}


def test_every_setting_can_be_changed_and_keeps_the_others(serve: Any, connect: Any) -> None:
    client = connect(serve())
    done: dict[str, Any] = {}

    for name, value in CHANGES.items():
        client.update_settings(**{name: value})
        done[name] = value
        settings = client.settings()
        assert {one: getattr(settings, one) for one in done} == done


def test_shared_conversation_is_imported_by_address_or_id(serve: Any, connect: Any) -> None:
    client = connect(serve())
    client.ask("Hi")
    url = client.share()

    pasted = [f" {url}/?leafId=1\n", f"{url}?from=/r/x#top", url.rpartition("/")[2]]
    copies = [client.import_share(one) for one in (url, *pasted)]
    assert next(iter(client.conversations)) == copies[0]  # the newest first

    texts = [[entry.text for entry in client.history(copy)] for copy in copies]
    assert texts == [[entry.text for entry in client.history()]] * 4


def test_speech_is_sent_as_it_is(serve: Any, connect: Any) -> None:
    server = serve(
        faults=[Fault("POST", path="/api/transcribe", status=200, body='{"text": "hello"}')]
    )

    said = connect(server).transcribe(b"OggS", "audio/ogg")

    (request,) = [one for one in server.requests if one.path.endswith("/api/transcribe")]
    assert said == "hello"
    assert request.body == b"OggS"
    assert request.headers["Content-Type"] == "audio/ogg"


def test_speech_is_refused_where_nobody_listens(serve: Any, connect: Any) -> None:
    with pytest.raises(FeatureUnavailable, match="not configured") as caught:
        connect(serve()).transcribe(b"OggS", "audio/ogg")
    assert caught.value.feature == "transcribe"


def test_models_are_told_in_detail(serve: Any, connect: Any) -> None:
    models = {model.id: model for model in connect(serve()).models()}

    assert models["omni"].is_router
    assert models["omni"].supports_tools
    assert models["local/plain"].supports_reasoning
    assert models["local/vision"].multimodal
