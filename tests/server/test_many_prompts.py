"""``Client.map``: what is begun, and when."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from hugchat_sync import Client
from hugchat_sync.batch import Map
from hugchat_sync.errors import IncompleteAnswer
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Script, Scripted


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
