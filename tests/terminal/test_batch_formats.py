"""``batch``: tables and plain text, what holds for all prompts, what stops it, what is left."""

from __future__ import annotations

import csv
import json
import os
import time
import tracemalloc
from contextlib import ExitStack

import pytest

from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Fault, Script, Scripted
from hugchat_sync.terminal.batch_input import read_prompts
from hugchat_sync.terminal.batch_output import Target


def read_table(path):
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def read(path):
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def prompts(server):
    return [turn.prompt for turn in server.responder.turns]


def quota(times=1, skip=0):
    return Fault("POST", r"/conversation/[0-9a-f]{24}$", status=402, times=times, skip=skip,
                 body='{"message":"no credits"}')  # fmt: skip


@pytest.fixture
def files(tmp_path):
    return tmp_path / "in.jsonl", tmp_path / "out.jsonl"


def test_plain_text_is_a_prompt_a_line(program, answering, tmp_path):
    source, target = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_bytes(b"one\r\n\r\n  two {\n")

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert done.code == 0, done.err
    assert sorted(prompts(answering)) == ["  two {", "one"]


def test_plain_text_without_a_name_is_told_how_to_read_it(program, answering, tmp_path):
    done = program("batch", "-", "-", "--base-url", answering.url, stdin="one\ntwo\n")

    assert (done.code, done.out) == (2, "")
    assert "--format txt" in done.err


def test_table_in_and_table_out(program, answering, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('q,n\n"one, two\nthree",1\nfour,2\n', "utf-8")

    done = program("batch", str(source), str(target), "--column", "q", "--base-url", answering.url)

    assert done.code == 0, done.err
    head, *rows = read_table(target)
    assert head == ["q", "n", "text", "error"]
    assert sorted(rows) == [
        ["four", "2", "Hello, world.", ""],
        ["one, two\nthree", "1", "Hello, world.", ""],
    ]


def test_table_into_json_lines(program, answering, tmp_path, files):
    source = tmp_path / "in.csv"
    source.write_text("id,prompt\na,one\n,two\n", "utf-8-sig")

    program("batch", str(source), str(files[1]), "--base-url", answering.url)

    found = sorted((line["index"], line["id"], line["prompt"]) for line in read(files[1]))
    assert found == [(0, "a", "one"), (1, None, "two")]


def test_format_is_said_where_the_name_does_not_tell(program, answering, files):
    files[0].write_text("q\none\n", "utf-8")

    done = program("batch", str(files[0]), str(files[1]), "--format", "csv",
                   "--base-url", answering.url)  # fmt: skip

    assert (done.code, prompts(answering)) == (0, ["one"])


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("q,n\none,1\n", [], "'q', 'n'"),
        ("prompt;n\none;1\n", [], "commas"),
        ("prompt\tn\none\t1\n", [], "commas"),
        ("q,n\none,1\n", ["--column", "x"], "--column"),
        ("q,q\none,1\n", ["--column", "q"], "--column"),
        ("q,n\none,1\ntwo\n", ["--column", "q"], "line 3"),
        ("q,n\n,1\n", ["--column", "q"], "line 2"),
    ],
)
def test_table_that_cannot_be_right_is_told_before_anything_is_asked(
    program, answering, tmp_path, text, words, said
):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(text, "utf-8")

    done = program("batch", str(source), str(target), *words, "--base-url", answering.url)

    assert done.code == 2
    assert said in done.err
    assert answering.requests == []


