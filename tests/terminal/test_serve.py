"""``serve``: the embedded server in the foreground."""

from __future__ import annotations

import signal

import pytest

from hugchat_sync import Client


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 129)]
)
def test_serves_until_it_is_told_to_end(start, tmp_path, sent, code):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("# Birds\n\nThe zorblax eats plums.\n", "utf-8")
    process = start("serve", "--port", "0", "--docs", str(folder), "--db", str(tmp_path / "x.db"))
    url = process.stdout.readline().decode().strip()

    with Client(url) as client:
        assert "plums" in client.ask("What does the zorblax eat?")
    process.send_signal(sent)

    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (code, b"")
    assert b"Traceback" not in err
    assert (tmp_path / "x.db").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--docs", "/nowhere/at/all"], 2),
        (["--host", "0.0.0.0"], 2),
        (["--port", "99999"], 2),
        (["--db", "/nowhere/at/all/x.db"], 1),
        (["--base-url", "http://127.0.0.1:1"], 2),
    ],
)
def test_what_cannot_be_served_is_told(program, words, code):
    done = program("serve", *words)

    assert (done.code, done.out) == (code, "")
    assert done.err.count("\n") == 1


def test_documents_beside_a_model_server_are_not_passed_over(program):
    done = program("serve", "--docs", ".", "--upstream", "http://127.0.0.1:1")

    assert (done.code, done.out) == (2, "")
    assert "not allowed with argument --docs" in done.err


def test_port_that_is_taken(program, answering):
    port = answering.url.split(":")[2].split("/")[0]

    done = program("serve", "--port", port)

    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1
