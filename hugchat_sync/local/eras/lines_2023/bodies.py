"""Reading request bodies as strictly as the server's schemas did."""

from __future__ import annotations

import json
from typing import Any

from flask import request

from hugchat_sync.local.replies import ApiError


def json_body() -> dict[str, Any]:
    """Return the body, a JSON object.

    :raises ApiError: 500; without a content type the body is lost (lb17, lc33).
    """
    if not request.headers.get("Content-Type"):
        raise ApiError(500)
    try:
        value = json.loads(request.get_data())
    except ValueError as error:
        raise ApiError(500) from error
    if not isinstance(value, dict):
        raise ApiError(500)
    return value
