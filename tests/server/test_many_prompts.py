"""``Client.map``: what is begun, and when."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from hugchat_sync import Client
from hugchat_sync.batch import Map
from hugchat_sync.errors import IncompleteAnswer, UsageError
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Fault, Script, Scripted


class SlowFirst(Scripted):
    """Answers "slow" only once it is let go, and all others at once."""

    def __init__(self):
        super().__init__(["fine"])
        self.go = threading.Event()

    def answer(self, turn):
        steps = super().answer(turn)
        if turn.prompt == "slow":
            self.go.wait(20)
        return steps

    def asked(self):
        return [turn.prompt for turn in self.turns]


def wait_for(condition):
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_map_closed_early_asks_none_of_the_prompts_that_wait():
    responder = Scripted(Script(tokens=["so ", "far"], delay=0.3))
    with LocalServer(responder=responder) as server, Client(server.url) as client:
        results = client.map([str(number) for number in range(20)], workers=2, ordered=False)
        next(results)
        begun = len(responder.turns)

        results.close()

        assert len(responder.turns) <= begun + 1
        assert client.fetch_conversations() == {}


def test_map_closed_early_takes_back_what_waits_in_an_executor_of_others():
    responder = Scripted(Script(tokens=["so ", "far"], delay=0.3))
    with LocalServer(responder=responder) as server, Client(server.url) as client:
        with ThreadPoolExecutor(1) as pool:
            prompts = [str(number) for number in range(20)]
            results = client.map(prompts, workers=4, executor=pool)
            next(results)
            begun = len(responder.turns)

            results.close()

        assert len(responder.turns) <= begun + 1


@pytest.mark.parametrize("executor", [4, "threads", ThreadPoolExecutor])
def test_executor_that_is_none_left_a_conversation_and_a_foreign_error(executor):
    with LocalServer() as server, Client(server.url) as client:
        with pytest.raises(UsageError, match="executor is a concurrent.futures.Executor"):
            list(client.map(["a"], executor=executor))
        assert client.fetch_conversations() == {}


def test_unordered_map_hands_out_what_is_ready_while_the_first_prompt_is_slow():
    responder = SlowFirst()
    with LocalServer(responder=responder) as server, Client(server.url) as client:
        others = [str(number) for number in range(6)]
        taken = []
        results = client.map(
            (taken.append(one) or one for one in ["slow", *others]), workers=2, ordered=False
        )

        found = [next(results).prompt]
        assert len(taken) < 6
        found += [next(results).prompt for _ in others[1:]]

        assert sorted(found) == others
        responder.go.set()
        assert [one.prompt for one in results] == ["slow"]


def test_ordered_map_goes_on_while_the_first_prompt_is_slow():
    responder = SlowFirst()
    with LocalServer(responder=responder) as server, Client(server.url) as client:
        found = []
        others = [str(number) for number in range(12)]
        reading = threading.Thread(
            target=lambda: found.extend(client.map(["slow", *others], workers=2))
        )
        reading.start()

        wait_for(lambda: len(responder.asked()) == 13)

        assert found == []
        responder.go.set()
        reading.join(20)
        assert [one.prompt for one in found] == ["slow", *others]
        assert {one.error for one in found} == {None}


def test_answer_that_is_ready_is_handed_out_while_the_pace_holds_the_next_one_back():
    responder = Scripted(["fine"])
    with LocalServer(responder=responder) as server, Client(server.url) as client:
        began = time.monotonic()
        results = client.map(["a", "b"], max_per_minute=15)

        assert next(results).text == "fine"
        assert time.monotonic() - began < 3
        assert len(responder.turns) == 1
        results.close()


def test_answer_that_somebody_stopped_is_no_whole_one():
    responder = Scripted(Script(tokens=["so ", "far ", *["x"] * 200], delay=0.05))
    with LocalServer(responder=responder) as server, Client(server.url) as client:
        found = []
        reading = threading.Thread(target=lambda: found.extend(client.map(["a"])))
        reading.start()
        wait_for(lambda: responder.turns)
        time.sleep(0.5)
        for conversation_id in client.conversations:
            client.stop(conversation_id)
        reading.join(20)

        [result] = found
        assert isinstance(result.error, IncompleteAnswer)
        assert result.text.startswith("so far") and result.text == result.error.partial


def test_ended_map_begins_nothing_more_and_yields_what_runs():
    responder = Scripted(Script(tokens=["so ", "far"], delay=0.2))
    with LocalServer(responder=responder) as server, Client(server.url) as client:
        prompts = [str(number) for number in range(20)]
        asking = Map(client, prompts, workers=2, ordered=False)
        results = asking.results()
        first = next(results)
        begun = len(responder.turns)
        asking.end()

        rest = list(results)

        assert len(responder.turns) <= begun + 1
        assert len(rest) + 1 == len(responder.turns)
        assert {one.text for one in [first, *rest]} == {"so far"}


@pytest.mark.parametrize("temporary", [True, False])
def test_title_behind_the_answer_costs_no_connection(temporary):
    responder = Scripted(["fine"], title="T", title_seconds=0.03)
    with LocalServer(responder=responder) as server, Client(server.url) as client:
        prompts = [str(number) for number in range(24)]

        found = list(client.map(prompts, workers=3, temporary=temporary))

        assert {one.text for one in found} == {"fine"}
        assert server.connections < 10  # without it: one a prompt


def test_late_title_is_waited_for_a_tenth_of_a_second():
    responder = Scripted(["fine"], title="T", title_seconds=3)
    with LocalServer(responder=responder) as server, Client(server.url) as client:
        began = time.monotonic()

        list(client.map(["a", "b", "c"], workers=1))

        assert time.monotonic() - began < 3


@pytest.mark.parametrize("model", [None, "omni"])
def test_settings_are_read_once_for_a_map_and_each_prompt_takes_three_requests(model):
    with LocalServer(responder=Scripted(["fine"])) as server, Client(server.url) as client:
        client.models()
        before = len(server.requests)

        list(client.map([str(number) for number in range(20)], workers=8, model=model))

        seen = [one.path for one in server.requests[before:]]
        assert len([path for path in seen if "settings" in path]) == 1
        assert len(seen) == 61


@pytest.mark.usefixtures("hurried")
def test_settings_are_read_again_after_a_conversation_that_was_not_begun():
    # what a lapsed session reads are the defaults of nobody
    responder = Scripted(["fine"])
    with LocalServer(responder=responder) as server, Client(server.url) as client:
        told = requests.get(f"{server.url}/api/v2/user/settings", timeout=9).json()
        told["json"]["activeModel"] = "local/vision"
        kind = {"Content-Type": "application/json"}
        nobody = Fault("GET", "/settings$", status=200, body=json.dumps(told), headers=kind)
        server.faults.add(nobody)
        server.faults.add(Fault("POST", "/conversation$", drop="before"))

        found = list(client.map(["a", "b", "c"], workers=1, temporary=False))

        assert [one.text for one in found] == [None, "fine", "fine"]
        models = {client.conversation(one.conversation_id).model for one in found[1:]}
        assert models == {"omni"}  # the active one of the account


def test_result_is_a_record_like_others():
    with LocalServer(responder=Scripted(["fine"])) as server, Client(server.url) as client:
        [found] = client.map([{"prompt": "a", "id": {"row": 3}}])

        assert found.to_dict() == {
            "index": 0, "id": {"row": 3}, "prompt": "a", "text": "fine", "error": None,
            "seconds": found.seconds, "conversation_id": found.conversation_id, "asked": True,
        }  # fmt: skip
