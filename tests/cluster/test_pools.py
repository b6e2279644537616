"""``Client.map`` over processes of this machine: one message a prompt, whatever dies."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
import requests
from eras.arena import EMBEDDED
from prompts import asked, prompts

from hugchat_sync import Client, UsageError, WorkerLost
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Fault, Script, Scripted

# a process that has threads is warned of its forks
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")

METHODS = [
    method for method in ("fork", "spawn") if method in multiprocessing.get_all_start_methods()
]


@pytest.fixture(params=METHODS, scope="module")
def pool(request):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(request.param)) as running:
        yield running


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as running:
        yield running


@pytest.fixture
def server():
    with LocalServer(responder=Scripted(Script(tokens=["so ", "far"], delay=0.02))) as running:
        yield running


@pytest.fixture
def client(server):
    with Client(server.url) as made:
        yield made


@pytest.mark.parametrize("ordered", [True, False])
def test_processes_answer_each_prompt_once_and_in_order(pool, server, client, ordered):
    found = list(client.map(prompts(24), executor=pool, ordered=ordered))

    assert {(one.text, one.error, one.asked) for one in found} == {("so far", None, True)}
    numbers = [one.index for one in found]
    assert (numbers if ordered else sorted(numbers)) == list(range(24))
    assert set(asked(server).values()) == {1} and len(asked(server)) == 24
    assert client.fetch_conversations() == {}


def test_workers_find_nothing_out_again_and_are_the_same_visitor(pool, server, client):
    found = list(client.map(prompts(24), executor=pool, temporary=False))

    # the era and the settings once, by the caller
    others = [one.path for one in server.requests if "/conversation" not in one.path]
    assert len(others) <= 3, others
    assert set(client.fetch_conversations()) == {one.conversation_id for one in found}
    assert {client.history(one.conversation_id)[-1].text for one in found[:3]} == {"so far"}


def test_workers_keep_their_connections_from_task_to_task(threads, server, client):
    list(client.map(prompts(24), executor=threads))

    assert server.connections <= 8


def test_chunk_is_answered_by_threads_of_one_task():
    responder = Scripted(Script(tokens=["so ", "far"], delay=0.5))
    with LocalServer(responder=responder) as server, Client(server.url) as client:
        tasks = Counting(1)
        with tasks:
            began = time.monotonic()
            found = list(client.map(prompts(8), executor=tasks, chunk=8))

        assert tasks.submitted == 1
        assert time.monotonic() - began < 4
        assert {one.text for one in found} == {"so far"}


class Counting(ThreadPoolExecutor):
    """Counts what is submitted, and remembers how it would be shown."""

    submitted = 0
    most = 0
    shown = ""

    def submit(self, *call):
        self.submitted += 1
        self.shown += repr(call)
        self.contents = [pickle.dumps(part) for part in call[1:]]
        future = super().submit(*call)
        self._open = [one for one in [*getattr(self, "_open", []), future] if not one.done()]
        self.most = max(self.most, len(self._open))
        return future


@pytest.mark.parametrize(("given", "most"), [({}, 6), ({"workers": 2}, 4)])
def test_twice_as_many_tasks_as_workers_are_under_way(server, client, given, most):
    with Counting(3) as tasks:
        list(client.map(prompts(20), executor=tasks, **given))

    assert most - 1 <= tasks.most <= most


def test_nothing_that_is_shown_tells_secrets_or_prompts(server):
    cookies = {"hf-chat": "secret-of-the-session"}
    with Client(server.url, cookies=cookies) as client, Counting(1) as tasks:
        list(client.map(["private words"], executor=tasks))

        assert tasks.shown and "secret" not in tasks.shown and "private" not in tasks.shown
        assert b"secret-of-the-session" in tasks.contents[0]


def test_cookies_stay_at_home_where_that_is_wanted(server, monkeypatch):
    cookies = {"hf-chat": "secret-of-the-session"}
    monkeypatch.setenv("HUGCHAT_SYNC_COOKIES", "hf-chat=secret-of-the-session")
    with Client(server.url, cookies=cookies) as client, Counting(1) as tasks:
        [found] = client.map(["a"], executor=tasks, ship_cookies=False)

        assert not any(b"secret-of-the-session" in content for content in tasks.contents)
        assert found.text == "so far"


def test_prompt_that_cannot_be_pickled_is_a_result_like_others(threads, server, client):
    odd = {"prompt": "odd", "timeout": lambda: 0}

    [wrong, right] = client.map([odd, "fine"], executor=threads)

    assert isinstance(wrong.error, UsageError) and "worker" in str(wrong.error)
    assert right.text == "so far"
    assert client.fetch_conversations() == {}


def test_client_that_cannot_be_pickled_is_refused_at_the_call(threads, server):
    session = requests.Session()
    session.hooks["response"].append(lambda *_, **__: None)
    with Client(server.url, session=session) as client, pytest.raises(UsageError, match="sent"):
        client.map(["a"], executor=threads)


def test_files_are_read_where_the_caller_is(threads, client, server, tmp_path, monkeypatch):
    (tmp_path / "note.txt").write_text("hello", "utf-8")
    monkeypatch.chdir(tmp_path)
    results = client.map([{"prompt": "a", "files": ["note.txt"]}], executor=Moving(threads))

    assert next(results).error is None
    assert [one.name for one in server.responder.turns[0].attachments] == ["note.txt"]


class Moving(ThreadPoolExecutor):
    """Works in another folder."""

    def __init__(self, below):
        self._below = below

    def submit(self, *call):
        os.chdir("/")
        return self._below.submit(*call)


@pytest.mark.parametrize("of_client", [True, False])
def test_pace_holds_over_all_workers(server, of_client):
    given = {"max_per_minute": 240}
    with Client(server.url, **(given if of_client else {})) as client, Counting(4) as tasks:
        began = time.monotonic()
        found = list(client.map(prompts(9), executor=tasks, **({} if of_client else given)))

        assert 1.9 < time.monotonic() - began < 8
        assert {one.text for one in found} == {"so far"}


def test_stopping_holds_over_all_workers(threads, server, client):
    server.faults.add(
        Fault("POST", r"/conversation/[0-9a-f]{24}$", status=402, times=None, body="{}")
    )

    found = list(client.map(prompts(40), executor=threads))

    assert sum(one.asked for one in found) <= 5
    assert {type(one.error).__name__ for one in found} == {"QuotaExceeded"}
    assert client.fetch_conversations() == {}


def test_prompts_of_one_conversation_go_one_after_the_other(pool, server, client):
    where = client.create_conversation()

    found = list(client.map(["a", "b", "a", "a"], executor=pool, conversation_id=where))

    assert {one.text for one in found} == {"so far"}
    assert asked(server) == {"a": 3, "b": 1}
    assert len(client.history(where)) == 8


# what dies ----------------------------------------------------------------------------------


@pytest.mark.skipif(METHODS[:1] != ["fork"], reason="kills processes as POSIX does")
@pytest.mark.parametrize("ordered", [True, False])
def test_broken_pool_ends_no_map_and_doubles_nothing(ordered):
    responder = Scripted(Script(tokens=["so ", "far"], delay=0.2))
    with LocalServer(responder=responder) as server, Client(server.url) as client:
        pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))
        found = []
        for result in client.map(prompts(30), executor=pool, ordered=ordered):
            found.append(result)
            if len(found) == 4:
                os.kill(next(iter(pool._processes)), signal.SIGKILL)
        pool.shutdown()

        assert sorted(one.index for one in found) == list(range(30))
        assert {one.error and type(one.error) for one in found} == {None, WorkerLost}
        never = {one.prompt for one in found if not one.asked}
        assert len(never) > 15
        assert not never & set(asked(server))
        assert set(asked(server).values()) == {1}
        assert client.fetch_conversations() == {}


class Twice(ThreadPoolExecutor):
    """Runs each task a second time, as when a worker died; *between* comes before."""

    def __init__(self, between=lambda: None):
        super().__init__(2)
        self._between = between
        self.futures = []

    def submit(self, call, *given):
        def again(*given):
            call(*given)
            self._between()
            return call(*given)

        self.futures.append(super().submit(again, *given))
        return self.futures[-1]

    def shutdown(self, *given, **options):
        super().shutdown(*given, **options)
        assert [one.exception() for one in self.futures] == [None] * len(self.futures)


def test_task_that_runs_again_finds_its_own_answer(server, client):
    with Twice() as tasks:
        found = list(client.map(prompts(6), executor=tasks))

    assert {(one.text, one.error) for one in found} == {("so far", None)}
    assert set(asked(server).values()) == {1}


@pytest.mark.parametrize("era", ["v2-2025", "lines-2023"])
def test_task_that_runs_again_takes_no_answer_of_another_question(era):
    # the same question, and one of somebody else, have answers in that conversation as well
    responder = Scripted(["of before"], ["its own"], ["of somebody else"])
    with EMBEDDED[era](responder=responder) as server, Client(server.url) as client:
        where = client.create_conversation()
        client.ask("a", where)

        def somebody_else():
            with Client(server.url, cookies=client.cookies) as other:
                other.ask("b", where)

        with Twice(somebody_else) as tasks:
            [found] = client.map(["a"], executor=tasks, conversation_id=where)

        assert found.text == "its own"
        # lines-2023 does not keep whether an answer is whole
        assert type(found.error) is (type(None) if era == "v2-2025" else WorkerLost)
        assert asked(server) == {"a": 2, "b": 1}


def test_task_that_runs_again_takes_the_latest_try_of_its_answer():
    responder = Scripted(["first try"], ["second try"])
    with LocalServer(responder=responder) as server, Client(server.url) as client:

        def again():
            [where] = client.fetch_conversations()
            with Client(server.url, cookies=client.cookies) as other:
                other.retry(other.conversation(where).messages[-1].id, where).text()

        with Twice(again) as tasks:
            [found] = client.map(["a"], executor=tasks)

    assert (found.text, found.error) == ("second try", None)


def test_task_that_runs_again_knows_its_question_though_the_server_spells_it_otherwise():
    with LocalServer(responder=Scripted(["fine"])) as server, Client(server.url) as client:

        def spell():
            [where] = client.fetch_conversations()
            path = f"/api/v2/conversations/{where}"
            told = requests.get(server.url + path, cookies=client.cookies, timeout=9).text
            told = told.replace(json.dumps("a"), json.dumps("spelled otherwise"))
            assert "spelled otherwise" in told
            kind = {"Content-Type": "application/json"}
            server.faults.add(Fault("GET", path, status=200, body=told, headers=kind, times=None))

        with Twice(spell) as tasks:
            [found] = client.map(["a"], executor=tasks)

        assert (found.text, found.error) == ("fine", None)
        assert asked(server) == {"a": 1}


@pytest.mark.parametrize("is_given", [False, True])
def test_conversation_that_was_made_for_an_unasked_prompt_is_removed_and_a_given_one_is_kept(
    client, is_given
):
    where = client.create_conversation() if is_given else None
    tasks = ThreadPoolExecutor(1)
    tasks.shutdown()

    [found] = client.map(["a"], executor=tasks, temporary=False, conversation_id=where)

    assert not found.asked
    assert list(client.fetch_conversations()) == ([where] if is_given else [])


def test_executor_that_takes_no_work_is_a_result_of_each(server, client):
    tasks = ThreadPoolExecutor(1)
    tasks.shutdown()

    found = list(client.map(["a", "b"], executor=tasks))

    assert [(type(one.error), one.asked) for one in found] == [(WorkerLost, False)] * 2
    assert client.fetch_conversations() == {}


FACTORY = """
from concurrent.futures import ProcessPoolExecutor
import multiprocessing

