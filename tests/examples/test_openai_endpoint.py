"""The example that speaks OpenAI's protocol, run as a program and asked over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hugchat_sync import Client
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Script, Scripted

ENDPOINT = Path(__file__).parents[2] / "examples" / "openai_endpoint.py"


class Endpoint:
    """The running program."""

    def __init__(self, line):
        url, self.bearer = line.split()
        self.place = urlsplit(url).netloc

    def ask(self, route, value=None, **headers):
        method, path = route.split()
        connection = http.client.HTTPConnection(self.place, timeout=30)
        body = value if isinstance(value, (str, type(None))) else json.dumps(value)
        headers.setdefault("Authorization", f"Bearer {self.bearer}")
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply.status, text

    def complete(self, *messages, **more):
        said = [{"role": role, "content": content} for role, content in messages]
        return self.ask("POST /v1/chat/completions", {"messages": said, **more})


@pytest.fixture
def answers():
    return Scripted(["Hello", ",", " world", "."])


@pytest.fixture
def server(answers):
    with LocalServer(responder=answers) as started:
        yield started


@contextmanager
def running(server):
    program = subprocess.Popen(
        [sys.executable, "-W", "error", str(ENDPOINT)],
        env={**os.environ, "HUGCHAT_SYNC_BASE_URL": server.url, "PORT": "0"},
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield Endpoint(program.stdout.readline())
    finally:
        program.kill()
        program.communicate()


@pytest.fixture
def endpoint(server):
    with running(server) as place:
        yield place


def left(server):
    with Client(server.url) as client:
        return list(client.list_conversations())


def test_models_are_listed(endpoint):
    status, text = endpoint.ask("GET /v1/models")

    assert status == 200
    assert [one["id"] for one in json.loads(text)["data"]][:2] == ["omni", "local/documents"]


def test_answer_comes_whole(endpoint, server, answers):
    said = (("system", "Be brief."), ("user", "hi"))
    status, text = endpoint.complete(*said, model="local/plain")
    whole = json.loads(text)

    assert (status, whole["object"], whole["model"]) == (200, "chat.completion", "local/plain")
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": "Hello, world."}
    turn = answers.turns[-1]
    assert (turn.prompt, turn.system_prompt, turn.model) == ("hi", "Be brief.", "local/plain")
    assert left(server) == []


def test_answer_comes_piece_by_piece(endpoint, server):
    status, text = endpoint.complete(("user", "hi"), stream=True)
    *lines, done = [line[len("data: ") :] for line in text.strip().split("\n\n")]
    choices = [json.loads(line)["choices"][0] for line in lines]

    assert (status, done) == (200, "[DONE]")
    assert "".join(one["delta"].get("content", "") for one in choices) == "Hello, world."
    assert len(choices) == 5 and choices[-1]["finish_reason"] == "stop"
    assert left(server) == []


def test_what_was_said_before_goes_with_the_question(endpoint, answers):
    parts = [{"type": "text", "text": "and now?"}]
    endpoint.complete(("user", "hi"), ("assistant", "Hello."), ("user", parts))

    assert answers.turns[-1].prompt == "User: hi\n\nAssistant: Hello.\n\nUser: and now?"


WRONG = [
    ("GET /v1/models", None, {"Authorization": "Bearer of-somebody-else"}, 401),
    ("GET /v1/models", None, {"Authorization": ""}, 401),
    ("GET /v1/engines", None, {}, 404),
    ("POST /v1/models", "{}", {}, 404),
    ("POST /v1/chat/completions", None, {}, 413),
    ("POST /v1/chat/completions", None, {"Content-Length": "99999999"}, 413),
    ("POST /v1/chat/completions", "no JSON", {}, 400),
    ("POST /v1/chat/completions", "[]", {}, 400),
    ("POST /v1/chat/completions", {"messages": [{}]}, {}, 400),
    ("POST /v1/chat/completions", {"messages": [{"role": "user", "content": ""}]}, {}, 400),
]


def test_what_cannot_be_answered_is_said_in_the_protocol(endpoint, server, answers):
    for route, value, headers, expected in WRONG:
        status, text = endpoint.ask(route, value, **headers)

        assert status == expected and json.loads(text)["error"]["message"], (route, value)
        assert answers.turns == [] and left(server) == [], (route, value)


def test_model_that_is_not_there_names_those_that_are(endpoint):
    status, text = endpoint.complete(("user", "hi"), model="local/plane")

    assert 400 <= status < 500 and "local/plain" in json.loads(text)["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_failed_answer_is_an_error_and_leaves_nothing_behind(stream):
    failing = Scripted(Script(tokens=["Half"], error="it stumbled"))
    with LocalServer(responder=failing) as server, running(server) as endpoint:
        status, text = endpoint.complete(("user", "hi"), stream=stream)
        remaining = left(server)

    assert "it stumbled" in text and status == (200 if stream else 502)
    assert remaining == []


def test_example_is_short() -> None:
    assert len(ENDPOINT.read_text(encoding="utf-8").splitlines()) <= 130
