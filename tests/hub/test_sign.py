"""Signing in with a password: both flows, and each failure by its own name."""

from __future__ import annotations

import json

import pytest
import requests
from small_hub import EMAIL, OAUTH, PASSWORD, Answer, Chat, Hub, Served, as_json, page, to

from hugchat_sync import HuggingChat
from hugchat_sync.auth.sign import Sign
from hugchat_sync.errors import (
    ChallengeRequired,
    ConnectionFailed,
    ConsentMissing,
    LoginFailed,
    ProtocolError,
    RateLimited,
    TwoFactorRequired,
    Unavailable,
    UsageError,
    WrongPassword,
)


def sign_for(chat, passwd=PASSWORD, **more):
    return Sign(EMAIL, passwd, base_url=f"{chat.origin}/chat", **more)


def failing(chat, kind, step, **more):
    """Sign in, which must fail like this; return the sentence of the error."""
    with pytest.raises(kind) as caught:
        sign_for(chat, **more).login()
    assert type(caught.value) is kind
    assert caught.value.step == step
    assert f"step {step!r}" in str(caught.value)
    return str(caught.value)


# good ----------------------------------------------------------------------------------------


def test_first_sign_in_of_today_gives_consent_and_ends_with_both_cookies(hub, chat):
    cookies = sign_for(chat).login()

    assert set(cookies.get_dict()) == {"token", "hf-chat"}
    assert [asked.route for asked in hub.log] == [
        "POST /login",
        f"GET {OAUTH}",
        f"POST {OAUTH}",
    ]
    assert [asked.route for asked in chat.log] == ["GET /chat/login", "GET /chat/login/callback"]
    assert chat.sessions[cookies["hf-chat"]] == (EMAIL, cookies["token"])


def test_second_sign_in_needs_no_consent(hub, chat):
    hub.consented.add(EMAIL)

    sign_for(chat).login()

    assert [asked.route for asked in hub.log] == ["POST /login", f"GET {OAUTH}"]


@pytest.mark.parametrize("era", ["2023", "2024"])
def test_older_server_is_asked_by_post(hub, era):
    chat = Chat(hub, era)
    with Served(chat) as chat.origin:
        cookies = sign_for(chat).login()

    assert set(cookies.get_dict()) == {"token", "hf-chat"}
    assert [asked.route for asked in chat.log][:2] == ["GET /chat/login", "POST /chat/login"]
    assert chat.log[1].headers["referer"] == f"{chat.origin}/chat/login"
    assert chat.log[1].headers["origin"] == chat.origin


def test_older_server_may_answer_with_a_redirect(hub):
    chat = Chat(hub, "2023")
    usual = chat.start

    def by_status(asked):
        answer = usual(asked)
        if answer.kind != "application/json":
            return answer
        location = json.loads(answer.body)["location"]
        return Answer(303, headers=[*answer.headers, ("Location", location)])

    chat.start = by_status
    with Served(chat) as chat.origin:
        assert "hf-chat" in sign_for(chat).login()


def test_one_origin_for_both_keeps_one_set_of_cookies(one_place):
    cookies = sign_for(one_place).login()

    assert set(cookies.get_dict()) == {"token", "hf-chat"}


def test_new_cookies_open_the_chat(chat):
    hugging_chat = HuggingChat(f"{chat.origin}/chat")
    cookies = hugging_chat.getSign(EMAIL, PASSWORD).login()

    with hugging_chat:
        bot = hugging_chat.getBot(EMAIL, cookies)

        assert bot.conversations == {next(iter(chat.titles)): "Tea"}
        assert bot.whoami().email == EMAIL
        assert bot.ask("hi") == "Hi"


def test_each_place_is_sent_its_own_cookies(hub, chat):
    sign_for(chat).login()

    assert [set(asked.cookies) for asked in hub.log] == [set(), {"token"}, {"token"}]
    assert set(chat.log[0].cookies) == set()


def test_hub_of_another_host_keeps_its_cookies_to_itself(hub):
    chat = Chat(hub, coupled=False)
    with Served(chat) as chat.origin:
        chat.origin = chat.origin.replace("127.0.0.1", "localhost")
        cookies = sign_for(chat).login()

    assert set(cookies.get_dict()) == {"hf-chat"}
    assert all("token" not in asked.cookies for asked in chat.log)
    assert all("hf-chat" not in asked.cookies for asked in hub.log)


def test_we_say_who_we_are(hub, chat):
    sign_for(chat).login()

    agents = {asked.headers["user-agent"].split("/")[0] for asked in [*hub.log, *chat.log]}
    assert agents == {"hugchat_sync"}


