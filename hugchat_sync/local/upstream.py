"""Answers from a model server that speaks OpenAI's protocol: Ollama, llama.cpp, vLLM.

Source: the chat completions API with ``stream: true``, as those three document it (2026).
"""

from __future__ import annotations

import json
import logging
import queue
import socket
import threading
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Iterator, Sequence
from urllib.parse import urlsplit

from .http import is_loopback
from .responder import Failure, Final, Model, Pause, Step, Text, Turn

_log = logging.getLogger(__name__)

_LONGEST_LINE = 1 << 20  # bytes; more in a line is not a piece of text
_WAITING = 256  # steps that may wait for a run to take them
_LOOK = 0.2  # seconds between two looks whether the run was stopped
# behind a lone model, as today's servers have one before theirs: so choosing can be tried
_ROUTER = Model("omni", "Routes every message to the upstream's model.", "Omni", is_router=True)
_LISTED_SECONDS = 60.0  # a list of models is believed for so long
_LIST_SECONDS, _SILENCE_SECONDS = 10.0, 300.0
_ODD_SHAPE = (AttributeError, TypeError, ValueError, RecursionError)  # of JSON that is read


class Upstream:
    """Relays to a model server and lists its models.

    :param url: with or without the ``/v1`` at its end.
    :param key: sent as a bearer token; never shown, and over plain http sent to this machine only.
    :param allow_insecure: send the key over plain http to other machines, too.
    :raises ValueError: it is not a URL, or the key cannot stand in a header.
    """

    def __init__(self, url: str, *, key: str | None = None, allow_insecure: bool = False) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the upstream must look like http://127.0.0.1:11434")
        self.host = parts.hostname
        self._port = parts.port
        self._secure = parts.scheme == "https"
        path = parts.path.rstrip("/")
        self._path = path if path.endswith("/v1") else f"{path}/v1"
        key = (key or "").strip()
        if not key.isascii() or not key.isprintable():
            raise ValueError("the upstream's key holds characters that no key has")
        safe = self._secure or is_loopback(self.host) or allow_insecure
        #: whether there is a key that is not sent, since others could read it on its way
        self.withholds_key = bool(key) and not safe
        self._key = key if safe else ""
        self._lock = threading.Lock()
        self._listed: list[Model] = []
        self._listed_at = -_LISTED_SECONDS

    def __repr__(self) -> str:
        return f"<Upstream at {self.host}>"

    def models(self) -> Sequence[Model]:
        """Return the upstream's models, asked once a minute; a "default" one if it has none."""
        with self._lock:
            if time.monotonic() - self._listed_at >= _LISTED_SECONDS:
                self._listed, self._listed_at = self._list(), time.monotonic()
            return self._listed or (Model("default"),)

    def _choose_model(self, model: str) -> str:
        """Return the model to ask: the router is one of ours, unless the upstream has one, too."""
        return self.models()[0].id if _ROUTER in self._listed and model == _ROUTER.id else model

    def _list(self) -> list[Model]:
        connection = self._connection(_LIST_SECONDS)
        try:
            reply = self._ask(connection, "/models")
            listed = json.loads(reply.read(_LONGEST_LINE)) if reply.status == 200 else {}
            names = [one.get("id") for one in listed.get("data") or ()]
        except (OSError, HTTPException, *_ODD_SHAPE) as error:
            _log.warning("the upstream does not list its models: %s", type(error).__name__)
            return []
        finally:
            connection.close()
        found = [Model(name) for name in names if isinstance(name, str) and name]
        return [*found, _ROUTER] if len(found) == 1 else found

    def answer(self, turn: Turn) -> Iterator[Step]:
        """Yield the upstream's answer as it comes; what goes wrong there is a failure.

        A thread speaks with the upstream, so that a stop need not wait for its next word.
        """
        connection = self._connection(_SILENCE_SECONDS)
        told: queue.Queue[Step | None] = queue.Queue(_WAITING)

        def relay() -> None:
            with suppress(queue.Full):  # nobody takes them any more
                for step in self._relay(connection, turn):
                    told.put(step, timeout=60)
                told.put(None, timeout=60)

        try:
            connection.connect()
        except OSError as error:
            yield Failure(f"the upstream cannot be reached: {type(error).__name__}")
            return
        sock = connection.sock  # the reply takes it over
        threading.Thread(target=relay, name="upstream", daemon=True).start()
        try:
            while True:
                try:
                    step = told.get(timeout=_LOOK)
                except queue.Empty:
                    step = Pause(0)  # a moment in which a stop is noticed
                if step is None:
                    return
                yield step
        finally:
            with suppress(OSError):  # it is closed already
                sock.shutdown(socket.SHUT_RDWR)  # the thread wakes up
            connection.close()

    def _relay(self, connection: HTTPConnection, turn: Turn) -> Iterator[Step]:
        earlier = [{"role": one.role, "content": one.text} for one in turn.history]
        if turn.system_prompt:
            earlier.insert(0, {"role": "system", "content": turn.system_prompt})
        messages = [*earlier, {"role": "user", "content": turn.prompt}]
        body = {"model": self._choose_model(turn.model), "messages": messages, "stream": True}
        try:
            reply = self._ask(connection, "/chat/completions", body)
            if reply.status == 200:
                yield from _steps(reply)
            else:
                yield Failure(_reason(reply), reply.status)
        except (OSError, HTTPException) as error:
            yield Failure(f"the upstream broke off: {type(error).__name__}")
        except _ODD_SHAPE:
            yield Failure("the upstream sent something that is not an answer")

    def _connection(self, seconds: float) -> HTTPConnection:
        kind = HTTPSConnection if self._secure else HTTPConnection
        return kind(self.host, self._port, timeout=seconds)

    def _ask(self, connection: HTTPConnection, path: str, body: object = None) -> HTTPResponse:
        kind = "application/json"
        headers = {"Accept": f"text/event-stream, {kind}", "Content-Type": kind}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        sent = None if body is None else json.dumps(body).encode()
        connection.request("POST" if sent else "GET", self._path + path, sent, headers)
        return connection.getresponse()


def _steps(reply: HTTPResponse) -> Iterator[Step]:
    """Yield the steps of a stream of server-sent events; thinking goes into ``<think>`` marks."""
    thinking = finished = False
    while True:
        try:
            line = reply.readline(_LONGEST_LINE)
        except (OSError, HTTPException):
            line = b""
        if not line or line.strip() == b"data: [DONE]":
            yield Final() if line or finished else Failure("the upstream broke off")
            return
        if not line.startswith(b"data:"):
            continue
        chunk = json.loads(line[5:])
        if chunk.get("error"):
            yield Failure(str(chunk["error"])[:300])
            return
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            thought = delta.get("reasoning_content") or delta.get("reasoning")
            text = delta.get("content")
            if thought:
                yield Text(("" if thinking else "<think>") + thought)
                thinking = True
            if text:
                yield Text(("</think>" if thinking else "") + text)
                thinking = False
            finished = finished or bool(choice.get("finish_reason"))


def _reason(reply: HTTPResponse) -> str:
    try:
        error = json.loads(reply.read(2000)).get("error", "")
    except _ODD_SHAPE:  # a page of some gateway
        return f"{reply.status} {reply.reason}"
    message = error.get("message", error) if isinstance(error, dict) else error
    return f"{reply.status} {message or reply.reason}"[:300]
