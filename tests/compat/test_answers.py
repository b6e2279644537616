"""What becomes of an answer: a text, dicts, sources, failures."""

from __future__ import annotations

import copy
import csv
import io
import json
import pickle
import re
import subprocess
import sys
import time

import pytest
from server.counting import messages

from hugchat_sync import GenerationError
from hugchat_sync.compat import exceptions
from hugchat_sync.compat.hugchat import ChatBot
from hugchat_sync.compat.message import Message, MessageStatus, ResponseTypes
from hugchat_sync.local.responder import FileMade, Pause, ToolCall, ToolResult
from hugchat_sync.local.testing import Script

WHOLE = "Hello, world."


@pytest.fixture
def said(bot):
    return bot.chat("hi")


# a text ----------------------------------------------------------------------------------------


def test_every_way_to_the_text_gives_the_text(said, stage):
    ways = [
        said.text,
        said["text"],
        said.get_final_text(),
        str(said),
        f"{said}",
        f"{said:>13}",
        "%s" % said,  # noqa: UP031
        said + "",
        "" + said,
    ]

    assert ways == [WHOLE] * len(ways)
    assert {type(way) for way in ways} == {str}
    assert said.wait_until_done() is said
    assert len(messages(stage)) == 1


def test_answer_is_used_as_the_str_that_it_is(said, tmp_path, capsys):
    assert isinstance(said, str) and isinstance(said, Message)
    assert said == WHOLE and said != "other" and hash(said) == hash(WHOLE)
    assert (len(said), said[0], said[-1], said[:5]) == (13, "H", ".", "Hello")
    assert said.split() == ["Hello,", "world."] and said.lower() == WHOLE.lower()
    assert "world" in said and said.startswith("Hell") and bool(said)
    assert re.sub("world", "you", said) == "Hello, you."
    assert re.findall(r"\w+", said) == ["Hello", "world"]
    assert json.dumps({"it": said}) == '{"it": "Hello, world."}'
    assert "\n".join(["a", said]) == "a\nHello, world."
    assert repr(said) == repr(WHOLE)
    print(said, end="")
    assert capsys.readouterr().out == WHOLE
    (tmp_path / "answer.txt").write_text(said)
    assert (tmp_path / "answer.txt").read_text() == WHOLE
    out = io.StringIO()
    csv.writer(out).writerow(["q", said])
    assert out.getvalue().strip() == 'q,"Hello, world."'
    told = subprocess.run(
        [sys.executable, "-c", "import sys; print(sys.argv[1])", said],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == WHOLE


def test_answer_is_the_next_question(bot, stage):
    bot.chat(bot.chat("hi"))

    assert [turn.prompt for turn in stage.turns] == ["hi", WHOLE]


def test_growing_a_text_by_answers_gives_a_str(bot):
    history = ""
    history += bot.chat("one")
    history += bot.chat("two") + "\n"

    assert history == WHOLE * 2 + "\n" and type(history) is str


@pytest.mark.parametrize(
    "twin", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_answer_can_be_copied_and_pickled(said, twin):
    other = twin(said)

    assert (other, other.text, list(other)) == (said, said.text, list(said))


# dicts -----------------------------------------------------------------------------------------


def test_whole_answer_iterates_the_old_dicts_again_and_again(said):
    tokens = [{"type": "stream", "token": piece} for piece in ("Hello", ",", " world", ".")]

    assert list(said) == list(said) == tokens
    assert next(said) == tokens[0] and next(said) == tokens[1]


@pytest.mark.parametrize("call", ["chat", "query"])
def test_live_answer_comes_while_the_model_speaks(play, call):
    play(Script(tokens=["one", " two", " three", " four"], delay=0.2))
    bot = ChatBot()
    bot.current_conversation  # noqa: B018
    began, moments, shown = time.monotonic(), [], ""
    for chunk in getattr(bot, call)("hi", stream=True):
        moments.append(time.monotonic() - began)
        assert chunk["type"] == ResponseTypes.STREAM
        shown += chunk["token"]

    assert shown == "one two three four"
    assert moments[0] < moments[-1] - 0.4


def test_live_answer_has_all_the_ways_to_the_text_as_well(bot, stage):
    live = bot.chat("hi", stream=True)
    assert "wait_until_done" in repr(live)
    first = next(live)
    rest = [chunk["token"] for chunk in live]

    assert first["token"] + "".join(rest) == WHOLE
    assert live.wait_until_done() == live.text == live["text"] == str(live) == WHOLE
    assert live + "!" == WHOLE + "!" and "> " + live == "> " + WHOLE
    assert live["nothing"] is None
    assert live.is_done() and live.msg_status == MessageStatus.RESOLVED and live.error is None
    assert isinstance(live, Message) and len(messages(stage)) == 1


def test_live_answer_says_when_it_is_done_to_whoever_only_asks(play):
    play(Script(tokens=["one", " two"], delay=0.2))
    live = ChatBot().chat("hi", stream=True)
    assert (live.is_done(), live.msg_status) == (False, MessageStatus.PENDING)
    end = time.monotonic() + 10
    while not live.is_done() and time.monotonic() < end:
        time.sleep(0.02)

    assert live.get_final_text() == "one two"


def test_all_dicts_come_where_all_are_asked_for(bot):
    kinds = [chunk["type"] for chunk in bot.chat("hi", _stream_yield_all=True)]

    assert kinds[0] == ResponseTypes.STATUS and kinds[-1] == ResponseTypes.FINAL
    assert kinds.count(ResponseTypes.STREAM) == 4


def test_nothing_after_the_final_answer_is_waited_for(play):
    play(Script(tokens=["Hi"], after=[Pause(5.0)]))
    bot, began = ChatBot(), time.monotonic()
    assert list(bot.chat("hi")) == [{"type": "stream", "token": "Hi"}]
    assert time.monotonic() - began < 4


def test_dicts_of_a_whole_answer_come_to_its_text(play):
    play(Script(tokens=["Good", " day"], first_try=["Ba", "d"]))

    said = ChatBot().chat("hi")

    assert "".join(chunk["token"] for chunk in said) == said == "Good day"


def test_no_dict_holds_a_nul(play):
    play(Script(tokens=["a\0", "\0", "b"], final="ab"))

    assert [chunk["token"] for chunk in ChatBot().chat("hi", stream=True)] == ["a", "b"]


# what else an answer knows ---------------------------------------------------------------------


@pytest.fixture
def searched(server, monkeypatch):
    monkeypatch.setenv("HUGCHAT_SYNC_BASE_URL", server.url)
    return ChatBot()


def test_web_search_sources_are_there_with_the_answer(searched):
    said = searched.chat("How do I set a system prompt?", web_search=True)

    assert said.search_enabled() and said.is_done_search() and said.web_search_done
    (source,) = said.wait_until_done().get_search_sources()
    assert source.title == "System prompts" and "/documents/system-prompts" in source.link
    assert source.hostname == "127.0.0.1"
    assert json.loads(str(source)) == {"title": source.title, "link": source.link}
    assert [one.link for one in said.web_search_sources] == [source.link]
    assert [one.link for one in said.search_sources] == [source.link]


def test_web_search_is_told_live_where_all_dicts_are_asked_for(searched):
    live = searched.chat("system prompt?", web_search=True, _stream_yield_all=True)
    chunks = list(live)
    told = [chunk["messageType"] for chunk in chunks if chunk["type"] == ResponseTypes.WEB]

    assert told == ["update", "update", "sources"]
    (found,) = [one for one in chunks if one.get("messageType") == "sources"]
    assert set(found["sources"][0]) == {"title", "link", "hostname"}


@pytest.mark.parametrize("every", [False, True], ids=["whole", "live"])
def test_tools_are_told_with_what_they_returned(play, every):
    call = ToolCall("add", {"a": 1})
    play(Script(tokens=["Two"], before=[call, ToolResult(call.uuid, "2")]))
    said = ChatBot().chat("hi", _stream_yield_all=every)
    told = [chunk for chunk in said if chunk["type"] == ResponseTypes.TOOL]

    assert [chunk["subtype"] for chunk in told] == (["call", "result"] if every else [])
    (tool,) = said.get_tools_used()
    assert (tool.uuid, tool.result, str(tool)) == (call.uuid, "2", "2")


def test_answer_without_a_search_has_no_sources(said):
    assert said.get_search_sources() == said.get_tools_used() == said.get_files_created() == []
    assert not said.search_enabled() and said.is_done() and said.is_done_search()
    assert said.msg_status == MessageStatus.RESOLVED and said.error is None


def test_file_of_an_answer_can_be_downloaded(play):
    play(Script(tokens=["Here"], before=[FileMade("tea.txt", "text/plain", b"green")]))
    bot = ChatBot()
    (made,) = bot.chat("hi").get_files_created()

    assert (made.name, made.mime) == ("tea.txt", "text/plain")
    assert made.download_file(bot) == b"green"
    assert made.get_url() == made.url and made.url.endswith(f"/output/{made.sha}")


# failures --------------------------------------------------------------------------------------


def test_failure_surfaces_at_the_call(play):
    server = play(Script(tokens=["Half", " of"], error="it stumbled"))
    with pytest.raises(exceptions.ChatError, match="it stumbled") as caught:
        ChatBot().chat("hi")

    assert isinstance(caught.value, GenerationError) and caught.value.partial == "Half of"
    assert len(messages(server)) == 1


def test_overload_is_told_apart(play):
    play(Script(tokens=["Half"], error="Model is overloaded"))
    try:
        ChatBot().chat("hi")
    except exceptions.ModelOverloadedError as error:
        assert isinstance(error, exceptions.ChatError)
    else:
        pytest.fail("no error")


def test_failure_of_a_live_answer_surfaces_where_it_is_read(play):
    play(Script(tokens=["Half", " of"], error="it stumbled"))
    live, shown = ChatBot().chat("hi", stream=True), []
    with pytest.raises(exceptions.ChatError, match="it stumbled"):
        shown.extend(chunk["token"] for chunk in live)
    with pytest.raises(exceptions.ChatError):
        live.wait_until_done()

    assert live.msg_status == MessageStatus.REJECTED and isinstance(live.error, GenerationError)
