"""``hugchat-sync export``: conversations as files: Markdown, JSON, HTML, plain text."""

from __future__ import annotations

import argparse
import html
import json
from pathlib import Path
from typing import Callable, Mapping

from .. import Client
from ..chat.files import write_whole
from ..errors import HugChatError
from ..records import ConversationTree, TreeMessage
from . import exits, output
from .conversations import Conversations
from .opening import opened

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


def export(arguments: argparse.Namespace) -> int:
    """Write conversations to ``<id>.<format>`` and print the paths; one failure ends nothing."""
    directory, codes = Path(arguments.output), []
    with opened(arguments) as client:
        listed = Conversations(client)
        words = arguments.ids or [one.id for one in client.list_conversations()]
        for word in dict.fromkeys(words):
            try:
                path = write_export(client, listed.named(word), arguments.format, directory)
            except HugChatError as error:
                output.complain(f"{word}: {exits.sentence(error)}")
                codes.append(exits.exit_code(error))
            else:
                output.write_line(str(path))
    return next(iter(codes), exits.OK)


def write_export(client: Client, conversation_id: str, format_name: str, directory: Path) -> Path:
    """Write one conversation into a directory, made if need be, and return the path."""
    tree = client.conversation(conversation_id)
    text = FORMATS[format_name](tree)
    path = directory / f"{tree.id}.{format_name}"
    if "\0" not in str(directory):  # else no folder is made
        directory.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode("utf-8", "backslashreplace"))
    return path
