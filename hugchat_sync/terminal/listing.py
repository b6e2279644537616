"""``models``, ``ls`` and ``show``: what is there."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Iterator

from ..records import Conversation, HistoryEntry
from . import exits, output
from .choosing import Conversations, short_ids
from .opening import opened
from .screen import Screen, best_screen


def list_models(arguments: argparse.Namespace) -> int:
    """Print the models, the default first."""
    with opened(arguments) as client:
        models = client.models()
    if arguments.json:
        output.write_array(models)
    else:
        output.write_rows(
            f"{model.id}  {model.description}".rstrip() if model.description else model.id
            for model in models
        )
    return exits.OK


def list_conversations(arguments: argparse.Namespace) -> int:
    """Print the conversations, the newest first."""
    with opened(arguments) as client:
        conversations = list(client.list_conversations())
    if arguments.json:
        output.write_array(conversations)
        return exits.OK
    output.write_rows(_rows(conversations))
    if not conversations:
        output.note("there is no conversation yet")
    return exits.OK


def _rows(conversations: list[Conversation]) -> Iterator[str]:
    """Yield number, short id, date and title of each; on a terminal a row is one line."""
    shorts = short_ids([one.id for one in conversations])
    digits, width = len(str(len(conversations))), max(map(len, shorts), default=0)
    for number, (short, one) in enumerate(zip(shorts, conversations)):
        row = f"{number:{digits}}  {short:{width}}  {_date(one.updated_at)}  "
        yield row + output.fitted(one.title, len(row))


def _date(moment: str | None) -> str:
    """Return the day of a moment in ISO-8601, where the reader lives."""
    try:
        # Python before 3.11 reads no Z, and not every number of digits behind the second
        at = datetime.strptime((moment or "")[:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z")
        return at.astimezone().strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):  # none, or one that no clock here can show
        return "-" * 10


def show(arguments: argparse.Namespace) -> int:
    """Print the messages of a conversation, oldest first."""
    with opened(arguments) as client:
        history = client.history(Conversations(client).named(arguments.id))
    if arguments.json:
        output.write_array(history)
    else:
        show_history(best_screen(), history)
    return exits.OK


def show_history(screen: Screen, history: list[HistoryEntry]) -> None:
    """Print the messages of a conversation with their authors."""
    for number, entry in enumerate(history):
        if number:
            output.write("\n")
        screen.heading("You" if entry.is_user else "Assistant")
        for file in entry.files:
            output.write_line(f"[{file.name}]")
        screen.text(entry.text)
