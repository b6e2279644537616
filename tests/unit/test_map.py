"""Many prompts over a pool: the order, the errors, the end; over a client that is made up."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

import pytest

from hugchat_sync.batch import answers
from hugchat_sync.errors import GenerationError, HugChatError, RateLimited, UsageError


class Asked:
    """Answers like a client, and remembers what it was asked."""

    def __init__(self, **outcomes):
        self.outcomes = outcomes
        self.asked = []
        self.begun = []
        self.removed = []
        self.most = self.now = 0
        self.lock = threading.Lock()

    def _begin(self, model, system_prompt):
        with self.lock:
            self.begun.append((model, system_prompt))
            return f"c{len(self.begun)}"

    def _remove_quietly(self, conversation_id):
        self.removed.append(conversation_id)

    def ask(self, prompt, conversation_id=None, **options):
        with self.lock:
            self.asked.append((prompt, conversation_id, options))
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        with self.lock:
            self.now -= 1
        outcome = self.outcomes.get(prompt, prompt.upper())
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Inline:
    """An executor that works at once."""

    def __init__(self):
        self.shut = False

    def submit(self, call, *arguments):
        future = Future()
        future.set_result(call(*arguments))
        return future

    def shutdown(self, wait=True):
        self.shut = True


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


def test_named_conversation_is_used_and_kept():
    client = Asked()

    list(answers(client, ["a"], conversation_id="mine"))

    assert client.asked == [("a", "mine", {})]
    assert (client.begun, client.removed) == ([], [])


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


@pytest.mark.parametrize(
    "options", [{"workers": 0}, {"workers": "4"}, {"max_per_minute": -1}, {"temperature": 1}]
)
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


def test_given_executor_is_used_and_left_open():
    executor = Inline()

    found = list(answers(Asked(), ["a", "b"], executor=executor, ordered=False))

    assert sorted(one.text for one in found) == ["A", "B"]
    assert executor.shut is False


def test_seconds_are_those_of_the_prompt():
    assert 0.01 <= next(answers(Asked(), ["a"])).seconds < 1


@pytest.mark.parametrize("ordered", [True, False])
def test_finished_answer_waited_for_prompts_that_had_not_begun(ordered):
    taken = []
    prompts = (taken.append(prompt) or prompt for prompt in ("first", "second", "third"))
    results = answers(Asked(), prompts, executor=Inline(), ordered=ordered)

    first = next(results)

    assert (first.prompt, taken) == ("first", ["first"])
