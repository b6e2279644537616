"""Nothing that this package can emit holds a cookie, a token or a password."""

from __future__ import annotations

import logging
import os
import pickle
import traceback
import warnings
from contextlib import ExitStack
from pathlib import Path

import pytest
from small_hub import EMAIL, OAUTH, PASSWORD, Hub, Served, page, to

import hugchat_sync
from hugchat_sync import Bot, Client, HuggingChat, Retry
from hugchat_sync.auth.cookies.store import CookieStore
from hugchat_sync.auth.hub.flow import SignInFlow
from hugchat_sync.auth.identity import Identity
from hugchat_sync.auth.sign import Sign
from hugchat_sync.errors import HugChatError, ProtocolError, UsageError
from hugchat_sync.secret import Secret

COOKIE = "planted-cookie-3f9c1d"
HUB_COOKIE = "planted-hub-cookie-77aa"
TOKEN = "hf_planted-token-51e2"
WORD = "planted-password-90b4"
PLANTED = (COOKIE, HUB_COOKIE, TOKEN, WORD)
PAIR = {"token": HUB_COOKIE, "hf-chat": COOKIE}
PACKAGE = str(Path(hugchat_sync.__file__).parent)


@pytest.fixture
def client_of():
    """Makes clients that are closed at the end."""
    with ExitStack() as stack:

        def make(origin, **given):
            options = {"dialect": "v2-2025", "retries": Retry(tries=1), **given}
            client = Client(f"{origin}/chat", **options)
            return stack.enter_context(client)

        yield make


def leaks(text):
    return [secret for secret in PLANTED if secret in str(text)]


def shown_of(value):
    """Return what a tool shows of a value, which may be half made."""
    try:
        return repr(value)
    except AttributeError:
        return "<cannot be shown>"


def frames_of(error):
    """Return the local variables of our own frames as a tool shows them, causes included."""
    shown, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename.startswith(PACKAGE):
                for name, value in frame.f_locals.items():
                    shown.append(f"{frame.f_code.co_name}: {name} = {shown_of(value)}")
        error = error.__cause__ or error.__context__
    return shown


def everything_of(error):
    """Return all that an error shows of itself, alone and in a traceback."""
    facts = [str(error), repr(error), repr(error.args), repr(vars(error))]
    below, seen = error.__cause__ or error.__context__, set()
    while below is not None and id(below) not in seen:
        seen.add(id(below))
        facts += [str(below), repr(below), repr(vars(below))]
        request = getattr(below, "request", None)
        facts += [repr(getattr(request, "headers", "")), repr(getattr(request, "body", ""))]
        below = below.__cause__ or below.__context__
    facts += ["".join(traceback.format_exception(type(error), error, error.__traceback__))]
    again = pickle.loads(pickle.dumps(error))
    facts += [repr(again), str(pickle.dumps(error))]
    return facts + frames_of(error)


def check(error):
    found = [shown for shown in everything_of(error) if leaks(shown)]
    assert found == []


@pytest.fixture(autouse=True)
def _nothing_in_the_logs(caplog):
    caplog.set_level(logging.DEBUG)
    yield
    assert leaks(caplog.text) == []


@pytest.fixture
def closed_port():
    with Served(Hub()) as origin:
        pass
    return origin


# objects -------------------------------------------------------------------------------------


def parts_of(thing):
    """Return *thing*, and what of ours it is made of."""
    found, waiting = {}, [thing]
    while waiting:
        one = waiting.pop()
        if id(one) not in found and type(one).__module__.startswith("hugchat_sync"):
            found[id(one)] = one
            waiting.extend(getattr(one, "__dict__", {}).values())
    return list(found.values())


def test_objects_show_nothing():
    secret, base = Secret(TOKEN), "https://huggingface.co/chat"
    store = CookieStore.read(PAIR, base)
    client = Client(cookies=PAIR)
    objects = [
        *parts_of(client),
        client.cookies,
        list(client.cookies),
        *parts_of(Client(token=TOKEN)),
        Bot(cookies=PAIR),
        HuggingChat(token=TOKEN),
        Sign(EMAIL, WORD),
        Sign(EMAIL, WORD).cookies,
        secret,
        store,
        store.jar,
        SignInFlow(base, cookies=store.jar),
        Identity(base, cookies=Secret(PAIR)),
    ]

    assert len(objects) > 20  # the parts are there

    shown = [
        f"{thing!r} {thing!s} {vars(thing) if hasattr(thing, '__dict__') else ''}"
        for thing in objects
        if not hasattr(thing, "get_dict")
    ]
    shown += [f"{thing!r} {thing!s}" for thing in objects]
    assert [text for text in shown if leaks(text)] == []


