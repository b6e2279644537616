"""Conversations and models as people name them, commands that are left out, and mistyped words."""

from __future__ import annotations

import json
import re
import sys

import pytest
from sampling import each

from hugchat_sync.errors import ConversationNotExistError, UsageError
from hugchat_sync.terminal import main, output
from hugchat_sync.terminal.conversations import find_conversation, shorten_ids

IDS = ["6b0871f4ac9c3bd64c5d754b", "6b0871f4ac9c3bd64c5d754c", "1234aaaaaaaaaaaaaaaaaaaa"]


@pytest.fixture
def three(program, answering, owner):
    """A server with the conversations *first*, *second* and *third*."""
    for title in ("first", "second", "third"):
        program("ask", title, "--base-url", answering.url)
        client = owner(answering)
        newest = next(iter(client.fetch_conversations()))
        client.rename_conversation(newest, title)

    def run(*words, **options):
        return program(*words, "--base-url", answering.url, **options)

    run.server = answering
    run.titles = lambda: list(owner(answering).fetch_conversations().values())
    run.ids = {title: one for one, title in owner(answering).fetch_conversations().items()}
    return run


@each(
    ("word", "expected"),
    [
        (IDS[0], IDS[0]),
        (IDS[2].upper(), IDS[2]),
        ("0" * 24, "0" * 24),  # only the server knows
        ("0", IDS[0]),
        ("2", IDS[2]),
        ("last", IDS[0]),
        ("1234", IDS[2]),
        ("1234AAAA", IDS[2]),
        (IDS[1][:23] + "c", IDS[1]),
    ],
)
def test_conversation_is_meant_by_id_beginning_number_or_last(word, expected):
    assert find_conversation(word, IDS) == expected


@each("word", ["3", "6b0", "beef", "nonsense", "Last", "", "-1", "4" * 30])
def test_word_that_means_no_conversation(word):
    with pytest.raises(ConversationNotExistError):
        find_conversation(word, IDS)


def test_beginning_of_two_ids_means_none_of_them():
    with pytest.raises(UsageError, match="754b.*754c"):
        find_conversation("6b08", IDS)


def test_number_that_also_begins_an_id_means_none_of_them():
    ids = [f"{number:024x}" for number in range(1, 1300)] + IDS
    with pytest.raises(UsageError, match="2 conversations"):
        find_conversation("1234", ids)


def test_short_ids_are_long_enough_to_be_told_apart():
    assert shorten_ids(IDS) == [IDS[0], IDS[1], "1234aaaa"]


def test_ls_prints_numbers_and_beginnings_that_the_other_commands_take(three):
    rows = [line.split() for line in three("ls").out.splitlines()]

    assert [row[0] for row in rows] == ["0", "1", "2"]
    assert [row[3] for row in rows] == three.titles()
    for number, short, date, title in rows:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)
        assert three.ids[title].startswith(short)
        for word in (number, short):
            assert f"You:\n{title}\n" in three("show", word).out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["show", "last"], "third"),
        (["export", "last", "--format", "txt", "-o", "{folder}"], "{third}.txt"),
        (["share", "last"], "/r/"),
        (["ask", "x", "--conversation", "last", "--json"], "{third}"),
    ],
)
def test_last_is_the_latest_conversation(three, tmp_path, words, expected):
    done = three(*(word.format(folder=tmp_path) for word in words))

    assert done.code == 0
    assert expected.format(**three.ids) in done.out


def test_numbers_mean_what_they_meant_before_the_first_was_deleted(three):
    done = three("rm", "0", "1")

    assert (done.code, three.titles()) == (0, ["first"])


def test_conversation_is_renamed_by_its_number(three):
    assert three("rename", "1", "a new title").code == 0
    assert three.titles()[1] == "a new title" or "a new title" in three.titles()


def test_last_asks_for_one_page_of_the_list_only(three):
    before = len(three.server.requests)
    three("show", "last")

    paths = [seen.path for seen in three.server.requests[before:]]
    assert sum(path.endswith("/conversations") for path in paths) <= 1


def test_title_is_cut_where_the_terminal_ends(monkeypatch):
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    monkeypatch.setattr(output, "columns", lambda: 30)

    assert output.fit("short", 20) == "short"
    assert output.fit("a title of many words", 20) in ("a title o…", "a title o~")
    assert output.fit("日本語の長い題名です", 20)[:-1] == "日本語の"


def test_rm_all_says_how_many_and_where(three):
    done = three("rm", "--all", "--yes")

    assert "3 conversations" in done.err and three.server.url in done.err


def test_first_word_with_a_blank_is_a_question(program, answering):
    for words in (["what is this?"], ["-m", "local/plain", "what is this?"], ["-x", "is it so?"]):
        done = program("--base-url", answering.url, *words)
        assert "Hello, world." in done.out + done.err
    assert answering.responder.turns[-2].model == "local/plain"
    assert len(answering.responder.turns) == 3


def test_piped_text_without_a_command_is_a_question(program, answering):
    done = program("--base-url", answering.url, stdin="what is this?")

    assert (done.code, done.out) == (0, "Hello, world.\n")
    assert answering.responder.turns[-1].prompt == "what is this?"


@pytest.mark.parametrize(("word", "meant"), [("modles", "models"), ("exprot", "export")])
def test_mistyped_command_is_told_with_what_was_meant(program, word, meant):
    done = program(word)

    assert (done.code, done.out) == (2, "")
    assert f"did you mean {meant}" in done.err


def test_wrong_option_shows_the_usage_of_its_own_command(program):
    done = program("ask", "x", "--no-steam")

    assert done.code == 2
    assert done.err.startswith("usage: hugchat-sync ask ")
    assert "did you mean --no-stream?" in done.err


