"""Reading request bodies as strictly as the server's schemas do."""

from __future__ import annotations

import json
from typing import Any

from flask import request

from hugchat_sync.local.replies import ApiError


def json_body() -> dict[str, Any]:
    """Return the body, a JSON object.

    :raises ApiError: 500, as the server's parsers throw; a POST without a content type has its
        body thrown away (b06, b07, b10).
    """
    if request.method == "POST" and not request.headers.get("Content-Type"):
        raise ApiError(500)
    try:
        value = json.loads(request.get_data())
    except ValueError as error:
        raise ApiError(500) from error
    if not isinstance(value, dict):
        raise ApiError(500)
    return value


def optional_json_body() -> dict[str, Any]:
    """Return the body if it is a JSON object, else nothing: a malformed one does no harm."""
    try:
        value = json.loads(request.get_data() or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
