"""A message fed from a list or a queue: no socket, no server."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import threading
import time
import traceback

import pytest
from answers import message_of
from sampling import each

from hugchat_sync.chat.message import Message
from hugchat_sync.errors import (
    AuthError,
    ConnectionFailed,
    GenerationError,
    IncompleteAnswer,
    ModelOverloaded,
    ProtocolError,
    ServerError,
    TimedOut,
    UsageError,
)
from hugchat_sync.events import (
    FileCreated,
    FinalAnswer,
    Reasoning,
    Route,
    Status,
    TitleChanged,
    Token,
    ToolCall,
    WebSearchSources,
    WebSearchStep,
)
from hugchat_sync.records import ChatFile, Source

HELLO = [Status("started"), Token("Hel"), Token("lo"), FinalAnswer("Hello"), Status("finished")]


class Feed:
    """A source of events that a test fills while the message is being read."""

    def __init__(self):
        self.queue = queue.Queue()
        self.asked = 0

    def put(self, *events):
        for event in events:
            self.queue.put(event)

    def end(self):
        self.queue.put(StopIteration)

    def __iter__(self):
        return self

    def __next__(self):
        self.asked += 1
        event = self.queue.get(timeout=5)
        if event is StopIteration:
            raise StopIteration
        if isinstance(event, Exception):
            raise event
        return event


def failing(error, *events):
    yield from events
    raise error


def until(condition, seconds=2.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


@pytest.fixture()
def feed():
    source = Feed()
    yield source
    source.end()


# reading -------------------------------------------------------------------------------------


def test_iteration_yields_the_events_in_order():
    assert list(message_of(iter(HELLO))) == HELLO


def test_second_loop_replays_the_first():
    message = message_of(iter(HELLO))
    first = list(message)

    assert list(message) == first


def test_two_loops_at_once_see_the_same_events():
    message = message_of(iter(HELLO))

    assert [pair for pair in zip(message, message)] == list(zip(HELLO, HELLO))


def test_message_is_iterable_and_no_iterator():
    assert not hasattr(message_of(iter(HELLO)), "__next__")


def test_loop_that_was_left_can_be_gone_on_with():
    message = message_of(iter(HELLO))
    for _ in message:
        break

    assert message.text() == "Hello"
    assert list(message) == HELLO


def test_tokens_are_the_pieces_of_the_text():
    assert list(message_of(iter(HELLO)).tokens()) == ["Hel", "lo"]


def test_text_is_ready_at_the_final_answer(feed):
    message = message_of(feed)
    feed.put(Token("Hello"), FinalAnswer("Hello"))

    assert message.text() == "Hello"
    assert feed.asked == 2


def test_late_title_comes_by_iteration_only(feed):
    message = message_of(feed)
    feed.put(Token("Hello"), FinalAnswer("Hello"))
    message.text()
    feed.put(TitleChanged("Greeting"))
    feed.end()

    assert list(message)[-1] == TitleChanged("Greeting")
    assert message.title == "Greeting"


def test_final_answer_wins_over_the_tokens_of_a_first_try():
    message = message_of(iter([Token("Wro"), Token("Right"), FinalAnswer("Right")]))

    assert (message.text(), message.getFinalText()) == ("Right", "Right")


def test_finished_without_final_answer_is_a_complete_answer():
    message = message_of(iter([Token("all "), Token("there \n"), Status("finished")]))

    events = list(message)

    assert events[-1] == FinalAnswer("all there")
    assert message.text() == message.getFinalText() == "all there"


@pytest.mark.parametrize(
    "events",
    [
        HELLO,
        [Token("Hello"), Status("finished")],
        [FinalAnswer("Hello")],
        [Token("x"), Token("Hello"), FinalAnswer("Hello"), TitleChanged("t"), Status("finished")],
    ],
)
def test_final_answer_comes_exactly_once_and_equals_the_text(events):
    message = message_of(iter(events))

    finals = [event for event in message if isinstance(event, FinalAnswer)]

    assert [final.text for final in finals] == [message.text()] == [message.getFinalText()]


def test_title_before_the_final_answer_is_kept():
    message = message_of(iter([TitleChanged("T"), *HELLO]))

    message.text()

    assert message.title == "T"


def test_limit_is_set_at_the_final_answer():
    limits = []
    message = message_of(iter(HELLO), limit=limits.append)

    message.text()

    assert limits == [10.0]


def test_state_so_far_is_what_the_events_said():
    source = Source("A page", "https://a.example/", "a.example")
    events = [
        Route("agentic", "big-model"),
        Reasoning("hmm"),
        WebSearchSources((source,)),
        ToolCall("u", "clock", {}),
        FileCreated("map.png", "9f86", "image/png"),
        Token("It is noon."),
        Route("", "", "a-provider"),
        FinalAnswer("It is noon.", True),
    ]
    message = message_of(iter(events), conversation_id="c", generation_id="g")

    list(message)

    assert message.route == ("agentic", "big-model", "a-provider")
    assert message.reasoning == "hmm"
    assert message.sources == (source,)
    assert message.tool_calls == (ToolCall("u", "clock", {}),)
    assert message.files == (ChatFile("map.png", "9f86", "image/png", "c"),)
    assert message.interrupted is True
    assert (message.conversation_id, message.generation_id) == ("c", "g")


@pytest.mark.parametrize("size", [1, 3, 7])
def test_any_mixture_of_readers_in_threads_sees_one_answer(size):
    pieces = [f"w{number} " for number in range(200)]
    whole = "".join(pieces).rstrip()
    message = message_of(iter([*map(Token, pieces), FinalAnswer(whole), Status("finished")]))
    results = queue.Queue()
    readers = [
        lambda: message.text(),
        lambda: "".join(message.tokens()).rstrip(),
        lambda: [event for event in message if isinstance(event, FinalAnswer)][0].text,
        lambda: message.wait(5).getFinalText(),
        lambda: until(message.isDone) and message.getFinalText(),
        lambda: until(message.isDone) and "".join(message.getText()).rstrip(),
        lambda: next(iter(message)) and message.text(),
    ]
    threads = [
        threading.Thread(target=lambda read=read: results.put(read()))
        for read in [*readers[size % 7 :], *readers[: size % 7]]
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert [results.get_nowait() for _ in readers] == [whole] * len(readers)


# polling and waiting -------------------------------------------------------------------------


def test_polling_alone_reaches_the_end():
    message = message_of(iter(HELLO))

    assert until(message.isDone)
    assert message.getFinalText() == "Hello"


def test_iterating_after_polling_yields_everything():
    message = message_of(iter(HELLO))
    until(message.isDone)

    assert list(message) == HELLO


def test_done_does_not_block_while_nothing_comes(feed):
    message = message_of(feed)
    started = time.monotonic()

    assert message.done is False
    assert time.monotonic() - started < 0.5


def test_wait_returns_the_message_itself():
    message = message_of(iter(HELLO))

    assert message.wait(5) is message


def test_wait_that_is_over_raises_and_the_message_goes_on(feed):
    message = message_of(feed)
    feed.put(Token("Hel"))
    with pytest.raises(TimedOut) as caught:
        message.wait(0.1)
    feed.put(Token("lo"), FinalAnswer("Hello"))

    assert (caught.value.phase, caught.value.partial) == ("total", "Hel")
    assert message.wait(5).text() == "Hello"


def test_wait_raises_the_failure_of_the_answer():
    message = message_of(failing(ModelOverloaded("busy"), Token("x")))

    with pytest.raises(ModelOverloaded):
        message.wait(5)


def test_wait_without_limit_ends_with_the_answer():
    assert message_of(iter(HELLO)).wait().done


# failing -------------------------------------------------------------------------------------

FAILURES = [
    (GenerationError("no"), GenerationError),
    (ModelOverloaded("busy"), ModelOverloaded),
    (TimedOut("silent", phase="idle"), TimedOut),
    (ProtocolError("odd"), ProtocolError),
    (AuthError("who?"), AuthError),
    (ConnectionFailed("cut"), IncompleteAnswer),
]


@each(("error", "kind"), FAILURES)
@each(
    "read",
    [
        Message.text,
        Message.getText,
        Message.getFinalText,
        Message.getWebSearchSteps,
        Message.getWebSearchStep,
        Message.wait,
        list,
        lambda message: list(message.tokens()),
    ],
)
def test_accessor_raises_the_failure_each_time(error, kind, read):
    message = message_of(failing(error, Token("part")))
    until(message.isDone)

    with pytest.raises(kind) as first:
        read(message)
    with pytest.raises(kind) as second:
        read(message)
    assert first.value is second.value


@each(("error", "kind"), FAILURES)
def test_attribute_never_raises(error, kind):
    message = message_of(failing(error, Token("part")))
    until(message.isDone)

    assert message.done is True
    assert isinstance(message.error, kind)
    assert message.stream_text == list("part")
    assert message.final_text is None
    assert message.web_search_steps == []
    assert message.web_search_done is True
    assert (message.sources, message.files, message.tool_calls) == ((), (), ())
    assert (message.title, message.route, message.reasoning) == (None, None, "")
    assert message.interrupted is False


@pytest.mark.parametrize(
    "error", [GenerationError("no"), TimedOut("silent", phase="idle"), ConnectionFailed("cut")]
)
def test_failure_carries_what_had_come(error):
    message = message_of(failing(error, Token("what "), Token("came")))

    with pytest.raises((GenerationError, TimedOut)) as caught:
        message.text()
    assert caught.value.partial == "what came"


def test_events_before_a_failure_are_yielded():
    message = message_of(failing(GenerationError("no"), Token("a"), Token("b")))
    seen = []

    with pytest.raises(GenerationError):
        for event in message:
            seen.append(event)

    assert seen == [Token("a"), Token("b")]


def test_stream_that_just_ends_is_incomplete():
    message = message_of(iter([Token("half")]))

    with pytest.raises(IncompleteAnswer) as caught:
        message.text()
    assert caught.value.partial == "half"


def test_incomplete_answer_names_what_broke_as_its_cause():
    cut = ConnectionFailed("cut")
    message = message_of(failing(cut, Token("half")))

    with pytest.raises(IncompleteAnswer) as caught:
        message.text()
    assert caught.value.__cause__ is cut


@pytest.mark.parametrize(
    "error", [ConnectionFailed("cut"), TimedOut("silent"), GenerationError("x")]
)
def test_trouble_behind_the_final_answer_spoils_nothing(error):
    message = message_of(failing(error, Token("good"), FinalAnswer("good")))

    events = list(message)

    assert (events[-1], message.text(), message.error) == (FinalAnswer("good"), "good", None)


def test_bug_in_the_source_ends_the_message_for_everybody():
    message = message_of(failing(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        message.text()

    with pytest.raises(IncompleteAnswer):
        message.text()


# ending it -----------------------------------------------------------------------------------


def test_closed_message_is_done_and_incomplete(feed):
    closed = []
    message = message_of(feed, close=lambda: closed.append(1))
    feed.put(Token("half"), Token("not read"))
    next(iter(message))

    message.close()

    assert (message.done, closed) == (True, [1])
    with pytest.raises(IncompleteAnswer) as caught:
        message.text()
    assert caught.value.partial == "half"


def test_message_closed_by_another_thread_wakes_its_reader(feed):
    message = message_of(feed, close=lambda: feed.put(ConnectionFailed("shut")))
    feed.put(Token("half"))
    threading.Timer(0.05, message.close).start()

    with pytest.raises(IncompleteAnswer):
        message.text()


def test_with_block_closes_an_unfinished_message(feed):
    closed = []
    with message_of(feed, close=lambda: closed.append(1)):
        pass

    assert closed == [1]


def test_with_block_keeps_a_finished_message():
    with message_of(iter(HELLO)) as message:
        message.text()

    assert message.text() == "Hello"


def test_closing_twice_is_closing_once(feed):
    closed = []
    message = message_of(feed, close=lambda: closed.append(1))
    message.close()

    message.close()

    assert closed == [1]


def test_close_behind_the_final_answer_keeps_the_answer(feed):
    message = message_of(feed)
    feed.put(Token("Hello"), FinalAnswer("Hello"))
    message.text()

    message.close()

    assert (message.text(), message.error) == ("Hello", None)


def test_stop_keeps_what_came_as_an_interrupted_answer(feed):
    message = message_of(feed, stop=feed.end)
    feed.put(Token("part "))
    next(iter(message))

    message.stop()

    assert (message.text(), message.interrupted) == ("part", True)


def test_stop_that_was_refused_does_not_make_a_part_the_whole(feed):
    def refuse():
        raise ServerError("no", status=500)

    message = message_of(feed, stop=refuse)
    feed.put(Token("part "))
    next(iter(message))

    with pytest.raises(ServerError):
        message.stop()
    feed.end()

    with pytest.raises(IncompleteAnswer) as caught:
        message.text()
    assert (caught.value.partial, message.stopped) == ("part ", False)


def test_stop_of_a_finished_message_asks_for_nothing():
    stopped = []
    message = message_of(iter(HELLO), stop=lambda: stopped.append(1))
    message.text()

    message.stop()

    assert stopped == []


def test_interrupt_from_the_keyboard_closes_the_message():
    closed = []
    message = message_of(
        failing(KeyboardInterrupt(), Token("part")), close=lambda: closed.append(1)
    )
    with pytest.raises(KeyboardInterrupt):
        message.text()

    assert closed == [1]
    with pytest.raises(IncompleteAnswer):
        message.text()


def test_message_can_be_closed_from_a_signal_handler(feed):
    message = message_of(feed, close=lambda: feed.put(ConnectionFailed("shut")))
    before = signal.signal(signal.SIGALRM, lambda *_: message.close())
    signal.setitimer(signal.ITIMER_REAL, 0.05)

    try:
        with pytest.raises(IncompleteAnswer):
            message.text()
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_unfinished_message_in_a_forked_child_hung_its_pollers(feed):
    message = message_of(feed)
    child = os.fork()
    if child == 0:
        try:
            message.isDone()
            message.getText()
        except UsageError:
            os._exit(7)
        os._exit(1)
    _, status = os.waitpid(child, 0)

    assert os.WEXITSTATUS(status) == 7


# showing and keeping -------------------------------------------------------------------------


def test_repr_does_not_block_and_names_the_way_to_the_text(feed):
    message = message_of(feed, conversation_id="6" * 24)

    shown = repr(message)

    assert ".text()" in shown
    assert feed.asked == 0


def test_text_of_a_token_is_its_str():
    assert str(Token("x")) == "x"


def test_finished_message_could_not_be_pickled():
    message = message_of(iter(HELLO), conversation_id="c", generation_id="g", web_search=True)
    message.text()

    copy = pickle.loads(pickle.dumps(message))

    assert (copy.text(), copy.getText(), copy.done) == ("Hello", list("Hello"), True)
    assert (copy.conversation_id, copy.generation_id, copy.web_search_enabled) == ("c", "g", True)
    assert list(copy) == list(message)[: len(list(copy))]


def test_failed_message_pickles_with_its_failure():
    message = message_of(failing(ModelOverloaded("busy"), Token("part")))
    until(message.isDone)

    copy = pickle.loads(pickle.dumps(message))

    with pytest.raises(ModelOverloaded) as caught:
        copy.text()
    assert caught.value.partial == "part"


def test_message_that_was_polled_pickles():
    message = message_of(iter(HELLO))
    until(message.isDone)
    message.getText()

    assert pickle.loads(pickle.dumps(message)).getText() == list("Hello")


def test_unfinished_message_does_not_pickle(feed):
    with pytest.raises(UsageError, match="finished"):
        pickle.dumps(message_of(feed))


def test_events_that_came_before_the_search_do_not_hide_its_end():
    message = message_of(iter([WebSearchStep("Searching", ("q",)), *HELLO]), web_search=True)

    assert until(lambda: message.web_search_done)


def test_reader_is_a_daemon_that_does_not_delay_the_exit(feed):
    message = message_of(feed)
    assert message.done is False

    readers = [thread for thread in threading.enumerate() if "reader" in thread.name]

    assert [thread.daemon for thread in readers] == [True] * len(readers)


def test_answer_of_many_tokens_costs_a_token_the_same(monkeypatch):
    def spent(count):
        message = message_of(iter([*(Token("x") for _ in range(count)), FinalAnswer("x" * count)]))
        started = time.process_time()
        assert len(message.text()) == count
        return (time.process_time() - started) / count

    spent(2000)
    small, large = min(spent(2000) for _ in range(5)), min(spent(40000) for _ in range(3))

    assert large < 3 * small + 1e-6


@pytest.mark.parametrize("method", ["text", "getText", "getFinalText", "wait"])
def test_failure_that_is_raised_again_and_again_does_not_grow(method):
    message = message_of(failing(ModelOverloaded("busy"), Token("part")))
    lengths = []
    for _ in range(5):
        with pytest.raises(ModelOverloaded) as caught:
            message.text()
            getattr(message, method)()
        lengths.append(len(list(traceback.walk_tb(caught.value.__traceback__))))

    assert len(set(lengths)) == 1


@pytest.mark.parametrize("way", ["isDone", "wait", "getFinalText", "text"])
def test_answer_is_read_where_no_thread_can_be_had(monkeypatch, way):
    message = message_of(iter(HELLO))

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        first = getattr(message, way)()

    assert first in (True, "Hello", message)
    read = threading.Thread(target=message.text, daemon=True)  # it waited for ever
    read.start()
    read.join(2)
    assert not read.is_alive()
    assert message.text() == "Hello"