# usage errors --------------------------------------------------------------------------------

BAD_COOKIES = [
    f"hf-chat={COOKIE}\x00; token={HUB_COOKIE}",
    {"hf-chat": COOKIE + "\x00", "token": HUB_COOKIE},
    f'{{"hf-chat": "{COOKIE}", "token": ',
    [{"name": "hf-chat", "wert": COOKIE}],
    COOKIE,
    Path(COOKIE),
    Path(f"hf-chat={COOKIE}; token={HUB_COOKIE}"),
    {"hf-chat": COOKIE, "token": 5},
    {HUB_COOKIE},
]


@pytest.mark.parametrize("cookies", BAD_COOKIES)
@pytest.mark.parametrize(
    "make",
    [
        lambda cookies: Client(cookies=cookies),
        lambda cookies: Bot(cookies=cookies),
        lambda cookies: HuggingChat().getBot(EMAIL, cookies),
    ],
    ids=["Client", "Bot", "getBot"],
)
def test_cookies_that_cannot_be_used(make, cookies):
    with pytest.raises(UsageError) as caught:
        make(cookies)

    check(caught.value)


def test_environment_does_not_stand_in_a_frame(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("OTHER", WORD)
    monkeypatch.setenv("HUGCHAT_SYNC_COOKIES", f"hf-chat={COOKIE}\x7f")
    with pytest.raises(UsageError) as caught:
        Client()

    check(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Client("no address", token=TOKEN, cookies=PAIR),
        lambda: Client("https://chat.example.org", token=TOKEN, dialect="none"),
        lambda: Bot("no address", token=TOKEN),
        lambda: HuggingChat("no address", token=TOKEN),
        lambda: Sign(EMAIL, WORD, base_url="no address"),
        lambda: HuggingChat(hub_url="no address").getSign(EMAIL, WORD),
        lambda: Client(f"https://me:{WORD}@chat.example.org"),
        lambda: Client(f"https://me:{WORD}@chat.example.org:99999"),
        lambda: Client(f"http://me:{WORD}@chat example.org"),
        lambda: HuggingChat(f"https://me:{WORD}@chat.example.org"),
        lambda: Sign(EMAIL, base_url=f"https://me:{WORD}@chat.example.org"),
        lambda: Sign(EMAIL, hub_url=f"https://me:{WORD}@chat.example.org"),
        lambda: HuggingChat(hub_url=f"https://me:{WORD}@x.example.org").getSign(EMAIL),
    ],
)
def test_wrong_address(make):
    with pytest.raises(UsageError) as caught:
        make()

    check(caught.value)


# a server that sends everything back, a network that breaks -------------------------------------


def refused_uses():
    return {
        "list": lambda client: client.fetch_conversations(),
        "create": lambda client: client.create_conversation("m/one", ""),
        "send": lambda client: client.ask("hi", "65f0a1b2c3d4e5f601234567"),
        "who": lambda client: client.whoami(),
        "settings": lambda client: client.update_settings(streaming_mode="raw"),
    }


def echoing(status, kind="application/json"):
    def answer(asked):
        said = f"{asked.headers.get('cookie')} {asked.headers.get('authorization')}"
        reply = page(said, said, status)
        if kind == "application/json":
            reply.kind, reply.body = kind, f'{{"message": "{said}"}}'
        reply.headers.append(("Set-Cookie", f"hf-chat={COOKIE}; Path=/"))
        return reply

    return answer


@pytest.mark.parametrize("kind", ["application/json", "text/html"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 500, 503])
@pytest.mark.parametrize("given", [{"cookies": PAIR}, {"token": TOKEN}], ids=["cookies", "token"])
@pytest.mark.parametrize("dialect", [None, "v2-2025"])
def test_server_that_sends_our_secrets_back(client_of, chat, status, kind, given, dialect):
    chat.usual = echoing(status, kind)
    client = client_of(chat.origin, dialect=dialect, **given)
    failed = 0
    for use in refused_uses().values():
        try:
            use(client)
        except HugChatError as error:
            failed += 1
            check(error)
    assert failed
    assert leaks(repr(client)) == []


@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_good_reply_in_no_shape_we_know(client_of, chat, kind):
    chat.usual = echoing(200, kind)
    with pytest.raises(HugChatError) as caught:
        client_of(chat.origin, cookies=PAIR).fetch_conversations()

    error = caught.value
    assert leaks([str(error), repr(error), vars(error), pickle.dumps(error)]) == []


