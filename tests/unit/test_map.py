"""Many prompts over a pool: the order, the errors, the end; over a client that is made up."""

from __future__ import annotations

import threading
import time

import pytest
from sampling import each

from hugchat_sync.batch import Map
from hugchat_sync.errors import (
    AuthError,
    ConnectionFailed,
    GenerationError,
    HugChatError,
    ModelGone,
    ModelNotFound,
    QuotaExceeded,
    RateLimited,
    SessionExpired,
    Unavailable,
    UsageError,
)
from hugchat_sync.rate_limit import Pace


class Whole:
    """A message that is whole."""

    interrupted = stopped = False

    def __init__(self, text):
        self.text = lambda: text

    def finish(self, seconds):
        pass

    drain = finish


class Asked:
    """Answers like a client, and remembers what it was asked."""

    cookies = ()

    def __init__(self, **outcomes):
        self.outcomes = outcomes
        self.asked = []
        self.begun = []
        self.removed = []
        self.most = self.now = 0
        self.lock = threading.Lock()
        self.pace = Pace()

    def for_map(self):
        return self

    def begin_conversation(self, model, system_prompt):
        with self.lock:
            self.begun.append((model, system_prompt))
            return f"c{len(self.begun)}"

    def remove_quietly(self, conversation_id):
        self.removed.append(conversation_id)
        return True

    def chat(self, prompt, conversation_id=None, **options):
        with self.lock:
            self.asked.append((prompt, conversation_id, options))
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        with self.lock:
            self.now -= 1
        outcome = self.outcomes.get(prompt, prompt.upper())
        if isinstance(outcome, list):
            outcome = outcome.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return Whole(outcome)


def answers(client, prompts, **options):
    own = ("workers", "max_per_minute", "temporary", "ordered", "keep_going", "chunk")
    named = {name: options.pop(name) for name in own if name in options}
    return Map(client, prompts, **named, options=options).results()


def test_results_come_in_the_order_of_the_prompts():
    found = list(answers(Asked(), ["a", "b", "c", "d", "e"]))

    assert [(one.index, one.prompt, one.text) for one in found] == [
        (0, "a", "A"),
        (1, "b", "B"),
        (2, "c", "C"),
        (3, "d", "D"),
        (4, "e", "E"),
    ]


def test_no_prompts_are_no_results():
    assert list(answers(Asked(), [])) == []


@pytest.mark.parametrize("workers", [1, 3])
def test_no_more_are_asked_at_once_than_there_are_workers(workers):
    client = Asked()

    list(answers(client, [str(number) for number in range(12)], workers=workers))

    assert client.most == workers


def test_nothing_is_asked_before_the_first_result_is_wanted():
    client = Asked()

    answers(client, ["a"])

    assert client.asked == []


def test_each_prompt_has_a_conversation_that_is_removed():
    client = Asked()

    list(answers(client, ["a", "b"], workers=1, model="m", system_prompt="p"))

    assert client.begun == [("m", "p"), ("m", "p")]
    assert [one[1] for one in client.asked] == client.removed == ["c1", "c2"]


def test_conversation_is_removed_after_a_failure_as_well():
    client = Asked(a=GenerationError("no"))

    list(answers(client, ["a"]))

    assert client.removed == ["c1"]


def test_kept_conversations_are_not_removed():
    client = Asked()

    list(answers(client, ["a"], temporary=False))

    assert client.removed == []


@pytest.mark.parametrize("temporary", [True, False])
def test_conversation_of_a_prompt_that_was_refused_does_not_stay(temporary):
    client = Asked(a=UsageError("no"))

    [found] = answers(client, ["a"], temporary=temporary)

    assert (found.asked, client.removed) == (False, ["c1"])


def test_named_conversation_is_used_and_kept():
    client = Asked()

    list(answers(client, ["a"], conversation_id="mine"))

    assert client.asked == [("a", "mine", {})]
    assert (client.begun, client.removed) == ([], [])


def test_empty_id_is_no_wish_for_a_new_conversation():
    client = Asked()

    list(answers(client, [{"prompt": "a", "conversation_id": ""}]))

    assert client.asked == [("a", "", {})]  # so the client refuses it, as chat does
    assert client.begun == []


def test_options_of_a_prompt_beat_those_of_all():
    client = Asked()
    prompts = [{"prompt": "a", "id": "x", "web_search": True}, "b"]

    list(answers(client, prompts, workers=1, web_search=False, max_tries=1))

    assert [one[2] for one in client.asked] == [
        {"web_search": True, "max_tries": 1},
        {"web_search": False, "max_tries": 1},
    ]


@pytest.mark.parametrize(
    ("error", "text"),
    [(GenerationError("no", partial="half"), "half"), (RateLimited("slow"), None)],
)
def test_failed_prompt_tells_what_came_and_why(error, text):
    found = list(answers(Asked(b=error), ["a", "b", "c"]))

    assert [one.text for one in found] == ["A", text, "C"]
    assert [one.error for one in found] == [None, error, None]


