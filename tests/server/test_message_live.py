"""One answer over a real port: when things arrive, how it is read, what may go wrong."""

from __future__ import annotations

import pickle
import threading
import time

import pytest
from counting import messages, seen, until
from eras.arena import EMBEDDED

from hugchat_sync import (
    AuthError,
    GenerationError,
    IncompleteAnswer,
    ModelOverloaded,
    ProtocolError,
    QuotaExceeded,
    ServerError,
    TimedOut,
    Timeout,
)
from hugchat_sync.events import (
    FinalAnswer,
    Status,
    TitleChanged,
    ToolCall,
    Unknown,
    WebSearch,
    WebSearchSources,
    WebSearchStep,
)
from hugchat_sync.local.responder import Pause, Text, ToolResult
from hugchat_sync.local.responder import ToolCall as Call
from hugchat_sync.local.testing import Fault, Script

ERAS = ["v2-2025", "lines-2023"]
MESSAGE = r"/conversation/[0-9a-f]{24}$"
SLOW = Script(tokens=[f"w{number} " for number in range(20)], delay=0.01)
WHOLE = "".join(SLOW.tokens).rstrip()


def lines(*updates):
    """Return a fault that answers a message with these lines."""
    body = "".join(update + "\n" for update in updates)
    return Fault("POST", MESSAGE, status=200, body=body)


@pytest.fixture(params=ERAS)
def era(request):
    return request.param


# sending and arriving ------------------------------------------------------------------------


def test_message_is_sent_before_chat_returns(serve, connect, era):
    server = serve(SLOW, era=era)

    connect(server).chat("hi")

    assert len(messages(server)) == 1


def test_message_that_nobody_reads_is_answered_and_stored(serve, connect):
    server = serve(SLOW)
    client = connect(server)

    client.chat("hi")

    assert [entry.text for entry in client.history()] == ["hi", WHOLE]


def test_tokens_are_handed_out_while_the_answer_is_being_made(serve, connect, era):
    steady = Script(tokens=SLOW.tokens, delay=0.02)
    message = connect(serve(steady, era=era)).chat("hi")
    started = time.monotonic()
    arrived = [time.monotonic() - started for _ in message.tokens()]

    assert len(arrived) == 20
    assert arrived[0] < 0.2
    assert arrived[-1] - arrived[0] > 0.3
    assert sum(late > early for early, late in zip(arrived, arrived[1:])) >= 15


def test_every_way_of_reading_sees_one_answer_and_one_message_is_sent(serve, connect, era):
    server = serve(SLOW, era=era)
    message = connect(server).chat("hi")
    found = []
    ways = [
        message.text,
        lambda: "".join(message.tokens()).rstrip(),
        lambda: until(message.isDone) and message.getFinalText(),
        lambda: until(message.isDone) and "".join(message.getText()).rstrip(),
        lambda: message.wait(5).final_text,
        lambda: [event for event in message if isinstance(event, FinalAnswer)][0].text,
        message.text,
    ]
    threads = [threading.Thread(target=lambda way=way: found.append(way())) for way in ways]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert found == [WHOLE] * len(ways)
    assert len(messages(server)) == 1


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_ways_of_reading_one_after_the_other(serve, connect, era, order):
    server = serve(SLOW, era=era)
    message = connect(server).chat("hi")
    ways = [
        lambda: next(iter(message)) and message.text(),
        lambda: message.isDone() in (True, False) and message.wait(5).getFinalText(),
        lambda: "".join(message.tokens()).rstrip(),
        lambda: "".join(message.wait(5).getText()).rstrip(),
    ]

    found = [way() for way in ways[order:] + ways[:order]]

    assert found == [WHOLE] * 4
    assert len(messages(server)) == 1


def test_polling_like_the_wiki_ends(serve, connect, era):
    message = connect(serve(SLOW, era=era)).chat("hi")
    lengths = []
    while not message.isDone():
        lengths.append(len(message.getText()))
        time.sleep(0.02)

    assert message.getFinalText() == WHOLE
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 3


def test_second_loop_replays(serve, connect, era):
    message = connect(serve(era=era)).chat("hi")
    first = list(message)

    assert list(message) == first
    assert sum(isinstance(event, FinalAnswer) for event in first) == 1


