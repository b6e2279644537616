"""An endpoint on this machine for programs that speak nothing but OpenAI's protocol.

It prints the address and the bearer to give them. Run it with --local to need no account.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from address import address

from hugchat_sync import Client, HugChatError, Message, UsageError

LARGEST = 4 << 20  # bytes of a request


class Endpoint(ThreadingHTTPServer):
    """The server, with what its requests need."""

    client: Client
    bearer: str


def text_of(message: dict[str, Any]) -> str:
    """Return the text of a message, which may be in parts."""
    parts = message.get("content") or ""
    return parts if isinstance(parts, str) else "\n".join(one.get("text", "") for one in parts)


def prompt_of(messages: list[dict[str, Any]]) -> tuple[str, str]:
    """Return the system prompt and the question, with what was said before above it."""
    system = "\n\n".join(text_of(one) for one in messages if one["role"] in ("system", "developer"))
    said = [one for one in messages if one["role"] in ("user", "assistant")]
    lines = [f"{one['role'].capitalize()}: {text_of(one)}" for one in said]
    return system, "\n\n".join(lines) if len(said) > 1 else text_of(said[0])


class Handler(BaseHTTPRequestHandler):
    """Two routes; each question is asked in a conversation of its own, which is removed again."""

    server: Endpoint
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds without a byte of a request

    def do_GET(self) -> None:
        given, wanted = self.headers.get("Authorization", ""), f"Bearer {self.server.bearer}"
        routes = {"GET /v1/models": self.models, "POST /v1/chat/completions": self.complete}
        action = routes.get(f"{self.command} {self.path}")
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            return self.refuse(401, "the bearer is not the one that this endpoint printed")
        if action is None:
            return self.refuse(404, f"there are {' and '.join(routes)}")
        try:
            return action()
        except HugChatError as error:
            status = 400 if isinstance(error, UsageError) else getattr(error, "status", 0)
            self.refuse(status or 502, f"{type(error).__name__}: {error}")
        except ConnectionError:  # the program has left
            self.close_connection = True
        except (AttributeError, LookupError, TypeError, ValueError):
            self.refuse(400, "the body is no JSON object with messages of role and content")

    do_POST = do_GET  # noqa: N815

    def models(self) -> None:
        listed = [{"id": one.id, "object": "model"} for one in self.server.client.models()]
        self.reply({"object": "list", "data": listed})

    def complete(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= LARGEST:
            return self.refuse(413, f"a request has 1 to {LARGEST} bytes, and says how many")
        asked = json.loads(self.rfile.read(length))
        system, question = prompt_of(asked["messages"])
        model, made = asked.get("model"), int(time.time())
        head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": made, "model": model}
        with self.server.client.temporary_conversation(model, system) as aside:
            message = self.server.client.chat(question, aside)
            if asked.get("stream"):
                return self.stream(message, {**head, "object": "chat.completion.chunk"})
            said = {"role": "assistant", "content": message.text()}
        choices = [{"index": 0, "message": said, "finish_reason": "stop"}]
        return self.reply({**head, "object": "chat.completion", "choices": choices})

    def stream(self, message: Message, head: dict[str, Any]) -> None:
        def tell(**value: Any) -> None:
            self.wfile.write(b"data: %s\n\n" % json.dumps(value).encode())

        self.reply(None, kind="text/event-stream")
        try:
            for piece in message.tokens():
                tell(**head, choices=[{"index": 0, "delta": {"content": piece}}])
            tell(**head, choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
        except HugChatError as error:
            tell(error={"message": f"{type(error).__name__}: {error}"})
        self.wfile.write(b"data: [DONE]\n\n")

    def refuse(self, status: int, sentence: str) -> None:
        self.close_connection = True  # the body may be unread
        self.reply({"error": {"message": sentence, "type": "invalid_request_error"}}, status)

    def reply(self, value: Any, status: int = 200, kind: str = "application/json") -> None:
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header(*(("Content-Length", f"{len(body)}") if body else ("Connection", "close")))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until Ctrl-C; the port is $PORT, else a free one."""
    place = ("127.0.0.1", int(os.environ.get("PORT", "0")))
    with address() as base_url, Client(base_url, max_per_minute=20) as client:
        server = Endpoint(place, Handler)
        server.client, server.bearer = client, secrets.token_urlsafe(24)
        print(f"http://127.0.0.1:{server.server_port}/v1 {server.bearer}", flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main()
