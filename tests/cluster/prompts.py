"""What the tests of many workers ask, and how often it came to the server."""

from __future__ import annotations

from collections import Counter
from typing import Any


def prompts(count: int) -> list[str]:
    return [f"prompt {number}" for number in range(count)]


def asked(server: Any) -> Counter[str]:
    return Counter(turn.prompt for turn in server.responder.turns)