def test_finished_message_pickles(serve, connect):
    message = connect(serve(title="T")).chat("hi")
    events = list(message)

    copy = pickle.loads(pickle.dumps(message))

    assert (copy.text(), list(copy), copy.title) == ("Hello, world.", events, "T")


def test_repr_of_an_open_message_does_not_wait(serve, connect):
    message = connect(serve(Script(hang=True))).chat("hi")
    started = time.monotonic()

    assert ".text()" in repr(message)
    assert time.monotonic() - started < 0.2


def test_message_that_its_user_closed_is_closed_not_failed(serve, connect):
    message = connect(serve(Script(hang=True))).chat("hi")

    message.close()

    assert ": closed," in repr(message)


def test_tab_list_has_one_word_for_finished(serve, connect):
    message = connect(serve()).chat("hi")

    assert "done" in dir(message)
    assert {"is_over", "drain", "finish", "renew_locks"}.isdisjoint(dir(message))


def test_notebook_shows_the_text_so_far_as_markdown(serve, connect):
    message = connect(serve(["*so", " it", " is*"])).chat("hi")

    assert "Message" in message._repr_markdown_()
    assert message.text() == message._repr_markdown_() == "*so it is*"


# the traps of the real server ----------------------------------------------------------------


def test_halves_of_a_character_over_two_tokens_are_joined(serve, connect, era):
    message = connect(serve(["up ", "\ud83d", "\ude80", "!"], era=era)).chat("hi")

    assert "".join(message.tokens()).strip() == "up 🚀!"
    assert message.text() == "up 🚀!"


@pytest.mark.parametrize("tokens", [["a", "\ud83d", "b"], ["a\ude80", "b"], ["ab\ud83d"]])
def test_lone_half_of_a_character_is_never_handed_out(serve, connect, tokens):
    message = connect(serve(tokens)).chat("hi")

    live, text = "".join(message.tokens()), message.text()

    assert (live.encode(), text.encode()) is not None
    assert "\ufffd" in text


def test_line_separators_stay_in_the_text(serve, connect, era):
    odd = "a\u2028b\u2029c\x85d"

    assert connect(serve([odd, "."], era=era)).ask("hi") == odd + "."


def test_nuls_are_kept_by_the_text_and_not_by_the_live_view(serve, connect):
    message = connect(serve(["a\0b", "c"])).chat("hi")

    assert "".join(message.tokens()) == "abc"
    assert message.text() == message.getFinalText() == "a\0bc"


def test_answer_split_inside_every_character_is_the_same(serve, connect, era):
    server = serve(["größe ", "🚀", "\u2028"], era=era, faults=[Fault("POST", MESSAGE, piece=1)])

    assert connect(server).ask("hi") == "größe 🚀"


def test_4096_blanks_in_front_of_finished_are_passed_over(serve, connect):
    message = connect(serve()).chat("hi")

    assert list(message)[-1] == Status("finished")


def test_restart_inside_the_stream_is_mended_by_the_final_answer(serve, connect):
    message = connect(serve(Script(first_try=["Wrong "], tokens=["Right."]))).chat("hi")

    assert "".join(message.tokens()) == "Wrong Right."
    assert message.text() == message.getFinalText() == "Right."


def test_finished_without_a_final_answer_is_a_complete_answer(serve, connect):
    message = connect(serve(Script(tokens=["all ", "there"], no_final=True))).chat("hi")

    assert message.text() == "all there"
    assert FinalAnswer("all there") in list(message)


def test_final_answer_after_tools_is_merged_as_it_is_stored(serve, connect):
    call = Call("clock", {})
    script = Script(
        before=[Text("Let me see."), call, ToolResult(call.uuid, "12:00")],
        tokens=["It is noon."],
        final="It is noon.",
    )
    client = connect(serve(script))
    message = client.chat("hi", mcp_servers=["Web Search (documents)"])

    text = message.text()
    list(message)

    assert text == client.history()[-1].text
    assert isinstance(message.tool_calls[0], ToolCall)


def test_reasoning_is_no_text(serve, connect):
    client = connect(serve(Script(reasoning=["hm", "mm"], tokens=["Yes."])))
    message = client.chat("hi")

    assert (message.text(), message.reasoning) == ("Yes.", "hmmm")
    assert client.history()[-1].text == "Yes."