def test_bug_is_not_hidden_in_a_result():
    with pytest.raises(ZeroDivisionError):
        list(answers(Asked(a=ZeroDivisionError()), ["a"]))


@each(
    "options",
    [{"workers": 0}, {"workers": "4"}, {"max_per_minute": -1},
     {"temperature": 1}, {"chunk": 0}, {"workers": True}],
)  # fmt: skip
def test_option_that_cannot_be_right_is_refused_at_the_call(options):
    with pytest.raises(UsageError):
        answers(Asked(), ["a"], **options)


@pytest.mark.parametrize("prompts", ["a", {"prompt": "a"}])
def test_single_prompt_is_refused_at_the_call(prompts):
    with pytest.raises(UsageError, match="list"):
        answers(Asked(), prompts)


def test_failure_of_the_source_is_raised_after_what_was_under_way_ended():
    def source():
        yield "a"
        raise HugChatError("no more")

    client = Asked()
    with pytest.raises(HugChatError, match="no more"):
        list(answers(client, source()))

    assert client.now == 0


def test_seconds_are_those_of_the_prompt():
    assert 0.01 <= next(answers(Asked(), ["a"])).seconds < 1


@pytest.mark.parametrize("ordered", [True, False])
def test_finished_answer_is_handed_out_before_the_source_is_asked_for_more(ordered):
    client, handed = Asked(), []

    def source():
        yield "first"
        while not client.removed:
            time.sleep(0.01)
        time.sleep(0.1)
        yield "second"
        assert handed == ["first"]

    for result in answers(client, source(), ordered=ordered):
        handed.append(result.prompt)

    assert handed == ["first", "second"]


def test_result_tells_whose_prompt_it_was_and_where():
    [one, other] = answers(Asked(), [{"prompt": "a", "id": 7}, "b"], workers=1)

    assert (one.id, one.conversation_id, one.asked) == (7, "c1", True)
    assert (other.id, other.conversation_id, other.asked) == (None, "c2", True)


@each("prompt", [3, None, "", " ", {"id": 1}, {"prompt": 3}, {"prompt": "a", "temperature": 1}])
def test_prompt_that_cannot_be_right_is_a_result_and_nothing_is_sent_for_it(prompt):
    client = Asked()

    [wrong, right] = answers(client, [prompt, "a"], workers=1)

    assert isinstance(wrong.error, UsageError) and not wrong.asked
    assert (right.text, client.begun) == ("A", [(None, None)])


class Table:
    """Iterates like a table of pandas: over the names of its columns."""

    columns = ("prompt", "id")

    def __iter__(self):
        return iter(self.columns)


@each(
    ("prompts", "advice"),
    [
        (Table(), r'map\(table\["prompt"\]\)'),
        ({"a": "b"}, r"each of its items"),
        (b"a", "list"),
        (None, "list"),
        (3, "list"),
    ],
)
def test_what_is_no_list_of_prompts_is_refused_with_what_to_write_instead(prompts, advice):
    with pytest.raises(UsageError, match=advice):
        answers(Asked(), prompts)


# stopping -----------------------------------------------------------------------------------


def quota():
    return QuotaExceeded("no more credits")


@each(
    "error",
    [quota(), AuthError("who?"), SessionExpired("over"), ModelGone("gone"), ModelNotFound("none")],
)
def test_after_what_all_the_others_would_meet_nothing_more_is_sent(error):
    client = Asked(b=error)

    found = list(answers(client, ["a", "b", "c", "d"], workers=1))

    assert [one.asked for one in found] == [True, True, False, False]
    assert [one.error for one in found] == [None, error, error, error]
    assert [asked[0] for asked in client.asked] == ["a", "b"]
    assert len(client.begun) == 2


def test_rest_is_told_in_order_and_without_its_pace():
    client = Asked(a=quota())
    began = time.monotonic()

    found = list(answers(client, ["a", *"bcdefgh"], workers=1, max_per_minute=240))

    assert [one.index for one in found] == list(range(8))
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("error", [ModelGone("gone"), ModelNotFound("none")])
def test_model_of_one_prompt_that_is_gone_stops_no_other(error):
    found = list(answers(Asked(a=error), [{"prompt": "a", "model": "x"}, "b"], workers=1))

    assert [one.text for one in found] == [None, "B"]


@pytest.mark.parametrize("error", [Unavailable("502"), ConnectionFailed("refused")])
def test_server_that_is_down_is_asked_twenty_times_in_a_row(error):
    client = Asked(down=error)

    found = list(answers(client, [*["down"] * 19, "up", *["down"] * 30], workers=1))

    assert [one.asked for one in found] == [True] * 40 + [False] * 10
    assert found[-1].error is error


def test_limits_of_one_prompt_stop_nothing():
    client = Asked(slow=RateLimited("slow"), bad=GenerationError("no"))

    assert all(one.asked for one in answers(client, ["slow", "bad"] * 30))


def test_going_on_is_possible_all_the_same():
    client = Asked(a=quota())

    found = list(answers(client, ["a", "b"], workers=1, keep_going=True))

    assert [one.text for one in found] == [None, "B"]
