"""``models ls show rename rm share system export``."""

from __future__ import annotations

import json
import re

import pytest


@pytest.fixture
def talk(program, answering, owner):
    """A server with one conversation, and its id."""
    program("ask", "What is this?", "--base-url", answering.url)
    [conversation_id] = owner(answering).fetch_conversations()
    return answering, conversation_id


def test_models(program, answering):
    plain = program("models", "--base-url", answering.url)
    records = program("models", "--json", "--base-url", answering.url)

    assert (plain.code, plain.err) == (0, "")
    assert plain.out.splitlines()[0].startswith("omni")
    assert [model["id"] for model in json.loads(records.out)][:2] == ["omni", "local/documents"]


def test_ls(program, talk):
    server, conversation_id = talk

    plain = program("ls", "--base-url", server.url)
    records = program("ls", "--json", "--base-url", server.url)

    assert re.fullmatch(rf"0  {conversation_id[:8]}  \d{{4}}-\d\d-\d\d  New Chat\n", plain.out)
    [record] = json.loads(records.out)
    assert (record["id"], record["title"]) == (conversation_id, "New Chat")


def test_ls_of_nothing(program, answering):
    plain = program("ls", "--base-url", answering.url)
    records = program("ls", "--json", "--base-url", answering.url)

    assert (plain.code, plain.out) == (0, "")
    assert json.loads(records.out) == []


def test_show(program, talk):
    server, conversation_id = talk

    plain = program("show", conversation_id, "--base-url", server.url)
    records = program("show", conversation_id, "--json", "--base-url", server.url)

    assert plain.out == "You:\nWhat is this?\n\nAssistant:\nHello, world.\n"
    assert [(one["is_user"], one["text"]) for one in json.loads(records.out)] == [
        (True, "What is this?"),
        (False, "Hello, world."),
    ]


@pytest.mark.parametrize("words", [["show"], ["rm"], ["share"], ["export"]])
def test_unknown_conversation(program, talk, words):
    server, _ = talk

    done = program(*words, "0" * 24, "--base-url", server.url)

    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1


def test_rename(program, talk, owner):
    server, conversation_id = talk

    done = program("rename", conversation_id, "Another title", "--base-url", server.url)

    assert (done.code, done.out, done.err) == (0, "", "")
    assert owner(server).fetch_conversations() == {conversation_id: "Another title"}


def test_rm_goes_on_behind_one_that_is_not_there(program, talk, owner):
    server, conversation_id = talk

    done = program("rm", "0" * 24, "--base-url", server.url, conversation_id)

    assert done.code == 2
    assert owner(server).fetch_conversations() == {}


def test_rm_all_asks_nobody_and_needs_yes(program, talk, owner):
    server, _ = talk

    refused = program("rm", "--all", "--base-url", server.url)
    left = len(owner(server).fetch_conversations())
    done = program("rm", "--all", "--yes", "--base-url", server.url)

    assert (refused.code, left) == (2, 1)
    assert (done.code, done.out) == (0, "")
    assert owner(server).fetch_conversations() == {}


def test_rm_needs_ids_or_all(program):
    assert program("rm").code == 2


def test_share_prints_the_address(program, talk):
    server, conversation_id = talk

    done = program("share", conversation_id, "--base-url", server.url)

    assert done.code == 0
    assert done.out.startswith(f"{server.url}/r/")


def test_system_prompt_is_kept_printed_and_removed(program, answering):
    def system(*words, stdin=""):
        return program("system", "omni", *words, "--base-url", answering.url, stdin=stdin)

    assert system("Be brief.").code == 0
    assert system().out == "Be brief.\n"
    program("ask", "x", "--base-url", answering.url)
    assert answering.responder.turns[-1].system_prompt == "Be brief."
    assert system("-", stdin="Be long.").code == 0
    assert system().out == "Be long.\n"
    assert system("").code == 0
    assert system().out == ""


def test_system_prompt_may_stand_behind_options(program, answering):
    done = program("system", "omni", "--base-url", answering.url, "Be brief.")

    assert done.code == 0
    assert program("system", "omni", "--base-url", answering.url).out == "Be brief.\n"


def test_system_prompt_of_an_unknown_model(program, answering):
    done = program("system", "omny", "x", "--base-url", answering.url)

    assert (done.code, done.out) == (2, "")
    assert "omni" in done.err


@pytest.mark.parametrize("format_name", ["md", "txt", "html", "json"])
def test_export(program, talk, tmp_path, format_name):
    server, conversation_id = talk
    folder = tmp_path / "new" / "folder"

    done = program("export", "--format", format_name, "-o", str(folder), "--base-url", server.url)

    [file] = list(folder.iterdir())
    assert (done.code, done.out) == (0, f"{file}\n")
    assert file.name == f"{conversation_id}.{format_name}"
    text = file.read_text("utf-8")
    assert "What is this?" in text and "Hello, world." in text


def test_export_as_json_holds_the_whole_tree(program, talk, tmp_path):
    server, conversation_id = talk

    program(
        "export", conversation_id, "--format", "json", "-o", str(tmp_path), "--base-url", server.url
    )

    tree = json.loads((tmp_path / f"{conversation_id}.json").read_text("utf-8"))
    assert (tree["id"], tree["model"]) == (conversation_id, "omni")
    assert [message["role"] for message in tree["messages"]][-2:] == ["user", "assistant"]


def test_export_as_html_runs_nothing(program, scripted, tmp_path):
    server = scripted(["<script>alert(1)</script>"])
    program("ask", "<b>", "--base-url", server.url)

    program("export", "--format", "html", "-o", str(tmp_path), "--base-url", server.url)

    [file] = list(tmp_path.iterdir())
    assert "<script>" not in file.read_text("utf-8")
    assert "&lt;b&gt;" in file.read_text("utf-8")


def test_export_into_what_is_no_folder(program, talk, tmp_path):
    server, _ = talk
    (tmp_path / "file").write_text("x")

    done = program("export", "-o", str(tmp_path / "file"), "--base-url", server.url)

    assert done.code == 1
    assert done.err.count("\n") == 1


def test_export_does_not_write_through_a_link(program, talk, tmp_path):
    server, conversation_id = talk
    folder, victim = tmp_path / "folder", tmp_path / "victim"
    folder.mkdir()
    victim.write_text("mine")
    for name in (f"{conversation_id}.md", f"{conversation_id}.md.part"):
        (folder / name).symlink_to(victim)

    done = program("export", "-o", str(folder), "--base-url", server.url)

    assert (done.code, victim.read_text()) == (0, "mine")
    assert "Hello, world." in (folder / f"{conversation_id}.md").read_text("utf-8")


def test_export_into_a_path_that_can_be_none_is_told(program, talk):
    server, conversation_id = talk
    lines = f"/cd {conversation_id}\n/export md a\0b\n/ls\n"

    done = program("chat", "--base-url", server.url, stdin=lines)

    assert done.code == 2
    assert "NUL" in done.err
    assert len(done.out.splitlines()) == 1  # the talk went on