def test_late_title_does_not_delay_the_text(serve, connect):
    message = connect(serve(title="Late", title_seconds=1.5)).chat("hi")
    started = time.monotonic()
    message.text()
    waited = time.monotonic() - started

    events = list(message)

    assert waited < 0.5
    assert (message.done, message.getFinalText()) == (True, "Hello, world.")
    assert events.index(TitleChanged("Late")) > events.index(FinalAnswer("Hello, world."))
    assert time.monotonic() - started > 1.3


def test_title_of_the_conversation_is_kept_by_the_client(serve, connect):
    client = connect(serve(title="Greeting"))
    list(client.chat("hi"))

    assert client.conversations == {client.current_conversation: "Greeting"}


def test_iteration_does_not_wait_for_ever_for_a_title(serve, connect, monkeypatch):
    monkeypatch.setattr("hugchat_sync.chat.message.TAIL", 0.3)
    message = connect(serve(title="Never", title_seconds=5)).chat("hi")
    started = time.monotonic()

    events = list(message)

    assert time.monotonic() - started < 2
    assert events[-1] == FinalAnswer("Hello, world.")
    assert message.error is None


def test_idle_connection_that_the_server_closed_is_no_trouble(serve, connect, monkeypatch):
    monkeypatch.setattr("hugchat_sync.local.http._IDLE_SECONDS", 0.1)
    server = serve()
    client = connect(server)
    client.ask("hi")
    until(lambda: server.open_connections == 0)

    assert client.ask("again") == "Hello, world."
    assert len(messages(server)) == 2


@pytest.mark.parametrize("name", ["größe.txt", "文件.txt", 'a"b;c.txt', "a b.txt"])
def test_name_of_a_file_arrives_as_it_is(serve, connect, name):
    client = connect(serve())

    client.ask("look", files=[(name, b"text", "text/plain")])

    assert [file.name for file in client.history()[0].files] == [name]


# answers that are none -----------------------------------------------------------------------


def test_unknown_kind_of_line_is_no_error(serve, connect):
    server = serve()
    client = connect(server)
    server.faults.add(
        lines(
            '{"type":"hologram","data":[1]}',
            '{"type":5}',
            '{"no":"type"}',
            '{"type":"stream","token":"x"}',
            '{"type":"finalAnswer","text":"x","interrupted":false}',
            '{"type":"status","status":"finished"}',
        )
    )
    message = client.chat("hi")

    unknown = [event.raw for event in message if isinstance(event, Unknown)]

    assert unknown == [{"type": "hologram", "data": [1]}, {"type": 5}, {"no": "type"}]
    assert message.text() == "x"


def test_broken_line_is_an_error_that_shows_it(serve, connect):
    server = serve()
    client = connect(server)
    server.faults.add(lines('{"type":"stream","token":"x"}', "{broken"))
    message = client.chat("hi", resume=False)

    with pytest.raises(ProtocolError) as caught:
        message.text()
    assert (caught.value.line, message.partial) == ("{broken", "x")


@pytest.mark.usefixtures("hurried")
def test_page_instead_of_an_answer_is_named(serve, connect, era):
    server = serve(era=era)
    client = connect(server)
    server.faults.add(Fault.html_page(200, "POST", MESSAGE))

    with pytest.raises(ProtocolError, match="HTML page") as caught:
        client.chat("hi")
    assert caught.value.line.startswith("<!doctype html>")


def test_redirect_inside_a_good_status_is_a_wish_to_sign_in(serve, connect):
    server = serve()
    client = connect(server)
    server.faults.add(lines('{"type":"redirect","status":302,"location":"http://127.0.0.1/login"}'))

    with pytest.raises(AuthError, match="sign"):
        client.ask("hi")
    assert [line for line in seen(server) if "login" in line] == []


def test_stream_without_an_end_is_incomplete_and_keeps_what_came(serve, connect):
    server = serve(SLOW)
    client = connect(server)
    client.create_conversation()
    server.faults.add(Fault("POST", MESSAGE, cut_at="w5 ", clean=True))
    message = client.chat("hi", resume=False)

    with pytest.raises(IncompleteAnswer) as caught:
        message.text()
    assert caught.value.partial.split() == ["w0", "w1", "w2", "w3", "w4"]


