"""``login logout whoami``, and what is kept between two runs."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from hugchat_sync import Client, Sign, UsageError
from hugchat_sync.auth.cookies.disk import data_directory, default_directory, file_of
from hugchat_sync.local.testing import Script
from hugchat_sync.terminal.connection import account_of, session_file

EMAIL = "somebody@site.example"


def _no_home():
    raise RuntimeError("Could not determine home directory.")


def test_cookies_of_a_browser_are_imported_and_used(program, guarded, tmp_path):
    exported = tmp_path / "export.json"
    exported.write_text(json.dumps([{"name": "hf-chat", "value": "the-token"}]), "utf-8")

    login = program("login", EMAIL, "--cookies", str(exported), "--base-url", guarded.url)
    exported.unlink()
    ask = program("ask", "x", "--base-url", guarded.url)
    whoami = program("whoami", "--base-url", guarded.url)

    assert (login.code, login.err) == (0, "")
    assert (ask.code, ask.out) == (0, "fine\n")
    assert (whoami.code, whoami.out) == (0, login.out)
    assert "the-token" not in login.out
    assert stat.S_IMODE(file_of(EMAIL).stat().st_mode) == 0o600


def test_cookies_come_from_stdin_and_logout_forgets_them(program, guarded):
    login = program(
        "login", EMAIL, "--cookies", "-", "--base-url", guarded.url, stdin="hf-chat=the-token"
    )
    logout = program("logout", "--base-url", guarded.url)
    whoami = program("whoami", "--base-url", guarded.url)

    assert (login.code, logout.code, whoami.code) == (0, 0, 3)
    assert not file_of(EMAIL).exists()
    assert account_of(guarded.url) is None


@pytest.mark.parametrize("named", [["--local"], ["--cookies", "export.json"]])
def test_logout_of_something_else_forgets_no_account(program, guarded, monkeypatch, named):
    monkeypatch.setenv("HUGCHAT_SYNC_BASE_URL", guarded.url)
    program("login", EMAIL, "--cookies", "-", stdin="hf-chat=the-token")

    logout = program("logout", *named, "--everywhere")

    assert (logout.code, logout.out) == (2, "")
    assert named[0] in logout.err
    assert program("whoami").code == 0


@pytest.mark.parametrize("command", ["whoami", "login"])
@pytest.mark.parametrize("given", ["hf-chat=planted; token=too", "planted"])
def test_cookies_in_place_of_their_file_are_not_shown(program, guarded, command, given):
    done = program(command, "--cookies", given, "--base-url", guarded.url)

    assert (done.code, done.out) == (2, "")
    assert "no such file" in done.err and "planted" not in done.err


def test_cookies_that_the_server_does_not_know_are_not_kept(program, guarded):
    done = program(
        "login", EMAIL, "--cookies", "-", "--base-url", guarded.url, stdin="hf-chat=another"
    )

    assert (done.code, done.out) == (3, "")
    assert not file_of(EMAIL).exists()


def test_sign_in_at_one_server_is_not_taken_to_another(program, guarded, scripted):
    program("login", EMAIL, "--cookies", "-", "--base-url", guarded.url, stdin="hf-chat=the-token")
    other = scripted(["fine"])

    done = program("ask", "x", "--base-url", other.url)

    assert done.code == 0
    assert all("the-token" not in str(seen.headers) for seen in other.requests)


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (["login"], ""),
        (["login", EMAIL], ""),
        (["login", "--password-stdin"], "secret\n"),
        (["login", EMAIL, "--password-stdin"], ""),
        (["login", EMAIL, "--local"], ""),
    ],
)
def test_nobody_is_asked_without_a_terminal(program, monkeypatch, words, stdin):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("somebody was asked"))
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: pytest.fail("somebody was asked"))

    done = program(*words, stdin=stdin)

    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1


class FakeSign:
    """Stands in for the walk through the sign-in pages, which has tests of its own."""

    seen: list = []

    def __init__(self, email, passwd=None, **options):
        self.seen.append((email, passwd, options["base_url"]))
        self._email = email

    def login(self, save=False, cookie_dir_path=None):
        assert save
        file_of(self._email).parent.mkdir(parents=True, exist_ok=True)
        file_of(self._email).write_text('{"hf-chat": "the-token"}', "utf-8")


@pytest.fixture
def sign(monkeypatch):
    from hugchat_sync.terminal import accounts

    FakeSign.seen = []
    monkeypatch.setattr(accounts, "Sign", FakeSign)
    return FakeSign


def test_password_from_stdin_signs_in(program, guarded, sign):
    done = program(
        "login", EMAIL, "--password-stdin", "--base-url", guarded.url, stdin="pass word \n"
    )

    assert done.code == 0
    assert sign.seen == [(EMAIL, "pass word ", guarded.url)]
    assert program("ask", "x", "--base-url", guarded.url).out == "fine\n"


def test_email_and_password_from_the_environment(program, guarded, sign, monkeypatch):
    monkeypatch.setenv("HUGCHAT_SYNC_EMAIL", EMAIL)
    monkeypatch.setenv("HUGCHAT_SYNC_PASSWORD", "from-env")

    done = program("login", "--base-url", guarded.url)

    assert done.code == 0
    assert sign.seen == [(EMAIL, "from-env", guarded.url)]
    assert "from-env" not in done.out + done.err


def test_email_and_password_are_asked_of_a_human(program, guarded, sign, monkeypatch):
    from hugchat_sync.terminal import accounts

    monkeypatch.setattr(accounts, "stdin_is_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", lambda: f" {EMAIL} ")
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: "typed")

    done = program("login", "--base-url", guarded.url)

    assert done.code == 0
    assert sign.seen == [(EMAIL, "typed", guarded.url)]
    assert "E-mail: " in done.err


def test_logout_of_nobody(program, answering):
    assert program("logout", "--base-url", answering.url).code == 0


def test_session_of_nobody_is_kept_for_the_next_run(program, answering):
    program("ask", "x", "--base-url", answering.url)

    listed = program("ls", "--base-url", answering.url)

    assert listed.out.count("\n") == 1
    assert stat.S_IMODE(session_file(answering.url).stat().st_mode) == 0o600


@pytest.mark.parametrize("era", ["v2-2025", "lines-2023"])
def test_first_questions_at_once_share_one_session(program, scripted, start, era):
    server = scripted(*[Script(tokens=("fine",))] * 4, era=era)
    words = ("ask", "x", "--base-url", server.url)
    running = [start(*words, stdin=subprocess.DEVNULL) for _ in range(4)]

    ended = [process.communicate(timeout=60) for process in running]
    listed = program("ls", "--base-url", server.url)

    assert [out for out, _ in ended] == [b"fine\n"] * 4, ended
    assert listed.out.count("\n") == 4


def test_session_that_cannot_be_kept_is_told_once(program, answering):
    session_file(answering.url).parent.parent.mkdir(parents=True)
    session_file(answering.url).parent.write_text("a file stands in the way", "utf-8")

    done = program("ask", "x", "--base-url", answering.url)

    assert (done.code, done.out) == (0, "Hello, world.\n")
    assert done.err.count("nothing is kept for the next run") == 1


@pytest.mark.parametrize("words", [["--local"], ["--base-url"]])
def test_nobody_without_a_home_is_answered(program, answering, monkeypatch, words):
    monkeypatch.setattr(Path, "home", _no_home)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    words = words if words == ["--local"] else [*words, answering.url]

    done = program("ask", "x", *words)

    assert done.code == 0
    assert done.err.count("set HOME or XDG_CONFIG_HOME") == 1


def test_configuration_directory_alone_is_enough(program, answering, monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "home", _no_home)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    done = program("ask", "x", "--base-url", answering.url)

    assert (done.code, done.err) == (0, "")
    assert program("ls", "--base-url", answering.url).out.count("\n") == 1


def test_sign_in_without_a_home_fails_before_the_password_is_sent(program, monkeypatch):
    monkeypatch.setattr(Path, "home", _no_home)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    with pytest.raises(UsageError, match="set HOME"):
        Sign(EMAIL, "x", base_url="http://127.0.0.1:9").login(save=True)
    with pytest.raises(UsageError, match="in full"):
        Sign(EMAIL, "x").loadCookiesFromDir("~nosuchuser/x")
    with Client("http://127.0.0.1:9", email=EMAIL) as client:  # nothing can be saved of them
        assert not client.cookies


def test_no_session_of_nobody_at_the_hub():
    assert session_file("https://huggingface.co/chat") is None
    assert session_file("https://huggingface.co:443/chat") is None


def test_home_that_cannot_be_written_costs_no_answer(program, answering):
    default_directory().parent.mkdir(parents=True, exist_ok=True)
    default_directory().write_text("a file stands in the way", "utf-8")

    done = program("ask", "x", "--base-url", answering.url)
    data_directory().parent.mkdir(parents=True, exist_ok=True)
    data_directory().write_text("here, too", "utf-8")
    local = program("ask", "x", "--local")

    assert (done.code, done.out) == (0, "Hello, world.\n")
    assert (local.code, bool(local.out)) == (0, True)
    assert local.err.count("kept in memory only") == 1


def test_server_without_accounts_says_so(program, answering, tmp_path):
    for words in (["--base-url", answering.url], ["--local"]):
        done = program("whoami", *words)

        assert (done.code, done.out) == (0, "nobody: this server has no accounts\n")


def test_nobody_at_a_server_with_accounts_is_3(program, guarded):
    assert program("whoami", "--base-url", guarded.url).code == 3
