"""``models``, ``ls`` and ``show``: what is there."""

from __future__ import annotations

import argparse

from ..records import HistoryEntry
from . import exits, output
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
    output.write_rows(f"{one.id}  {one.title}" for one in conversations)
    if not conversations:
        output.note("there is no conversation yet")
    return exits.OK


def show(arguments: argparse.Namespace) -> int:
    """Print the messages of a conversation, oldest first."""
    with opened(arguments) as client:
        history = client.history(arguments.id)
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
