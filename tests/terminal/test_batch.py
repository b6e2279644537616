"""``batch``: many prompts from a file into another, also after an interruption."""

from __future__ import annotations

import errno
import json
import os
import signal
import time

import pytest
from sampling import some

from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Fault, Script, Scripted
from hugchat_sync.terminal import output


def write(path, *values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values), "utf-8")
    return str(path)


def read(path):
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def prompts(server):
    return [turn.prompt for turn in server.responder.turns]


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

    assert (first.code, second.code) == (1, 1)  # for the failure that stands there
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
    assert [line["text"] for line in read(target)] == [None, "better"]
    assert read(target)[0] == failed[0]


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
    assert f"{target}, line 1" in done.err
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


# OUT ----------------------------------------------------------------------------------------


def line_of(index, prompt, **more):
    return {"index": index, "id": None, "prompt": prompt, "text": "t", "error": None,
            "seconds": 1, **more}  # fmt: skip


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


AGAIN = ["--retry-failed"]


@pytest.mark.parametrize(
    ("by_link", "more"),
    some([(False, []), (True, []), (False, AGAIN), (True, AGAIN)], [(False, []), (True, AGAIN)]),
)
def test_second_batch_into_the_same_file_is_told_and_asks_nothing(
    start, program, scripted, files, by_link, more
):
    server = scripted(Script(tokens=("so ", "far"), delay=0.1))
    source, target = files
    write(source, *(f"prompt {number}" for number in range(30)))
    write(target, line_of(0, "prompt 0", text=None, error="TimedOut: x"))
    second = target.with_name("link") if by_link else target
    if by_link:
        second.symlink_to(target)
    first = start("batch", str(source), str(target), "--base-url", server.url)
    wait_for(lambda: len(read(target)) > 4)
    before = len(prompts(server))

    done = program("batch", str(source), str(second), *more, "--base-url", server.url)
    after = len(prompts(server))

    assert (done.code, done.out) == (2, "")
    assert "another batch" in done.err and done.err.count("\n") == 1
    assert after - before < 12  # of the first one
    _, err = first.communicate(timeout=60)
    assert first.returncode == 6, err  # for the failure of old that still stands there
    assert sorted(line["index"] for line in read(target)) == list(range(30))
    assert sorted(prompts(server)) == sorted(f"prompt {number}" for number in range(1, 30))


def test_lock_ends_with_the_batch_however_it_ended(start, program, scripted, files):
    server = scripted(Script(tokens=("so ", "far"), delay=0.3), ["fine"])
    source, target = files
    write(source, "one", "two")
    first = start("batch", str(source), str(target), "--workers", "1", "--base-url", server.url)
    wait_for(lambda: prompts(server))
    first.kill()
    first.wait()

    done = program("batch", str(source), str(target), "--base-url", server.url)

    assert done.code == 0
    assert sorted(line["prompt"] for line in read(target)) == ["one", "two"]
    assert [path.name for path in target.parent.iterdir() if "lock" in path.name] == []


