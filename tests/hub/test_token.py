"""A Hugging Face token: where it goes, what it can do, and how its refusal is said."""

from __future__ import annotations

import pytest
import requests
from requests.adapters import HTTPAdapter
from small_hub import CONVERSATION, EMAIL, TOKEN, page

from hugchat_sync import Client, Retry
from hugchat_sync.errors import AuthError, ConnectionFailed, SessionExpired, Unavailable


def client_of(chat, token=TOKEN, **more):
    return Client(f"{chat.origin}/chat", token=token, **{"dialect": "v2-2025", **more})


def test_token_reads_and_tidies_up(chat):
    with client_of(chat) as client:
        assert client.fetch_conversations() == {CONVERSATION: "Tea"}
        assert client.whoami().email == EMAIL
        client.set_system_prompt("m/two", "Rhyme.")

    assert {asked.headers["authorization"] for asked in chat.log} == {f"Bearer {TOKEN}"}
    assert all("cookie" not in asked.headers for asked in chat.log)


def test_cookie_of_a_token_call_is_not_kept(chat):
    chat.renewed = None
    usual = chat.use

    def poisoned(asked, route, user):
        answer = usual(asked, route, user)
        answer.headers.append(("Set-Cookie", "hf-chat=the-hash-of-the-token; Path=/"))
        return answer

    chat.use = poisoned
    with client_of(chat) as client:
        client.update_settings(streaming_mode="raw")

        assert client.fetch_conversations() == {CONVERSATION: "Tea"}
        assert client.cookies.get_dict() == {}

    assert all("cookie" not in asked.headers for asked in chat.log)


@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.create_conversation(),
        lambda client: client.ask("hi", CONVERSATION),
        lambda client: client.ask("hi"),
        lambda client: client.share(CONVERSATION),
        lambda client: client.retry("x", CONVERSATION),
        lambda client: client.download("abc", "there", CONVERSATION),
        lambda client: client.answer_elicitation("e", "accept", conversation_id=CONVERSATION),
    ],
    ids=["create", "send", "ask", "share", "retry", "download", "elicitation"],
)
def test_what_a_token_cannot_do_fails_before_any_request(chat, use):
    with client_of(chat) as client, pytest.raises(AuthError, match="a token alone cannot"):
        use(client)

    assert chat.log == []


@pytest.mark.parametrize("dialect", ["v2-2025", None])
@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.fetch_conversations(),
        lambda client: client.whoami(),
        lambda client: client.check(),
        lambda client: client.settings(),
        lambda client: client.models(),
    ],
    ids=["list", "who", "check", "settings", "models"],
)
def test_refused_token_is_said(chat, use, dialect):
    """The server of today answers a token that it does not know with 500 and no reason."""
    client = client_of(chat, "hf_of-nobody-at-all", dialect=dialect)
    with client, pytest.raises(AuthError, match="refuses the token") as caught:
        use(client)

    assert caught.value.status == 500
    assert len(chat.log) == 2
    assert "authorization" not in chat.log[-1].headers


def test_trouble_of_the_server_is_not_taken_for_a_refused_token(chat):
    trouble = page("sorry", status=500)
    chat.instead["GET /chat/api/v2/conversations"] = trouble
    chat.instead["GET /chat/api/v2/feature-flags"] = trouble
    with client_of(chat) as client, pytest.raises(Unavailable):
        client.fetch_conversations()

    assert len(chat.log) == 2


def test_server_that_ignores_tokens_is_said(chat):
    chat.bearers = {TOKEN: None}
    with client_of(chat) as client, pytest.raises(SessionExpired, match="by this token"):
        client.fetch_conversations()


@pytest.mark.parametrize("era", ["tgi-2023", "lines-2023", "tree-2024"])
def test_era_without_tokens_is_said_before_any_request(chat, era):
    with client_of(chat, dialect=era) as client, pytest.raises(AuthError, match="takes no token"):
        client.fetch_conversations()

    assert chat.log == []


class Noting(HTTPAdapter):
    """Notes what would be sent, and connects to nobody."""

    def __init__(self):
        super().__init__()
        self.sent = []

    def send(self, request, **options):
        self.sent.append(request)
        raise requests.ConnectionError("this is a test")


def sent_to_huggingface(**options):
    """Return the first request of a client without an address."""
    noting = Noting()
    session = requests.Session()
    session.mount("https://", noting)
    client = Client(session=session, dialect="v2-2025", retries=Retry(tries=1), **options)
    with client, pytest.raises(ConnectionFailed):
        client.models()
    return noting.sent[0]


def test_token_of_the_environment_goes_to_huggingface_only(chat, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with Client(f"{chat.origin}/chat", dialect="v2-2025") as client:
        client.models()

    assert "authorization" not in chat.log[0].headers
    assert sent_to_huggingface().headers["Authorization"] == f"Bearer {TOKEN}"


def test_cookies_win_over_a_token(chat, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    sent = sent_to_huggingface(cookies={"token": "t", "hf-chat": "h"})

    assert "Authorization" not in sent.headers
    assert sorted(sent.headers["Cookie"].split("; ")) == ["hf-chat=h", "token=t"]


def test_token_is_not_renewed(chat):
    chat.bearers = {TOKEN: None}
    with client_of(chat) as client, pytest.raises(SessionExpired):
        client.fetch_conversations()

    assert chat.count("GET /chat/login") == 0
