"""Answers out of documents."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from local_wire import updates

import hugchat_sync
from hugchat_sync.local import LocalServer
from hugchat_sync.local.documents import Documents

_TOOL = "Web Search (documents)"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "birds.md").write_text(
        "# Birds\n\nAll birds.\n\n## Quorlets\n\nThe quorlet sings at dawn.\n"
    )
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "fish.rst").write_text("Fish\n====\n\nThe blimfish swims.\n")
    (tmp_path / "ignored.py").write_text("zzyzx = 1\n")
    return tmp_path


def answer(talk, text, **more):
    lines = updates(talk.send({"inputs": text, "id": talk.root, **more}))
    return next(line["text"] for line in lines if line["type"] == "finalAnswer")


def test_search_of_a_server_that_is_gone_is_closed(monkeypatch):
    """Python 3.13 warns of a database left open, in whatever runs when it is collected."""
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    with LocalServer() as server:
        assert server.url
    del server
    gc.collect()

    assert told == []


def test_a_planted_word_is_found_and_no_other(serve, folder):
    talk = serve(documents=folder)
    talk.create()
    found = answer(talk, "What does a quorlet do?")
    assert found.startswith("### Quorlets\n\nThe quorlet sings at dawn.")
    assert found.endswith("Sources:\n\n- Birds: Quorlets (birds.md)")
    assert talk.call("GET", "/documents/birds.md").text.startswith("# Birds")
    assert answer(talk, "zzyzx").startswith("Nothing found")
    assert "The blimfish swims." in answer(talk, "blimfish")
    assert answer(talk, "blimfish and zzyzx").startswith("Nothing found about: zzyzx.")


def test_without_full_text_search_it_says_so(serve, folder, monkeypatch):
    plain = sqlite3.connect

    class Without(sqlite3.Connection):
        def execute(self, query, *values):
            if "fts5" in query:
                raise sqlite3.OperationalError("no such module: fts5")
            return super().execute(query, *values)

    monkeypatch.setattr(sqlite3, "connect", lambda *a, **o: plain(*a, factory=Without, **o))
    talk = serve(documents=folder)
    talk.create()

    assert "FTS5" in answer(talk, "quorlets?")


def test_own_documentation_explains_system_prompts(serve):
    talk = serve()
    talk.create()
    text = answer(talk, "How do I set a system prompt?")
    assert "create_conversation(system_prompt=" in text and "set_system_prompt(" in text
    assert "system-prompts.md" in text


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How do I stop an answer?", "message.stop()"),
        ("rate limit", "RateLimited"),
        ("web search", "web_search=True"),
        ("futures", "concurrent.futures.Future"),
        ("sign in with cookies", "cookies.txt"),
        ("terminal command line", "hugchat-sync ask"),
        ("install", 'pip install ".[all]"'),
        ("keep conversations in a database", 'database="chat.db"'),
    ],
)
def test_own_documentation_answers(serve, question, expected):
    talk = serve()
    talk.create()
    assert expected in answer(talk, question)


def test_fenced_code_is_quoted_as_it_stands(serve, tmp_path):
    code = '```python\n# no heading\nx = ["a"]\n\n\ndef f():\n    return ``1``\n```'
    (tmp_path / "code.md").write_text(
        f"# Code\n\n## Quorlet\n\nIn ``two``\nlines:\n\n{code}\n\nEnd.\n"
    )
    talk = serve(documents=tmp_path)
    talk.create()
    assert answer(talk, "quorlet").startswith(f"### Quorlet\n\nIn ``two`` lines:\n\n{code}\n\nEnd.")


def test_system_prompt_and_files_are_seen(serve):
    talk = serve()
    talk.create(preprompt="Answer in French.")
    files = (("base64;a.txt", "text/plain", "QUFB"),)
    reply = talk.send({"inputs": "install", "id": talk.root}, files)
    text = next(line["text"] for line in updates(reply) if line["type"] == "finalAnswer")
    assert text.startswith("(system prompt: Answer in French.)\n\n(files: a.txt (3 bytes))")


def test_tool_server_searches_only_when_selected(serve, folder):
    talk = serve(documents=folder)
    (listed,) = talk.call("GET", "/api/mcp/servers").json()
    assert listed["name"] == _TOOL
    health = talk.call("POST", "/api/mcp/health", {"url": listed["url"]}).json()
    assert health["ready"] is True and health["tools"][0]["name"] == "web_search"
    talk.create("local/documents")
    without = updates(
        talk.send({"inputs": "quorlet", "id": talk.root, "selectedMcpServerNames": []})
    )
    assert not [line for line in without if line["type"] == "tool"]
    selected = {"inputs": "quorlet", "id": talk.root, "selectedMcpServerNames": [_TOOL]}
    tools = [line for line in updates(talk.send(selected)) if line["type"] == "tool"]
    assert [line["subtype"] for line in tools] == ["call", "eta", "progress", "result"]
    (output,) = tools[-1]["result"]["outputs"]
    link = f"{talk.url}/documents/birds.md"
    assert f"Title: Birds\nURL: {link}" in output["text"]
    assert output["structured"]["results"][0]["url"] == link
    assert output["content"] == [{"type": "text", "text": output["text"]}]


def test_a_model_without_tools_uses_none(serve, folder):
    talk = serve(documents=folder)
    talk.create("local/plain")
    lines = updates(
        talk.send({"inputs": "quorlet", "id": talk.root, "selectedMcpServerNames": [_TOOL]})
    )
    assert not [line for line in lines if line["type"] == "tool"]


def test_web_search_of_2023_tells_its_sources(serve, folder):
    talk = serve("lines-2023", documents=folder)
    talk.create()
    lines = [line for line in updates(talk.line("quorlet", web_search=True))]
    search = [line for line in lines if line["type"] == "webSearch"]
    assert search[0]["args"] == ["quorlet"]
    assert search[-1]["sources"] == [
        {"title": "Birds", "link": f"{talk.url}/documents/birds.md", "hostname": "127.0.0.1"}
    ]
    failed = [
        line for line in updates(talk.line("zzyzx", web_search=True)) if line["type"] == "webSearch"
    ]
    assert failed[-1]["messageType"] == "error"


def test_title_is_the_beginning_of_the_prompt(serve):
    talk = serve()
    talk.create()
    talk.say("word " * 30)
    title = talk.read()["title"]
    assert title.startswith("word word") and len(title) == 40 and title.endswith("…")


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(NotADirectoryError):
        Documents(tmp_path / "nothing")


def test_all_pages_of_the_guide_are_read_also_out_of_a_zip_file(tmp_path):
    package = Path(hugchat_sync.__file__).parent
    pages = sorted(path.name for path in (package / "local" / "documents").iterdir())
    archive = shutil.make_archive(str(tmp_path / "zipped"), "zip", package.parent, package.name)
    program = (
        "from hugchat_sync.local.documents import Documents, __file__ as place\n"
        "assert 'zipped.zip' in place, place\n"
        f"print(*[name for name in {pages!r} if not Documents().document(name)])"
    )

    environment = {**os.environ, "PYTHONPATH": archive}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert (done.stdout.strip(), done.stderr) == ("", "")
    assert 14 <= len(pages) <= 18


@pytest.mark.parametrize("greeting", ["hello", "Hi there!", "thanks", "?!"])
def test_greeting_is_answered_with_three_things_to_ask(serve, greeting):
    talk = serve()
    talk.create()
    lines = answer(talk, greeting).splitlines()

    assert lines[0].startswith("Hello!")
    assert len([line for line in lines if line.startswith("- ")]) == 3


def test_piped_text_is_context_and_no_question(serve, folder):
    talk = serve(documents=folder)
    talk.create()

    found = answer(talk, "quorlet?\n\nblimfish blimfish zzyzx")

    assert "sings at dawn" in found and "blimfish" not in found and "zzyzx" not in found


def test_at_most_five_unknown_words_are_named(serve, folder):
    talk = serve(documents=folder)
    talk.create()

    found = answer(talk, "quorlet " + " ".join(f"zz{letter}zz" for letter in "abcdefgh"))

    first = found.splitlines()[0]
    assert first == "Nothing found about: zzazz, zzbzz, zzczz, zzdzz, zzezz."


def test_words_of_the_same_meaning_are_found(serve, tmp_path):
    (tmp_path / "a.md").write_text("# Plums\n\n## Remove a plum\n\nThrow it away.\n")
    talk = serve(documents=tmp_path)
    talk.create()

    assert "Throw it away" in answer(talk, "How do I delete it?")


def test_a_second_passage_is_quoted_only_if_it_fits_nearly_as_well(serve, tmp_path):
    (tmp_path / "a.md").write_text(
        "# Plums\n\n## Eat a plum\n\nBite.\n\n## Throw\n\nA plum flies far, far away.\n"
    )
    talk = serve(documents=tmp_path)
    talk.create()

    assert "flies" not in answer(talk, "How do I eat a plum?")