def test_session_of_the_user_is_used_and_not_changed(chat):
    session = requests.Session()
    session.headers["X-Gateway"] = "yes"

    sign_for(chat, session=session).login()

    assert len(session.cookies) == 0
    assert session.auth is None
    assert all(asked.headers["x-gateway"] == "yes" for asked in chat.log)


def test_named_hub_is_taken_if_the_server_leads_there(hub, chat):
    assert "hf-chat" in sign_for(chat, hub_url=hub.origin).login()


def test_address_of_the_hub_may_be_spelt_as_nobody_spells_it(hub, chat):
    hub.instead["POST /~people/login"] = hub.sign_in

    assert "hf-chat" in sign_for(chat, hub_url=f"{hub.origin}/%7Epeople").login()


# the password --------------------------------------------------------------------------------


def test_wrong_password_is_sent_once_and_never_again(hub, chat):
    sign = sign_for(chat, "wrong")
    with pytest.raises(WrongPassword) as caught:
        sign.login()
    with pytest.raises(UsageError, match="no password"):
        sign.login()

    assert caught.value.step == "password"
    assert hub.count("POST /login") == 1
    assert hub.count(f"GET {OAUTH}") == 0


@pytest.mark.parametrize(
    "answer",
    [
        page("", status=401),
        page('<form action="/login"><input type="password" name="password"></form>'),
        as_json({"error": "Invalid credentials"}, 403),
        to("/login?error=1", "seen=1"),
    ],
    ids=["401", "form-again", "json", "redirect-to-form"],
)
def test_wrong_password_in_other_disguises(hub, chat, answer):
    hub.instead["POST /login"] = answer

    failing(chat, WrongPassword, "password")

    assert hub.count("POST /login") == 1


def test_no_password_no_request(hub, chat):
    with pytest.raises(UsageError):
        sign_for(chat, None).login()

    assert chat.log == hub.log == []


def test_password_is_forgotten_after_the_sign_in(hub, chat):
    sign = sign_for(chat)
    sign.login()

    assert not sign._passwd
    with pytest.raises(UsageError):
        sign.login()
    assert hub.count("POST /login") == 1


def test_password_is_kept_for_another_try_when_the_network_failed(hub, chat):
    hub.instead["POST /login"] = page("busy", status=503)
    sign = sign_for(chat)
    with pytest.raises(Unavailable):
        sign.login()
    del hub.instead["POST /login"]

    assert "hf-chat" in sign.login()


def test_password_of_all_characters_arrives(hub, chat):
    hub.people[EMAIL] = "pä ss&=%+wörd\u2028"

    assert "hf-chat" in sign_for(chat, "pä ss&=%+wörd\u2028").login()


# what only a human can pass ------------------------------------------------------------------

TWO_FACTOR = [
    page('<form><input name="code" autocomplete="one-time-code"></form>'),
    page("<h1>Two-factor authentication</h1><p>Enter your code</p>"),
    to("/login/two-factor", "pending=1; Path=/"),
]
CHALLENGES = [
    page("", "Just a moment...", 403, [("cf-mitigated", "challenge")]),
    Answer(202, "", headers=[("x-amzn-waf-action", "challenge")]),
    Answer(405, "", headers=[("x-amzn-waf-action", "captcha")]),
    page('<form><input type="password" name="p"><div class="h-captcha"></div></form>'),
    page("<script src='https://challenges.example.org/turnstile.js'></script>", status=503),
]
UNCONFIRMED = [
    page("<p>Please confirm your email address before you sign in.</p>", status=403),
    page("<p>Your e-mail is not verified yet.</p>"),
    to("/email-confirmation", "pending=1"),
]


@pytest.mark.parametrize("answer", TWO_FACTOR)
def test_second_factor_is_said(hub, chat, answer):
    hub.instead["POST /login"] = answer

    assert "browser" in failing(chat, TwoFactorRequired, "password")
    assert hub.count("POST /login") == 1


@pytest.mark.parametrize("answer", CHALLENGES)
def test_challenge_is_said_and_not_worked_around(hub, chat, answer):
    hub.instead["POST /login"] = answer

    assert "export the cookies" in failing(chat, ChallengeRequired, "password")
    assert hub.count("POST /login") == 1


@pytest.mark.parametrize("answer", UNCONFIRMED)
def test_unconfirmed_e_mail_is_said(hub, chat, answer):
    hub.instead["POST /login"] = answer

    assert "confirm the e-mail address" in failing(chat, LoginFailed, "password")


