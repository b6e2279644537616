"""``python -m hugchat_sync.terminal_cli``: the old name of the interactive program."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hugchat_sync import terminal_cli
from hugchat_sync.auth.cookies.disk import file_of

EMAIL = "somebody@site.example"


@pytest.fixture
def commands(monkeypatch):
    """What is run, and how it ends."""
    seen = []

    def run(words):
        seen.append(words)
        return 3 if words[0] == "login" and words[2].startswith("nobody") else 0

    monkeypatch.setattr("hugchat_sync.terminal.main", run)
    return seen


def keep(email):
    file_of(email).parent.mkdir(parents=True, exist_ok=True)
    file_of(email).write_text("{}", "utf-8")


def test_who_is_not_signed_in_signs_in_and_talks(commands):
    assert terminal_cli.main(["-u", EMAIL]) == 0
    assert commands == [["login", "--email", EMAIL], ["chat", "--email", EMAIL]]


def test_kept_cookies_are_used(commands):
    keep(EMAIL)

    assert terminal_cli.main(["-u", EMAIL, "--debug"]) == 0
    assert commands == [["chat", "--verbose", "--email", EMAIL]]


@pytest.mark.parametrize("option", ["-p", "-f"])
def test_new_sign_in_is_asked_for(commands, option):
    keep(EMAIL)

    assert terminal_cli.main(["-u", EMAIL, option]) == 0
    assert [words[0] for words in commands] == ["login", "chat"]


def test_failed_sign_in_is_the_end(commands):
    assert terminal_cli.main(["-u", f"nobody-{EMAIL}"]) == 3
    assert [words[0] for words in commands] == ["login"]


@pytest.mark.parametrize("words", [[], ["-u", " "]])
def test_account_is_needed(words):
    done = subprocess.run(
        [sys.executable, "-m", "hugchat_sync.terminal_cli", *words],
        capture_output=True, stdin=subprocess.DEVNULL, timeout=30,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Traceback" not in done.stderr
