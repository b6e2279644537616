"""Cookies as people have them: HAR files, commands copied as cURL, and those that are of no use."""

from __future__ import annotations

import json
import time
from http.cookies import SimpleCookie

import pytest
import requests
from sampling import each

from hugchat_sync import Client, HugChatError, SessionExpired, UsageError
from hugchat_sync.auth.cookies.store import CookieStore
from hugchat_sync.errors import AuthError, CookieFileWarning
from hugchat_sync.local import LocalServer

HUB = "https://huggingface.co/chat"
SPACES = "# Netscape HTTP Cookie File\nhuggingface.co FALSE / TRUE 0 hf-chat planted-secret\n"


def record(name, **more):
    return {"name": name, "value": "planted-secret", "domain": ".huggingface.co", **more}


def har(*requests_):
    entries = [
        {"request": {"url": url, "headers": headers, "cookies": cookies}, "response": {}}
        for url, headers, cookies in requests_
    ]
    return {"log": {"version": "1.2", "entries": entries}}


def header(value, name="Cookie"):
    return [{"name": "Accept", "value": "*/*"}, {"name": name, "value": value}]


RECORDED = har(
    ("https://huggingface.co/chat/", header("token=old; hf-chat=old"), []),
    ("https://other.example/", header("hf-chat=foreign"), []),
    ("https://huggingface.co/chat/api/v2/user", header("token=t=; hf-chat=h", "cookie"), []),
    ("https://huggingface.co/favicon.ico", [], []),
    ("data:image/png;base64,x", [], []),
)
LISTED = har((f"{HUB}/", [], [{"name": "token", "value": "t="}, {"name": "hf-chat", "value": "h"}]))
COMMANDS = {
    "bash, -b": f"curl '{HUB}/' \\\n  -H 'accept: */*' \\\n  -b 'token=t=; hf-chat=h' --compressed",
    "bash, a header": f"curl '{HUB}/' -H 'Accept: */*' -H 'Cookie: token=t=; hf-chat=h'",
    "bash, ANSI-C quotes": f"curl '{HUB}/' -b $'token=t\\u003d; hf-chat=h; x=it\\'s\\u0021'",
    "bash, a quote inside": f"curl '{HUB}/' -H 'x: it'\\''s' -b 'token=t=; hf-chat=h'",
    "long options": f"$ curl --url {HUB} --header=accept:x --cookie 'token=t=; hf-chat=h'",
    "Windows": f'curl ^"{HUB}/^" ^\r\n  -H ^"accept: */*^" ^\r\n  -b ^"token=t=; hf-chat=h^"',
    "Windows, older": f'curl "{HUB}/" ^\r\n  -H "cookie: token=t=; hf-chat=h" ^\r\n  --compressed',
    "with data": f"curl '{HUB}/x' -X POST -b 'token=t=; hf-chat=h' --data-raw 'a=b; cookie: no=1'",
}


def pairs(store):
    return dict(pair.split("=", 1) for pair in (store.header(HUB) or "").split("; "))


@each("command", COMMANDS)
def test_command_copied_as_curl_is_a_form_of_cookies(command):
    found = pairs(CookieStore.read(COMMANDS[command], HUB))

    assert (found["token"], found["hf-chat"]) == ("t=", "h")
    assert "no" not in found


@pytest.mark.parametrize("recorded", [RECORDED, LISTED], ids=["headers", "cookies"])
@pytest.mark.parametrize("form", ["object", "text", "path"])
def test_har_is_a_form_of_cookies_and_its_last_ones_count(recorded, form, tmp_path):
    path = tmp_path / "recorded.har"
    path.write_text("\ufeff" + json.dumps(recorded), "utf-8")
    source = {"object": recorded, "text": json.dumps(recorded), "path": path}[form]

    assert pairs(CookieStore.read(source, HUB)) == {"token": "t=", "hf-chat": "h"}


def test_command_may_stand_in_a_file(tmp_path):
    path = tmp_path / "copied.txt"
    path.write_text(COMMANDS["bash, -b"], "utf-8")

    assert pairs(CookieStore.read(str(path), HUB))["hf-chat"] == "h"


def test_record_of_requests_is_not_written_to_and_that_is_said_once(tmp_path):
    path = tmp_path / "recorded.har"
    path.write_text(json.dumps(RECORDED), "utf-8")
    before, store = path.read_bytes(), CookieStore.read(path, HUB)

    with pytest.warns(CookieFileWarning, match="record of requests"):
        store.received(HUB, ["hf-chat=renewed; Path=/"])
    store.received(HUB, ["hf-chat=renewed; Path=/"])  # a second warning would be an error here

    assert path.read_bytes() == before
    assert pairs(store)["hf-chat"] == "renewed"


