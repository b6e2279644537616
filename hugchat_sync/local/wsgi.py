"""The types of the interface between a server and an application."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable

Environment = Dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environment, StartResponse], Iterable[bytes]]
