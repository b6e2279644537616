"""How today's server spells things: superjson, conversations, models, and the lines of an answer.

Source: chat-ui c100c162, measured 2026-08 (a05, a14, b12, c01, c21, c25, c29, d08, f01 to f07, h01,
x13, x14).
"""

from __future__ import annotations

import json
import re
from typing import Any, Mapping, Sequence

from . import responder as steps
from .storage import Conversation, StoredMessage

_LONE_HALF = re.compile("[\ud800-\udfff]")
_PADDED_TO = 16  # UTF-16 units
_OF_TOOLS = (steps.ToolCall, steps.ToolProgress, steps.ToolResult, steps.ToolError)


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


class Date(str):
    """ISO text that stands for a moment."""


class ObjectId(str):
    """24 hex digits that stand for a database id."""


class Undefined:
    """A value that is not there, written as ``null`` with a mark."""


def superjson(value: object, equalities: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    """Return the object whose JSON text is the superjson form of the value.

    :param equalities: paths of objects that occur twice, by the path of their first place.
    """
    marks: dict[str, list[Any]] = {}
    result: dict[str, Any] = {"json": _marked(value, "", marks)}
    if "" in marks:
        result["meta"] = {"values": marks[""], "v": 1}
    elif marks or equalities:
        equal = {"referentialEqualities": dict(equalities)} if equalities else {}
        result["meta"] = {"values": marks, **equal, "v": 1}
    return result


def _marked(value: object, path: str, marks: dict[str, list[Any]]) -> Any:
    """Return the plain form of the value and note what JSON cannot say."""
    below = f"{path}." if path else ""
    if isinstance(value, Undefined):
        marks[path] = ["undefined"]
        return None
    if isinstance(value, Date):
        marks[path] = ["Date"]
    elif isinstance(value, ObjectId):
        marks[path] = [["custom", "ObjectId"]]
    elif isinstance(value, Mapping):
        escaped = ((key, str(key).replace(".", "\\.")) for key in value)
        return {key: _marked(value[key], below + name, marks) for key, name in escaped}
    elif isinstance(value, (list, tuple)):
        return [_marked(item, f"{below}{index}", marks) for index, item in enumerate(value)]
    return value


def write_conversation(conversation: Conversation, shared: bool = False) -> dict[str, Any]:
    """Return what reading a conversation or a share tells."""
    messages = conversation.messages
    return {
        "messages": [_dated(message) for message in messages],
        "title": conversation.title,
        "model": conversation.model,
        "preprompt": conversation.preprompt,
        "rootMessageId": messages[0]["id"] if messages else Undefined(),
        "id": conversation.id,
        "updatedAt": Date(conversation.updated_at),
        "modelId": conversation.model,
        "shared": shared,
        "deployedSpaces": Undefined(),
    }


def _dated(message: StoredMessage) -> StoredMessage:
    dates = ("createdAt", "updatedAt")
    return {key: Date(value) if key in dates else value for key, value in message.items()}


def write_list(conversations: Sequence[Conversation], more: bool) -> dict[str, Any]:
    """Return a page of the list of conversations, in superjson."""
    entries, equalities = [], {}
    for place, one in enumerate(conversations):
        fields = {"_id": ObjectId(one.id), "id": ObjectId(one.id), "title": one.title}
        models = {"model": one.model, "modelId": one.model}
        entries.append({**fields, "updatedAt": Date(one.updated_at), **models})
        equalities[f"conversations.{place}._id"] = [f"conversations.{place}.id"]
    return superjson({"conversations": entries, "hasMore": more}, equalities)


def write_model(model: steps.Model) -> dict[str, Any]:
    """Return a line of the list of models: what is not set is undefined."""
    unset = ("websiteUrl", "modelUrl", "datasetName", "datasetUrl", "logoUrl", "promptExamples")
    return {
        "id": model.id,
        "name": model.id,
        **{name: Undefined() for name in unset},
        "displayName": model.display_name or model.id,
        "description": model.description,
        "preprompt": "" if model.is_router else Undefined(),
        "multimodal": model.multimodal,
        "multimodalAcceptedMimetypes": ["image/*"] if model.multimodal else Undefined(),
        "supportsTools": model.supports_tools,
        "supportsReasoning": model.supports_reasoning,
        "supportsArtifacts": False,
        "unlisted": False,
        "hasInferenceAPI": False,
        "isRouter": model.is_router,
    }


# the lines of an answer -------------------------------------------------------------------------


def write_token(token: str) -> dict[str, Any]:
    """Return a token as the wire has it: filled up with NUL to 16 UTF-16 units."""
    return {"type": "stream", "token": token + "\0" * (_PADDED_TO - utf16_length(token))}


def write_failure(step: steps.Failure) -> dict[str, Any]:
    """Return an error update."""
    error = {"type": "status", "status": "error", "message": step.message}
    return {**error, **_given(statusCode=step.status)}


def write_step(step: steps.Step, calls: Mapping[str, steps.ToolCall]) -> list[dict[str, Any]]:
    """Return the updates that tell of the router's choice or of a tool.

    :param calls: the calls so far, by their uuid.
    """
    if isinstance(step, steps.Route):
        update = {"type": "routerMetadata", "route": step.route, "model": step.model}
        return [{**update, **_given(provider=step.provider or None)}]
    if not isinstance(step, _OF_TOOLS):
        raise TypeError(f"no step of an answer: {type(step).__name__}")
    tool = {"type": "tool", "uuid": step.uuid}
    if isinstance(step, steps.ToolCall):
        raw = {
            "originalId": f"call_{step.uuid[:8]}",
            "argumentsRaw": compact(dict(step.parameters)),
        }
        call = {**tool, "subtype": "call", "call": _call(step), **raw}
        return [call, {**tool, "subtype": "eta", "eta": 10}]
    if isinstance(step, steps.ToolProgress):
        more = _given(total=step.total, message=step.message)
        return [{**tool, "subtype": "progress", "progress": step.progress, **more}]
    if isinstance(step, steps.ToolError):
        return [{**tool, "subtype": "error", "message": step.message}]
    output = {"text": step.text, **_given(structured=step.structured)}
    outputs = [{**output, "content": [{"type": "text", "text": step.text}]}]
    call = _call(calls[step.uuid])
    result = {"status": "success", "call": call, "outputs": outputs, "display": True}
    return [{**tool, "subtype": "result", "result": result}]


def _call(step: steps.ToolCall) -> dict[str, Any]:
    return {"name": step.name, "parameters": dict(step.parameters)}


def write_question(step: steps.Question, elicitation_id: str, expires_at: int) -> dict[str, Any]:
    """Return what a tool asks the user."""
    asked = {"server": step.server, "mode": "form", "message": step.message, "fields": step.fields}
    request = {"request": {**asked, "elicitationId": elicitation_id}, "expiresAt": expires_at}
    kind = {"type": "elicitation", "subtype": "request"}
    return {**kind, **request, **_given(toolUuid=step.tool_uuid)}


def write_resolution(step: steps.Question, elicitation_id: str, resolution: str) -> dict[str, Any]:
    """Return how the user answered."""
    fields = {"elicitationId": elicitation_id, "action": step.action, "resolution": resolution}
    kind = {"type": "elicitation", "subtype": "resolved"}
    return {**kind, **fields, **_given(content=step.content)}


def _given(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
