"""Embedded servers behind the old names, and a sign-in before one of them."""

from __future__ import annotations

import http.client
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from hub.small_hub import Answer, Both, Chat, Hub, Served

from hugchat_sync import Client
from hugchat_sync.compat import hugchat
from hugchat_sync.compat.hugchat import ChatBot
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Scripted

#: not the business of whoever relays
_OF_THE_HOP = (
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "date",
    "server",
)


class Stage:
    """An embedded server with prepared answers: its address, and what it has seen."""

    def __init__(self, server, answers):
        self.url, self.faults = server.url, server.faults
        self.turns = answers.turns
        self._server = server

    @property
    def requests(self):
        return self._server.requests


@pytest.fixture(autouse=True)
def _closed_clients(monkeypatch):
    """Close in the end what a bot has no method to close, as the old one had none."""
    made = []

    def make(**options):
        made.append(Client(**options))
        return made[-1]

    monkeypatch.setattr(hugchat, "Client", make)
    yield
    for client in made:
        client.close()


@pytest.fixture
def play(monkeypatch):
    """Return a function that starts a server with prepared answers; bots find it by themselves."""
    with ExitStack() as stack:

        def start(*scripts, **options):
            answers = Scripted(*scripts)
            server = stack.enter_context(LocalServer(responder=answers, **options))
            monkeypatch.setenv("HUGCHAT_SYNC_BASE_URL", server.url)
            return Stage(server, answers)

        yield start


@pytest.fixture
def stage(play):
    """A server that says "Hello, world.", always."""
    return play()


@pytest.fixture
def bot(stage):
    return ChatBot(cookies={"token": "a-made-up-token", "hf-chat": "a-made-up-session"})


class Door(Chat):
    """The sign-in of a chat server; what is no sign-in goes to the embedded server.

    :param server: the embedded server.
    """

    def __init__(self, hub, server):
        super().__init__(hub)
        self.target = urlsplit(server.url).netloc
        self.renewed_session = ""

    def use(self, asked, route, user):
        relayed = http.client.HTTPConnection(self.target, timeout=30)
        headers = {name: value for name, value in asked.headers.items() if name not in _OF_THE_HOP}
        headers["content-type"] = asked.headers.get("content-type", "")
        headers["accept-encoding"] = "identity"  # an Answer is a text
        relayed.request(asked.method, asked.path, asked.body, headers)
        reply = relayed.getresponse()
        body, kind = reply.read().decode(), reply.getheader("Content-Type", "")
        relayed.close()
        kept = [pair for pair in reply.getheaders() if pair[0].lower() not in _OF_THE_HOP]
        if self.renewed_session:
            kept.append(("Set-Cookie", f"hf-chat={self.renewed_session}; Path=/; Max-Age=1209600"))
        return Answer(reply.status, body, kind, kept)


@pytest.fixture
def door(stage, monkeypatch):
    """Hub and chat at one origin, as huggingface.co has them."""
    hub = Hub()
    chat = Door(hub, stage)
    place = Served(Both(hub, chat))
    with place as origin:
        chat.origin = hub.origin = origin
        monkeypatch.setenv("HUGCHAT_SYNC_BASE_URL", f"{origin}/chat")
        yield chat
