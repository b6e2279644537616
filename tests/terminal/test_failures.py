"""How a run ends when something fails: exit codes, one line on stderr, and no text lost."""

from __future__ import annotations

import re
import signal
import socket
import sys
import time

import pytest
from sampling import each

from hugchat_sync import errors
from hugchat_sync.local.testing import Fault, Script
from hugchat_sync.terminal.exits import exit_code

SLOW = Script(tokens=[f"word{number} " for number in range(200)], delay=0.05)
SENDING = re.compile(r"/conversation/[0-9a-f]{24}$")


@each(
    ("error", "code"),
    [
        (errors.UsageError(), 2),
        (errors.ModelNotFound(), 2),
        (errors.ConversationNotExistError(), 2),
        (errors.AuthError(), 3),
        (errors.SessionExpired(), 3),
        (errors.WrongPassword(), 3),
        (errors.RateLimited(), 4),
        (errors.ConversationLimit(), 4),
        (errors.QuotaExceeded(), 4),
        (errors.ModelOverloaded(), 4),
        (errors.ServerError(), 5),
        (errors.NotFound(), 5),
        (errors.Unavailable(), 5),
        (errors.ConnectionFailed(), 5),
        (errors.GenerationError(), 5),
        (errors.IncompleteAnswer(), 5),
        (errors.ProtocolError(), 5),
        (errors.TimedOut(), 6),
        (errors.FeatureUnavailable(), 1),
        (errors.HugChatError(), 1),
    ],
)
def test_exit_code_of_each_error(error, code):
    assert exit_code(error) == code


def one_line(text):
    return text.startswith("hugchat-sync: ") and text.count("\n") == 1


def test_no_network_is_5(program):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    done = program("ask", "x", "--base-url", f"http://127.0.0.1:{port}/chat")

    assert (done.code, done.out) == (5, "")
    assert one_line(done.err)


def test_missing_cookie_file_is_2(program, answering):
    done = program("ask", "x", "--cookies", "/nowhere/cookies.json", "--base-url", answering.url)

    assert (done.code, done.out) == (2, "")
    assert one_line(done.err)
    assert answering.requests == []


def test_cookie_file_that_holds_none_is_2(program, answering, tmp_path):
    (tmp_path / "c.txt").write_text("nothing of that kind", "utf-8")

    done = program("ls", "--cookies", str(tmp_path / "c.txt"), "--base-url", answering.url)

    assert (done.code, done.out) == (2, "")
    assert one_line(done.err)


def test_account_that_never_signed_in_is_3(program, answering):
    done = program("ask", "x", "--email", "a@b.example", "--base-url", answering.url)

    assert (done.code, done.out) == (3, "")
    assert "hugchat-sync login" in done.err


def test_plain_http_of_another_machine_is_2(program):
    done = program("ls", "--base-url", "http://chat.example/chat")

    assert done.code == 2
    assert one_line(done.err)


def test_server_that_wants_a_sign_in_is_3(program, scripted):
    server = scripted([], token="the-token")

    done = program("ask", "x", "--base-url", server.url)

    assert (done.code, done.out) == (3, "")
    assert one_line(done.err)


def test_rate_limit_is_4_at_once_and_leaves_no_empty_conversation(program, scripted, owner):
    server = scripted(["ok"])
    assert program("ask", "x", "--base-url", server.url).code == 0
    body = '{"message":"You are sending too many messages. Try again later."}'
    server.faults.add(Fault("POST", SENDING.pattern, status=429, body=body))
    before = time.monotonic()

    done = program("ask", "x", "--base-url", server.url)

    assert (done.code, done.out) == (4, "")
    assert time.monotonic() - before < 10
    assert one_line(done.err)
    assert len(owner(server).fetch_conversations()) == 1


def test_failed_answer_is_5_and_what_had_come_is_printed(program, scripted):
    server = scripted(Script(tokens=("so", " far"), error="the model fell over"))

    done = program("ask", "x", "--base-url", server.url)

    assert (done.code, done.out) == (5, "so far\n")
    assert one_line(done.err)


@pytest.mark.parametrize("words", [["--no-stream"], ["--stream"]])
def test_failed_answer_on_a_pipe_leaves_one_copy(start, scripted, words):
    server = scripted(Script(tokens=("Hello", ",", " world", "."), error="no", delay=0.1))

    out, _ = start("ask", "x", "--no-input", *words, "--base-url", server.url).communicate()

    assert out == b"Hello, world.\n"


def test_failed_answer_with_x_prints_no_half_program(program, scripted):
    server = scripted(Script(tokens=("```\n", "rm -rf x", "/tmp"), error="the model fell over"))

    done = program("ask", "x", "-x", "--base-url", server.url)

    assert (done.code, done.out) == (5, "")
    assert "rm -rf x/tmp" in done.err


def test_overloaded_model_is_4(program, scripted):
    server = scripted(Script(tokens=("so",), error="overloaded", error_status=429))

    done = program("ask", "x", "--base-url", server.url)

    assert (done.code, done.out) == (4, "so\n")


def test_timeout_is_6_and_what_had_come_is_printed(program, scripted):
    server = scripted(Script(tokens=("so", " far"), hang=True))

    done = program("ask", "x", "--timeout", "1.5", "--base-url", server.url)

    assert (done.code, done.out) == (6, "so far\n")
    assert one_line(done.err)


