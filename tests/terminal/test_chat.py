"""``chat``: the commands of the interactive program, piped into it."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

from hugchat_sync.local.testing import Script


@pytest.fixture
def chat(program):
    """Pipe lines into the program."""

    def run(server, *lines, words=()):
        text = "".join(f"{line}\n" for line in lines)
        return program("chat", *words, "--base-url", server.url, stdin=text)

    return run


def turns(server):
    return server.responder.turns


def test_lines_are_questions_in_one_conversation(chat, answering, owner):
    done = chat(answering, "one", "", "two", "//three")

    assert (done.code, done.out, done.err) == (0, "Hello, world.\n" * 3, "")
    assert [turn.prompt for turn in turns(answering)] == ["one", "two", "/three"]
    assert len(owner(answering).fetch_conversations()) == 1


def test_conversations_are_listed_and_chosen_by_number(chat, answering, owner):
    chat(answering, "one", "/title First", "/new", "two", "/title Second")

    done = chat(answering, "/ls", "/cd 1", "/ls", "/old")

    assert done.out == (
        "   0  Second\n   1  First\n"
        "   0  Second\n*  1  First\n"
        "You:\none\n\nAssistant:\nHello, world.\n"
    )


def test_conversation_is_deleted_by_the_number_it_had_in_the_list(chat, answering, owner):
    chat(answering, "one", "/title First", "/new", "two", "/title Second")

    done = chat(answering, "/ls", "/rm 0", "/del 1", "/reload")

    assert done.code == 0
    assert owner(answering).fetch_conversations() == {}


def test_ids_can_be_used_instead_of_numbers(chat, answering, owner):
    chat(answering, "one")
    [conversation_id] = owner(answering).fetch_conversations()

    done = chat(answering, "/ids", f"/switch {conversation_id}", "two")

    assert f"0  {conversation_id}  New Chat" in done.out
    assert len(turns(answering)[-1].history) == 2


def test_model_is_chosen_by_name_or_number(chat, answering):
    done = chat(answering, "/models", "/model 2", "one", "/llm omni", "two", "/model nonsense")

    assert [turn.model for turn in turns(answering)] == ["local/plain", "omni"]
    assert "   2  local/plain\n" in done.out
    assert done.code == 2  # of the last failure


def test_system_prompt_is_kept_for_new_conversations(chat, answering):
    done = chat(answering, "/pro", "/pro Be brief.", "/pro", "one", '/pro ""', "/new", "two")

    assert done.code == 0
    assert "(no system prompt is kept for omni)\nBe brief.\n" in done.out
    assert [turn.system_prompt for turn in turns(answering)] == ["Be brief.", ""]


def test_web_search_is_switched(chat, answering):
    chat(answering, "one", "/web", "two", "/web off", "three", "/web on", "four", words=["-w"])

    assert [bool(turn.tools) for turn in turns(answering)] == [True, False, False, True]


def test_answer_is_made_again_and_question_asked_in_other_words(chat, scripted, owner):
    server = scripted(["first"], ["second"], ["third"])

    done = chat(server, "one", "/retry", "/edit two", "/edit")

    assert done.out == "first\nsecond\nthird\n"
    assert [turn.prompt for turn in turns(server)] == ["one", "one", "two"]
    assert "/edit TEXT" in done.err


def test_file_goes_with_the_next_question_only(chat, answering, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("milk", "utf-8")

    done = chat(answering, f"/file {file}", "one", "two", "/file /nowhere/at/all")

    assert [len(turn.attachments) for turn in turns(answering)] == [1, 0]
    assert "there is no file /nowhere/at/all" in done.err


def test_title_share_and_export(chat, answering, tmp_path):
    done = chat(answering, "one", "/title A title", "/title", "/share", f"/export txt {tmp_path}")

    _, title, share, path = done.out.splitlines()
    assert (done.code, title) == (0, "A title")
    assert share.startswith(f"{answering.url}/r/")
    assert "Hello, world." in Path(path).read_text("utf-8")


def test_export_without_room_names_the_file_and_the_talk_goes_on(start, answering, tmp_path):
    resource = pytest.importorskip("resource", reason="limits are of POSIX")
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (1000, 1000))

    process = start("chat", "--base-url", answering.url, preexec_fn=limit)
    typed = f"one {'word ' * 300}\n/export md {tmp_path}\ntwo\n"
    out, err = process.communicate(typed.encode("utf-8"), 20)

    assert (process.returncode, out) == (1, b"Hello, world.\n" * 2)
    assert re.fullmatch(rb"hugchat-sync: File too large: \S+/[0-9a-f]{24}\.md\n", err)
    assert list(tmp_path.glob("*.part")) == []


def test_every_command_is_in_the_help(chat, answering):
    done = chat(answering, "/help")

    named = set(re.findall(r"^/\w+|(?<= )/\w+", done.out, re.M))
    assert named == {
        f"/{name}"
        for name in re.findall(
            r"\w+",
            "q exit ls cd new rm old web pro help models model title share retry edit file stop "
            "export reload ids switch del llm system show",
        )
    }


@pytest.mark.parametrize(
    "line", ["/bogus", "/cd", "/cd 7", "/rm 0", "/old", "/title", "/share", "/retry", "/export",
             "/stop", f"/cd {'0' * 24}", "/file /nowhere", "/model ²"]
)  # fmt: skip
def test_what_cannot_be_done_is_told_and_the_talk_goes_on(chat, answering, line):
    done = chat(answering, line, "one", "/q", "never asked")

    assert done.out == "Hello, world.\n"
    assert done.err.startswith("hugchat-sync: ") and done.err.count("\n") == 1
    assert done.code == 2


def test_failed_answer_is_told_and_the_talk_goes_on(chat, scripted):
    server = scripted(Script(tokens=("so far",), error="the model fell over"), ["fine"])

    done = chat(server, "one", "two")

    assert (done.code, done.out) == (5, "so far\nfine\n")
    assert "the model fell over" in done.err
