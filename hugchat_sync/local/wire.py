"""How today's server spells text and the lines of an answer.

Source: chat-ui c100c162, measured 2026-08 (c01, c21, c25, c29, f01 to f07, x13, x14).
"""

from __future__ import annotations

import json
import re
from typing import Any, Mapping

from . import responder as steps

_LONE_HALF = re.compile("[\ud800-\udfff]")
_PADDED_TO = 16  # UTF-16 units


def compact(value: object) -> str:
    """Return the value as one line of JSON; lone surrogates stay as escapes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _LONE_HALF.sub(lambda half: f"\\u{ord(half.group()):04x}", text)


def line(update: object) -> bytes:
    """Return an update as a line of its answer."""
    return compact(update).encode() + b"\n"


KEEP_ALIVE = line({"type": "status", "status": "keepAlive"})


def join_halves(text: str) -> str:
    r"""Return the text with surrogate pairs joined to the characters they stand for.

    >>> join_halves("\ud83d" + "\ude80") == "\U0001f680"
    True
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def replace_halves(text: str) -> str:
    """Return the text with every half that has no partner replaced by U+FFFD."""
    return _LONE_HALF.sub("\ufffd", join_halves(text))


def utf16_length(text: str) -> int:
    """Return the number of UTF-16 units of the text."""
    return len(text) + sum(1 for char in text if char > "\uffff")


def plain_title(title: str) -> str:
    """Return a title without thoughts (c33)."""
    return re.sub(r"<think>.*?</think>|</?think>", "", title, flags=re.DOTALL).strip()


def write_token(token: str) -> dict[str, Any]:
    """Return a token as the wire has it: filled up with NUL to 16 UTF-16 units."""
    return {"type": "stream", "token": token + "\0" * (_PADDED_TO - utf16_length(token))}


def write_failure(step: steps.Failure) -> dict[str, Any]:
    """Return an error update."""
    return _given(type="status", status="error", message=step.message, statusCode=step.status)


def write_step(step: steps.Step, calls: Mapping[str, steps.ToolCall]) -> list[dict[str, Any]]:
    """Return the updates that tell of the router's choice or of a tool.

    :param calls: the calls so far, by their uuid.
    """
    if isinstance(step, steps.Route):
        return [_given(type="routerMetadata", **{**vars(step), "provider": step.provider or None})]
    if isinstance(step, steps.ToolCall):
        call = _call(step)
        raw = {"originalId": f"call_{step.uuid[:8]}", "argumentsRaw": compact(call["parameters"])}
        return [_tool(step, "call", call=call, **raw), _tool(step, "eta", eta=10)]
    if isinstance(step, steps.ToolProgress):
        return [_given(type="tool", subtype="progress", **vars(step))]
    if isinstance(step, steps.ToolError):
        return [_given(type="tool", subtype="error", **vars(step))]
    if isinstance(step, steps.ToolResult):
        output = _given(text=step.text, structured=step.structured)
        outputs = [{**output, "content": [{"type": "text", "text": step.text}]}]
        result = {"call": _call(calls[step.uuid]), "outputs": outputs, "display": True}
        return [_tool(step, "result", result={"status": "success", **result})]
    raise TypeError(f"not a step of an answer: {type(step).__name__}")


def _tool(step: steps.ToolStep, subtype: str, **fields: object) -> dict[str, Any]:
    return _given(type="tool", uuid=step.uuid, subtype=subtype, **fields)


def _call(step: steps.ToolCall) -> dict[str, Any]:
    return {"name": step.name, "parameters": dict(step.parameters)}


def write_question(step: steps.Question, elicitation_id: str, expires_at: int) -> dict[str, Any]:
    """Return what a tool asks the user."""
    asked = {"server": step.server, "mode": "form", "message": step.message, "fields": step.fields}
    request = {**asked, "elicitationId": elicitation_id}
    more = {"expiresAt": expires_at, "toolUuid": step.tool_uuid}
    return _given(type="elicitation", subtype="request", request=request, **more)


def write_resolution(step: steps.Question, elicitation_id: str, resolution: str) -> dict[str, Any]:
    """Return how the user answered."""
    how = {"action": step.action, "resolution": resolution, "content": step.content}
    return _given(type="elicitation", subtype="resolved", elicitationId=elicitation_id, **how)


def _given(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
