"""The servers between the eras: what each does its own way, over real ports."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import Any, Callable, Iterator

import pytest
from counting import until
from eras import LinesServer, Play, TgiServer, TreeServer, V2Server

from hugchat_sync import Client, Retry, Timeout
from hugchat_sync.errors import FeatureUnavailable, TimedOut, UsageError
from hugchat_sync.events import TitleChanged
from hugchat_sync.local import LocalServer

PNG = ("dot.png", b"\x89PNG\r\n\x1a\n", "image/png")
SOURCES = (("One", "https://one.example/a"),)


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    """Start a server, and return a client of it."""
    with ExitStack() as stack:

        def connected(server: Any, **options: Any) -> Client:
            stack.enter_context(server)
            return stack.enter_context(Client(server.url, **options))

        yield connected


def posted(server: Any) -> list[str]:
    """Return the paths that something was written to."""
    return [one.path for one in server.requests if one.method != "GET"]


# which server it is --------------------------------------------------------------------------


def test_first_ask_of_a_new_visitor_in_february_2024_is_answered(client: Any) -> None:
    server = LinesServer(version="2402")
    talk = client(server)

    assert talk.ask("Hi") == "Hello, world."
    assert len(talk.fetch_conversations()) == 1


def test_trees_without_a_conversation_are_told_by_the_page_of_the_models(client: Any) -> None:
    server = TreeServer(version="2404")
    layout = server._layout
    del_later = ("enableAssistantsRAG",)  # it came a month after the trees
    server._layout = lambda asked: {
        key: value for key, value in layout(asked).items() if key not in del_later
    }
    talk = client(server)

    assert talk.ask("Hi") == "Hello, world."
    assert talk.check().era == "tree-2024"


# an era that was named -----------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2404", "2406", "2408", "2412", "2506"])
def test_named_tree_server_is_spoken_to_in_its_own_body(client: Any, version: str) -> None:
    server = TreeServer(Play(sources=SOURCES), version=version)
    talk = client(server, dialect="tree-2024")

    message = talk.chat("What is new?", web_search=True)

    assert message.text() == "Hello, world."
    assert [source.link for source in message.sources] == ["https://one.example/a"]
    assert len([path for path in posted(server) if path.startswith("/conversation/")]) == 1


def test_named_server_with_settings_as_json_gets_them_as_json(client: Any) -> None:
    talk = client(LinesServer(version="2401"), dialect="lines-2023")
    model = talk.models()[0].id

    talk.set_system_prompt(model, "Be kind.")

    assert talk.settings().custom_prompts == {model: "Be kind."}


def test_named_server_of_summer_2025_searches_with_its_own_switch(client: Any) -> None:
    server = V2Server(Play(sources=SOURCES), version="2507")
    talk = client(server, dialect="v2-2025")

    message = talk.chat("What is new?", web_search=True)

    assert message.text() == "Hello, world."
    assert [source.link for source in message.sources] == ["https://one.example/a"]


def test_named_server_of_today_is_asked_nothing_where_nothing_differs(client: Any) -> None:
    with LocalServer() as server, Client(server.url, dialect="v2-2025") as talk:
        talk.ask("Hi")

        assert not [one for one in server.requests if "feature-flags" in one.path]


def test_named_era_is_the_last_word(client: Any) -> None:
    talk = client(LinesServer(version="2402"), dialect="tree-2024")

    assert talk.check().era == "tree-2024"


def test_named_era_of_a_server_without_page_data_is_believed(client: Any) -> None:
    server = TreeServer(version="2412")
    server.routes = tuple(route for route in server.routes if route[2] != "home")
    talk = client(server, dialect="tree-2024")

    assert [model.id for model in talk.models()] == ["mock/plain", "mock/other"]


# a hidden API --------------------------------------------------------------------------------


def test_hidden_api_is_no_sign_in(client: Any) -> None:
    server = TreeServer(version="2412", hidden=True)
    talk = client(server)
    made = talk.create_conversation()

    with pytest.raises(FeatureUnavailable, match="hides its API"):
        talk.remove_message("some-message", made)
    assert list(talk.fetch_conversations()) == [made]
    assert talk.models()


def test_error_does_not_send_anybody_from_one_era_to_the_same_one(client: Any) -> None:
    hidden = client(TreeServer(version="2412", hidden=True))
    no_edit = client(LinesServer(version="2402"))

    with pytest.raises(FeatureUnavailable, match="on this tree-2024 server; it is on v2-2025 "):
        hidden.remove_message("some-message", hidden.create_conversation())
    with pytest.raises(
        FeatureUnavailable, match="on this lines-2023 server; it is on tgi-2023, tree-2024, v2-2025"
    ):
        no_edit.edit("some-message", "Hi", no_edit.create_conversation())


def test_named_server_with_a_hidden_api_lists_all_the_same(client: Any) -> None:
    talk = client(TreeServer(version="2404", hidden=True), dialect="tree-2024")
    made = talk.create_conversation()

    assert list(talk.fetch_conversations()) == [made]


# deleting all --------------------------------------------------------------------------------


def test_page_with_200_is_not_taken_for_the_deletion_of_all(client: Any) -> None:
    server = TreeServer(version="2506")
    talk = client(server)
    for _ in range(31):
        talk.create_conversation()

    assert talk.remove_all_conversations() == 31
    assert server.conversations == {}


def test_where_nothing_deletes_all_each_is_deleted(client: Any) -> None:
    server = TgiServer(version="2305")
    talk = client(server)
    for _ in range(3):
        talk.create_conversation()

    assert talk.remove_all_conversations() == 3
    assert server.conversations == {}


# May 2023 ------------------------------------------------------------------------------------


def test_terms_are_accepted_as_the_refusal_says(client: Any) -> None:
    server = TgiServer(version="2305", wants_terms=True)
    talk = client(server)
    with pytest.raises(Exception, match="ethics_modal_accepted=True"):
        talk.create_conversation()

    talk.update_settings(ethics_modal_accepted=True)

    assert talk.ask("Hi") == "Hello, world."


@pytest.mark.parametrize("version", ["2305", "2309"])
@pytest.mark.parametrize("leave", ["stop", "close"])
@pytest.mark.parametrize("action", ["new", "retry", "edit"])
def test_next_message_does_not_wait_for_an_id_that_never_comes(
    client: Any, version: str, leave: str, action: str
) -> None:
    """The servers of May 2023 give the answer an id of their own choice."""
    hold = threading.Event()
    plays = [Play(("Zero.",)), Play(("Half", " and half."), hold=hold), Play(("Next.",))]
    talk = client(TgiServer(*plays, version=version))
    talk.ask("Zero?")
    question, answer = talk.history()
    if action == "new":
        message = talk.chat("Hi")
    elif action == "retry":
        message = talk.retry(answer.text_id)
    else:
        message = talk.edit(question.text_id, "Zero, in other words?")
    assert next(message.tokens()) == "Half"
    getattr(message, leave)()
    began = time.monotonic()

    assert talk.ask("And now?") == "Next."

    assert time.monotonic() - began < 5
    assert [entry.text for entry in talk.history()][-2:] == ["And now?", "Next."]


@pytest.mark.parametrize("server", [TgiServer(version="2305"), LinesServer(version="2402")])
def test_answer_whose_id_the_server_chose_is_found_after_a_lost_connection(
    client: Any, server: Any
) -> None:
    talk = client(server, retries=Retry(first_delay=0.01))
    talk.create_conversation()
    plain = server._handled = server.told
    lost = []

    def told(asked: Any) -> Any:
        reply = plain(asked)
        if asked.method == "POST" and asked.path.startswith("/conversation/") and not lost:
            lost.append(asked)
            for _ in reply.body:
                pass  # the server is done with it, and nobody hears of it
            reply.body, reply.cut = iter(()), lambda: True
        return reply

    server.told = told
    began = time.monotonic()

    assert talk.ask("Hi") == "Hello, world."
    assert time.monotonic() - began < 20
    assert len(server.turns) == 1


# January 2024 --------------------------------------------------------------------------------

WAYS_TO_LEAVE: dict[str, Callable[[Client], Any]] = {
    "asked": lambda talk: talk.ask("Hi"),
    "streamed": lambda talk: list(talk.chat("Hi")),
    "read, then closed": lambda talk: (talk.chat("Hi").text(), talk.close()),
    "read, then asked again": lambda talk: (talk.chat("Hi").text(), talk.ask("And now?")),
    "read, then listed": lambda talk: (talk.chat("Hi").text(), talk.history()),
}


@pytest.mark.parametrize("way", WAYS_TO_LEAVE)
def test_late_title_of_january_2024_is_stayed_for(client: Any, way: str) -> None:
    server = LinesServer(Play(title="A late one", late=0.5), version="2401")
    talk = client(server)

    WAYS_TO_LEAVE[way](talk)

    [stored] = server.conversations.values()
    assert until(lambda: stored.title[2:] == "A late one")  # it is, when the reader has gone


def test_text_of_january_2024_does_not_wait_for_its_title(client: Any) -> None:
    talk = client(LinesServer(Play(title="A late one", late=3.0), version="2401"))
    talk.models()
    began = time.monotonic()

    message = talk.chat("Hi")

    assert message.text() == "Hello, world."
    assert time.monotonic() - began < 2
    message.close()


def test_title_of_january_2024_that_never_comes_is_left(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hugchat_sync.chat.message.TAIL", 0.7)
    talk = client(LinesServer(Play(title="Never", late=60.0), Play(("Two.",)), version="2401"))
    began = time.monotonic()

    assert talk.ask("Hi") == "Hello, world."
    assert talk.ask("And now?") == "Two."

    assert time.monotonic() - began < 4
    assert [entry.text for entry in talk.history()][1::2] == ["Hello, world.", "Two."]


def test_later_message_of_january_2024_is_left_at_its_answer(client: Any) -> None:
    server = LinesServer(Play(title="A title"), Play(("Two.",)), version="2401")
    talk = client(server)
    talk.ask("Hi")
    began = time.monotonic()

    talk.ask("And now?")

    assert time.monotonic() - began < 2


# February 2024 -------------------------------------------------------------------------------


def test_late_title_of_february_2024_is_told_and_stored_nowhere(client: Any) -> None:
    talk = client(LinesServer(Play(title="A late one", late=0.2), version="2402"))

    events = list(talk.chat("Hi"))

    assert [event.title.split(" ", 1)[1] for event in events if isinstance(event, TitleChanged)]
    assert list(talk.fetch_conversations().values()) == ["New Chat"]


# clocks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda play: LinesServer(play, version="2401"),
        lambda play: LinesServer(play, version="2402"),
        lambda play: TreeServer(play, version="2404"),
    ],
    ids=["2401", "2402", "2404"],
)
def test_silence_of_a_server_without_keep_alives_is_our_clock(client: Any, make: Any) -> None:
    hold = threading.Event()
    server = make(Play(("Begun", " and silent"), hold=hold))
    talk = client(server, timeout=Timeout(idle=0.5, progress=0.5))

    with pytest.raises(TimedOut) as caught:
        talk.ask("Hi")

    hold.set()
    assert caught.value.phase in ("idle", "progress")
    assert caught.value.partial.strip() == "Begun"
    assert len(server.turns) == 1


# what a model can do -------------------------------------------------------------------------


def test_search_with_a_model_without_tools_is_refused(client: Any) -> None:
    with LocalServer() as server, Client(server.url) as talk:
        plain = next(model.id for model in talk.models() if not model.supports_tools)
        made = talk.create_conversation(plain)
        before = [one.path for one in server.requests if one.method == "POST"]

        for act in (
            lambda: talk.ask("Hi", web_search=True),
            lambda: talk.ask("Hi", made, web_search=True),
        ):
            with pytest.raises(FeatureUnavailable, match="calls no tools") as caught:
                act()
            assert caught.value.feature == "web_search"

        assert [one.path for one in server.requests if one.method == "POST"] == before


def test_image_for_a_model_that_cannot_see_is_refused(client: Any) -> None:
    with LocalServer() as server, Client(server.url) as talk:
        blind = next(model.id for model in talk.models() if not model.multimodal)
        talk.model = blind

        with pytest.raises(UsageError, match=r"cannot see dot\.png"):
            talk.ask("What is this?", files=[PNG])

        assert [one.path for one in server.requests if one.method == "POST"] == []
        assert talk.ask("What is this?", files=[("a.txt", b"text", "text/plain")])


def test_account_that_says_the_model_can_see_is_believed(client: Any) -> None:
    with LocalServer() as server, Client(server.url) as talk:
        blind = next(model.id for model in talk.models() if not model.multimodal)
        talk.model = blind
        talk.update_settings(multimodal_overrides={blind: True})

        assert talk.ask("What is this?", files=[PNG])


@pytest.mark.parametrize("kind", ["bytes", "path"])
def test_empty_file_is_refused_before_anything_is_sent(kind: str, tmp_path: Any) -> None:
    path = tmp_path / "empty.txt"
    path.write_bytes(b"")
    file: Any = ("empty.txt", b"", "text/plain") if kind == "bytes" else path

    with LocalServer() as server, Client(server.url) as talk:
        with pytest.raises(UsageError, match=r"empty\.txt is empty"):
            talk.ask("Hi", files=[file])

        assert server.requests == []
