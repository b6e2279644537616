"""How a message is spelt between 2024-02 and 2025-06: four bodies, three ways to name tools."""

from __future__ import annotations

from base64 import b64encode
from json import dumps
from typing import Any

from ...calls import Part, Request
from ...errors import UsageError
from ...values import Value, replace
from ..base import Prompt, Upload
from ..verbs import message_to

WEB_SEARCH_NAME = "websearch"
WEB_SEARCH_ID = "00000000000000000000000a"

#: The tools of June and August 2024, where the server's own list is not known.
TOOL_NAMES = (
    WEB_SEARCH_NAME,
    "fetch_url",
    "query_calculator",
    "image_generation",
    "image_editing",
    "document_parser",
)


class Facts(Value):
    """What one server of this era does its own way; the defaults are those of its last year.

    :param body: "json" (until 2024-06-06) or "multipart".
    :param tools: how a message names tools: "none" (until 2024-05-23), "object" (until
        2024-08-12) or "array".
    :param tool_names: the names of the tools, for "object".
    :param flag_searches: the switch for a web search acts on every model (until 2024-05-23 and
        since 2024-09-23; between, models with tools only search by a tool).
    :param hidden: the ``/api`` paths answer nobody (possible until 2025-02-13).
    :param keep_alives: a busy server shows signs of life (since 2024-08-13).
    """

    body: str = "multipart"
    tools: str = "array"
    tool_names: tuple[str, ...] = TOOL_NAMES
    flag_searches: bool = True
    hidden: bool = False
    keep_alives: bool = False

    def other_body(self) -> Facts:
        """Return the same server with the other form of body.

        The wrong form is answered with 500, and nothing of it is stored (measured).
        """
        if self.body == "json":
            return replace(self, body="multipart")
        return replace(self, body="json", tools="none" if self.tools == "array" else self.tools)


def message_request(facts: Facts, prompt: Prompt) -> Request:
    """Return the request that sends a message.

    Source: POST /conversation/{id}, chat-ui 2024-04, 2024-06, 2024-08 and 2024-12 (measured).
    """
    data = _data(facts, prompt)
    if facts.body == "multipart":
        files = tuple(("files", _part(upload)) for upload in prompt.files)
        return message_to(prompt.conversation_id, parts=(*files, ("data", Part(dumps(data)))))
    if prompt.files and facts.tools == "none":
        data["files"] = [_base64(upload) for upload in prompt.files]
    elif prompt.files:
        data["files"] = [
            {
                "type": "base64",
                "name": upload.name,
                "value": _base64(upload),
                "mime": upload.mime,
            }
            for upload in prompt.files
        ]
    return message_to(prompt.conversation_id, json=data)


def _data(facts: Facts, prompt: Prompt) -> dict[str, Any]:
    if prompt.parent_id is None:
        # every server of this era answers 500, even when the conversation is empty
        raise UsageError("a message to this server must name the message that it belongs to")
    data: dict[str, Any] = {}
    if prompt.action in ("new", "edit"):
        data["inputs"] = prompt.text
    data["id"] = prompt.parent_id
    data["is_retry"] = prompt.action in ("retry", "edit")
    data["is_continue"] = prompt.action == "continue"
    data["web_search"] = prompt.web_search
    if facts.tools == "object":
        # a name that is left out is a tool that is on
        data["tools"] = {
            name: prompt.web_search and name == WEB_SEARCH_NAME for name in facts.tool_names
        }
    elif facts.tools == "array":
        by_tool = prompt.web_search and not facts.flag_searches
        data["tools"] = [WEB_SEARCH_ID] if by_tool else []
    return data


def _base64(upload: Upload) -> str:
    return b64encode(upload.content).decode("ascii")


def _part(upload: Upload) -> Part:
    # the content is text: the server decodes it according to the prefix of the name
    return Part(_base64(upload), f"base64;{upload.name}", upload.mime)