@pytest.mark.parametrize(
    ("message", "status", "kind"),
    [
        ("402 out of credits", 402, QuotaExceeded),
        ("429 Too Many Requests", 429, ModelOverloaded),
        ("The model is overloaded", None, ModelOverloaded),
        ("something broke", 500, GenerationError),
        ("something broke", None, GenerationError),
    ],
)
def test_error_inside_the_stream(serve, connect, message, status, kind):
    script = Script(tokens=["so ", "far"], error=message, error_status=status)
    answer = connect(serve(script)).chat("hi")

    with pytest.raises(kind, match=message) as caught:
        answer.text()
    assert (type(caught.value), caught.value.partial) == (kind, "so far")
    assert caught.value.status_code == status


def test_failed_answer_does_not_fail_the_next_question(serve, connect):
    client = connect(serve(Script(error="no"), ["Fine."]))
    client.chat("hi")

    assert client.ask("again") == "Fine."


# clocks --------------------------------------------------------------------------------------


def test_progress_runs_out_under_keep_alives(serve, connect):
    client = connect(serve(Script(tokens=["so far"], hang=True)), timeout=Timeout(progress=0.4))
    started = time.monotonic()

    with pytest.raises(TimedOut) as caught:
        client.ask("hi")
    assert (caught.value.phase, caught.value.partial) == ("progress", "so far")
    assert 0.3 < time.monotonic() - started < 2


@pytest.mark.parametrize("timeout", [0.6, Timeout(total=0.6)])
def test_total_runs_out_under_tokens(serve, connect, timeout):
    endless = Script(tokens=["x "] * 500, delay=0.02)
    client = connect(serve(endless), timeout=timeout)
    started = time.monotonic()

    with pytest.raises(TimedOut) as caught:
        client.ask("hi")
    assert caught.value.phase == "total"
    assert caught.value.partial.startswith("x x x")
    assert time.monotonic() - started < 2


def test_idle_runs_out_in_silence(serve, connect):
    server = serve(Script(tokens=["so far", "."], hang=True), era="lines-2023")
    client = connect(server, timeout=Timeout(idle=0.3))

    with pytest.raises(TimedOut) as caught:
        client.chat("hi", resume=False).text()
    assert (caught.value.phase, caught.value.partial.strip()) == ("idle", "so far.")


def test_idle_runs_out_before_the_first_byte(serve, connect):
    server = serve(faults=[Fault("GET", delay=0.8, times=None)])
    client = connect(server, timeout=Timeout(idle=0.2))

    with pytest.raises(TimedOut) as caught:
        client.models()
    assert caught.value.phase == "idle"


def test_waiting_for_an_earlier_answer_counts_into_the_total(serve, connect):
    client = connect(serve(Script(hang=True)), timeout=Timeout(total=0.5))
    client.chat("hi")
    started = time.monotonic()

    with pytest.raises(TimedOut) as caught:
        client.chat("again")
    assert caught.value.phase == "total"
    assert time.monotonic() - started < 2


# ending it -----------------------------------------------------------------------------------


def test_stop_ends_the_run_and_keeps_the_text(serve, connect, era):
    long = Script(tokens=[f"w{number} " for number in range(500)], delay=0.01)
    client = connect(serve(long, era=era))
    message = client.chat("hi")
    next(message.tokens())

    message.stop()

    assert message.text().startswith("w0")
    assert len(message.text().split()) < 400
    assert message.interrupted is True


def test_stop_by_the_client_is_that_of_its_open_message(serve, connect):
    server = serve(Script(tokens=["w "] * 500, delay=0.01))
    client = connect(server)
    message = client.chat("hi")
    next(message.tokens())

    client.stop()

    assert len(message.wait(3).text().split()) < 400
    assert [line for line in seen(server) if line.endswith("/stop-generating")] != []


def test_stop_where_nothing_runs_sends_nothing(serve, connect):
    server = serve()
    client = connect(server)
    client.ask("hi")
    before = seen(server)

    client.stop()

    assert seen(server) == before


def test_closed_message_leaves_the_run_to_the_server(serve, connect):
    client = connect(serve(SLOW))
    message = client.chat("hi")
    next(message.tokens())

    message.close()

    with pytest.raises(IncompleteAnswer) as caught:
        message.text()
    assert caught.value.partial.startswith("w0")
    assert client.history()[-1].text == WHOLE