USELESS = {
    "tabs that became spaces": ("a.txt", SPACES, "tabs"),
    "a header and no cookie": (
        "a.txt",
        "# Netscape HTTP Cookie File\n# generated\n\n",
        "no cookie",
    ),
    "an empty list": ("a.json", "[]", "empty"),
    "an empty list inside": ("a.json", '{"cookies": []}', "empty"),
    "no cookie at all": ("a.json", '[{"a": 1}]', "no cookie"),
    "another site": ("a.json", json.dumps([record("token", domain=".example.org")]), "example.org"),
    "another site, Netscape": (
        "a.txt",
        ".example.org\tTRUE\t/\tTRUE\t0\ttoken\tplanted-secret\n",
        "example.org",
    ),
    "a HAR without cookies": ("a.har", json.dumps(har((HUB, [], []))), "sensitive data"),
    "a HAR of another site": (
        "a.har",
        json.dumps(har(("https://example.org/", header("token=planted-secret"), []))),
        "example.org",
    ),
    "cURL without cookies": ("a.sh", f"curl '{HUB}' -H 'accept: x=y'", "no cookies"),
    "cURL to another site": ("a.sh", "curl 'https://example.org/' -b 'a=b'", "example.org"),
}


@pytest.fixture()
def silent():
    """A session in which nothing may be sent."""

    class Silent(requests.adapters.BaseAdapter):
        def send(self, request, **options):
            pytest.fail(f"{request.url} was asked")

        def close(self):
            pass

    session = requests.Session()
    session.mount("https://", Silent())
    return session


@pytest.mark.parametrize("useless", USELESS)
@pytest.mark.parametrize("given", ["path", "text", "environment"])
def test_cookies_of_no_use_are_refused_before_anything_is_sent(
    useless, given, tmp_path, monkeypatch, silent
):
    name, text, said = USELESS[useless]
    path = tmp_path / name
    path.write_text(text, "utf-8")
    cookies = {"path": path, "text": text, "environment": None}[given]
    if given == "environment":
        monkeypatch.setenv("HUGCHAT_SYNC_COOKIES", str(path))

    with pytest.raises(UsageError) as caught:
        Client(HUB, cookies=cookies, session=silent)

    assert given == "text" or said in str(caught.value)
    assert "planted-secret" not in str(caught.value)


@pytest.mark.parametrize("base_url", [HUB, "https://chat.example/chat"])
def test_cookies_that_have_all_expired_are_called_expired(tmp_path, silent, base_url):
    host = base_url.split("/")[2]
    path = tmp_path / "old.json"
    old = [record(n, domain=host, expirationDate=1000) for n in ("token", "hf-chat")]
    path.write_text(json.dumps(old), "utf-8")

    with Client(base_url, cookies=path, session=silent, dialect="v2-2025") as client:
        for call in (client.models, client.create_conversation, client.whoami):
            with pytest.raises(SessionExpired, match="token and hf-chat of the file .*old.json"):
                call()


def test_one_cookie_that_has_expired_is_called_expired(silent):
    given = [record("token", expirationDate=1000), record("hf-chat")]

    with Client(HUB, cookies=given, session=silent) as client, pytest.raises(
        SessionExpired, match="the cookie token expired"
    ):
        client.models()


def test_one_cookie_that_was_never_there_is_called_missing(silent):
    with Client(HUB, cookies=[record("hf-chat")], session=silent) as client, pytest.raises(
        AuthError, match="token is missing"
    ) as caught:
        client.models()

    assert type(caught.value) is AuthError


def test_cookie_that_expires_during_the_life_of_a_client():
    given = [{"name": "hf-chat", "value": "v", "expirationDate": time.time() + 0.5}]
    with LocalServer() as server, Client(server.url, cookies=given) as client:
        client.models()
        time.sleep(0.6)
        with pytest.raises(SessionExpired, match="hf-chat expired"):
            client.models()


def test_expired_cookies_that_another_job_has_renewed_are_read_again(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('[{"name": "hf-chat", "value": "v", "expirationDate": 1000}]', "utf-8")
    with LocalServer() as server, Client(server.url, cookies=path) as client:
        with pytest.raises(HugChatError):
            client.models()
        fresh = time.time() + 1000
        path.write_text(
            f'[{{"name": "hf-chat", "value": "w", "expirationDate": {fresh}}}]', "utf-8"
        )

        assert client.models()


@pytest.mark.parametrize(
    "nothing", [None, {}, SimpleCookie(), requests.cookies.RequestsCookieJar()], ids=type
)
def test_nothing_given_begins_as_a_new_visitor(nothing):
    with LocalServer() as server, Client(server.url, cookies=nothing) as client:
        assert client.create_conversation()


def test_file_without_cookies_keeps_the_session_of_its_visitor(tmp_path):
    path = tmp_path / "c.json"
    path.write_text("{}", "utf-8")
    with LocalServer() as server:
        with Client(server.url, cookies=path) as client:
            made = client.create_conversation()
        with Client(server.url, cookies=path) as client:
            assert made in client.fetch_conversations()


def test_jar_of_other_sites_is_of_no_use():
    jar = requests.cookies.RequestsCookieJar()
    jar.set("token", "x", domain="example.org")

    with pytest.raises(UsageError, match="example.org"):
        Client(HUB, cookies=jar)
