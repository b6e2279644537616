"""What update lines tell besides the text: searches, tools, files, routes and questions.

Each function takes one line, as the JSON object that it is, and returns its events. What it does
not know becomes :class:`~hugchat_sync.events.Unknown`.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

from ..events import (
    ElicitationRequest,
    ElicitationResolved,
    Event,
    FileCreated,
    Route,
    ToolCall,
    ToolError,
    ToolProgress,
    ToolResult,
    Unknown,
    WebSearchError,
    WebSearchSources,
    WebSearchStep,
)
from ..records import Source
from .fields import dicts_of, kind_of, text_of, texts_of


def search_news(value: dict[str, Any]) -> tuple[Event, ...]:
    """Return a step, the sources or the failure of the server's own web search.

    Source: webSearch, chat-ui 2023-09 … 2025-09 (measured).
    """
    kind = value.get("messageType") or value.get("subtype")
    if kind == "update":
        return (WebSearchStep(text_of(value, "message"), texts_of(value, "args")),)
    if kind == "error":
        return (WebSearchError(text_of(value, "message"), texts_of(value, "args")),)
    if kind == "sources":
        found = dicts_of(value, "sources")
        return (
            WebSearchSources(
                tuple(
                    source(text_of(item, "link"), text_of(item, "title"), text_of(item, "hostname"))
                    for item in found
                )
            ),
        )
    if kind == "finished":  # which says no more than that the answer begins
        return ()
    return (Unknown(value),)


def source(link: str, title: str = "", hostname: str = "") -> Source:
    """Return a source; what the server left out is taken from its address."""
    with suppress(ValueError):  # an address that is none has no host either
        hostname = hostname or urlsplit(link).hostname or ""
    return Source(title or hostname or link, link, hostname)


def tool_news(value: dict[str, Any]) -> tuple[Event, ...]:
    """Return what a tool does; the server's guess how long it may take is passed over.

    Source: tool, chat-ui 2024-05 … 2025-09 and 2025-11 … 2026-08 (measured).
    """
    kind, uuid = value.get("subtype"), text_of(value, "uuid")
    call, result, progress = value.get("call"), value.get("result"), value.get("progress")
    if kind == "call" and isinstance(call, dict):
        return (ToolCall(uuid, text_of(call, "name"), kind_of(call, "parameters", dict, {})),)
    if kind == "progress" and isinstance(progress, (int, float)):
        total = value.get("total")
        total = total if isinstance(total, (int, float)) else None
        return (ToolProgress(uuid, progress, total, text_of(value, "message")),)
    if kind == "error":
        return (ToolError(uuid, text_of(value, "message")),)
    if kind == "result" and isinstance(result, dict):
        return (_tool_result(uuid, result),)
    return () if kind == "eta" else (Unknown(value),)


def _tool_result(uuid: str, result: dict[str, Any]) -> Event:
    if result.get("status") == "error":
        return ToolError(uuid, text_of(result, "message"))
    status = text_of(result, "status") or "success"  # not told before 2024-08
    return ToolResult(uuid, status, tuple(kind_of(result, "outputs", list, [])))


def file_news(value: dict[str, Any]) -> tuple[Event, ...]:
    """Return a file that the run made.

    Source: file, chat-ui 2024-05 … 2025-09 (measured).
    """
    sha = text_of(value, "sha")
    if not sha:
        return (Unknown(value),)
    return (FileCreated(text_of(value, "name"), sha, text_of(value, "mime")),)


def route_news(value: dict[str, Any]) -> tuple[Event, ...]:
    """Return who answers; what is empty here was told before, or will be.

    Source: routerMetadata, chat-ui 2025-09 … 2026-08 (measured).
    """
    return (Route(text_of(value, "route"), text_of(value, "model"), text_of(value, "provider")),)


def elicitation_news(value: dict[str, Any]) -> tuple[Event, ...]:
    """Return a tool server's question to the user, or its end.

    Source: elicitation, chat-ui 2026-08 (measured).
    """
    request = value.get("request")
    if value.get("subtype") == "request" and isinstance(request, dict):
        return (
            ElicitationRequest(
                text_of(request, "elicitationId"),
                text_of(request, "server"),
                text_of(request, "mode"),
                text_of(request, "message"),
                tuple(dicts_of(request, "fields")),
                text_of(request, "url") or None,
                _moment(value.get("expiresAt")),
            ),
        )
    if value.get("subtype") == "resolved":
        return (
            ElicitationResolved(
                text_of(value, "elicitationId"),
                text_of(value, "action"),
                text_of(value, "resolution"),
                kind_of(value, "content", dict, None),
            ),
        )
    return (Unknown(value),)


def _moment(value: Any) -> str | None:
    """Return a moment as ISO-8601 text in UTC; the server sends milliseconds here."""
    if isinstance(value, str):
        return value
    if not isinstance(value, (int, float)):
        return None
    try:
        when = datetime.fromtimestamp(value / 1000, timezone.utc)
    except (OverflowError, OSError, ValueError):
        return None  # no calendar reaches that far
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