def test_challenge_before_the_chat_server(chat, hub):
    chat.instead["GET /chat/login"] = CHALLENGES[0]

    failing(chat, ChallengeRequired, "start")

    assert hub.log == []


def test_challenge_at_the_authorize_page(chat, hub):
    hub.instead[f"GET {OAUTH}"] = CHALLENGES[0]

    failing(chat, ChallengeRequired, "authorize")


# consent -------------------------------------------------------------------------------------


def test_page_without_a_form_for_consent(chat, hub):
    logout = '<form action="/logout"><input type="hidden" name="csrf" value="x"></form>'
    hub.instead[f"GET {OAUTH}"] = page(logout, "Some page")

    said = failing(chat, ConsentMissing, "authorize")

    assert "Some page" in said
    assert hub.count(f"POST {OAUTH}") == 0


def test_page_with_an_address_in_its_head_leads_nowhere(chat, hub):
    form = page("", "Some page", 200, [("Location", f"{chat.origin}/chat/")])
    hub.instead[f"GET {OAUTH}"] = form

    assert "Some page" in failing(chat, ConsentMissing, "authorize")


SIGN_IN = '<form action="/login"><input type="password" name="password"></form>'


@pytest.mark.parametrize("answer", [page(SIGN_IN, "Sign in"), page("no", "Who?", 401)])
def test_authorize_page_that_wants_the_password_does_not_know_us(chat, hub, answer):
    hub.instead[f"GET {OAUTH}"] = answer

    assert "password again" in failing(chat, LoginFailed, "authorize")


@pytest.mark.parametrize("answer", [page("no", status=403), page("again")])
def test_consent_is_not_taken(chat, hub, answer):
    hub.instead[f"POST {OAUTH}"] = answer

    failing(chat, ConsentMissing, "consent")

    assert hub.count(f"POST {OAUTH}") == 1


def test_hub_that_has_forgotten_us_at_once(chat, hub):
    hub.instead["POST /login"] = to("/", "token=nobody; Path=/")

    assert "password again" in failing(chat, LoginFailed, "authorize")


def test_form_taken_but_nobody_signed_in(chat, hub):
    hub.instead["POST /login"] = to("/")

    failing(chat, LoginFailed, "password")


# the callback --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (as_json({"message": "User not allowed"}, 403), LoginFailed),
        (page("An app", "HuggingChat"), LoginFailed),
        (to("/chat/login", "hfChat-loginRetry=1"), LoginFailed),
        (as_json({"message": "An error occurred"}, 500), Unavailable),
    ],
    ids=["403", "page-of-2024", "back-to-login", "500"],
)
def test_callback_fails(chat, answer, kind):
    chat.instead["GET /chat/login/callback"] = answer

    failing(chat, kind, "callback")

    assert chat.count("GET /chat/login/callback") == 1


@pytest.mark.parametrize(
    ("error", "kind"), [("access_denied", ConsentMissing), ("server_error", LoginFailed)]
)
def test_hub_refuses_by_redirect(chat, hub, error, kind):
    def refuse(asked):
        return to(f"{asked.query['redirect_uri']}?error={error}&state={asked.query['state']}")

    hub.instead[f"GET {OAUTH}"] = refuse

    assert error in failing(chat, kind, "callback")
    assert chat.count("GET /chat/login/callback") == 0


# third hosts, loops, sizes -------------------------------------------------------------------


@pytest.fixture
def elsewhere():
    app = Hub()
    with Served(app) as app.origin:
        yield app


def test_password_form_that_leads_to_a_third_host(chat, hub, elsewhere):
    hub.instead["POST /login"] = to(f"{elsewhere.origin}/sso", "token=x")

    assert elsewhere.origin in failing(chat, LoginFailed, "password")
    assert elsewhere.log == []


@pytest.mark.parametrize("route", [f"GET {OAUTH}", f"POST {OAUTH}"])
def test_authorize_page_that_leads_to_a_third_host(chat, hub, elsewhere, route):
    step = "authorize" if route.startswith("GET") else "consent"
    hub.instead[route] = to(f"{elsewhere.origin}/chat/login/callback?code=1&state=2")

    assert "nothing was sent there" in failing(chat, LoginFailed, step)
    assert elsewhere.log == []


def test_server_that_leads_to_another_hub_than_the_one_named(chat, hub, elsewhere):
    failing(chat, LoginFailed, "start", hub_url=elsewhere.origin)

    assert elsewhere.log == hub.log == []


def test_password_is_not_sent_in_clear_over_a_network(chat):
    chat.instead["GET /chat/login"] = to("http://hub.example.org/oauth/authorize?client_id=1")

    assert "plain http" in failing(chat, LoginFailed, "start")


