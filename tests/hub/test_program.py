"""``hugchat-sync login``, ``whoami`` and ``logout`` against a hub."""

from __future__ import annotations

import json
import time

import pytest
from small_hub import EMAIL, PASSWORD, Answer, page, to


@pytest.fixture
def run(program, monkeypatch):
    def begin(chat, folder, *words, stdin=""):
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
        return program("--base-url", f"{chat.origin}/chat", *words, stdin=stdin)

    return begin


def test_sign_in_is_kept_for_the_next_program_and_forgotten_on_logout(completed, one_place):
    address = ("--base-url", f"{one_place.origin}/chat")
    password = PASSWORD.encode()

    signed = completed(*address, "login", EMAIL, "--password-stdin", stdin=password + b"\n")
    known = completed(*address, "whoami")
    left = completed(*address, "logout")
    nobody = completed(*address, "whoami")

    assert (signed.returncode, EMAIL.encode() in signed.stdout) == (0, True), signed.stderr
    assert (known.returncode, known.stdout) == (0, signed.stdout), known.stderr
    assert left.returncode == 0, left.stderr
    assert nobody.returncode == 3
    assert password not in b"".join([signed.stdout, signed.stderr, known.stdout, known.stderr])


def test_wrong_password_is_3_and_is_tried_once(run, one_place, tmp_path):
    done = run(one_place, tmp_path, "login", EMAIL, "--password-stdin", stdin="wrong\n")

    assert (done.code, done.out) == (3, "")
    assert "password" in done.err
    assert "Traceback" not in done.err
    assert one_place.hub.count("POST /login") == 1


def test_program_without_a_terminal_never_asks(run, one_place, tmp_path):
    done = run(one_place, tmp_path, "login", EMAIL)

    assert done.code in (2, 3)
    assert one_place.log == []


def test_cookies_of_a_browser_are_taken_from_stdin(run, one_place, tmp_path):
    run(one_place, tmp_path, "login", EMAIL, "--password-stdin", stdin=f"{PASSWORD}\n")
    (kept,) = (tmp_path / "hugchat_sync").glob("*@*.json")
    exported = [
        {"name": name, "value": value} for name, value in json.loads(kept.read_text()).items()
    ]

    done = run(one_place, tmp_path / "other", "login", "--cookies", "-", stdin=json.dumps(exported))

    assert (done.code, EMAIL in done.out) == (0, True), done.err


def ended(one_place, status=302, location="/chat/"):
    """Let the chat end sessions, as today's servers do; return the sessions that were ended."""
    gone = []

    def end(asked):
        assert asked.headers["origin"] == one_place.origin
        gone.append(one_place.sessions.pop(asked.cookies.get("hf-chat"), None))
        return to(location, "hf-chat=; Max-Age=0; Path=/", status=status)

    one_place.instead["POST /chat/logout"] = end
    return gone


def kept(folder):
    return [path.name for path in (folder / "hugchat_sync").glob("*@*.json")]


def signed_in(run, one_place, folder):
    done = run(one_place, folder, "login", EMAIL, "--password-stdin", stdin=f"{PASSWORD}\n")
    assert done.code == 0, done.err


def imported(run, one_place, folder):
    signed_in(run, one_place, folder / "browser")
    (path,) = (folder / "browser" / "hugchat_sync").glob("*@*.json")
    pairs = json.loads(path.read_text())
    done = run(one_place, folder, "login", "--cookies", "-", stdin=json.dumps(pairs))
    assert done.code == 0, done.err


@pytest.mark.parametrize(("status", "as_json"), [(302, False), (303, False), (200, True)])
def test_logout_ends_the_session_at_the_server(run, one_place, tmp_path, status, as_json):
    signed_in(run, one_place, tmp_path)
    gone = ended(one_place, status)
    if as_json:
        end = one_place.instead["POST /chat/logout"]
        body = '{"type":"redirect","status":303,"location":"/chat/"}'
        one_place.instead["POST /chat/logout"] = lambda asked: (
            end(asked) and Answer(200, body, "application/json")
        )

    done = run(one_place, tmp_path, "logout")

    assert (done.code, done.out) == (0, "")
    assert done.err.count("\n") == 1, done.err
    assert [user for user, _ in gone] == [EMAIL]
    assert kept(tmp_path) == []


def test_session_of_a_browser_is_ended_with_everywhere_only(run, one_place, tmp_path):
    gone = ended(one_place)
    imported(run, one_place, tmp_path)
    first = run(one_place, tmp_path, "logout")
    assert (first.code, gone, kept(tmp_path)) == (0, [], [])
    assert "--everywhere" in first.err

    imported(run, one_place, tmp_path)
    second = run(one_place, tmp_path, "logout", "--everywhere")
    assert (second.code, len(gone), kept(tmp_path)) == (0, 1, [])


def test_password_sign_in_after_an_import_is_ones_own(run, one_place, tmp_path):
    gone = ended(one_place)
    imported(run, one_place, tmp_path)
    signed_in(run, one_place, tmp_path)

    run(one_place, tmp_path, "logout")

    assert len(gone) == 1


TROUBLE = {
    "an error": Answer(500, '{"message":"Internal Error"}', "application/json"),
    "another address": to("https://elsewhere.example/chat/logout"),
    "https": to("https://127.0.0.1/chat/logout"),
    "a page": page("x", "Not found", 404),
    "a page with 200": page("x", "An app"),
    "a firewall": page("", "Just a moment...", 403, [("cf-mitigated", "challenge")]),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_session_that_cannot_be_ended_is_one_line_and_forgotten_all_the_same(
    run, one_place, tmp_path, trouble
):
    signed_in(run, one_place, tmp_path)
    one_place.instead["POST /chat/logout"] = TROUBLE[trouble]

    done = run(one_place, tmp_path, "logout")

    assert (done.code, kept(tmp_path)) == (0, [])
    assert done.err.count("was not ended at the server") == 1, done.err
    assert done.err.count("\n") == 2
    assert one_place.count("POST /chat/logout") == 1


def test_session_that_is_over_already_is_no_trouble_and_none_is_begun(run, one_place, tmp_path):
    signed_in(run, one_place, tmp_path)
    one_place.end_sessions()
    one_place.instead["POST /chat/logout"] = to(one_place.authorize_url("x"))
    before = one_place.count("GET /chat/login")

    done = run(one_place, tmp_path, "logout")

    assert (done.code, done.err.count("\n")) == (0, 1), done.err
    assert one_place.count("GET /chat/login") == before


def test_logout_without_a_server_forgets_and_ends_soon(run, one_place, tmp_path):
    signed_in(run, one_place, tmp_path)
    one_place.instead["POST /chat/logout"] = lambda asked: time.sleep(30)

    began = time.monotonic()
    done = run(one_place, tmp_path, "logout")

    assert (done.code, kept(tmp_path)) == (0, [])
    assert time.monotonic() - began < 20
    assert "was not ended" in done.err
