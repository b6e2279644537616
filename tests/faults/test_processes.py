"""The end of the interpreter while an answer hangs, and forked children."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Iterator

import pytest

from hugchat_sync.local import LocalServer, Script, Scripted

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