def test_question_after_a_closed_one_waits_for_the_run(serve, connect):
    client = connect(serve(SLOW, ["Second."]))
    with client.chat("one") as message:
        next(message.tokens())

    client.ask("two")

    assert [entry.text for entry in client.history()] == ["one", WHOLE, "two", "Second."]


def test_question_after_a_closed_one_whose_run_fails_is_asked_all_the_same(serve, connect):
    failing = Script(tokens=["w0 ", "w1 ", "w2 "], delay=0.1, error="It broke")
    client = connect(serve(failing, ["Second."]))
    with client.chat("one") as message:
        next(message.tokens())

    assert client.ask("two") == "Second."


def test_question_after_a_closed_one_whose_run_stands_still_is_asked_in_the_end(serve, connect):
    silent = Script(tokens=["so far"], hang=True)
    client = connect(serve(silent, ["Second."]), timeout=Timeout(progress=0.5))
    with client.chat("one") as message:
        assert message.conversation_id

    assert client.ask("two") == "Second."


def test_question_after_a_closed_one_of_which_the_server_tells_nothing_is_told_the_trouble(
    serve, connect
):
    server = serve(SLOW)
    client = connect(server)
    with client.chat("one") as message:
        next(message.tokens())
    server.faults.add(Fault("GET", status=500, times=None))

    with pytest.raises(ServerError):
        client.ask("two")
    assert len(server.responder.turns) == 1


def test_question_asked_while_an_answer_is_being_read_does_not_hang(serve, connect, era):
    client = connect(serve(SLOW, ["Second."], era=era))
    tokens = client.chat("one").tokens()
    first = next(tokens)

    second = client.ask("two")

    assert (first + "".join(tokens)).rstrip() == WHOLE
    assert second == client.history()[-1].text == "Second."


def test_with_block_closes_the_connection(serve, connect, era):
    server = serve(Script(tokens=["w "] * 500, delay=0.01), era=era)
    with connect(server).chat("hi") as message:
        next(message.tokens())

    assert message.done
    assert until(lambda: server.open_connections == 0)


def test_close_from_another_thread_wakes_a_stuck_reader(serve, connect, era):
    message = connect(serve(Script(hang=True), era=era)).chat("hi")
    threading.Timer(0.2, message.close).start()
    started = time.monotonic()

    with pytest.raises(IncompleteAnswer):
        message.text()
    assert time.monotonic() - started < 2


def test_client_that_is_closed_closes_its_open_messages(serve, connect, era):
    server = serve(Script(hang=True), era=era)
    client = connect(server)
    message = client.chat("hi")

    client.close()

    assert isinstance(message.error, IncompleteAnswer)
    assert until(lambda: server.open_connections == 0)


# one run at a time ---------------------------------------------------------------------------


def test_second_question_waits_for_the_first_answer(serve, connect, era):
    client = connect(serve(SLOW, ["Second."], era=era))
    first = client.chat("one")

    second = client.ask("two")

    assert (first.text(), second) == (WHOLE, "Second.")
    assert [entry.text for entry in client.history()] == ["one", WHOLE, "two", "Second."]


def test_two_threads_in_one_conversation_take_turns(serve, connect, era):
    client = connect(serve(SLOW, SLOW, era=era))
    client.create_conversation()
    threads = [threading.Thread(target=client.ask, args=(text,)) for text in ("one", "two")]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    found = [entry.text for entry in client.history()]
    assert sorted(found[::2]) == ["one", "two"]
    assert found[1::2] == [WHOLE, WHOLE]


def test_history_waits_for_the_open_answer(serve, connect, era):
    client = connect(serve(SLOW, era=era))
    client.chat("hi")

    assert [entry.text for entry in client.history()] == ["hi", WHOLE]


def test_rename_during_an_answer_is_not_undone(serve, connect, era):
    client = connect(serve(SLOW, era=era))
    client.chat("hi")
    conversation = client.current_conversation

    client.rename_conversation(conversation, "Mine")

    client.ask("again")
    assert client.update_title(conversation) == "Mine"


def test_answer_that_is_waited_for_is_lost_for_nobody(serve, connect, era):
    client = connect(serve(SLOW, era=era))
    message = client.chat("hi")
    head = [token for _, token in zip(range(3), message.tokens())]

    client.history()

    assert "".join(message.tokens()).rstrip() == WHOLE
    assert len(head) == 3


