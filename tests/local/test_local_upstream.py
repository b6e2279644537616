"""Answers of a model server, relayed; the model server is a small one of the test's own."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Iterator

import pytest
from eras.arena import EMBEDDED
from local_talk import until

from hugchat_sync import Client
from hugchat_sync.errors import GenerationError, ModelOverloaded
from hugchat_sync.events import Route
from hugchat_sync.local import LocalServer
from hugchat_sync.local.upstream import Upstream


class Models(ThreadingHTTPServer):
    """A model server: ``lines`` is what it streams, ``status`` what it answers with."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.lines = [delta("Hello"), delta(" there."), finish(), "[DONE]"]
        self.names = ["tiny"]
        self.status = 200
        self.gap = 0.0
        self.hung_up = threading.Event()
        self.loaded = threading.Event()  # until then not even the head of an answer comes
        self.loaded.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Models

    def do_GET(self) -> None:
        self.reply(
            200,
            "application/json",
            json.dumps({"data": [{"id": name} for name in self.server.names]}).encode(),
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(json.loads(body))
        self.server.keys.append(self.headers["Authorization"])
        self.server.loaded.wait(5)
        if self.server.status != 200:
            error = {"error": {"message": "model is overloaded"}}
            self.reply(self.server.status, "application/json", json.dumps(error).encode())
            return
        self.send_response(200)
        self.end_headers()
        try:
            for line in self.server.lines:
                self.wfile.write(f"data: {line}\n\n".encode())
                time.sleep(self.server.gap)
        except OSError:
            self.server.hung_up.set()

    def reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


def delta(text: str, name: str = "content") -> str:
    return json.dumps({"choices": [{"delta": {name: text}, "finish_reason": None}]})


def finish() -> str:
    return json.dumps({"choices": [{"delta": {}, "finish_reason": "stop"}]})


def answer_of(upstream: str) -> str:
    with LocalServer(upstream=upstream) as server, Client(server.url) as client:
        return client.ask("hi")


@pytest.fixture
def models() -> Iterator[Models]:
    running = Models()
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture(params=["v2-2025", "lines-2023"])
def client(request: pytest.FixtureRequest, models: Models) -> Iterator[Client]:
    with EMBEDDED[request.param](upstream=models.url) as server, Client(server.url) as made:
        yield made


def test_answer_is_the_models(client: Client, models: Models) -> None:
    assert client.ask("hi") == "Hello there."
    assert models.asked[0]["model"] == "tiny"


def test_models_are_those_of_the_upstream(models: Models) -> None:
    models.names = ["tiny", "small"]
    with LocalServer(upstream=models.url) as server, Client(server.url) as client:
        assert [one.id for one in client.models()] == ["tiny", "small"]
        client.ask("hi", model="small")
    assert models.asked[-1]["model"] == "small"


def test_lone_model_has_a_router_beside_it_so_that_choosing_can_be_tried(models: Models) -> None:
    with LocalServer(upstream=models.url) as server, Client(server.url) as client:
        assert [one.id for one in client.models()] == ["tiny", "omni"]
        client.ask("hi", model="omni")
    assert models.asked[-1]["model"] == "tiny"


def test_the_router_beside_a_lone_model_told_that_it_chose_itself(models: Models) -> None:
    with LocalServer(upstream=models.url) as server, Client(server.url) as client:
        told = [one for one in client.chat("hi", model="omni") if isinstance(one, Route)]
    assert [one.model for one in told] == ["tiny"]


def test_system_prompt_and_history_are_passed_on(client: Client, models: Models) -> None:
    client.create_conversation(system_prompt="Be brief.")
    client.ask("first")

    client.ask("second")

    assert [(one["role"], one["content"].strip()) for one in models.asked[1]["messages"]] == [
        ("system", "Be brief."),
        ("user", "first"),
        ("assistant", "Hello there."),
        ("user", "second"),
    ]


def test_tokens_arrive_over_time(client: Client, models: Models) -> None:
    models.lines[2:2] = [delta("!")]  # the servers of 2023 never show the last token
    models.gap = 0.2
    moments = [time.monotonic() for _ in client.chat("hi").tokens()]

    assert moments[-1] - moments[0] > 0.15


def test_thinking_is_reasoning(models: Models) -> None:
    models.lines = [delta("Hm.", "reasoning_content"), delta("Yes."), finish(), "[DONE]"]
    with LocalServer(upstream=models.url + "/v1/") as server, Client(server.url) as client:
        message = client.chat("hi")
        assert (message.text(), message.reasoning) == ("Yes.", "Hm.")


def test_refusal_of_the_model_is_an_error_with_its_words(models: Models) -> None:
    models.status = 429
    with pytest.raises(ModelOverloaded, match="overloaded"):
        answer_of(models.url)


def test_answer_that_breaks_off_is_an_error_that_keeps_the_text(models: Models) -> None:
    models.lines = [delta("Half an")]

    with pytest.raises(GenerationError) as caught:
        answer_of(models.url)

    assert caught.value.partial == "Half an"


def test_stop_hangs_up(models: Models) -> None:
    models.lines = [delta("word ") for _ in range(500)]
    models.gap = 0.02
    with LocalServer(upstream=models.url) as server, Client(server.url) as client:
        message = client.chat("hi")
        next(message.tokens())
        message.stop()
        assert message.text().startswith("word")
        assert message.interrupted
        assert models.hung_up.wait(5)


def test_a_stop_waited_for_the_model_to_be_loaded(models: Models) -> None:
    models.loaded.clear()
    with LocalServer(upstream=models.url) as server, Client(server.url) as client:
        message = client.chat("hi")
        assert until(lambda: models.asked)
        began = time.monotonic()
        message.stop()
        assert (message.text(), message.interrupted) == ("", True)
        assert time.monotonic() - began < 2
        models.loaded.set()


def test_nobody_there_is_an_error_and_no_url_is_refused() -> None:
    with pytest.raises(GenerationError, match="cannot be reached"):
        answer_of("http://127.0.0.1:9")
    with pytest.raises(ValueError, match="must look like"):
        LocalServer(upstream="ollama")


def test_key_comes_from_the_environment_and_is_not_shown(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "made-up-key")

    answer_of(models.url)

    assert models.keys == ["Bearer made-up-key"]
    assert "made-up-key" not in repr(Upstream(models.url, key="made-up-key"))
