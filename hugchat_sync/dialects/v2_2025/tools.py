"""Tool servers, their questions, files and speech."""

from __future__ import annotations

from typing import Any, Mapping

from ...calls import Call, Reply
from ..base import Dialect
from ..errors import intercepted, read_error, read_value
from ..fields import each, need
from ..verbs import WRITE, get, in_path, post
from ..wire import read_json


class Tools(Dialect):
    """What can be done around answers."""

    def download(self, conversation_id: str, sha: str) -> Call[bytes]:
        """Describe fetching a file of a conversation.

        Source: GET /conversation/{id}/output/{sha}, chat-ui 2023-11 … 2026-08 (measured).
        """
        path = f"/conversation/{in_path(conversation_id)}/output/{in_path(sha)}"
        return get(path, lambda reply: reply.body)

    def tool_servers(self) -> Call[tuple[dict[str, Any], ...]]:
        """Describe listing the server's own tool servers; before 2025-11 no server had any.

        Source: GET /api/mcp/servers, chat-ui 2025-11 … 2026-08 (measured).
        """

        def read(reply: Reply) -> tuple[dict[str, Any], ...]:
            if reply.status == 404:
                return ()
            if not 200 <= reply.status < 300:
                raise read_error(reply)
            return each(read_value(reply), _tool_server, "tool servers")

        return get("/api/mcp/servers", read, error=intercepted)

    def tool_server_health(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> Call[dict[str, Any]]:
        """Describe asking whether a tool server answers; that it does not is an answer, too.

        Source: POST /api/mcp/health, chat-ui 2025-11 … 2026-08 (measured).
        """

        def read(reply: Reply) -> dict[str, Any]:
            value = read_json(reply.body) if reply.body.startswith(b"{") else None
            if isinstance(value, dict) and "ready" in value:
                return value
            if not 200 <= reply.status < 300:
                raise read_error(reply)
            return need({"health": read_value(reply)}, "health", dict)

        body: dict[str, Any] = {"url": url}
        if headers:
            body["headers"] = header_list(headers)
        # repeatable, as it only asks
        return post("/api/mcp/health", read, json=body, repeatable=True, error=intercepted)

    def answer_elicitation(
        self,
        conversation_id: str,
        elicitation_id: str,
        action: str,
        content: Mapping[str, Any] | None = None,
    ) -> Call[None]:
        """Describe answering the question of a tool server.

        Source: POST /conversation/{id}/elicitation, chat-ui 2026-08 (measured).
        """

        def read(reply: Reply) -> None:
            need(read_value(reply), "ok", bool)

        body: dict[str, Any] = {"elicitationId": elicitation_id, "action": action}
        if content is not None:
            body["content"] = dict(content)
        return post(f"/conversation/{in_path(conversation_id)}/elicitation", read, json=body)

    def transcribe(self, audio: bytes, mime: str) -> Call[str]:
        """Describe turning speech into text.

        Source: POST /api/transcribe, chat-ui 2025-12 … 2026-08 (its source).
        """
        return post(
            "/api/transcribe",
            lambda reply: need(read_value(reply), "text", str),
            body=audio,
            headers={**WRITE, "Content-Type": mime},
            repeatable=True,  # it stores nothing
        )


def _tool_server(value: Any) -> dict[str, Any]:
    need(value, "name", str)
    return dict(value)


def header_list(headers: Mapping[str, str] | None) -> list[dict[str, str]]:
    """Return headers for a tool server as the wire spells them."""
    return [{"key": name, "value": value} for name, value in (headers or {}).items()]
