"""The end of the interpreter while an answer hangs, and forked children."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Iterator

import pytest

from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Fault, Script, Scripted

HANGING = Script(tokens=("Half ",), hang=True)
SLOW = Script(tokens=tuple(f"{number} " for number in range(10)), delay=0.03)


@pytest.fixture
def hanging() -> Iterator[LocalServer]:
    with LocalServer(responder=Scripted(HANGING)) as server:
        yield server


@pytest.fixture
def slow() -> Iterator[LocalServer]:
    with LocalServer(responder=Scripted(SLOW, Script(tokens=("Second.",)))) as server:
        yield server


def run(program: str, *arguments: str) -> tuple[float, subprocess.CompletedProcess[str]]:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
    )
    return time.monotonic() - began, done


LEAVE = {
    "polled": "message.isDone()",
    "waited for": """
try:
    message.wait(0.1)
except TimedOut:
    pass""",
    "begun": "next(message.tokens())",
    "dropped": "del message",
    "read by a thread": "threading.Thread(target=message.text, daemon=True).start()",
}


@pytest.mark.parametrize("way", LEAVE)
def test_interpreter_ends_with_a_hanging_stream(hanging: LocalServer, way: str) -> None:
    program = f"""
import sys, threading, time
from hugchat_sync import Client, TimedOut
client = Client(sys.argv[1], model="local/plain", dialect="v2-2025")
message = client.chat("hi", client.create_conversation(system_prompt=""))
{LEAVE[way]}
time.sleep(0.1)
print(time.time())
"""
    _, done = run(program, hanging.url)
    assert time.time() - float(done.stdout) < 2
    assert (done.returncode, done.stderr) == (0, "")


FORK = """
import os, sys, time
from hugchat_sync import Client, UsageError
client = Client(sys.argv[1], model="local/plain", dialect="v2-2025")
place = client.create_conversation(system_prompt="")
message = client.chat("first", place)
next(message.tokens())
if sys.argv[2] == "polled":
    message.isDone()
child = os.fork()
if child == 0:
    failed = []
    for read in (message.text, message.wait, message.getFinalText, lambda: list(message)):
        try:
            read()
        except UsageError:
            pass
        else:
            failed.append(read)
    assert message.done and isinstance(message.error, UsageError), message.error
    assert "failed" in repr(message)
    if sys.argv[3] == "closed":
        message.close()
        client.close()
    else:
        assert client.ask("second", place) == "Second."  # waits for the run of the parent
    os._exit(len(failed))
text = message.text()
_, status = os.waitpid(child, 0)
assert status == 0, status
print(text, [entry.text for entry in client.history(place)])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("polled", ["polled", "read"])
@pytest.mark.parametrize("after", ["closed", "asked"])
def test_forked_child_leaves_the_answer_alone(slow: LocalServer, polled: str, after: str) -> None:
    whole = "".join(SLOW.tokens).rstrip()
    _, done = run(FORK, slow.url, polled, after)
    assert (done.returncode, done.stderr) == (0, "")
    texts = ["first", whole] + (["second", "Second."] if after == "asked" else [])
    assert done.stdout == f"{whole} {texts}\n"


SHARED = """
import os, sys
from hugchat_sync import Client
client = Client(sys.argv[1], model="local/plain", dialect="v2-2025")
client.models()
child = os.fork()
if child == 0:
    client.models()
    os._exit(0)
os.waitpid(child, 0)
client.models()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_child_does_not_write_into_its_parents_connection(slow: LocalServer) -> None:
    _, done = run(SHARED, slow.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert slow.connections == 2


FORKED_FUTURE = """
import os, sys
from hugchat_sync import HuggingChat
bot = HuggingChat(sys.argv[1], timeout=20).getBot()
bot.createConversation(wait=False).result(20)
child = os.fork()
if child == 0:
    made = bot.createConversation(wait=False).result(20)
    os._exit(0 if made in bot.conversations else 1)
_, status = os.waitpid(child, 0)
assert status == 0, status
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_future_runs_in_a_forked_child(slow: LocalServer) -> None:
    _, done = run(FORKED_FUTURE, slow.url)
    assert (done.returncode, done.stderr) == (0, "")


#: what the parent is in the middle of when it forks, and what the child does
MIDDLES = {
    "finding out the era": ("feature-flags", "client.models()", "client.models()"),
    "creating": ("/conversation$", "client.ask('one')", "client.ask('two')"),
    "sending": (
        "/conversation/[0-9a-f]{24}$",
        "client.ask('one', place)",
        "client.ask('two', place)",
    ),
    "reading": (
        "/api/v2/conversations/[0-9a-f]{24}$",
        "client.history(place)",
        "client.history(place)",
    ),
    "spacing its messages": ("settings", "paced.ask('one')", "paced.ask('two')"),
}

FORKED_MIDDLE = """
import os, sys, threading, time
from hugchat_sync import Client, Timeout
url, first, second = sys.argv[1:4]
timeout = Timeout(total=20)
client = Client(url, timeout=timeout, cookies={"hf-chat": "somebody"})
paced = Client(url, timeout=timeout, cookies={"hf-chat": "somebody"}, max_per_minute=6000)
place = Client(url, cookies={"hf-chat": "somebody"}).create_conversation()
open(sys.argv[4], "w").close()  # from here on the server is slow
thread = threading.Thread(target=lambda: eval(first))
thread.start()
time.sleep(0.3)
child = os.fork()
if child == 0:
    eval(second)
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
thread.join(20)
assert not thread.is_alive()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("middle", MIDDLES)
def test_lock_of_the_parent_does_not_hang_a_forked_child(middle: str, tmp_path: Path) -> None:
    path, first, second = MIDDLES[middle]
    mark = tmp_path / "mark"
    with LocalServer(responder=Scripted(Script(tokens=("Yes.",)))) as server:

        def slow_down() -> None:
            while not mark.exists():
                time.sleep(0.01)
            server.faults.add(Fault(path=path, delay=1.0, times=None))

        threading.Thread(target=slow_down, daemon=True).start()
        _, done = run(FORKED_MIDDLE, server.url, first, second, str(mark))
    assert (done.returncode, done.stderr) == (0, "")


FORKED_SEND = """
import os, sys, threading, time
from hugchat_sync import Client
client = Client(sys.argv[1], timeout=20)
place = client.create_conversation()
texts = []
thread = threading.Thread(target=lambda: texts.append(client.ask("first", place)))
thread.start()
time.sleep(0.3)
child = os.fork()
if child == 0:
    client.close()
    os._exit(0)
_, status = os.waitpid(child, 0)
thread.join(20)
print(status, *texts)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_closing_in_a_forked_child_ends_nothing_of_the_parent(slow: LocalServer) -> None:
    slow.faults.add(Fault("POST", "/conversation/[0-9a-f]{24}$", delay=0.6))
    _, done = run(FORKED_SEND, slow.url)
    whole = "".join(SLOW.tokens).rstrip()
    assert (done.stdout, done.returncode, done.stderr) == (f"0 {whole}\n", 0, "")
