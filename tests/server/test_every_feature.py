"""README's table, row by row: what an era lacks is refused before anything is sent."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Any, Callable, Iterator

import pytest
from eras import Play, TreeServer
from eras.arena import SERVERS, Arena, some_servers
from eras.listening import Told
from sampling import drawn

from hugchat_sync import Client
from hugchat_sync.dialects import ERAS, FEATURES, eras_with, load_dialect
from hugchat_sync.errors import (
    ConnectionFailed,
    FeatureUnavailable,
    HugChatDeprecationWarning,
    RateLimited,
    Unavailable,
)
from hugchat_sync.records import RequestData

ID = "0123456789abcdef01234567"
PICTURE = ("dot.png", b"\x89PNG\r\n\x1a\n", "image/png")

#: feature → what asks for it
USES: dict[str, Callable[[Client], Any]] = {
    "tool_servers": lambda client: client.list_mcp_servers(),
    "conversation_prompts": lambda client: client.create_conversation(system_prompt="Be brief."),
    "files": lambda client: client.chat("Hi", ID, files=[PICTURE]),
    "remove_message": lambda client: client.remove_message("m", ID),
    "elicitation": lambda client: client.answer_elicitation("e", "accept", {}, ID),
    "transcribe": lambda client: client.transcribe(b"RIFF"),
}
MORE_USES: dict[str, tuple[str, Callable[[Client], Any]]] = {
    "mcp_servers": ("tool_servers", lambda client: client.chat("Hi", ID, mcp_servers=["x"])),
    "mcp_health": ("tool_servers", lambda client: client.mcp_health("https://tools.example/mcp")),
    "download": ("files", lambda client: client.download("0" * 64, "file", ID)),
    "edit with files": ("files", lambda client: client.edit("m", "Hi", ID, files=[PICTURE])),
}
ALL_USES = {**{feature: (feature, use) for feature, use in USES.items()}, **MORE_USES}
#: server → what it lacks that its era has, and what it has besides
BETWEEN: dict[str, tuple[set[str], set[str]]] = {
    "tgi-2023 of May": ({"web_search", "system_prompts"}, set()),
    "lines-2023 of February": ({"edit"}, set()),
    "v2-2025 of August": (
        {"tool_servers", "reattach", "elicitation", "transcribe"},
        {"web_search"},
    ),
}
LACKING = [
    (name, use)
    for name in SERVERS
    for use, (feature, _) in ALL_USES.items()
    if feature not in load_dialect(SERVERS[name][0]).features
    and (name, use) != ("lines-2023 of February", "edit with files")  # it lacks both
]


@pytest.fixture
def start() -> Iterator[Callable[..., tuple[Client, Arena]]]:
    """Start a server of an era with these answers, and a client of it."""
    with ExitStack() as stack:

        def started(name: str, *plays: Play) -> tuple[Client, Arena]:
            arena = stack.enter_context(Arena(name, *plays))
            return stack.enter_context(Client(arena.url)), arena

        yield started


@pytest.mark.parametrize(("name", "use"), drawn(LACKING, 30, "what an era lacks"))
def test_what_an_era_lacks_is_refused_before_anything_is_sent(
    start: Any, name: str, use: str
) -> None:
    client, arena = start(name)
    feature, act = ALL_USES[use]

    with pytest.raises(FeatureUnavailable) as caught:
        act(client)

    assert (caught.value.feature, caught.value.dialect) == (feature, arena.era)
    assert caught.value.available == eras_with(feature) != ()
    assert arena.era in str(caught.value)
    assert all(era in str(caught.value) for era in eras_with(feature))
    assert arena.sent == []


def test_every_feature_that_an_era_lacks_is_tried() -> None:
    lacking = {
        feature
        for feature in FEATURES
        for name in ERAS
        if feature not in load_dialect(name).features
    }

    # a tree is read on every era; without branches it is a row. A log is nothing to ask for.
    seen = {"trees", "reattach", "web_search", "parameters"}
    assert lacking - seen == set(USES)


def test_search_where_nothing_searches_is_refused(start: Any) -> None:
    client, arena = start("v2-2025")
    arena.instead(200, "[]", "application/json", "/api/mcp/servers")

    with pytest.raises(FeatureUnavailable) as caught:
        client.chat("What is new?", web_search=True)

    assert caught.value.feature == "web_search"
    assert arena.sent == []


def test_deleting_a_message_is_refused_by_servers_of_before_2025(start: Any) -> None:
    client, arena = start("tree-2024 of December")
    client.ask("Hi")

    with pytest.raises(FeatureUnavailable, match="remove message"):
        client.remove_message(client.history()[0].text_id)


@pytest.mark.parametrize("name", some_servers("test_generation_parameters"))
def test_generation_parameters(start: Any, name: str) -> None:
    client, arena = start(name)
    wanted = RequestData(parameters={"temperature": 0.9})
    if arena.era == "tgi-2023":
        client.ask("Hi", custom_data=wanted)
        assert arena.turns[0].body["parameters"] == {"temperature": 0.9}
        return

    with pytest.warns(HugChatDeprecationWarning, match="parameters"):
        client.ask("Hi", custom_data=wanted)


@pytest.mark.parametrize(
    "name", some_servers("test_check_tells_era_and_features_and_costs_no_message")
)
def test_check_tells_era_and_features_and_costs_no_message(start: Any, name: str) -> None:
    client, arena = start(name)

    check = client.check()

    assert (check.user, check.missing, check.era) == (None, (), arena.era)
    lacking, more = BETWEEN.get(name, (set(), set()))
    assert set(check.features) == (load_dialect(arena.era).features - lacking) | more
    assert arena.sent == []


# files of 2024 -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in SERVERS if name.startswith("tree")])
def test_files_in_and_out(start: Any, name: str, tmp_path: Any) -> None:
    client, arena = start(name)
    client.ask("What is this?", files=[PICTURE])
    (file,) = client.history()[0].files

    path = client.download(file, tmp_path)

    assert path.parent == tmp_path
    assert path.read_bytes() == PICTURE[1]
    assert file.sha in arena.server.files


def test_message_is_deleted_with_all_that_follows(start: Any) -> None:
    with TreeServer(version="2506") as server, Client(server.url) as client:
        client.ask("First")
        client.ask("Second")
        second = client.history()[2].text_id

        client.remove_message(second)

        assert [entry.text for entry in client.history()] == ["First", "Hello, world."]
        assert client.ask("Third") == "Hello, world."


# the body that no probe tells ----------------------------------------------------------------


@pytest.mark.parametrize(("version", "keys"), [("2408", "2406"), ("2406", "2408")])
def test_other_form_of_body_is_tried_once_and_kept(version: str, keys: str) -> None:
    with TreeServer(version=version, keys=keys) as server, Client(server.url) as client:
        first, second = client.ask("First"), client.ask("Second")

        assert (first, second) == ("Hello, world.", "Hello, world.")
        sent = [one for one in server.requests if one.method == "POST"]
        # creation, the refused form, the other one, and then only that
        assert len(sent) == 4
        assert [entry.text for entry in client.history()][::2] == ["First", "Second"]


def test_refusal_of_both_forms_is_the_first_one() -> None:
    with TreeServer(version="2408") as server, Client(server.url) as client:
        client.ask("First")
        before = len(server.requests)

        with pytest.raises(Unavailable) as caught:
            client.ask("Second", parent_id="00000000-0000-4000-8000-000000000000")

        assert caught.value.status == 500
        assert len(server.requests) == before + 3  # the first looks whether somebody is at it
        assert client.ask("Third") == "Hello, world."


# the search before the message of 2023 -------------------------------------------------------


def test_search_is_a_request_of_its_own_before_the_message(start: Any) -> None:
    client, arena = start("tgi-2023", Play(sources=(("One", "https://one.example/a"),)))

    client.chat("What is new?", web_search=True).wait()

    *_, search, message = arena.asked
    assert search.endswith("/web-search")
    assert message.startswith("POST /conversation/")
    assert len(arena.turns[0].body["options"]["web_search_id"]) == 24


@pytest.mark.parametrize(
    ("status", "body"), [(500, '{"message":"Internal Error"}'), (200, "<html>"), (200, "{}")]
)
def test_message_goes_without_a_search_that_breaks(start: Any, status: int, body: str) -> None:
    client, arena = start("tgi-2023")
    arena.instead(status, body, "application/json", "/web-search")

    message = client.chat("What is new?", web_search=True)

    assert message.text() == "Hello, world."
    assert message.getWebSearchSteps()[0]["messageType"] == "error"
    assert arena.turns[0].body["options"]["web_search_id"] == ""


def test_refused_search_refuses_the_message(start: Any) -> None:
    client, arena = start("tgi-2023")
    client.create_conversation()
    arena.instead(429, '{"message":"You are sending too many messages."}', "", "/web-search")

    with pytest.raises(RateLimited):
        client.chat("What is new?", web_search=True)

    assert arena.turns == []


def test_interrupted_search_sends_no_message(start: Any) -> None:
    client, arena = start("tgi-2023")
    made = client.create_conversation()
    hold = threading.Event()

    def searching() -> Iterator[bytes]:
        yield b'{"messages":[]}'
        hold.wait(5)

    def instead(asked: Any) -> Told | None:
        searches = asked.path.endswith("/web-search")
        return Told(200, searching(), "application/json") if searches else None

    arena.server.instead = instead
    threading.Timer(0.2, client.close).start()

    with pytest.raises(ConnectionFailed):
        client.chat("What is new?", web_search=True)
    hold.set()

    assert arena.turns == []
    # that one was closed, by now or in a moment
    with Client(client.base_url, dialect="tgi-2023", cookies=client.cookies) as other:
        assert other.ask("Hi", made) == "Hello, world."


# prompts of the settings ---------------------------------------------------------------------


def test_prompt_that_is_in_force_already_may_be_named(start: Any) -> None:
    client, arena = start("tgi-2023")
    model = client.models()[0].id
    client.set_system_prompt(model, "Be brief.")

    client.create_conversation(model, "Be brief.")

    client.ask("Hi")
    assert arena.turns[0].system_prompt == "Be brief."


def test_no_prompt_is_refused_where_one_is_in_force(start: Any) -> None:
    client, arena = start("tgi-2023")
    model = client.models()[0].id
    client.create_conversation(model, "")
    client.set_system_prompt(model, "Be brief.")

    with pytest.raises(FeatureUnavailable) as caught:
        client.create_conversation(model, "")

    assert caught.value.available == ("lines-2023", "tree-2024", "v2-2025")
