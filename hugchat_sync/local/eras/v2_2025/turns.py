"""From the field ``data`` of a request to the turn a responder gets.

Source: chat-ui c100c162, measured 2026-08 (c23, d09, f01, f09, g09, g10, g16).
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from hugchat_sync.local.eras.v2_2025.shapes import path_to
from hugchat_sync.local.identifiers import is_uuid
from hugchat_sync.local.models import find_model
from hugchat_sync.local.replies import ApiError
from hugchat_sync.local.responder import Attachment, Said, Turn
from hugchat_sync.local.tables.conversations import Conversation, StoredMessage
from hugchat_sync.local.tool_servers import search_server_name


def _valid(data: Mapping[str, Any]) -> bool:
    inputs = data.get("inputs")
    names = data.get("selectedMcpServerNames", [])
    return (
        ("inputs" not in data or (isinstance(inputs, str) and inputs != ""))
        and all(is_uuid(data[key]) for key in ("id", "generationId") if key in data)
        and isinstance(data.get("is_retry", False), bool)
        and isinstance(names, list)
        and all(isinstance(name, str) for name in names)
    )


def wire_request(data: object, limits: Mapping[str, int]) -> dict[str, Any]:
    """Return what was asked, checked as the real server's schema does.

    :raises ApiError: 500 for what the schema does not allow, 400 for a text that is too long.
    """
    if not isinstance(data, dict) or not _valid(data):
        raise ApiError(500)
    asked = dict(data)
    if "inputs" in asked:
        asked["inputs"] = asked["inputs"].replace("\r\n", "\n")
        if len(asked["inputs"]) > limits.get("message_length", len(asked["inputs"])):
            raise ApiError(400, "Message too long.")
    return asked


def _tools(model_id: str, era: str, asked: Mapping[str, Any]) -> Sequence[str]:
    """Return the usable tool servers: all of the site's own when none are selected."""
    model = find_model(era, model_id)
    if model is None or not model.supports_tools:
        return ()
    own = (search_server_name(),)
    selected = asked.get("selectedMcpServerNames")
    return own if selected is None else tuple(name for name in own if name in selected)


def turn_for(
    conversation: Conversation,
    answer: StoredMessage,
    asked: Mapping[str, Any],
    attachments: Sequence[Attachment],
    base_url: str,
    era: str,
) -> Turn:
    """Return the turn that ends in this answer."""
    branch = path_to(conversation.messages, answer)[:-1]
    prompt = branch[-1]["content"]
    history = [
        Said(entry["from"], entry["content"])
        for entry in branch[:-1]
        if entry["from"] in ("user", "assistant")
    ]
    return Turn(
        prompt=prompt,
        history=tuple(history),
        system_prompt=conversation.preprompt,
        model=conversation.model,
        era=era,
        base_url=base_url,
        tools=_tools(conversation.model, era, asked),
        attachments=tuple(attachments),
    )


def prompt_text(conversation: Conversation, message: StoredMessage) -> dict[str, Any]:
    """Return what ``GET .../message/{id}/prompt`` tells."""
    branch = path_to(conversation.messages, message)
    parts = [f"[{entry['from'].upper()}]\n{entry['content']}\n\n" for entry in branch]
    kept = ("createdAt", "updatedAt", "updates", "files")
    return {
        "prompt": "".join(parts) + "[ASSISTANT]",
        "model": conversation.model,
        "parameters": {"return_full_text": False},
        "messages": [
            {
                "role": entry["from"],
                "content": entry["content"],
                **{key: entry[key] for key in kept if key in entry},
            }
            for entry in branch
        ],
    }
