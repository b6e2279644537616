"""A conversation as a file: Markdown, JSON, HTML, plain text."""

from __future__ import annotations

import html
import json
from typing import Callable, Mapping

from ..records import ConversationTree, TreeMessage
from . import output

_AUTHORS = {"system": "System", "user": "You", "assistant": "Assistant"}
_STYLE = (
    "body{max-width:46em;margin:2em auto;padding:0 1em;font:16px/1.5 sans-serif}"
    "section{margin:1em 0;padding:.5em 1em;border-left:4px solid #bbb}"
    ".user{border-color:#69c}pre{white-space:pre-wrap;font:inherit;margin:0}"
)


def _visible(tree: ConversationTree) -> list[TreeMessage]:
    return [message for message in tree.path() if message.role != "system" or message.text.strip()]


def _author(message: TreeMessage) -> str:
    return _AUTHORS.get(message.role, message.role)


def as_markdown(tree: ConversationTree) -> str:
    """Return the visible branch as Markdown."""
    parts = [f"# {' '.join(tree.title.split())}", f"Model: {tree.model}"]
    for message in _visible(tree):
        files = "".join(f"\n\n- {file.name}" for file in message.files)
        parts.append(f"## {_author(message)}{files}\n\n{message.text.strip()}")
    return "\n\n".join(parts) + "\n"


def as_text(tree: ConversationTree) -> str:
    """Return the visible branch as plain text."""
    parts = [" ".join(tree.title.split())]
    for message in _visible(tree):
        files = "".join(f"[{file.name}]\n" for file in message.files)
        parts.append(f"{_author(message)}:\n{files}{message.text.strip()}")
    return "\n\n".join(parts) + "\n"


def as_json(tree: ConversationTree) -> str:
    """Return the whole conversation, all branches, as JSON."""
    return json.dumps(output.plain(tree), indent=2, ensure_ascii=False) + "\n"


def as_html(tree: ConversationTree) -> str:
    """Return the visible branch as one page that needs nothing else and runs nothing."""
    title = html.escape(" ".join(tree.title.split()))
    parts = []
    for message in _visible(tree):
        files = "".join(f"<li>{html.escape(file.name)}</li>" for file in message.files)
        parts.append(
            f'<section class="{html.escape(message.role)}"><h2>{html.escape(_author(message))}</h2>'
            f"{f'<ul>{files}</ul>' if files else ''}"
            f"<pre>{html.escape(message.text.strip())}</pre></section>"
        )
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n"
        f"<p>Model: {html.escape(tree.model)}</p>\n{body}\n</body></html>\n"
    )


FORMATS: Mapping[str, Callable[[ConversationTree], str]] = {
    "md": as_markdown,
    "json": as_json,
    "html": as_html,
    "txt": as_text,
}
