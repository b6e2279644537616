"""The eras of chat-ui servers, by name; each is loaded when it is first met."""

from __future__ import annotations

from importlib import import_module
from urllib.parse import urlsplit

from ..errors import UsageError
from .base import Created, Dialect, Logged, Page, Prompt, Stored, Upload

__all__ = [
    "ERAS",
    "Created",
    "Dialect",
    "Logged",
    "Page",
    "Prompt",
    "Stored",
    "Upload",
    "dialect_named",
    "eras_with",
    "known_dialect",
]

#: name → (module, class), the oldest era first
ERAS: dict[str, tuple[str, str]] = {
    "tgi-2023": ("tgi_2023", "Tgi2023"),
    "lines-2023": ("lines_2023", "Lines2023"),
    "tree-2024": ("tree_2024", "Tree2024"),
    "v2-2025": ("v2_2025", "V22025"),
}


def dialect_named(name: str) -> Dialect:
    """Return the dialect of an era.

    :raises UsageError: no era has this name.
    """
    if name not in ERAS:
        raise UsageError(f"unknown dialect {name!r}; known are {', '.join(ERAS)}")
    module, kind = ERAS[name]
    found: Dialect = getattr(import_module(f"{__name__}.{module}"), kind)()
    return found


def known_dialect(base_url: str) -> str | None:
    """Return the name of the era of a server that need not be asked, else ``None``."""
    return "v2-2025" if urlsplit(base_url).hostname == "huggingface.co" else None


def eras_with(feature: str) -> tuple[str, ...]:
    """Return the names of the eras that have *feature*, the oldest first."""
    return tuple(name for name in ERAS if feature in dialect_named(name).features)