@pytest.mark.parametrize("words", [("--json", "ls"), ("-m", "omni", "ask", "x")])
def test_option_of_a_command_before_its_name_is_told_where_to_stand(program, words):
    done = program(*words)

    assert (done.code, done.out) == (2, "")
    assert f"{words[0]}; the options of a command stand behind it" in done.err


@pytest.mark.parametrize(
    "words", [("rm", "0", "--verbose", "1"), ("rm", "0", "1"), ("--verbose", "rm", "0", "1")]
)
def test_options_stand_before_behind_and_between_the_words_of_a_command(three, words):
    assert three(*words).code == 0
    assert three.titles() == ["first"]


@each(
    "words",
    [
        ["ask", "x", "--conversation", ""],
        ["ask", "x", "--conversation="],
        ["ask", "x", "-m", ""],
        ["--cookies", "", "ls"],
        ["ls", "--email", ""],
        ["ls", "--base-url", ""],
        ["--base-url=", "ls"],
        ["batch", "in", "out", "--executor", ""],
        ["serve", "--docs", ""],
        ["serve", "--db="],
    ],
)
def test_option_without_a_word_is_not_taken_for_one_that_was_left_out(program, words):
    done = program(*words)

    assert (done.code, done.out) == (2, "")
    assert re.search(r"error: -[-a-z]+ is followed by an empty text\n", done.err)


def test_question_without_quotes_is_told(program):
    done = program("ask", "what", "is", "this")

    assert done.code == 2 and "quotes" in done.err


def test_model_is_named_in_any_case_or_nearly(program, answering):
    any_case = program("ask", "x", "-m", "LOCAL/Plain", "--base-url", answering.url)
    nearly = program("ask", "x", "-m", "om", "--json", "--base-url", answering.url)

    assert (any_case.code, any_case.err) == (0, "")
    assert nearly.code == 0 and "omni is taken" in nearly.err
    assert json.loads(nearly.out.splitlines()[-1])["model"] == "omni"
    assert [turn.model for turn in answering.responder.turns] == ["local/plain", "omni"]


def test_file_is_read_from_stdin(program, answering):
    for content, kind in ((b"\x89PNG\r\n\x1a\n...", "image/png"), (b"milk", "text/plain")):
        done = program("ask", "x", "-f", "-", "--base-url", answering.url, stdin=content)

        assert (done.code, answering.responder.turns[-1].prompt) == (0, "x")
        [file] = answering.responder.turns[-1].attachments
        assert (file.mime, bytes(file.content)) == (kind, content)


@pytest.mark.parametrize("words", [["ask", "-f", "-"], ["ask", "x", "-f", "-", "--no-input"]])
def test_file_from_stdin_needs_a_question_of_its_own(program, answering, words):
    done = program(*words, "--base-url", answering.url, stdin="milk")

    assert (done.code, answering.responder.turns) == (2, [])


def test_file_that_is_too_large_is_a_matter_of_usage(program, answering, tmp_path):
    content = b"x" * (10 * 1024 * 1024 + 1)
    (tmp_path / "large.bin").write_bytes(content)
    for name, stdin in ((str(tmp_path / "large.bin"), b""), ("-", content)):
        done = program("ask", "x", "-f", name, "--base-url", answering.url, stdin=stdin)

        assert (done.code, answering.responder.turns) == (2, [])


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_is_printed(program, shell):
    pytest.importorskip("shtab")
    done = program("--print-completion", shell)

    assert (done.code, done.err) == (0, "")
    assert "export" in done.out and "temporary" in done.out


def test_completion_without_the_extra_is_told_in_a_sentence(program, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    done = program("--print-completion", "bash")

    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "hugchat-sync[cli]" in done.err


def test_completion_without_a_stdout_ends_with_an_exit_code(monkeypatch):
    pytest.importorskip("shtab")
    with monkeypatch.context() as closed:
        closed.setattr(sys, "stdout", None)
        code = main(["--print-completion", "bash"])

    assert code == 1


def test_local_tells_once_where_it_keeps_its_database(program, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    first = program("ls", "--local")
    second = program("ls", "--local")

    place = tmp_path / "hugchat_sync" / "local.db"
    assert place.exists()
    assert str(place) in first.err and str(place) not in second.err


def test_local_goes_on_with_a_database_among_the_configuration(program, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "config"))  # as it was
    program("ask", "What is a dialect?", "--local")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    program("ask", "What is a dialect?", "--local")

    assert (tmp_path / "config" / "hugchat_sync" / "local.db").exists()
    assert not (tmp_path / "data" / "hugchat_sync" / "local.db").exists()


def test_sources_that_the_answer_lists_are_told_once(program):
    done = program("ask", "-w", "How do I sign in?", "--local")

    assert (done.out + done.err).count("Sources:") == 1


@pytest.mark.parametrize("words", [["whoami"], ["check"]])
def test_what_is_missing_for_a_sign_in_is_told_in_one_line(program, guarded, words):
    done = program(*words, "--base-url", guarded.url)

    assert done.code == 3
    assert "nobody is signed in" in done.err and done.err.count("\n") == 1


def test_check_costs_no_message(program, answering):
    done = program("check", "--base-url", answering.url)

    assert (done.code, answering.responder.turns) == (0, [])
    assert "v2-2025" in done.out


@pytest.mark.parametrize("word", ["exit", "quit", ":q"])
def test_talk_is_left_in_the_words_of_other_programs(program, answering, word):
    done = program("chat", "--base-url", answering.url, stdin=f"one\n{word}\nnever asked\n")

    assert (done.code, done.out) == (0, "Hello, world.\n")
