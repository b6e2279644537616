"""What a PATCH of a conversation may say.

Source: chat-ui c100c162, measured 2026-08 (h02 to h14).
"""

from __future__ import annotations

import re
from typing import Any, Mapping

from hugchat_sync.local.models import find_model
from hugchat_sync.local.replies import ApiError
from hugchat_sync.local.site import Site

_LONGEST_TITLE = 100
_THINK_MARKS = re.compile(r"<think>.*?</think>|</?think>", re.DOTALL)


def plain_title(title: str) -> str:
    """Return a title without thoughts (c33)."""
    return _THINK_MARKS.sub("", title).strip()


def model_or_none(site: Site, model: object) -> str | None:
    """Return the model's id if the server has it."""
    found = find_model(site.era, model)
    return None if found is None else found.id


def v1_changes(site: Site, body: Mapping[str, Any]) -> dict[str, str]:
    """Return the changes of the older route.

    :raises ApiError: 500 for anything that is not right.
    """
    changes = {}
    if "title" in body:
        title = body["title"].strip() if isinstance(body["title"], str) else ""
        if not 1 <= len(title) <= _LONGEST_TITLE:
            raise ApiError(500)
        changes["title"] = plain_title(title)
    if "model" in body:
        if model_or_none(site, body["model"]) is None:
            raise ApiError(500)
        changes["model"] = body["model"]
    return changes


def v2_changes(site: Site, body: Mapping[str, Any]) -> dict[str, str]:
    """Return the changes of the newer route.

    :raises ApiError: 400 with a sentence.
    """
    changes = {}
    if "title" in body:
        title = body["title"]
        if not isinstance(title, str) or not 1 <= len(title) <= _LONGEST_TITLE:
            raise ApiError(400, "Title must be a string between 1 and 100 characters")
        changes["title"] = plain_title(title)
    if "model" in body:
        if model_or_none(site, body["model"]) is None:
            raise ApiError(400, "Invalid model ID")
        changes["model"] = body["model"]
    return changes