def test_name_that_the_table_has_itself_is_not_taken_twice(program, answering, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text\none\n", "utf-8")

    program("batch", str(source), str(target), "--base-url", answering.url)

    assert read_table(target) == [["text", "answer_text", "error"], ["one", "Hello, world.", ""]]


def test_table_goes_on_where_it_was_killed(program, answering, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("q\none\none\ntwo\nthree\n", "utf-8")
    target.write_text('"q","text","error"\n"one","first\nanswer",""\n"two","half of', "utf-8")

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert done.code == 0, done.err
    assert sorted(prompts(answering)) == ["one", "three", "two"]
    _, first, *others = read_table(target)
    assert first == ["one", "first\nanswer", ""]
    assert sorted(row[0] for row in others) == ["one", "three", "two"]


@pytest.mark.parametrize("begun", ['"q","te', '"q"', "", "\0\0\0"])
def test_table_that_was_killed_at_its_head_begins_again(program, answering, tmp_path, begun):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("q\none\n", "utf-8")
    target.write_text(begun, "utf-8")

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert done.code == 0, done.err
    assert read_table(target) == [["q", "text", "error"], ["one", "Hello, world.", ""]]


@pytest.mark.parametrize(
    "torn",
    [
        '"two","half of\n',
        '"two","half of","',
        '"two","half of",',
        '"two","",',
        '"two","",\0\0',
        '"two","","TimedOut: no',
        '"two","half"',
        '"\0\0',
    ],
)
def test_table_that_was_killed_inside_a_row_is_whole_again(program, answering, tmp_path, torn):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("q\none\ntwo\n", "utf-8")
    target.write_text('"q","text","error"\n"one","first",""\n' + torn, "utf-8")

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert (done.code, prompts(answering)) == (0, ["two"]), done.err
    assert read_table(target)[1:] == [["one", "first", ""], ["two", "Hello, world.", ""]]


@pytest.mark.parametrize("prompt", ["a\0b", 'a "quoted"\r\n word'])
def test_row_with_odd_letters_is_not_asked_again(program, answering, files, prompt):
    target = files[1].with_suffix(".csv")
    files[0].write_text(json.dumps(prompt) + "\n", "utf-8")

    for _ in range(2):
        program("batch", str(files[0]), str(target), "--base-url", answering.url)

    assert len(prompts(answering)) == 1


@pytest.mark.parametrize(
    "there", ['"my diary', "a,b\n1,2\n", "my diary\n", '{"index": 0, "prompt": "x"}\n']
)
def test_table_of_something_else_is_not_touched(program, answering, tmp_path, there):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("q\none\n", "utf-8")
    target.write_text(there, "utf-8")

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert (done.code, target.read_text("utf-8")) == (2, there)
    assert answering.requests == []


def test_failed_rows_are_asked_again_where_that_is_wanted(program, scripted, tmp_path):
    server = scripted(Script(error="no"), ["better"])
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("q\none\n", "utf-8")

    codes = [
        program("batch", str(source), str(target), *words, "--base-url", server.url).code
        for words in ([], [], ["--retry-failed"], [])
    ]

    assert codes == [5, 5, 0, 0]
    assert [row[1] for row in read_table(target)[1:]] == ["", "better"]


def test_model_and_system_prompt_hold_for_all_lines(program, answering, files, owner):
    files[0].write_text('"one"\n{"prompt": "two", "system_prompt": "own"}\n', "utf-8")

    done = program("batch", str(files[0]), str(files[1]), "-m", "local/plain", "-s", "short",
                   "--base-url", answering.url)  # fmt: skip

    assert done.code == 0, done.err
    told = {turn.prompt: (turn.model, turn.system_prompt) for turn in answering.responder.turns}
    assert told == {"one": ("local/plain", "short"), "two": ("local/plain", "own")}


# stopping -----------------------------------------------------------------------------------


def test_quota_that_is_used_up_stops_it_and_a_later_run_goes_on(program, scripted, files):
    server = scripted(["fine"])
    server.faults.add(quota(skip=3))
    files[0].write_text("".join(f'"prompt {number}"\n' for number in range(50)), "utf-8")

    first = program("batch", str(files[0]), str(files[1]), "--workers", "1",
                    "--base-url", server.url)  # fmt: skip
    asked = len(server.requests)
    second = program("batch", str(files[0]), str(files[1]), "--base-url", server.url)
    third = program("batch", "--retry-failed", str(files[0]), str(files[1]),
                    "--base-url", server.url)  # fmt: skip

    assert (first.code, second.code, third.code) == (4, 4, 0)
    assert "46 left" in first.err and "stopped" in first.err
    assert asked < 20
    assert "46 answered" in second.err
    assert sorted({line["index"] for line in read(files[1])}) == list(range(50))


def test_it_goes_on_all_the_same_where_that_is_wanted(program, scripted, files):
    server = scripted(["fine"])
    server.faults.add(quota())
    files[0].write_text('"a"\n"b"\n"c"\n', "utf-8")

    done = program("batch", str(files[0]), str(files[1]), "--keep-going", "--workers", "1",
                   "--base-url", server.url)  # fmt: skip

    assert done.code == 4
    assert len(read(files[1])) == 3


# what is left -------------------------------------------------------------------------------


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_conversations_that_a_killed_run_left_are_removed(start, program, scripted, files, owner):
    server = scripted(Script(tokens=("so ", "far"), delay=0.5))
    files[0].write_text("".join(f'"prompt {number}"\n' for number in range(6)), "utf-8")
    first = start("batch", str(files[0]), str(files[1]), "--base-url", server.url)
    wait_for(lambda: len(prompts(server)) >= 4)
    first.kill()
    first.wait()
    left = owner(server).fetch_conversations()
    noted = files[1].with_name("out.jsonl.open")
    assert left and noted.exists()

    done = program("batch", str(files[0]), str(files[1]), "--base-url", server.url)

    assert done.code == 0, done.err
    assert owner(server).fetch_conversations() == {}
    assert not noted.exists()


@pytest.mark.parametrize("other", [{"base_url": "http://127.0.0.1:1/chat"}, {"account": "else"}])
def test_conversations_of_another_account_are_left_alone(program, answering, files, owner, other):
    program("ask", "hi", "--base-url", answering.url)
    [kept] = owner(answering).fetch_conversations()
    files[0].write_text('"one"\n', "utf-8")
    note = {"base_url": answering.url, "account": None, "id": kept, **other}
    noted = files[1].with_name("out.jsonl.open")
    noted.write_text(json.dumps(note) + "\n", "utf-8")

    done = program("batch", str(files[0]), str(files[1]), "--base-url", answering.url)

    assert done.code == 0, done.err
    assert list(owner(answering).fetch_conversations()) == [kept]
    assert [json.loads(line)["id"] for line in noted.read_text().splitlines()][:1] == [kept]


def test_pipe_needs_no_notes(program, answering, files):
    files[0].write_text('"one"\n', "utf-8")

    program("batch", str(files[0]), "-", "--base-url", answering.url)

    assert [path.name for path in files[0].parent.iterdir()] == ["in.jsonl"]


# cost ---------------------------------------------------------------------------------------


def test_reading_back_costs_no_memory_for_the_texts(tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('"one"\n', "utf-8")
    line = {"index": 0, "id": None, "prompt": "x" * 20_000, "text": "y" * 20_000, "error": None}
    with open(target, "w", encoding="ascii") as stream:
        for number in range(1000):  # 40 MB
            stream.write(json.dumps({**line, "index": number}) + "\n")
    lines = read_prompts(str(source))

    tracemalloc.start()
    with ExitStack() as stack:
        Target(str(target), lines, stack)
        _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 2_000_000


def test_file_is_on_the_disk_within_a_second_and_not_once_a_line(
    program, scripted, files, monkeypatch
):
    server = scripted(["fine"])
    files[0].write_text("".join(f'"prompt {number}"\n' for number in range(40)), "utf-8")
    saved = []
    monkeypatch.setattr(os, "fsync", lambda handle: saved.append(os.fstat(handle).st_ino))
    began = time.monotonic()

    program("batch", str(files[0]), str(files[1]), "--base-url", server.url)

    times = saved.count(files[1].stat().st_ino)
    assert 1 <= times <= time.monotonic() - began + 1


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="terminals are of POSIX")
@pytest.mark.parametrize("columns", [80, 30])
def test_human_sees_how_far_it_is_in_one_line(start, files, monkeypatch, columns):
    files[0].write_text("".join(f'"prompt {number}"\n' for number in range(12)), "utf-8")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    with LocalServer(responder=Scripted(Script(tokens=["so ", "far"], delay=0.15))) as server:
        ours, theirs = os.openpty()
        process = start("batch", str(files[0]), str(files[1]), "--base-url", server.url,
                        stderr=theirs)  # fmt: skip
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        os.close(ours)

    assert process.wait(20) == 0
    *progress, summary = [one for one in shown.replace(b"\x1b[K", b"").split(b"\r") if one.strip()]
    assert b"12 answered, 0 failed" in summary
    assert b"done" in progress[-1] and max(map(len, progress)) < columns
    assert columns == 30 or (b"left" in shown and b"/s" in shown and b"to go" in shown)


def test_help_names_the_fields_of_a_line(program):
    told = " ".join(program("batch", "--help").out.split())

    for field in ("prompt", "id", "index", "text", "error", "seconds", "system_prompt", "files"):
        assert field in told.partition("A line of IN")[2], field
