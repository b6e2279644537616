"""What a server has seen, in the words that tests count in."""

from __future__ import annotations

import re
import time
from typing import Any, Callable

_MESSAGE = re.compile(r"/conversation/[0-9a-f]{24}$")


def seen(server: Any) -> list[str]:
    """Return the requests so far, as method and path below the base path."""
    return [f"{request.method} {request.path[len('/chat') :]}" for request in server.requests]


def messages(server: Any) -> list[Any]:
    """Return the requests that sent a message."""
    return [
        request
        for request in server.requests
        if request.method == "POST" and _MESSAGE.search(request.path)
    ]


def until(condition: Callable[[], Any], seconds: float = 3.0) -> Any:
    """Return what *condition* gives, as soon as it is true, or after so many seconds."""
    end = time.monotonic() + seconds
    found = condition()
    while not found and time.monotonic() < end:
        time.sleep(0.01)
        found = condition()
    return found
