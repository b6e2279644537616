"""``Client.map`` on a real Dask cluster, whose workers and scheduler are killed."""

from __future__ import annotations

import signal
import time
from collections import Counter

import pytest
from prompts import asked, prompts

from hugchat_sync import Client, WorkerLost
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Script, Scripted

pytestmark = pytest.mark.filterwarnings("default")  # what Dask warns of is its own affair


def served(delay=0.05):
    return LocalServer(responder=Scripted(Script(tokens=["so ", "far"], delay=delay)))


@pytest.mark.parametrize("ordered", [True, False])
def test_prompts_are_answered_once_though_workers_are_killed(cluster, ordered):
    made, dask = cluster(workers=4)
    with served(0.15) as server, Client(server.url) as client:
        found = []
        for result in client.map(prompts(60), executor=dask.get_executor(), ordered=ordered):
            found.append(result)
            if len(found) == 6:
                made.workers[0].kill()
                made.workers[1].kill()

        assert {(one.text, one.error) for one in found} == {("so far", None)}
        assert sorted(one.index for one in found) == list(range(60))
        assert asked(server) == Counter(prompts(60))
        assert client.fetch_conversations() == {}


def test_lost_scheduler_ends_no_map_and_what_was_not_begun_says_so(cluster):
    made, dask = cluster()
    with served(0.15) as server, Client(server.url) as client:
        found = []
        for result in client.map(prompts(40), executor=dask.get_executor(), ordered=False):
            found.append(result)
            if len(found) == 6:
                made.scheduler.kill()

        assert sorted(one.index for one in found) == list(range(40))
        assert {one.error and type(one.error) for one in found} == {None, WorkerLost}
        never = {one.prompt for one in found if not one.asked}
        assert len(never) > 20
        assert not never & set(asked(server))
        assert set(asked(server).values()) == {1}
        assert client.fetch_conversations() == {}


def test_one_client_a_worker_and_the_window_of_the_cluster(cluster):
    _, dask = cluster(workers=2, threads=3)
    responder = Scripted(Script(tokens=["so ", "far"], delay=0.4))
    with LocalServer(responder=responder) as server, Client(server.url) as client:
        began = time.monotonic()
        found = list(client.map(prompts(24), executor=dask.get_executor()))

        assert {one.text for one in found} == {"so far"}
        assert time.monotonic() - began < 16  # six at a time take 3.2, one at a time 19.2
        others = [one.path for one in server.requests if "/conversation" not in one.path]
        assert len(others) <= 3, others


def test_chunks_keep_the_threads_of_a_task_busy(cluster):
    _, dask = cluster()
    with served(0.2) as server, Client(server.url) as client:
        began = time.monotonic()
        found = list(client.map(prompts(40), executor=dask.get_executor(), chunk=10))

        assert {one.text for one in found} == {"so far"}
        assert time.monotonic() - began < 8  # two at a time take 8


def test_batch_on_a_cluster_can_be_interrupted_and_goes_on(cluster, start, tmp_path):
    made, _ = cluster()
    (tmp_path / "in.txt").write_text("\n".join(prompts(30)), "utf-8")
    with served(0.15) as server:
        first = start(server, "--dask", made.address)
        end = time.monotonic() + 60
        while len(asked(server)) < 6:
            assert time.monotonic() < end
            time.sleep(0.05)
        first.send_signal(signal.SIGINT)
        _, err = first.communicate(timeout=60)
        second = start(server, "--dask", made.address)
        _, later = second.communicate(timeout=120)

        assert first.returncode == 130, err
        assert second.returncode == 0, later
        lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
        assert len(lines) == 30 and all('"so far"' in line for line in lines)


def test_cluster_that_is_not_there_is_told(start):
    pytest.importorskip("distributed", reason="needs the extra cluster-test")
    with served() as server:
        process = start(server, "--dask", "tcp://127.0.0.1:1")
        _, err = process.communicate(timeout=60)

        assert process.returncode == 5
        assert b"127.0.0.1:1" in err and b"Traceback" not in err
        assert asked(server) == {}
