"""``rename``, ``rm``, ``share`` and ``system``: what changes the account."""

from __future__ import annotations

import argparse

from .. import Client
from ..errors import HugChatError, ModelNotFound, UsageError, nearest_names
from . import exits, output
from .opening import opened
from .reading import ask_human, read_stdin, stdin_is_terminal


def rename(arguments: argparse.Namespace) -> int:
    """Give a conversation another title."""
    with opened(arguments) as client:
        client.rename_conversation(arguments.id, arguments.title)
    return exits.OK


def share(arguments: argparse.Namespace) -> int:
    """Publish a conversation and print its address."""
    with opened(arguments) as client:
        output.write_line(client.share(arguments.id))
    return exits.OK


def remove(arguments: argparse.Namespace) -> int:
    """Delete conversations; one that fails does not keep the others."""
    if arguments.all and not arguments.yes:
        _confirm("Delete all conversations of the account? [y/N] ")
    with opened(arguments) as client:
        if arguments.all:
            output.note(f"{client.remove_all_conversations()} conversations are deleted")
            return exits.OK
        codes = [_removed(client, conversation_id) for conversation_id in arguments.ids]
    return next((code for code in codes if code), exits.OK)


def _removed(client: Client, conversation_id: str) -> int:
    try:
        client.remove_conversation(conversation_id)
    except HugChatError as error:
        output.complain(f"{conversation_id}: {exits.sentence(error)}")
        return exits.exit_code(error)
    return exits.OK


def _confirm(question: str) -> None:
    """Ask a human.

    :raises UsageError: there is none, or the answer is no.
    """
    if not stdin_is_terminal():
        raise UsageError("nobody is there to ask: give --yes as well to delete everything")
    if ask_human(question).strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was deleted")


def system_prompt(arguments: argparse.Namespace) -> int:
    """Print the system prompt kept for a model, or keep another one."""
    prompt = read_stdin() if arguments.prompt == "-" else arguments.prompt
    with opened(arguments) as client:
        require_model(client, arguments.model)
        if prompt is None:
            kept = client.settings().stored_prompt(arguments.model)
            if kept:
                output.write_line(kept)
            else:
                output.note(f"no system prompt is kept for {arguments.model}")
        else:
            client.set_system_prompt(arguments.model, prompt)
    return exits.OK


def require_model(client: Client, name: str) -> None:
    """Refuse a model that the server does not offer, before anything depends on it.

    :raises ModelNotFound: it is none; the sentence has the nearest names.
    """
    names = [model.id for model in client.models()]
    if name not in names:
        nearest = nearest_names(name, names)
        raise ModelNotFound(
            f"the server does not offer the model {name!r}; near are {', '.join(nearest)}",
            model=name,
            nearest=nearest,
        )
