"""``ask``: where the question comes from, and what of the answer goes where."""

from __future__ import annotations

import json
import time

import pytest
from eras.lines_2023 import SearchSource, SearchStep
from sampling import each

from hugchat_sync.local.testing import Script
from hugchat_sync.terminal.ask import first_code_block

CODE = ("Here:\n", "```python\n", "print(1)\n", "\n", "x = 2\n", "```\n", "and\n```\nno\n```\n")


def test_answer_is_on_stdout_and_nothing_else(program, answering):
    done = program("ask", "hi", "--base-url", answering.url)

    assert (done.code, done.out, done.err) == (0, "Hello, world.\n", "")


def test_global_options_may_stand_before_the_command(program, answering):
    done = program("--base-url", answering.url, "ask", "-w", "hi", "--no-input")

    assert (done.code, done.out) == (0, "Hello, world.\n")


def turns(server):
    return server.responder.turns


@pytest.mark.parametrize(
    ("words", "stdin", "asked"),
    [
        (["hi"], "", "hi"),
        (["hi"], " \n", "hi"),
        ([], "from stdin\n", "from stdin\n"),
        (["-"], "from stdin", "from stdin"),
        (["Sum up:"], "some context\n", "Sum up:\n\nsome context\n"),
        (["hi", "--no-input"], "unread", "hi"),
        (["--", "--help"], "", "--help"),
        ([], "\ufeffGrüße \u2028 \U0001f680", "Grüße \u2028 \U0001f680"),
    ],
)
def test_question_comes_from_words_and_stdin(program, answering, words, stdin, asked):
    done = program("--base-url", answering.url, "ask", *words, stdin=stdin)

    assert (done.code, done.err) == (0, "")
    assert turns(answering)[-1].prompt == asked


@pytest.mark.parametrize(
    ("words", "stdin"), [([], ""), (["-"], " \n"), (["--no-input"], "x"), ([], b"\xff\xfe")]
)
def test_no_question_is_a_usage_error(program, answering, words, stdin):
    done = program("--base-url", answering.url, "ask", *words, stdin=stdin)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("hugchat-sync: ") and done.err.count("\n") == 1
    assert answering.requests == []


def test_bytes_that_are_no_text_are_refused(program, answering):
    done = program("--base-url", answering.url, "ask", "a \udcff")

    assert done.code == 2
    assert answering.requests == []


def test_each_question_begins_a_conversation_and_c_goes_on_in_the_latest(program, answering, owner):
    for words in (["one"], ["two"], ["three", "-c"]):
        assert program("ask", *words, "--base-url", answering.url).code == 0

    assert [said.text for said in turns(answering)[-1].history] == ["two", "Hello, world."]
    assert len(owner(answering).fetch_conversations()) == 2


def test_c_without_any_conversation_begins_one(program, answering):
    done = program("ask", "-c", "one", "--base-url", answering.url)

    assert (done.code, done.out) == (0, "Hello, world.\n")
    assert "begins one" in done.err


def test_conversation_is_named_by_its_id(program, answering, owner):
    program("ask", "one", "--base-url", answering.url)
    [conversation_id] = owner(answering).fetch_conversations()

    done = program("ask", "two", "--conversation", conversation_id, "--base-url", answering.url)

    assert done.code == 0
    assert len(turns(answering)[-1].history) == 2


@pytest.mark.parametrize("named", [True, False], ids=["--conversation", "-c"])
def test_model_of_the_conversation_may_be_named_and_no_other(program, answering, owner, named):
    program("ask", "one", "-m", "local/plain", "--base-url", answering.url)
    [conversation_id] = owner(answering).fetch_conversations()
    words = ["--conversation", conversation_id] if named else ["-c"]
    asked = len(turns(answering))

    other = program("ask", "x", *words, "-m", "omni", "--base-url", answering.url)
    unsent = len(turns(answering)) - asked
    same = program("ask", "two", *words, "-m", "local/plain", "--base-url", answering.url)

    assert (other.code, other.out, unsent) == (2, "", 0)
    assert "local/plain" in other.err and other.err.count("\n") == 1
    assert (same.code, same.out) == (0, "Hello, world.\n")
    assert [said.text for said in turns(answering)[-1].history] == ["one", "Hello, world."]


