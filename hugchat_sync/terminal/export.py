"""``hugchat-sync export``: conversations as files."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import Client
from ..chat.files import write_whole
from ..errors import HugChatError
from . import exits, output
from .choosing import Conversations
from .formats import FORMATS
from .opening import opened


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