@pytest.mark.parametrize("given", [{"cookies": PAIR}, {"token": TOKEN}], ids=["cookies", "token"])
def test_network_that_is_not_there(client_of, closed_port, given):
    with pytest.raises(HugChatError) as caught:
        client_of(closed_port, **given).fetch_conversations()

    check(caught.value)
    assert caught.value.__cause__ is not None


def test_renewal_that_fails(client_of, chat):
    with pytest.raises(HugChatError) as caught:
        client_of(chat.origin, cookies=PAIR).fetch_conversations()

    check(caught.value)


def test_redirect_to_another_host_is_not_followed(client_of, chat):
    elsewhere = Hub()
    with Served(elsewhere) as elsewhere.origin:
        chat.usual = lambda asked: to(elsewhere.origin + "/collect", status=307)
        client = client_of(chat.origin, cookies=PAIR)
        for use in refused_uses():
            if use != "who":  # nobody, which is an answer there
                with pytest.raises(HugChatError) as caught:
                    refused_uses()[use](client)
                check(caught.value)

    assert elsewhere.log == []


def test_file_that_cannot_be_written(client_of, monkeypatch, chat, tmp_path, caplog):
    """Where warnings are errors the log has it in their place."""
    path = tmp_path / "cookies.json"
    CookieStore.read(PAIR, f"{chat.origin}/chat").save(path)
    chat.usual = echoing(200)
    usual = chat.usual

    def renewing(asked):
        reply = usual(asked)
        reply.headers.append(("Set-Cookie", f"hf-chat={COOKIE}-new; Path=/"))
        return reply

    chat.usual = renewing

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    client = client_of(chat.origin, cookies=path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ProtocolError) as caught:
            client.create_conversation("m/one", "")

    assert "No space left" in caplog.text
    assert [text for text in (*frames_of(caught.value), caplog.text) if leaks(text)] == []
    assert leaks(caught.value) == []


# signing in ----------------------------------------------------------------------------------


def planted_hub(hub):
    hub.people[EMAIL] = WORD


@pytest.mark.parametrize(
    "route",
    ["GET /chat/login", "GET /chat/login/callback", "POST /login", f"GET {OAUTH}", f"POST {OAUTH}"],
)
@pytest.mark.parametrize("status", [200, 400, 403, 429, 500])
def test_sign_in_that_fails_anywhere(chat, hub, route, status):
    planted_hub(hub)
    app = chat if "/chat/" in route else hub

    def echo(asked):
        said = f"{asked.body.decode()} {asked.headers.get('cookie')}"
        return page(said, said, status, [("Location", "/nowhere"), ("Set-Cookie", f"a={COOKIE}")])

    app.instead[route] = echo
    sign = Sign(EMAIL, WORD, base_url=f"{chat.origin}/chat")
    with pytest.raises(HugChatError) as caught:
        sign.login()

    check(caught.value)
    assert leaks(repr(sign)) == []


@pytest.mark.usefixtures("hurried")
def test_sign_in_without_a_network(chat, hub, closed_port):
    hub.origin = closed_port
    with pytest.raises(HugChatError) as caught:
        Sign(EMAIL, WORD, base_url=f"{chat.origin}/chat").login()

    check(caught.value)
    assert caught.value.step == "password"


def test_hub_that_hangs_up_on_the_password(chat, hub):
    def hang_up(asked):
        raise ConnectionAbortedError

    hub.instead["POST /login"] = hang_up
    with pytest.raises(HugChatError) as caught:
        Sign(EMAIL, WORD, base_url=f"{chat.origin}/chat").login()

    check(caught.value)
    assert hub.count("POST /login") == 1


def test_good_sign_in_leaves_no_password_behind(chat, hub):
    planted_hub(hub)
    sign = Sign(EMAIL, WORD, base_url=f"{chat.origin}/chat")
    cookies = sign.login()

    held = b"".join(pickle.dumps(thing) for thing in (sign._store, cookies))
    assert WORD.encode() not in held
    assert sign._passwd.value == ""
    assert WORD not in repr([asked.headers for asked in chat.log])
    assert [asked.form for asked in hub.asked("POST /login")] == [
        {"username": EMAIL, "password": WORD}
    ]
    assert PASSWORD != WORD


def test_wrong_address_of_a_proxy_shows_nothing(client_of, monkeypatch, chat):
    import requests

    session = requests.Session()
    session.proxies = {"http": "http://127.0.0.1:1"}
    monkeypatch.setenv("NO_PROXY", "")
    client = client_of(chat.origin, cookies=PAIR, session=session)
    with pytest.raises(HugChatError) as caught:
        client.fetch_conversations()

    check(caught.value)