def make():
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))
"""


@pytest.fixture
def factory(tmp_path):
    (tmp_path / "mine.py").write_text(FACTORY, "utf-8")


def test_batch_in_an_executor_of_the_user(factory, start, server, tmp_path):
    process = start(server, "--executor", "mine:make")
    _, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert set(asked(server)) == set(prompts(12))
    assert (tmp_path / "out.jsonl").read_text("utf-8").count('"so far"') == 12


@pytest.mark.parametrize("name", ["mine", "mine:nothing", "nowhere:make", "os:getcwd"])
def test_executor_that_is_none_is_told(factory, program, server, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)

    before = list(sys.path)

    done = program("batch", "-", "-", "--executor", name, "--base-url", server.url, stdin='"a"\n')

    assert done.code == 2
    assert "--executor" in done.err and "Traceback" not in done.err
    assert not asked(server)
    assert sys.path == before


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="sends signals as POSIX does")
def test_ctrl_c_ends_a_batch_and_its_workers_runs(factory, start, tmp_path):
    responder = Scripted(["fast"], Script(tokens=["slow "] * 200, delay=0.1))
    with LocalServer(responder=responder) as server:
        process = start(server, "--executor", "mine:make")
        end = time.monotonic() + 60
        while len(responder.turns) < 3:
            assert time.monotonic() < end
            time.sleep(0.05)

        os.killpg(process.pid, signal.SIGINT)  # the terminal sends it to the workers, too
        _, err = process.communicate(timeout=60)

        assert process.returncode == 130, err
        assert "slow" not in (tmp_path / "out.jsonl").read_text("utf-8")
        begun = len(responder.turns)
        time.sleep(0.5)
        assert len(responder.turns) == begun
