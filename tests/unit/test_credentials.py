"""Who we are to a server: the order of the sources, and what leaves for where."""

from __future__ import annotations

import os
import pickle
import time
from unittest.mock import patch

import pytest
import requests
from sampling import each

from hugchat_sync import AuthError, Client, HuggingChat, UsageError
from hugchat_sync.auth.cookies.disk import file_of
from hugchat_sync.auth.cookies.store import CookieStore
from hugchat_sync.auth.credentials import Credentials, find_credentials
from hugchat_sync.auth.identity import Identity
from hugchat_sync.options import is_loopback
from hugchat_sync.secret import Secret
from hugchat_sync.transport.adapter import authentication

HUB = "https://huggingface.co/chat"
OTHER = "https://chat.example/chat"


def prepared(url, **more):
    return requests.Request("GET", url, **more).prepare()


def names(credentials):
    return set(credentials.store.names)


@pytest.fixture()
def saved():
    path = file_of("a@example.org")
    path.parent.mkdir(parents=True, exist_ok=True)
    CookieStore.read({"saved": "1"}, HUB).save(path)
    return path


def found(environment=None, base_url=HUB, **given):
    if "cookies" in given:
        given["cookies"] = Secret(given["cookies"])
    with patch.dict(os.environ, environment or {}):
        return find_credentials(base_url, **given)


def with_token():
    return Credentials(OTHER, CookieStore(OTHER), Secret("hf_x"))


def with_cookies(cookies):
    return Credentials(OTHER, CookieStore.read(cookies, OTHER))


ALL = {"HUGCHAT_SYNC_COOKIES": "stated=1", "HF_TOKEN": "hf_env"}


def test_argument_comes_first(saved):
    credentials = found(ALL, email="a@example.org", cookies={"given": "1"})

    assert names(credentials) == {"given"}


def test_token_that_was_given_comes_before_the_environment(saved):
    credentials = found(ALL, email="a@example.org", token=Secret("hf_given"))

    assert credentials.token.value == "hf_given"


def test_environment_comes_before_the_saved_file(saved):
    assert names(found(ALL, email="a@example.org")) == {"stated"}


def test_account_of_the_environment_is_taken_where_none_is_named(saved):
    assert names(found({"HUGCHAT_SYNC_EMAIL": "a@example.org"})) == {"saved"}
    assert names(found({"HUGCHAT_SYNC_EMAIL": "a@example.org"}, email="b@example.org")) == set()


def test_saved_file_comes_before_the_token_of_the_environment(saved):
    credentials = found({"HF_TOKEN": "hf_env"}, email="a@example.org")

    assert (names(credentials), bool(credentials.token)) == ({"saved"}, False)


def test_token_of_the_environment_is_for_the_hub():
    assert found({"HF_TOKEN": "hf_env"}).token.value == "hf_env"


@pytest.mark.parametrize("base_url", [OTHER, "https://huggingface.co.evil.example/chat"])
def test_token_of_the_environment_is_for_no_other_server(base_url):
    credentials = found({"HF_TOKEN": "hf_env"}, base_url=base_url)

    assert (bool(credentials.token), credentials.given) == (False, False)


def test_without_anything_nobody_is_signed_in():
    credentials = found()

    assert (names(credentials), credentials.given) == (set(), False)


def test_missing_cookie_of_the_pair_is_named_before_any_request():
    with pytest.raises(AuthError, match="hf-chat is missing"):
        found(cookies={"token": "t"}).require_complete()


def test_missing_cookie_is_told_by_a_call_of_the_client():
    with pytest.raises(AuthError, match="token is missing"):
        Client(HUB, cookies={"hf-chat": "h"}).whoami()


@each(
    "call",
    [
        lambda client: client.chat("hi"),
        lambda client: client.ask("hi", "6" * 24),
        lambda client: client.create_conversation(),
        lambda client: client.share("6" * 24),
        lambda client: client.retry("m", "6" * 24),
    ],
)
def test_what_a_token_cannot_do_is_told_before_any_request(call):
    client = Client("http://127.0.0.1:9/chat", token="hf_x", dialect="v2-2025")

    with pytest.raises(AuthError, match="cookies"):
        call(client)


def test_token_goes_below_the_api_only():
    put_on = with_token().put_on
    inside, outside = prepared(OTHER + "/api/v2/user"), prepared(OTHER + "/conversation")

    assert put_on(inside).headers["Authorization"] == "Bearer hf_x"
    assert "Authorization" not in put_on(outside).headers


@pytest.mark.parametrize(
    "url",
    [
        "https://chat.example.evil.example/chat/api/v2/user",
        "http://chat.example/chat/api/v2/user",
        "https://chat.example/chatty/api/v2/user",
        "https://chat.example/chat/apis",
    ],
)
def test_token_goes_to_no_other_place(url):
    assert "Authorization" not in with_token().put_on(prepared(url)).headers


def test_token_travels_without_cookies():
    request = prepared(OTHER + "/api/v2/user", headers={"Cookie": "hf-chat=nobody"})

    assert "Cookie" not in with_token().put_on(request).headers


