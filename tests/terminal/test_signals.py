"""Signals end a command as Ctrl-C does: the run is stopped, and nothing is lost or left behind."""

from __future__ import annotations

import functools
import os
import signal
import threading
import time

import pytest
from forking import ignore
from sampling import some

from hugchat_sync.local.testing import Fault, Script
from hugchat_sync.terminal import main

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")

SLOW = Script(tokens=[f"word{number} " for number in range(200)], delay=0.05)
SENDING = r"/conversation/[0-9a-f]{24}$"
CREATING = r"/conversation$"
CODES = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


def wait_for(condition, seconds=15):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def stops(server):
    return [seen for seen in server.requests if seen.path.endswith("stop-generating")]


def asked(server):
    return bool(server.responder.turns)


@pytest.fixture
def asking(start, scripted):
    """Ask a slow server; gives the server and the program once some of the answer is there."""

    def begin(*words, fault=None):
        server = scripted(SLOW)
        if fault is not None:
            server.faults.add(fault)
        process = start("ask", "x", "--no-input", *words, "--base-url", server.url)
        wait_for(lambda: asked(server))
        time.sleep(0.5)
        return server, process

    return begin


SHOWN = [["--stream"], ["--no-stream"], ["--json"]]


@pytest.mark.parametrize(
    ("words", "sent", "code"),
    some(
        [(words, *ended) for words in SHOWN for ended in CODES],
        [
            (SHOWN[0], *CODES[0]),
            (SHOWN[1], *CODES[0]),
            (SHOWN[0], *CODES[1]),
            (SHOWN[2], *CODES[2]),
        ],
    ),
)
def test_run_is_stopped_and_what_came_is_shown(asking, sent, code, words):
    server, process = asking(*words)
    time.sleep(0.2)

    process.send_signal(sent)

    out, err = process.communicate(timeout=15)
    assert (process.returncode, err) == (code, b"")
    assert out.count(b"word3 ") == 1 and b"word199" not in out
    assert len(stops(server)) == 1


@pytest.mark.parametrize(("sent", "code"), CODES)
def test_temporary_conversation_is_removed(asking, sent, code):
    server, process = asking("--temporary")

    process.send_signal(sent)

    out, err = process.communicate(timeout=15)
    assert (process.returncode, err) == (code, b"")
    assert out.startswith(b"word0 ")
    assert [seen.method for seen in server.requests].count("DELETE") == 1


def test_temporary_conversation_that_is_just_being_made_is_removed(start, scripted):
    server = scripted(SLOW)
    server.faults.add(Fault("POST", CREATING, delay=1.0))
    process = start("ask", "x", "--no-input", "--temporary", "--base-url", server.url)
    wait_for(lambda: any(seen.method == "POST" for seen in server.requests))

    process.send_signal(signal.SIGTERM)

    _, err = process.communicate(timeout=15)
    assert (process.returncode, err) == (143, b"")
    assert not asked(server)
    assert [seen.method for seen in server.requests].count("DELETE") == 1


@pytest.mark.parametrize("sent", [signal.SIGHUP, signal.SIGTERM])
def test_signal_that_is_ignored_at_the_start_stays_ignored(start, scripted, sent):
    server = scripted(Script(tokens=["one ", "two"], delay=0.5))
    process = start(
        "ask", "x", "--no-input", "--base-url", server.url,
        preexec_fn=functools.partial(ignore, sent),
    )  # fmt: skip
    wait_for(lambda: asked(server))

    process.send_signal(sent)

    out, err = process.communicate(timeout=15)
    assert (process.returncode, out, err) == (0, b"one two\n", b"")


def test_second_signal_of_one_closed_terminal_cuts_nothing_short(asking):
    server, process = asking(fault=Fault("POST", "stop-generating", delay=0.7))

    process.send_signal(signal.SIGHUP)
    wait_for(lambda: stops(server))
    began = time.monotonic()
    process.send_signal(signal.SIGHUP)

    out, err = process.communicate(timeout=15)
    assert (process.returncode, err) == (129, b"")
    assert time.monotonic() - began > 0.5  # it has waited for the server's word
    assert out.startswith(b"word0 ")


def test_second_ctrl_c_ends_the_wait_and_loses_no_text(asking):
    server, process = asking(fault=Fault("POST", "stop-generating", delay=30))

    process.send_signal(signal.SIGINT)
    wait_for(lambda: stops(server))
    began = time.monotonic()
    process.send_signal(signal.SIGINT)

    out, err = process.communicate(timeout=15)
    assert time.monotonic() - began < 4
    assert (process.returncode, err) == (130, b"")
    assert out.startswith(b"word0 ")


def test_server_that_does_not_answer_holds_no_signal_up(asking):
    _, process = asking(fault=Fault("", "stop-generating", delay=60, times=None))

    process.send_signal(signal.SIGTERM)

    process.communicate(timeout=15)
    assert process.returncode == 143


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_talk_on_a_pipe_is_ended(start, scripted, sent, code):
    server = scripted(SLOW)
    process = start("chat", "--base-url", server.url)
    process.stdin.write(b"one\ntwo\n")
    process.stdin.flush()
    wait_for(lambda: asked(server))
    time.sleep(0.5)

    process.send_signal(sent)

    out, err = process.communicate(timeout=15)
    assert (process.returncode, err) == (code, b"")
    assert out.startswith(b"word0 ")
    assert (len(stops(server)), len(server.responder.turns)) == (1, 1)


def test_full_disk_of_the_answer_stops_the_run(start, scripted):
    if not os.path.exists("/dev/full"):
        pytest.skip("no full device here")
    server = scripted(SLOW)
    with open("/dev/full", "wb") as full:
        process = start("ask", "x", "--no-input", "--stream", "--base-url", server.url, stdout=full)
        _, err = process.communicate(timeout=15)

    assert process.returncode == 1
    assert err.startswith(b"hugchat-sync: ") and err.count(b"\n") == 1
    assert len(stops(server)) == 1


def test_program_in_another_thread_handles_no_signal(answering, capsys):
    before = signal.getsignal(signal.SIGTERM)
    codes = []

    def run():
        codes.append(main(["ask", "x", "--no-input", "--base-url", answering.url]))
        codes.append(signal.getsignal(signal.SIGTERM) is before)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)

    assert codes == [0, True]
    assert capsys.readouterr().out == "Hello, world.\n"


def test_handlers_are_given_back(program, answering):
    before = [signal.getsignal(number) for number, _ in CODES]

    program("ask", "x", "--base-url", answering.url)

    assert [signal.getsignal(number) for number, _ in CODES] == before
