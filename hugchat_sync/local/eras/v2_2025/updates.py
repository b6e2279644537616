"""Steps in the words of today's update lines.

Source: chat-ui c100c162, measured 2026-08 (c01, c21, c25, f01 to f07, x13, x14).
"""

from __future__ import annotations

from typing import Any

from hugchat_sync.local.jsontext import compact, utf16_length
from hugchat_sync.local.steps import (
    Failure,
    Question,
    Route,
    ToolCall,
    ToolError,
    ToolProgress,
    ToolResult,
)

_PADDED_TO = 16


def status(name: str) -> dict[str, Any]:
    """Return a ``started`` or ``finished`` update."""
    return {"type": "status", "status": name}


def failure(step: Failure) -> dict[str, Any]:
    """Return an error update."""
    update: dict[str, Any] = {"type": "status", "status": "error", "message": step.message}
    if step.status is not None:
        update["statusCode"] = step.status
    return update


def padded(token: str) -> dict[str, Any]:
    """Return a token as the wire has it: filled up with NUL to 16 UTF-16 units."""
    filling = "\0" * (_PADDED_TO - utf16_length(token))
    return {"type": "stream", "token": token + filling}


def blanked(token: str) -> dict[str, Any]:
    """Return a token as the history keeps it: its length only."""
    return {"type": "stream", "token": "", "len": utf16_length(token)}


def final_answer(text: str, interrupted: bool) -> dict[str, Any]:
    """Return the final answer."""
    return {"type": "finalAnswer", "text": text, "interrupted": interrupted}


def route(step: Route) -> dict[str, Any]:
    """Return the router's choice or the provider."""
    update = {"type": "routerMetadata", "route": step.route, "model": step.model}
    if step.provider:
        update["provider"] = step.provider
    return update


def tool_call(step: ToolCall) -> list[dict[str, Any]]:
    """Return the announcement of a call and its estimated duration."""
    parameters = dict(step.parameters)
    return [
        {
            "type": "tool",
            "subtype": "call",
            "uuid": step.uuid,
            "call": {"name": step.name, "parameters": parameters},
            "originalId": f"call_{step.uuid[:8]}",
            "argumentsRaw": compact(parameters),
        },
        {"type": "tool", "subtype": "eta", "uuid": step.uuid, "eta": 10},
    ]


def tool_progress(step: ToolProgress) -> dict[str, Any]:
    """Return how far a tool is."""
    update: dict[str, Any] = {
        "type": "tool",
        "subtype": "progress",
        "uuid": step.uuid,
        "progress": step.progress,
    }
    if step.total is not None:
        update["total"] = step.total
    if step.message is not None:
        update["message"] = step.message
    return update


def tool_result(step: ToolResult, call: ToolCall) -> dict[str, Any]:
    """Return what a tool gave back."""
    output: dict[str, Any] = {"text": step.text}
    if step.structured is not None:
        output["structured"] = step.structured
    output["content"] = [{"type": "text", "text": step.text}]
    return {
        "type": "tool",
        "subtype": "result",
        "uuid": step.uuid,
        "result": {
            "status": "success",
            "call": {"name": call.name, "parameters": dict(call.parameters)},
            "outputs": [output],
            "display": True,
        },
    }


def tool_error(step: ToolError) -> dict[str, Any]:
    """Return how a tool failed."""
    return {"type": "tool", "subtype": "error", "uuid": step.uuid, "message": step.message}


def question(step: Question, elicitation_id: str, expires_at: int) -> dict[str, Any]:
    """Return what a tool asks the user."""
    update: dict[str, Any] = {
        "type": "elicitation",
        "subtype": "request",
        "request": {
            "server": step.server,
            "mode": "form",
            "message": step.message,
            "fields": [dict(entry) for entry in step.fields],
            "elicitationId": elicitation_id,
        },
        "expiresAt": expires_at,
    }
    if step.tool_uuid is not None:
        update["toolUuid"] = step.tool_uuid
    return update


def resolved(step: Question, elicitation_id: str, resolution: str) -> dict[str, Any]:
    """Return how the user answered."""
    update: dict[str, Any] = {
        "type": "elicitation",
        "subtype": "resolved",
        "elicitationId": elicitation_id,
        "action": step.action,
        "resolution": resolution,
    }
    if step.content is not None:
        update["content"] = dict(step.content)
    return update