def test_file_system_without_locks_is_a_warning(program, answering, files, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(handle, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    source, target = files
    write(source, "one")

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert done.code == 0
    assert "warning" in done.err and "cannot be locked" in done.err
    assert len(read(target)) == 1


@pytest.mark.parametrize("words", [[], ["--retry-failed"]])
def test_file_is_never_replaced(program, answering, files, words):
    source, target = files
    write(source, "one", "two")
    whole = json.dumps(line_of(0, "one", text=None, error="TimedOut: x")) + "\n"
    target.write_text(whole + '{"index": 1, "id": nul', "utf-8")
    elsewhere = target.with_name("elsewhere")
    os.link(str(target), str(elsewhere))
    before = target.stat()

    program("batch", str(source), str(target), *words, "--base-url", answering.url)

    assert target.stat().st_ino == before.st_ino
    assert target.read_bytes() == elsewhere.read_bytes()
    assert target.read_text("utf-8").startswith(whole + '{"index": ')
    assert len(read(target)) == 2 + len(words)


@pytest.mark.parametrize("end", ['{"index": 1, "id', '{"in', '{"index": 1\0\0\0', "\0" * 700])
def test_what_a_killed_batch_left_of_a_line_is_cut_off(program, answering, files, end):
    source, target = files
    write(source, "one", "two")
    target.write_text(json.dumps(line_of(0, "one")) + "\n" + end, "utf-8")

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert done.code == 0
    assert [line["prompt"] for line in read(target)] == ["one", "two"]


def test_last_line_without_its_line_break_is_kept(program, answering, files):
    source, target = files
    write(source, "one", "two")
    target.write_text(json.dumps(line_of(0, "one")), "utf-8")

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert done.code == 0
    assert prompts(answering) == ["two"]
    assert [line["prompt"] for line in read(target)] == ["one", "two"]


def test_file_of_something_else_without_a_line_break_is_not_touched(program, answering, files):
    source, target = files
    write(source, "one")
    target.write_text("my diary", "utf-8")

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert done.code == 2
    assert target.read_text("utf-8") == "my diary"


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        (["TimedOut: x", "GenerationError: x"], 6),
        (["RateLimited: x", "TimedOut: x"], 4),
        (["QuotaExceeded: x", "SessionExpired: x"], 3),
        (["FeatureUnavailable: x", "IncompleteAnswer: x"], 5),
        (["NoSuchError: x"], 1),
        (["TimedOut: x", None], 6),
    ],
)
def test_exit_code_is_the_worst_that_stands_in_the_file(program, answering, files, errors, code):
    source, target = files
    write(source, *(f"prompt {number}" for number in range(len(errors))))
    write(target, *(line_of(number, f"prompt {number}", error=error)
                    for number, error in enumerate(errors)))  # fmt: skip

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert done.code == code
    assert answering.requests == []


def test_last_line_of_a_prompt_counts(program, scripted, files):
    server = scripted(["again"])
    source, target = files
    write(source, "one", "two")
    write(
        target,
        line_of(0, "one", error="TimedOut: x"),
        line_of(1, "two"),
        line_of(0, "one"),
        line_of(1, "two", error="TimedOut: x"),
    )

    first = program("batch", str(source), str(target), "--base-url", server.url)
    second = program("batch", str(source), str(target), "--retry-failed", "--base-url", server.url)

    assert (first.code, second.code) == (6, 0)
    assert prompts(server) == ["two"]


def test_pipe_is_written_and_never_read(start, answering, files):
    if not hasattr(os, "mkfifo"):
        pytest.skip("pipes with a name are of POSIX")
    source, target = files
    write(source, "one", "two")
    os.mkfifo(target)
    process = start("batch", str(source), str(target), "--base-url", answering.url)

    with open(target, encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream]

    assert process.wait(20) == 0
    assert sorted(line["prompt"] for line in lines) == ["one", "two"]


def test_stdout_takes_the_answers(start, answering, files):
    source, _ = files
    write(source, "one", "two")

    out, err = start("batch", str(source), "-", "--base-url", answering.url).communicate()

    assert sorted(json.loads(line)["prompt"] for line in out.splitlines()) == ["one", "two"]
    assert b"2 answered" in err


def test_reader_that_leaves_ends_the_batch_and_no_more_is_asked(start, scripted, files):
    server = scripted(Script(tokens=("so ", "far"), delay=0.1))
    source, _ = files
    write(source, *(f"prompt {number}" for number in range(60)))
    process = start("batch", str(source), "-", "--workers", "2", "--base-url", server.url)
    process.stdout.readline()

    process.stdout.close()

    assert process.wait(20) == 0
    assert b"Traceback" not in process.stderr.read()
    assert len(prompts(server)) < 20


def test_full_disk_ends_the_batch_and_is_told(start, scripted, files):
    if not os.path.exists("/dev/full"):
        pytest.skip("no full device here")
    server = scripted(Script(tokens=("so ", "far"), delay=0.1))
    source, _ = files
    write(source, *(f"prompt {number}" for number in range(60)))

    process = start("batch", str(source), "/dev/full", "--base-url", server.url)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert b"/dev/full" in err and b"Traceback" not in err
    assert len(prompts(server)) < 20


# while it runs ------------------------------------------------------------------------------


