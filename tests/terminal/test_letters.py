"""Letters, names and paths where the locale, the stream or the file system is poor."""

from __future__ import annotations

import json
import os
import time

import pytest

from hugchat_sync import Client
from hugchat_sync.errors import UsageError

TITLE = "a rocket \U0001f680 \u6f22"
POOR = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii"}  # fmt: skip
POSIX = pytest.mark.skipif(os.name != "posix", reason="names that are bytes are of POSIX")


@pytest.fixture
def run(completed):
    def in_this_environment(*words, stdin=b"", **environment):
        return completed(*words, stdin=stdin, env={**os.environ, **environment})

    return in_this_environment


def turns(server):
    return server.responder.turns


def shown_as_json(ask, encoding):
    """Ask, list and show; *ask* runs the program and returns what it printed."""
    ask("ask", "\u00e9?")
    [one] = json.loads(ask("ls", "--json", encoding=encoding))
    shown = json.loads(ask("show", one["id"], "--json", encoding=encoding))
    asked = ask("ask", "x", "--json", encoding=encoding).splitlines()

    assert one["title"] == TITLE
    texts = [entry["text"] for entry in shown]
    assert texts == ["\u00e9?", "said \U0001f600 \u2192 \u00e9"]
    assert json.loads(asked[-1])["text"] == texts[1]


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "utf-8", "utf-16", "latin-1"])
def test_json_is_json_in_every_encoding(program, scripted, encoding):
    server = scripted(["said \U0001f600 \u2192 \u00e9"], title=TITLE)

    def ask(*words, encoding="utf-8"):
        return program("--base-url", server.url, *words, encoding=encoding).out

    shown_as_json(ask, encoding)


def test_json_is_json_in_the_encoding_of_the_environment(run, scripted):
    server = scripted(["said \U0001f600 \u2192 \u00e9"], title=TITLE)

    def ask(*words, encoding="utf-8"):
        done = run("--base-url", server.url, *words, PYTHONIOENCODING=encoding)
        return done.stdout.decode(encoding)

    shown_as_json(ask, "cp1252")


@POSIX
@pytest.mark.parametrize("poor", [POOR, {**POOR, "PYTHONIOENCODING": ""}], ids=["ascii", "none"])
def test_words_and_stdin_are_utf8_in_the_c_locale(run, answering, poor):
    question = "Gr\u00fc\u00dfe \u6f22 \U0001f680"

    done = [
        run("ask", question, "-s", question, "--no-input", "--base-url", answering.url, **poor),
        run("ask", "--base-url", answering.url, stdin=question.encode(), **poor),
        run("ask", "--no-input", "--base-url", answering.url, question, **poor),
        run("chat", "--base-url", answering.url, stdin=f"\ufeff{question}\n".encode(), **poor),
    ]

    assert [(one.returncode, one.stderr) for one in done] == [(0, b"")] * 4
    assert [turn.prompt for turn in turns(answering)] == [question] * 4
    assert turns(answering)[0].system_prompt == question


@POSIX
def test_file_with_letters_is_attached_in_the_c_locale(run, answering, tmp_path):
    file = tmp_path / "gr\u00fc\u00dfe.txt"
    file.write_text("remember the milk", "utf-8")

    done = [
        run("ask", "x", "--no-input", "-f", str(file), "--base-url", answering.url, **POOR),
        run("chat", "--base-url", answering.url, stdin=f"/file {file}\nx\n".encode(), **POOR),
    ]

    assert [one.returncode for one in done] == [0, 0], done
    names = [[one.name for one in turn.attachments] for turn in turns(answering)]
    assert names == [["gr\u00fc\u00dfe.txt"]] * 2


@POSIX
def test_line_of_a_talk_that_is_no_utf8_is_told_and_the_talk_goes_on(run, answering):
    done = run("chat", "--base-url", answering.url, stdin=b"a \xff\nfine\n")

    assert done.returncode == 2
    assert b"UTF-8" in done.stderr and b"Traceback" not in done.stderr
    assert [turn.prompt for turn in turns(answering)] == ["fine"]


@POSIX
@pytest.mark.parametrize(
    "words",
    [
        ["ask", "x", "--no-input", "-f", "NAME"],
        ["ask", "NAME", "--no-input"],
        ["ask", "x", "--no-input", "-m", "NAME"],
        ["ask", "x", "--no-input", "-s", "NAME"],
        ["ask", "x", "--no-input", "--conversation", "NAME"],
        ["ask", "x", "--no-input", "--cookies", "NAME"],
        ["show", "NAME"],
        ["rename", "0" * 24, "NAME"],
        ["system", "omni", "NAME"],
        ["rm", "NAME"],
        ["batch", "NAME/no", "out"],
        ["--email", "NAME", "ls"],
    ],
)
def test_word_that_is_no_utf8_is_a_usage_error(program, answering, tmp_path, words):
    (tmp_path / os.fsdecode(b"\xff.txt")).write_text("x", "utf-8")
    named = [word.replace("NAME", str(tmp_path / os.fsdecode(b"\xff.txt"))) for word in words]

    done = program(*named, "--base-url", answering.url)

    assert done.code in (2, 3), done.err
    assert "Traceback" not in done.err
    assert turns(answering) == []


@POSIX
def test_file_whose_name_cannot_be_sent_is_a_usage_error(answering, tmp_path):
    name = os.fsdecode(b"\xff.txt")
    path = tmp_path / name
    path.write_text("x", "utf-8")
    with Client(answering.url) as client:
        for file in (str(path), path, (name, b"x", "text/plain"), tmp_path / "no\0such"):
            with pytest.raises(UsageError):
                client.chat("x", files=[file])
    assert answering.requests == []


def test_silent_stdin_is_told_and_ends_in_time_with_nothing_sent(start, answering):
    began = time.monotonic()
    process = start("ask", "x", "--timeout", "5", "--base-url", answering.url)

    line = process.stderr.readline()
    told = time.monotonic() - began
    code = process.wait(20)

    assert b"--no-input" in line and told > 2.5
    assert (code, process.stdout.read()) == (6, b"")
    assert 4.5 < time.monotonic() - began < 12
    assert process.stderr.read().count(b"\n") == 1
    assert answering.requests == []


def test_stdin_that_ends_late_is_sent_along(start, answering):
    process = start("ask", "Sum up:", "--base-url", answering.url)
    time.sleep(1.0)
    process.stdin.write(b"some ")
    process.stdin.flush()
    time.sleep(0.3)
    process.stdin.write("caf\u00e9".encode())
    process.stdin.close()

    assert process.wait(20) == 0
    assert process.stderr.read() == b""
    assert [turn.prompt for turn in turns(answering)] == ["Sum up:\n\nsome caf\u00e9"]


@POSIX
@pytest.mark.parametrize(("words", "code"), [(["x"], 0), ([], 2)])
def test_stdin_that_cannot_be_read(start, answering, words, code):
    with open(os.devnull, "wb") as unreadable:  # as nohup leaves it
        process = start("ask", *words, "--base-url", answering.url, stdin=unreadable)
        _, err = process.communicate(timeout=20)

    assert process.returncode == code
    assert b"Traceback" not in err and b"Exception" not in err


def test_ctrl_c_ends_the_wait_for_stdin(start, answering):
    import signal

    process = start("ask", "x", "--base-url", answering.url)
    assert b"--no-input" in process.stderr.readline()

    process.send_signal(signal.SIGINT)

    assert process.wait(10) == 130
    assert process.stderr.read() == b""