def test_temporary_conversation_is_removed_after_a_failure(program, scripted, owner):
    server = scripted(["fine"], Script(error="no"))
    program("ask", "x", "--base-url", server.url)

    done = program("ask", "x", "--temporary", "--base-url", server.url)

    assert done.code == 5
    assert len(owner(server).fetch_conversations()) == 1


def test_search_where_there_is_none_is_1(program, scripted):
    server = scripted(["fine"])
    server.faults.add(Fault("GET", "/api/mcp/servers", status=200, body="[]", times=None))

    done = program("ask", "x", "-w", "--base-url", server.url)

    assert (done.code, done.out) == (1, "")


def test_verbose_tells_what_is_sent_and_no_secret(program, answering, tmp_path):
    file = tmp_path / "c.json"
    file.write_text('{"hf-chat": "planted-secret"}', "utf-8")

    done = program("--verbose", "ask", "x", "--cookies", str(file), "--base-url", answering.url)

    assert (done.code, done.out) == (0, "Hello, world.\n")
    assert "POST http://127.0.0.1" in done.err
    assert "planted-secret" not in done.err


def test_missing_flask_names_the_extra(program, monkeypatch):
    for name in [one for one in sys.modules if one.startswith("hugchat_sync.local")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("hugchat_sync.local", raising=False)
    monkeypatch.setitem(sys.modules, "flask", None)

    done = program("--local", "ask", "x")

    assert (done.code, done.out) == (1, "")
    assert one_line(done.err)
    assert "hugchat-sync[local]" in done.err


# in a process of its own ---------------------------------------------------------------------


def read_first(process):
    return process.stdout.read(len("word0 "))


def last_answer(client):
    [conversation_id] = client.fetch_conversations()
    return client.conversation(conversation_id).messages[-1]


def test_stream_arrives_over_time(start, scripted):
    server = scripted(Script(tokens=["word0 ", "later"], delay=1.0))
    process = start("ask", "x", "--no-input", "--stream", "--base-url", server.url)

    assert read_first(process) == b"word0 "
    first = time.monotonic()
    assert process.stdout.read() == b"later\n"
    assert time.monotonic() - first > 0.6
    assert process.wait(10) == 0


@pytest.mark.parametrize("era", ["v2-2025", "lines-2023"])
def test_ctrl_c_stops_the_run_on_the_server(start, scripted, owner, era):
    server = scripted(SLOW, era=era)
    process = start("ask", "x", "--no-input", "--stream", "--base-url", server.url)
    read_first(process)

    process.send_signal(signal.SIGINT)

    out, err = process.communicate(timeout=10)
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert b"word199" not in out
    if era == "v2-2025":  # the other one stops when its connection is closed
        assert any("stop" in seen.path for seen in server.requests)
    first = last_answer(owner(server)).text
    time.sleep(1.0)
    assert first.startswith("word0 ") and last_answer(owner(server)).text == first


def test_ctrl_c_loses_no_text_where_nothing_was_streamed(start, scripted):
    server = scripted(SLOW)
    process = start("ask", "x", "--no-input", "--base-url", server.url)
    wait_for(lambda: is_sending(server))
    time.sleep(0.7)

    process.send_signal(signal.SIGINT)

    out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (130, b"")
    assert out.startswith(b"word0 ")


def test_ctrl_c_while_the_question_is_being_sent(start, scripted, owner):
    server = scripted(SLOW)
    server.faults.add(Fault("POST", SENDING.pattern, delay=1.0))
    process = start("ask", "x", "--no-input", "--base-url", server.url)
    wait_for(lambda: is_sending(server))

    process.send_signal(signal.SIGINT)

    _, err = process.communicate(timeout=10)
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert any("stop" in seen.path for seen in server.requests)


def is_sending(server):
    return any(SENDING.search(seen.path) for seen in server.requests if seen.method == "POST")


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_closed_pipe_ends_quietly_and_stops_the_run(start, scripted):
    server = scripted(SLOW)
    process = start("ask", "x", "--no-input", "--stream", "--base-url", server.url)
    read_first(process)

    process.stdout.close()

    assert process.wait(10) == 0
    assert process.stderr.read() == b""
    assert any("stop" in seen.path for seen in server.requests)


def test_closed_pipe_of_a_list_ends_quietly(start, answering):
    process = start("models", "--json", "--base-url", answering.url)
    process.stdout.close()

    assert process.wait(10) == 0
    assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("headers", "status", "said", "unsaid"),
    [
        ({"cf-mitigated": "challenge"}, 403, "login --cookies FILE", "sign in with"),
        ({"WWW-Authenticate": "Basic"}, 401, "session.auth", "hugchat-sync login"),
    ],
)
def test_what_stands_before_a_server_is_told_with_what_helps(
    program, scripted, headers, status, said, unsaid
):
    server = scripted(["x"], faults=[Fault(status=status, headers=headers, body="", times=None)])

    done = program("ask", "x", "--base-url", server.url)

    assert (done.code, done.out) == (3, "")
    assert said in done.err
    assert unsaid not in done.err