def test_removing_during_an_answer_closes_it(serve, connect, era):
    server = serve(Script(hang=True), era=era)
    client = connect(server)
    message = client.chat("hi")
    started = time.monotonic()

    client.remove_conversation(client.current_conversation)

    assert time.monotonic() - started < 2
    assert isinstance(message.error, IncompleteAnswer)
    assert client.fetch_conversations() == {}


def test_2023_answer_is_closed_at_its_end(serve, connect):
    server = serve(era="lines-2023")

    connect(server).ask("hi")

    assert until(lambda: server.open_connections == 0)


def test_2023_answer_that_nobody_reads_is_closed_before_the_next_write(serve, connect):
    server = serve(["One."], ["Two."], era="lines-2023")
    client = connect(server)
    client.chat("one")

    client.chat("two").text()

    assert [entry.text for entry in client.history()] == ["one", "One.", "two", "Two."]


# searching the web ---------------------------------------------------------------------------


@pytest.fixture(params=ERAS)
def library(request, tmp_path):
    (tmp_path / "moon.md").write_text("# Moon\n\n## Zorblat\n\nThe zorblat shines at night.\n")
    with EMBEDDED[request.param](documents=tmp_path) as running:
        yield running


def test_search_is_reported_with_its_sources(library, connect):
    message = connect(library).chat("What is a zorblat?", web_search=True)

    events = [event for event in message if isinstance(event, WebSearch)]

    assert isinstance(events[0], WebSearchStep)
    assert isinstance(events[-1], WebSearchSources)
    assert [source.title for source in message.sources] == ["Moon"]
    assert message.sources[0].link.startswith("http")
    assert message.sources[0].hostname == "127.0.0.1"
    assert "shines at night" in message.text()


def test_steps_of_a_search_have_the_shape_of_2023(library, connect):
    message = connect(library).chat("What is a zorblat?", web_search=True)
    message.wait(5)

    steps = message.getWebSearchSteps()

    assert {step["type"] for step in steps} == {"webSearch"}
    assert [step["messageType"] for step in steps][-1] == "sources"
    assert set(steps[-1]["sources"][0]) == {"title", "link", "hostname"}
    assert steps[0] == {
        "type": "webSearch",
        "messageType": "update",
        "message": steps[0]["message"],
        "args": steps[0]["args"],
    }
    assert "zorblat" in steps[0]["args"][0]
    assert message.web_search_done


def test_answer_without_a_search_reports_none(library, connect):
    message = connect(library).chat("What is a zorblat?")

    assert [event for event in message if isinstance(event, (WebSearch, ToolCall))] == []
    assert (message.sources, message.getWebSearchSteps()) == ((), [])


def test_message_without_tools_says_so(serve, connect):
    server = serve()

    connect(server).ask("hi")

    assert b'"selectedMcpServerNames": []' in messages(server)[0].body


def test_search_selects_the_tool_server_that_searches(serve, connect):
    server = serve()

    connect(server).ask("hi", web_search=True)

    assert b'"selectedMcpServerNames": ["Web Search (documents)"]' in messages(server)[0].body


@pytest.mark.parametrize(("wanted", "sent"), [(True, b"true"), (False, b"false")])
def test_search_of_2023_is_a_switch(serve, connect, wanted, sent):
    server = serve(era="lines-2023")

    connect(server).ask("hi", web_search=wanted)

    assert b'"web_search": ' + sent in messages(server)[0].body.replace(b'":', b'": ').replace(
        b":  ", b": "
    )


def test_step_that_takes_its_time_is_seen_at_once(serve, connect):
    call = Call("web_search", {"query": "moon"})
    script = Script(before=[call, Pause(0.4), ToolResult(call.uuid, "none")], tokens=["Ok."])
    message = connect(serve(script)).chat("hi", web_search=True)
    started = time.monotonic()

    first = until(message.getWebSearchStep)

    assert first["args"] == ["moon"]
    assert time.monotonic() - started < 0.35


@pytest.mark.usefixtures("hurried")
def test_nonsense_that_no_log_makes_good_was_called_incomplete(serve, connect):
    server = serve()
    client = connect(server)
    server.faults.add(lines('{"type":"stream","token":"x"}', "{broken"))
    message = client.chat("hi")

    with pytest.raises(ProtocolError) as caught:
        message.text()
    assert (caught.value.line, message.partial) == ("{broken", "x")