def test_model_of_the_environment_is_the_default_and_hinders_no_going_on(
    program, answering, monkeypatch
):
    program("ask", "one", "-m", "omni", "--base-url", answering.url)
    monkeypatch.setenv("HUGCHAT_SYNC_MODEL", "local/plain")

    on = program("ask", "two", "-c", "--base-url", answering.url)
    new = program("ask", "three", "--base-url", answering.url)
    local = program("ask", "four", "--local")

    assert (on.code, new.code, local.code) == (0, 0, 0)
    assert [turn.model for turn in turns(answering)[-2:]] == ["omni", "local/plain"]


def test_model_of_another_server_in_the_environment_hinders_no_local_answer(program, monkeypatch):
    monkeypatch.setenv("HUGCHAT_SYNC_MODEL", "somebody/elses-model")

    assert program("--local", "ask", "What is a dialect?").code == 0


@pytest.mark.parametrize("conversation_id", ["0" * 24, "nonsense"])
def test_unknown_conversation_is_a_usage_error(program, answering, conversation_id):
    done = program("ask", "x", "--conversation", conversation_id, "--base-url", answering.url)

    assert (done.code, done.out) == (2, "")
    assert "hugchat-sync ls" in done.err


def test_model_and_system_prompt_reach_the_server(program, answering):
    done = program("ask", "x", "-m", "local/plain", "-s", "Be brief.", "--base-url", answering.url)

    assert done.code == 0
    assert turns(answering)[-1].model == "local/plain"
    assert turns(answering)[-1].system_prompt == "Be brief."


def test_unknown_model_is_a_usage_error_with_near_names(program, answering):
    done = program("ask", "x", "-m", "local/plane", "--base-url", answering.url)

    assert (done.code, done.out) == (2, "")
    assert "local/plain" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["-c", "-s", "Be brief."],
        ["-c", "--temporary"],
        ["-c", "--conversation", "0" * 24],
        ["-x", "--json"],
        ["--stream", "--no-stream"],
        ["--timeout", "0"],
        ["--local", "--base-url", "http://127.0.0.1:1"],
        ["--nonsense"],
        ["a second question"],
    ],
)
def test_words_that_contradict_each_other(program, words):
    done = program("ask", "x", *words)

    assert (done.code, done.out) == (2, "")


def test_temporary_conversation_is_removed(program, answering, owner):
    program("ask", "kept", "--base-url", answering.url)

    done = program("ask", "x", "--temporary", "-s", "Brief.", "--base-url", answering.url)

    assert (done.code, done.out) == (0, "Hello, world.\n")
    assert list(owner(answering).fetch_conversations().values()) == ["New Chat"]


