"""``batch``: many prompts from a file into another, also after an interruption."""

from __future__ import annotations

import json
import signal
import time

import pytest

from hugchat_sync.local import Script


def write(path, *values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values), "utf-8")
    return str(path)


def read(path):
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def prompts(server):
    return [turn.prompt for turn in server._responder.turns]


@pytest.fixture
def files(tmp_path):
    return tmp_path / "in.jsonl", tmp_path / "out.jsonl"


def test_a_line_out_for_each_line_in(program, answering, files, owner):
    source, target = files
    write(source, "one", {"prompt": "two", "id": "b", "model": "local/plain"})

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert (done.code, done.out) == (0, "")
    lines = sorted(read(target), key=lambda line: line["index"])
    assert [set(line) for line in lines] == [
        {"index", "id", "prompt", "text", "error", "seconds"}
    ] * 2
    assert [(line["index"], line["id"], line["prompt"]) for line in lines] == [
        (0, None, "one"),
        (1, "b", "two"),
    ]
    assert {line["text"] for line in lines} == {"Hello, world."}
    assert owner(answering).fetch_conversations() == {}


def test_what_is_in_out_is_not_asked_again(program, answering, files):
    source, target = files
    write(source, "one", "two", {"prompt": "three", "id": 3})
    write(
        target,
        {"index": 1, "id": None, "prompt": "two", "text": "t", "error": None, "seconds": 1},
        {"index": 7, "id": 3, "prompt": "three", "text": None, "error": "E: e", "seconds": 1},
    )

    first = program("batch", str(source), str(target), "--base-url", answering.url)
    second = program("batch", str(source), str(target), "--base-url", answering.url)

    assert (first.code, second.code) == (0, 0)
    assert prompts(answering) == ["one"]
    assert len(read(target)) == 3


def test_line_cut_short_by_a_kill_is_asked_again(program, answering, files):
    source, target = files
    write(source, "one", "two")
    good = {"index": 0, "id": None, "prompt": "one", "text": "t", "error": None, "seconds": 1}
    target.write_text(json.dumps(good) + '\n{"index": 1, "id": nul', "utf-8")

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert done.code == 0
    assert [line["prompt"] for line in read(target)] == ["one", "two"]


def test_failed_ones_are_asked_again_where_that_is_wanted(program, scripted, files):
    server = scripted(Script(error="no"), ["better"])
    source, target = files
    write(source, "one")

    first = program("batch", str(source), str(target), "--base-url", server.url)
    failed = read(target)
    second = program("batch", "--retry-failed", str(source), str(target), "--base-url", server.url)

    assert (first.code, second.code) == (5, 0)
    assert failed[0]["error"].startswith("GenerationError")
    assert [(line["text"], line["error"]) for line in read(target)] == [("better", None)]


@pytest.mark.parametrize(
    "line", ["{", "3", '{"id": 1}', '{"prompt": ""}', '{"prompt": "x", "websearch": true}',
             '{"prompt": "x", "files": "name"}']
)  # fmt: skip
def test_wrong_line_is_told_with_its_number_before_anything_is_asked(
    program, answering, files, line
):
    source, target = files
    source.write_text(f'"good"\n\n{line}\n', "utf-8")

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert done.code == 2
    assert "line 3" in done.err
    assert answering.requests == []


def test_file_of_something_else_is_not_touched(program, answering, files):
    source, target = files
    write(source, "one")
    target.write_text("my diary\nmy diary\n", "utf-8")

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert done.code == 2
    assert target.read_text("utf-8") == "my diary\nmy diary\n"


def test_missing_file(program, answering, files):
    done = program("batch", "/nowhere.jsonl", str(files[1]), "--base-url", answering.url)

    assert done.code == 2


def test_prompts_come_from_stdin(program, answering, files):
    done = program("batch", "-", str(files[1]), "--base-url", answering.url, stdin='"one"\n')

    assert done.code == 0
    assert prompts(answering) == ["one"]


def test_answers_are_in_the_file_as_they_come_and_ctrl_c_keeps_them(start, scripted, files):
    server = scripted(["fast"], Script(tokens=["slow "] * 100, delay=0.1))
    source, target = files
    write(source, *(f"prompt {number}" for number in range(20)))
    process = start("batch", str(source), str(target), "--workers", "2", "--base-url", server.url)
    end = time.monotonic() + 15
    while not (target.exists() and target.read_text("utf-8")):
        assert time.monotonic() < end
        time.sleep(0.05)

    process.send_signal(signal.SIGINT)

    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert [line["text"] for line in read(target)] == ["fast"]
    assert len(prompts(server)) < 20