def test_cookies_of_a_given_session_are_kept_and_ours_win():
    request = prepared(OTHER, headers={"Cookie": "theirs=1; both=old"})

    with_cookies("both=new; ours=2").put_on(request)

    assert request.headers["Cookie"] == "theirs=1; both=new; ours=2"


@each("warm", [False, True])
@each(
    ("url", "sent"),
    [
        (OTHER + "/conversation", "a=1"),
        ("https://chat.example.evil.example/chat", None),
        ("https://chat.example:8443/chat", None),
        ("http://chat.example/chat", None),
        ("https://evil.example/https://chat.example/", None),
    ],
)
def test_client_sends_its_cookies_to_its_server_alone(url, sent, warm):
    identity = Identity(OTHER, cookies=Secret({"a": "1"}))
    if warm:
        identity(prepared(OTHER))

    assert identity(prepared(url)).headers.get("Cookie") == sent


def test_client_sends_its_cookies_beside_those_of_a_given_session():
    identity = Identity(OTHER, cookies=Secret({"a": "1"}))
    request = prepared(OTHER, headers={"Cookie": "a=old; b=2"})

    assert identity(request).headers["Cookie"] == "b=2; a=1"


def test_client_sends_no_cookie_whose_time_is_over(monkeypatch):
    soon = {"name": "a", "value": "1", "expires": time.time() + 60}
    identity = Identity(OTHER, cookies=Secret([soon, {"name": "b", "value": "2"}]))
    assert identity(prepared(OTHER)).headers["Cookie"] == "a=1; b=2"

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)

    assert identity(prepared(OTHER)).headers["Cookie"] == "b=2"
    assert identity(prepared(OTHER)).headers["Cookie"] == "b=2"


def test_client_respects_the_paths_of_its_cookies():
    cookies = [{"name": "a", "value": "1", "path": "/chat/deep"}, {"name": "b", "value": "2"}]
    identity = Identity(OTHER, cookies=Secret(cookies))

    assert identity(prepared(OTHER)).headers["Cookie"] == "b=2"
    assert identity(prepared(OTHER + "/deep/er")).headers["Cookie"] == "a=1; b=2"


def test_sign_in_of_a_given_session_was_lost():
    auth = authentication(("user", "pass"), with_cookies("ours=2").put_on)

    request = auth(prepared(OTHER))

    assert request.headers["Authorization"].startswith("Basic ")
    assert request.headers["Cookie"] == "ours=2"


def test_secret_is_not_shown():
    secret = Secret("hf_secret")
    credentials = Credentials(OTHER, CookieStore(OTHER), secret)

    assert "hf_secret" not in f"{secret!r} {credentials!r} {vars(credentials)!r}"


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Client, {"token": "hf_secret_value"}),
        (Client, {"cookies": {"token": "hf_secret_value"}}),
        (HuggingChat, {"token": "hf_secret_value"}),
    ],
)
def test_client_shows_no_secret(kind, given):
    client = kind(OTHER, **given)

    assert "hf_secret_value" not in repr(client) + repr(vars(client))


def test_jar_of_a_client_shows_names_only():
    jar = Client(OTHER, cookies={"token": "hf_secret_value"}).cookies

    assert "hf_secret_value" not in repr(jar)
    assert jar.get("token") == "hf_secret_value"


def test_jar_is_a_copy():
    client = Client(OTHER, cookies={"token": "t"})
    client.cookies.set("more", "1")

    assert client.cookies.get_dict() == {"token": "t"}


def test_pickled_client_keeps_its_credentials():
    client = Client(OTHER, cookies={"token": "t"}, model="m", timeout=7)

    copy = pickle.loads(pickle.dumps(client))

    assert (copy.cookies.get_dict(), copy.model, copy.base_url) == ({"token": "t"}, "m", OTHER)


@each(
    ("url", "expected"),
    [
        ("http://127.0.0.1:5/chat", True),
        ("http://[::1]:5/chat", True),
        ("http://localhost/chat", True),
        ("http://app.localhost/chat", True),
        ("http://127.0.0.1.evil.example/chat", False),
        ("http://10.0.0.1/chat", False),
        ("http://evil.example/localhost", False),
    ],
)
def test_loopback(url, expected):
    assert is_loopback(url) is expected


@pytest.mark.parametrize("kind", [Client, HuggingChat])
def test_plain_http_to_another_machine_is_refused(kind):
    with pytest.raises(UsageError, match="allow_insecure"):
        kind("http://chat.example/chat")


@pytest.mark.parametrize("kind", [Client, HuggingChat])
def test_plain_http_may_be_allowed(kind):
    assert kind("http://chat.example/chat", allow_insecure=True).base_url == (
        "http://chat.example/chat"
    )


@pytest.mark.parametrize(
    "url", ["chat.example", "ftp://chat.example", "https://", "https://u:p@x/"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(UsageError, match="base URL"):
        Client(url)


def test_unknown_dialect_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="v2-2025"):
        Client(OTHER, dialect="v3")


def test_missing_cookie_file_is_an_error(tmp_path):
    with pytest.raises(UsageError):
        Client(OTHER, cookies=str(tmp_path / "none.json"))
