"""The data of rendered pages (``__data.json``): where lists and histories were before the API.

A page is a list of nodes, its layouts first and itself last. Whatever is wrong with a
conversation comes with status 200, as an error in the place of its node.
"""

from __future__ import annotations

import json
from typing import Any

from ..calls import Reply
from ..errors import HugChatError, ProtocolError
from .errors import read_error, refuse_redirect
from .wire import read_json, sveltekit_nodes

#: The query that leaves the other nodes out, understood by every version of the page data.
LAYOUT_ONLY = {"x-sveltekit-invalidated": "1_"}
PAGE_ONLY = {"x-sveltekit-invalidated": "_1"}


def layout(reply: Reply) -> dict[str, Any]:
    """Return the data that every page has: conversations, settings, models, the user.

    Source: GET /__data.json, chat-ui 2023-04 … 2025-06 (measured).

    :raises AuthError: the server wants to know who asks.
    :raises ProtocolError: the reply holds no such data.
    """
    for node in _nodes(reply):
        if isinstance(node, dict) and "conversations" in node:
            return node
    raise ProtocolError("the page data has no list of conversations", field="conversations")


def page(reply: Reply) -> dict[str, Any]:
    """Return the data of the page itself.

    Source: GET /conversation/{id}/__data.json, chat-ui 2023-04 … 2025-06 (measured).

    :raises ConversationNotExistError: it is not there, or not ours.
    :raises AuthError: the server wants to know who asks.
    :raises ProtocolError: the reply holds no such data.
    """
    nodes = _nodes(reply)
    node = nodes[-1] if nodes else None
    if not isinstance(node, dict) or "messages" not in node:
        raise ProtocolError("the page data has no messages", field="messages", url=reply.url)
    return node


def _nodes(reply: Reply) -> list[Any]:
    if b"redirect" in reply.body[:64]:  # an ordinary page is not parsed twice
        refuse_redirect(read_json(reply.body, reply.url), reply.url)
    nodes = sveltekit_nodes(reply.body, reply.url)
    for node in nodes:
        if isinstance(node, dict) and node.get("type") == "error":
            raise _error(reply, node)
    return nodes


def _error(reply: Reply, node: dict[str, Any]) -> HugChatError:
    """Return the error in a node, as if it had come with its own status."""
    status = node.get("status")
    body = json.dumps(node.get("error")).encode("ascii")
    return read_error(
        Reply(
            status if isinstance(status, int) else 500,  # unexpected errors come without
            {"content-type": "application/json"},
            body,
            reply.url,
        )
    )
