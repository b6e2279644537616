"""Replies that are not the server's own: firewalls, gateways, pages and redirects on any call."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hugchat_sync import Client, HugChatError, Retry, Timeout
from hugchat_sync.errors import (
    AuthError,
    ChallengeRequired,
    ProtocolError,
    RateLimited,
    SessionExpired,
    TooLarge,
    Unavailable,
    UsageError,
)
from hugchat_sync.local.testing import Fault

HTML = {"Content-Type": "text/html; charset=utf-8"}
PATIENT = {"timeout": Timeout(total=20), "retries": Retry(first_delay=0.01, longest_delay=0.02)}
COOKIES = {"hf-chat": "v"}


def titled(title: str, body: str = "") -> str:
    return f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{body}</body></html>"


def ask(client: Client) -> Any:
    return client.ask("hi")


def rename(client: Client) -> Any:
    client.rename_conversation(client.create_conversation("omni", ""), "x")


#: what is asked, and the path that must have been asked for it once
CALLS = {
    "models": (lambda client: client.models(), r"GET .*/models$"),
    "whoami": (lambda client: client.whoami(), r"GET .*/user$"),
    "list": (lambda client: client.fetch_conversations(), r"GET .*/conversations"),
    "create": (lambda client: client.create_conversation("omni", ""), r"POST .*/conversation$"),
    "send": (ask, r"POST .*/conversation/[0-9a-f]{24}$"),
    "rename": (rename, r"PATCH .*/[0-9a-f]{24}$"),
    "tools": (lambda client: client.list_mcp_servers(), r"GET .*/mcp/servers$"),
    "download": (lambda client: client.download("s", "x", "a" * 24), r"GET .*/output/s$"),
}

CHALLENGES = {
    "cloudflare 403": (403, {"cf-mitigated": "challenge", **HTML}, titled("Just a moment...")),
    "cloudflare 503": (503, {"cf-mitigated": "challenge", **HTML}, titled("Just a moment...")),
    "cloudflare without its header": (503, HTML, titled("Just a moment...")),
    "aws 202": (202, {"x-amzn-waf-action": "challenge", **HTML}, ""),
    "aws 405": (405, {"x-amzn-waf-action": "captcha", **HTML}, titled("Human Verification")),
    "datadome": (
        403,
        {"Content-Type": "application/json"},
        '{"url":"https://geo.captcha-delivery.com/captcha/?initialCid=x"}',
    ),
}


def refused(serve, fault: Fault, call: Any, **options: Any) -> tuple[HugChatError, list[str]]:
    """Return the error of a call, and what the server was asked meanwhile."""
    server = serve(["fine"], faults=[fault])
    options = {"cookies": COOKIES, "dialect": "v2-2025", **PATIENT, **options}
    with Client(server.url, **options) as client, pytest.raises(HugChatError) as caught:
        call(client)
    return caught.value, [
        f"{seen.method} {seen.path.partition('?')[0]}" for seen in server.requests
    ]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("firewall", CHALLENGES)
def test_firewall_that_wants_a_human_is_told_as_that_after_one_request(serve, firewall, name):
    call, wanted = CALLS[name]
    method, _, path = wanted.partition(" ")
    status, headers, body = CHALLENGES[firewall]
    fault = Fault(method, path=path, status=status, headers=headers, body=body, times=None)

    error, asked = refused(serve, fault, call)

    assert type(error) is ChallengeRequired
    assert "cookies" in str(error)
    assert len([one for one in asked if re.match(wanted, one)]) == 1


@pytest.mark.parametrize("firewall", CHALLENGES)
def test_firewall_is_seen_while_the_era_is_found_out(serve, firewall):
    status, headers, body = CHALLENGES[firewall]
    fault = Fault(status=status, headers=headers, body=body, times=None)

    error, asked = refused(serve, fault, ask, dialect=None)

    assert type(error) is ChallengeRequired
    assert len(asked) == 1


def test_firewall_behind_a_lapsed_looking_list_is_no_lapsed_session(serve):
    """An empty list is looked into; the firewall that stands there says nothing of the session."""
    status, headers, body = CHALLENGES["cloudflare 403"]
    fault = Fault(path="feature-flags", status=status, headers=headers, body=body, times=None)

    error, _ = refused(serve, fault, lambda client: client.fetch_conversations())

    assert type(error) is ChallengeRequired


@pytest.mark.parametrize("name", ["models", "create", "send"])
def test_challenge_with_a_good_status_is_one_too(serve, name):
    call, wanted = CALLS[name]
    method, _, path = wanted.partition(" ")
    body = titled("Making sure you're not a bot!")
    fault = Fault(method, path=path, status=200, headers=HTML, body=body, times=None)

    assert type(refused(serve, fault, call)[0]) is ChallengeRequired


def test_file_that_is_a_page_is_downloaded(serve, tmp_path):
    page = titled("About captcha", "captcha")
    server = serve(faults=[Fault(path="/output/", status=200, headers=HTML, body=page)])
    with Client(server.url, dialect="v2-2025") as client:
        found = client.download("s", tmp_path / "x.html", "a" * 24)

    assert found.read_text("utf-8") == page


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (413, TooLarge, "send less"),
        (429, RateLimited, "wait"),
        (502, Unavailable, "try again later"),
        (503, Unavailable, "try again later"),
        (504, Unavailable, "try again later"),
    ],
)
def test_page_of_a_gateway_is_told_as_a_gateways(serve, status, kind, said):
    fault = Fault(status=status, headers=HTML, body=titled(f"{status} nginx"), times=None)

    error, _ = refused(serve, fault, CALLS["models"][0])

    assert type(error) is kind
    assert "gateway" in str(error)
    assert said in str(error)
    assert "base URL" not in str(error)


@pytest.mark.parametrize(("header", "wait"), [({"Retry-After": "600"}, 600), ({}, 60)])
def test_gateway_that_limits_says_how_long_to_wait(serve, header, wait):
    fault = Fault(status=429, headers={**HTML, **header}, body=titled("429"), times=None)

    error, _ = refused(serve, fault, CALLS["create"][0], timeout=None)

    assert isinstance(error, RateLimited)
    assert error.retry_after == wait


@pytest.mark.parametrize("scheme", ['Basic realm="lab"', "Negotiate", 'Digest realm="x"'])
@pytest.mark.parametrize("dialect", [None, "v2-2025"])
def test_gateway_that_wants_a_password_is_no_lapsed_session(serve, dialect, scheme):
    headers = {"WWW-Authenticate": scheme, **HTML}
    body = titled("401 Authorization Required")
    fault = Fault(status=401, headers=headers, body=body, times=None)

    error, asked = refused(serve, fault, ask, dialect=dialect)

    assert type(error) is AuthError
    assert "session.auth" in str(error)
    assert len(asked) == 1


@pytest.mark.parametrize("word", ["POST", "PUT"])
def test_forbidden_form_is_about_the_address(serve, word):
    said = f"Cross-site {word} form submissions are forbidden"
    fault = Fault(path="/share$", status=403, body=said, headers={"Content-Type": "text/plain"})

    def share(client: Client) -> Any:
        client.share(client.create_conversation("omni", ""))

    error, _ = refused(serve, fault, share)

    assert type(error) is AuthError
    assert "by another address" in str(error)
    assert "sign in" not in str(error)


def away(location: str, status: int = 302) -> Fault:
    return Fault(path="models", status=status, headers={"Location": location}, times=None)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
@pytest.mark.parametrize("dialect", [None, "v2-2025"])
@pytest.mark.parametrize("place", ["https://new.example/chat", "https://new.example/ai/chat", "/x"])
def test_redirect_that_keeps_the_path_is_a_move_to_an_address_that_works(
    serve, place, dialect, status
):
    called = "feature-flags" if dialect is None else "models"
    location = {"Location": f"{place}/api/v2/{called}?x=1"}
    fault = Fault(path=called, status=status, headers=location, times=None)

    error, _ = refused(serve, fault, CALLS["models"][0], dialect=dialect)

    assert type(error) is UsageError
    assert re.search(rf"{re.escape(place)}: use that", str(error))


@pytest.mark.parametrize(
    "place",
    [
        "/chat/login",
        "/chat/login/?next=/chat/api/v2/models",
        "https://id.example/oauth/authorize?client_id=x&state=secret",
        "https://team.cloudflareaccess.com/cdn-cgi/access/login/h?kid=x",
        "https://auth.example/?rd=https%3A%2F%2Fchat",
        "/oauth2/start?rd=%2Fchat",
        "/oauth2/sign_in",
        "https://sso.example/realms/x/protocol/openid-connect/auth?response_type=code",
        "https://login.example/common/wsfed",
        "https://idp.example/saml?SAMLRequest=x",
        "/users/sign-in.html",
    ],
)
def test_redirect_to_a_sign_in_wants_to_know_who_asks(serve, place):
    error, asked = refused(serve, away(place), CALLS["models"][0])

    assert type(error) is SessionExpired
    assert "secret" not in str(error)
    assert len([one for one in asked if one.endswith("/models")]) == 1


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("https://new.example/", "https://new.example: if the chat is there"),
        ("https://new.example/chat/?token=secret", "https://new.example/chat: if"),
        ("https://user:secret@new.example/chat/api/v2/models", "https://new.example/chat: use"),
        ("https://authors.example/login-free/api/v2/models", "/login-free: use"),
        ("/chat/", "start page"),
        ("/chat/api/v2/models/", "and no further"),
        ("/chat/api/v2/models", "and no further"),
        ("https://new.example:99999999/chat", "no address"),
        ("ftp://new.example/chat", "no address"),
        ("", "no address"),
    ],
)
def test_any_other_redirect_is_a_wrong_address(serve, place, said):
    error, _ = refused(serve, away(place), CALLS["models"][0])

    assert type(error) is UsageError
    assert said in str(error)
    assert "secret" not in repr(vars(error)) + str(error)


def test_base_url_with_a_word_of_a_sign_in_still_moves(serve):
    server = serve(base_path="/auth/chat")
    server.faults.add(away("/auth/chat2/login-page/api/v2/models"))
    with Client(server.url, dialect="v2-2025") as client, pytest.raises(UsageError, match="chat2"):
        client.models()


def test_page_with_a_good_status_shows_its_title(serve):
    fault = Fault(path="models", status=200, headers=HTML, body=titled("Welcome"), times=None)

    error, _ = refused(serve, fault, CALLS["models"][0])

    assert type(error) is ProtocolError
    assert "Welcome" in str(error)