def test_hub_that_redirects_for_ever(chat, hub):
    hub.instead[f"GET {OAUTH}"] = to(OAUTH)

    assert "without end" in failing(chat, LoginFailed, "authorize")
    assert hub.count(f"GET {OAUTH}") == 5


def test_page_without_end(chat, hub):
    hub.instead[f"GET {OAUTH}"] = page("x" * (5 << 20))

    failing(chat, ProtocolError, "authorize")


# no server, no sign-in -----------------------------------------------------------------------


@pytest.fixture
def closed_port():
    with Served(Hub()) as origin:
        pass
    return origin


@pytest.mark.usefixtures("hurried")
def test_no_network(closed_port):
    with pytest.raises(ConnectionFailed) as caught:
        Sign(EMAIL, PASSWORD, base_url=f"{closed_port}/chat").login()

    assert caught.value.step == "start"
    assert isinstance(caught.value, OSError)


@pytest.mark.usefixtures("hurried")
def test_hub_is_down(chat, hub, closed_port):
    hub.origin = closed_port
    failing(chat, ConnectionFailed, "password")


@pytest.mark.parametrize("status", [500, 503])
def test_hub_has_trouble(chat, hub, status):
    hub.instead["POST /login"] = page("sorry", "Trouble", status=status)

    assert "Trouble" in failing(chat, Unavailable, "password")
    assert hub.count("POST /login") == 1


def test_too_many_tries(chat, hub):
    hub.instead["POST /login"] = page("slow down", status=429)

    failing(chat, RateLimited, "password")

    assert hub.count("POST /login") == 1


def test_server_without_a_sign_in(chat, hub):
    chat.instead["GET /chat/login"] = page("An error occurred", status=500)

    assert "needs no cookies" in failing(chat, LoginFailed, "start")
    assert hub.log == []


def test_address_that_is_no_chat(chat):
    chat.instead["GET /chat/login"] = page("nothing", "Nothing here", status=404)

    assert "404" in failing(chat, LoginFailed, "start")


def test_chat_server_is_down(chat):
    chat.instead["GET /chat/login"] = page("sorry", status=502)

    failing(chat, Unavailable, "start")


# the file ------------------------------------------------------------------------------------


def test_cookies_are_saved_on_the_way_and_read_again(chat, tmp_path):
    cookies = sign_for(chat).login(save=True, cookie_dir_path=tmp_path)

    path = tmp_path / f"{EMAIL}.json"
    assert path.stat().st_mode & 0o777 == 0o600
    again = Sign(EMAIL, base_url=f"{chat.origin}/chat").loadCookiesFromDir(tmp_path)
    assert again.get_dict() == cookies.get_dict()


def test_failed_sign_in_leaves_the_file_as_it_was(chat, tmp_path):
    path = tmp_path / f"{EMAIL}.json"
    path.write_text('{"token": "t", "hf-chat": "h"}')
    with pytest.raises(WrongPassword):
        sign_for(chat, "wrong").login(save=True, cookie_dir_path=tmp_path)

    assert path.read_text() == '{"token": "t", "hf-chat": "h"}'


@pytest.mark.parametrize(
    "text",
    [
        '{"token": "t", "hf-chat": "h"}',
        '[{"name": "token", "value": "t"}, {"name": "hf-chat", "value": "h", "path": "/"}]',
    ],
    ids=["hugchat_api-and-hugchat", "browser"],
)
def test_files_of_earlier_clients_are_read(tmp_path, text):
    (tmp_path / f"{EMAIL}.json").write_text(text)

    jar = Sign(EMAIL).loadCookiesFromDir(tmp_path)

    assert jar.get_dict() == {"token": "t", "hf-chat": "h"}


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="sign in first"):
        Sign(EMAIL).loadCookiesFromDir(tmp_path)


def test_default_directory_is_the_users_own():
    sign = Sign(EMAIL)

    path = sign.saveCookiesToDir()

    assert path.endswith(f"{EMAIL}.json")
    assert "hugchat_sync" in path
    assert "site-packages" not in path
    assert sign.loadCookiesFromDir().get_dict() == {}


def test_plain_http_is_refused_and_may_be_allowed():
    with pytest.raises(UsageError, match="plain http"):
        Sign(EMAIL, base_url="http://chat.example.org/chat")
    with pytest.raises(UsageError, match="plain http"):
        Sign(EMAIL, hub_url="http://hub.example.org")

    open_chat = HuggingChat("http://chat.example.org/chat", allow_insecure=True)
    assert open_chat.getSign(EMAIL).email == EMAIL