class Counting(Scripted):
    """Counts the answers that were given to their end."""

    completed = 0

    def answer(self, turn):
        yield from super().answer(turn)
        self.completed += 1


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_signal_writes_what_is_finished_and_begins_nothing_more(start, files, sent):
    responder = Counting(Script(tokens=["hello ", "world"], delay=0.02))
    source, target = files
    write(source, *(f"prompt {number}" for number in range(400)))
    with LocalServer(responder=responder) as server:
        process = start("batch", str(source), str(target), "--workers", "8",
                        "--base-url", server.url)  # fmt: skip
        wait_for(lambda: target.exists() and len(read(target)) > 20)

        process.send_signal(sent)
        asked = len(responder.turns)

        _, err = process.communicate(timeout=30)
        assert process.returncode == 128 + sent, err
        assert b"Traceback" not in err and b" left" in err
        assert len(responder.turns) <= asked + 9
        assert responder.completed - len(read(target)) <= 1
        assert {line["text"] for line in read(target)} == {"hello world"}


def test_stopped_answers_are_asked_again_and_not_taken_for_whole_ones(
    start, program, scripted, files
):
    server = scripted(["fast"], Script(tokens=["slow "] * 100, delay=0.1), ["fine"], ["fine"])
    source, target = files
    write(source, "one", "two")
    process = start("batch", str(source), str(target), "--workers", "1", "--base-url", server.url)
    wait_for(lambda: len(prompts(server)) == 2)
    time.sleep(0.5)

    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    done = program("batch", str(source), str(target), "--base-url", server.url)

    assert process.returncode == 143, err
    assert any("stop" in seen.path for seen in server.requests)
    assert done.code == 0
    assert [line["text"] for line in read(target)] == ["fast", "fine"]


def test_pace_holds_no_signal_up(start, scripted, files):
    server = scripted(["fine"])
    source, target = files
    write(source, "one", "two", "three")
    process = start("batch", str(source), str(target), "--max-per-minute", "1",
                    "--base-url", server.url)  # fmt: skip
    wait_for(lambda: target.exists() and read(target))
    began = time.monotonic()

    process.send_signal(signal.SIGINT)

    process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - began < 8
    assert prompts(server) == ["one"]


def test_answer_that_takes_its_time_is_written_once(program, scripted, files):
    server = scripted(["fast"], Script(tokens=["slow ", "one"], delay=0.6))
    source, target = files
    write(source, "one", "two")

    done = program("batch", str(source), str(target), "--workers", "1", "--base-url", server.url)

    assert done.code == 0
    assert [line["text"] for line in read(target)] == ["fast", "slow one"]


def test_embedded_server_does_not_slow_down_where_nobody_watches(program, files, monkeypatch):
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    source, target = files
    write(source, "How do I set a system prompt?")

    done = program("batch", str(source), str(target), "--local")

    assert done.code == 0
    assert [line["seconds"] < 1 for line in read(target)] == [True]  # with a pause at each word: 2


def test_timeout_of_each_answer_is_kept_and_told(program, scripted, files):
    server = scripted(Script(tokens=("so", " far"), hang=True), ["fine"])
    source, target = files
    write(source, "one", "two")

    done = program("batch", str(source), str(target), "--workers", "1", "--timeout", "2",
                   "--base-url", server.url)  # fmt: skip

    assert done.code == 6
    lines = read(target)
    assert [line["text"] for line in lines] == ["so far", "fine"]
    assert lines[0]["error"].startswith("TimedOut")
    assert "prompt 0: " in done.err


def test_rate_limit_is_waited_for(program, scripted, files):
    server = scripted(["fine"])
    server.faults.add(
        Fault("POST", r"/conversation/[0-9a-f]{24}$", status=429, headers={"Retry-After": "1"},
              body='{"message":"slow down"}')
    )  # fmt: skip
    source, target = files
    write(source, "one")

    done = program("batch", str(source), str(target), "--base-url", server.url)

    assert (done.code, [line["text"] for line in read(target)]) == (0, ["fine"])


def test_prompts_may_begin_with_a_byte_order_mark(program, answering, files):
    source, target = files
    source.write_bytes(b'\xef\xbb\xbf"one"\n')

    done = program("batch", str(source), str(target), "--base-url", answering.url)

    assert (done.code, prompts(answering)) == (0, ["one"])
