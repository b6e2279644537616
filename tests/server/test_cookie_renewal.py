"""Several processes renew one cookie file, and a writer is killed: nothing is lost or broken."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from hugchat_sync.auth.cookies.store import CookieStore

HUB = "https://huggingface.co/chat"
START = {"token": "t", "hf-chat": "h", "foreign": "f"}

RENEW = """
import os, sys, warnings
from hugchat_sync.auth.cookies.store import CookieStore
path, name, turns = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = CookieStore.read(path, "https://huggingface.co/chat")
warnings.showwarning = lambda *warning, **more: os._exit(1)
print("ready", flush=True)
sys.stdin.readline()
for turn in range(turns):
    store.received(
        "https://huggingface.co/chat/conversation",
        [f"{name}=value-{turn}; Path=/; Max-Age={86400 * (14 + 2 * turn)}"],
    )
"""


def start(path, name, turns):
    return subprocess.Popen(
        [sys.executable, "-c", RENEW, str(path), name, str(turns)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def go(*jobs):
    for job in jobs:
        assert job.stdout.readline().strip() == b"ready"
    for job in jobs:
        job.stdin.write(b"go\n")
        job.stdin.flush()


def close(job):
    job.stdin.close()
    job.stdout.close()
    return job.wait(timeout=30)


@pytest.mark.parametrize("kind", ["json", "netscape"])
def test_four_processes_renew_one_file_and_nothing_is_lost(tmp_path, kind):
    path = tmp_path / "cookies"
    lines = "".join(f"huggingface.co\tFALSE\t/\tFALSE\t0\t{n}\t{v}\n" for n, v in START.items())
    path.write_text(json.dumps(START) if kind == "json" else lines)
    jobs = [start(path, f"job{number}", 25) for number in range(4)]
    go(*jobs)
    assert [close(job) for job in jobs] == [0, 0, 0, 0]

    jar = CookieStore.read(path, HUB).jar.get_dict()
    assert jar == {**START, **{f"job{number}": "value-24" for number in range(4)}}


def test_file_is_whole_whenever_the_writer_is_killed(tmp_path):
    path = tmp_path / "cookies.json"
    deadline = time.monotonic() + 4
    kills = 0
    path.write_text(json.dumps({**START, "padding": "x" * 50000}))
    seen = set()
    while kills < 12 and time.monotonic() < deadline:
        job = start(path, "hf-chat", 10**6)
        go(job)
        until = time.monotonic() + 0.01 + 0.007 * kills
        while time.monotonic() < until:
            json.loads(path.read_text())  # a reader at any moment
        job.kill()
        close(job)
        kills += 1
        found = json.loads(path.read_text())
        seen.add(found.pop("hf-chat"))
        assert found == {"token": "t", "foreign": "f", "padding": "x" * 50000}
        assert len(list(tmp_path.iterdir())) <= 3  # the file, its lock, one that was left behind
    assert kills >= 3
    assert len(seen) > 1

    store = CookieStore.read(path, HUB)  # the lock of a dead process holds up nobody
    store.received(HUB + "/conversation", ["hf-chat=last; Path=/"])
    assert json.loads(path.read_text())["hf-chat"] == "last"
    assert sorted(item.name for item in tmp_path.iterdir()) == [path.name, path.name + ".lock"]
