"""What a tool returned."""

from __future__ import annotations

from ...values import Value


class Tool(Value, frozen=False):
    """The result of one call of a tool."""

    uuid: str
    result: str

    def __str__(self) -> str:
        return self.result