def test_file_is_attached(program, answering, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("remember the milk", "utf-8")

    done = program("ask", "x", "-f", str(file), "--base-url", answering.url)

    assert done.code == 0
    assert [one.name for one in turns(answering)[-1].attachments] == ["notes.txt"]


@pytest.mark.parametrize("words", [[], ["--temporary"], ["-s", "Be brief."]])
def test_missing_file_is_found_out_before_anything_is_sent(program, answering, words):
    done = program("ask", "x", *words, "-f", "/nowhere/at/all", "--base-url", answering.url)

    assert done.code == 2
    assert answering.requests == []


def test_json_has_a_line_for_each_event_and_one_for_the_result(program, answering):
    done = program("ask", "hi", "--json", "-m", "local/plain", "--base-url", answering.url)

    lines = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0
    assert [line["text"] for line in lines if line["type"] == "token"] == [
        "Hello",
        ",",
        " world",
        ".",
    ]
    final = {"type": "final_answer", "text": "Hello, world.", "interrupted": False}
    assert final in lines
    assert set(lines[-1]) == {"type", "text", "conversation_id", "model", "sources", "files"}
    assert lines[-1]["type"] == "result"
    assert (lines[-1]["text"], lines[-1]["model"]) == ("Hello, world.", "local/plain")


def test_json_result_names_the_default_model_and_the_sources(program, scripted):
    found = [SearchStep("Browsing"), SearchSource("A page", "https://a.example/x", "a.example")]
    server = scripted(Script(tokens=("a\u2028b",), before=found), era="lines-2023")

    done = program("ask", "hi", "--json", "-w", "--base-url", server.url)

    result = json.loads(done.out.splitlines()[-1])
    assert result["model"] == "local/documents"
    assert [source["link"] for source in result["sources"]] == ["https://a.example/x"]
    assert {"type": "web_search_step", "message": "Browsing", "args": []} in [
        json.loads(line) for line in done.out.splitlines()
    ]


def test_json_has_what_follows_the_final_answer(program, scripted):
    server = scripted(Script(tokens=("so",)), title="A late title", title_seconds=1.0)

    done = program("ask", "hi", "--json", "--base-url", server.url)

    kinds = [json.loads(line)["type"] for line in done.out.splitlines()]
    assert "title_changed" in kinds[kinds.index("final_answer") :]
    assert kinds[-1] == "result"


def test_sources_are_named_on_stderr(program, scripted):
    found = [SearchSource("A page", "https://a.example/x", "a.example")]
    server = scripted(Script(tokens=("so",), before=found), era="lines-2023")

    done = program("ask", "hi", "-w", "--base-url", server.url)

    assert done.out == "so\n"
    assert "1. A page https://a.example/x" in done.err


def test_x_prints_the_first_code_block_only(program, scripted):
    server = scripted(Script(tokens=CODE))

    done = program("ask", "code", "-x", "--base-url", server.url)

    assert (done.code, done.out, done.err) == (0, "print(1)\n\nx = 2\n", "")


def test_x_without_a_code_block_prints_nothing_on_stdout(program, answering):
    done = program("ask", "code", "-x", "--base-url", answering.url)

    assert (done.code, done.out) == (1, "")
    assert "Hello, world." in done.err


@each(
    ("text", "block"),
    [
        ("no block", None),
        ("an ```inline``` one", None),
        ("```\na\n```", "a\n"),
        ("~~~sh\n```\na\n~~~\n", "```\na\n"),
        ("````\n```\n````", "```\n"),
        ("1. so\n   ```py\n   if x:\n       y\n   ```\n", "if x:\n    y\n"),
        ("```\nwithout an end\n", "without an end\n"),
        ("```\n```", ""),
        ("```\r\na\r\n```\r\n", "a\r\n"),
        ("> so\n> ```py\n> if x:\n>     y\n>\n> z\n> ```\n", "if x:\n    y\n\nz\n"),
        ("> ```\n> a\nno quote any more\n", "a\n"),
        ("- ```sh\n  ls\n    -l\n  ```\n", "ls\n  -l\n"),
        ("10. ~~~\n    a\n    ~~~", "a\n"),
        ("* > ```\n  > a\n  > ```", "a\n"),
        ("- - -\n```\na\n```", "a\n"),
    ],
)
def test_first_code_block(text, block):
    assert first_code_block(text) == block


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("> " * 200 + "x\n```\ncode\n```\n", "code\n"),
        ("> " * 200 + "```\n" + "> " * 200 + "code\n" + "> " * 199 + "no\n", "code\n"),
        ("- " * 200 + "x\n```\ncode\n```\n", "code\n"),
    ],
)
def test_many_marks_before_a_code_block_took_for_ever(text, block):
    began = time.monotonic()
    assert first_code_block(text) == block
    assert time.monotonic() - began < 5


def test_whole_answer_counts_where_the_server_began_again(program, scripted):
    server = scripted(Script(tokens=("good ", "answer"), first_try=("bad ", "try ")))

    whole = program("ask", "x", "--base-url", server.url)
    streamed = program("ask", "x", "--stream", "--base-url", server.url)

    assert (whole.out, whole.err) == ("good answer\n", "")
    assert streamed.out == "bad try good answer\n"
    assert "began the answer again" in streamed.err


def test_stream_ends_with_what_only_the_final_answer_has(program, scripted):
    server = scripted(Script(tokens=("one ", "two"), final="one two three"))

    done = program("ask", "x", "--stream", "--base-url", server.url)

    assert (done.out, done.err) == ("one two three\n", "")


def test_local_needs_no_account_and_keeps_conversations(program, monkeypatch):
    monkeypatch.setenv("HUGCHAT_SYNC_COOKIES", "hf-chat=of-somewhere-else")
    monkeypatch.setenv("HUGCHAT_SYNC_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("HUGCHAT_SYNC_DIALECT", "lines-2023")

    done = program("--local", "ask", "-w", "How do I set a system prompt?")
    listed = program("ls", "--local")

    assert (done.code, listed.code) == (0, 0)
    assert "system_prompt" in done.out
    assert listed.out.count("\n") == 1
