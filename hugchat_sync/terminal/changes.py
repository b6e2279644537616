"""``rename``, ``rm``, ``share`` and ``system``: what changes the account."""

from __future__ import annotations

import argparse

from .. import Client
from ..errors import (
    ConversationNotExistError,
    HugChatError,
    ModelNotFound,
    UsageError,
    nearest_names,
)
from . import exits, output
from .choosing import Conversations
from .opening import opened
from .reading import ask_human, read_stdin, stdin_is_terminal


def rename(arguments: argparse.Namespace) -> int:
    """Give a conversation another title."""
    with opened(arguments) as client:
        client.rename_conversation(Conversations(client).named(arguments.id), arguments.title)
    return exits.OK


def share(arguments: argparse.Namespace) -> int:
    """Publish a conversation and print its address."""
    with opened(arguments) as client:
        output.write_line(client.share(Conversations(client).named(arguments.id)))
    return exits.OK


def remove(arguments: argparse.Namespace) -> int:
    """Delete conversations; one that fails does not keep the others."""
    if arguments.all and not arguments.yes and not stdin_is_terminal():
        raise UsageError("nobody is there to ask: give --yes as well to delete everything")
    with opened(arguments) as client:
        if arguments.all:
            _remove_all(client, arguments)
            return exits.OK
        ids, failures = _named(client, arguments.ids)
        failures += [_removed(client, conversation_id) for conversation_id in ids]
    return next((code for code in failures if code), exits.OK)


def _remove_all(client: Client, arguments: argparse.Namespace) -> None:
    where = "of the embedded server" if arguments.local else f"at {client.base_url}"
    if not arguments.yes:
        number = sum(1 for _ in client.list_conversations())
        if not number:
            output.note(f"there are no conversations {where}")
            return
        _confirm(f"Delete all {_counted(number)} {where}? [y/N] ")
    output.note(f"{_counted(client.remove_all_conversations())} {where} deleted")


def _counted(number: int) -> str:
    return f"{number} conversation{'' if number == 1 else 's'}"


def _named(client: Client, words: list[str]) -> tuple[list[str], list[int]]:
    """Return the ids that are meant, and the exit codes of words that mean none.

    All are looked up before the first is deleted, which gives the others another number.
    """
    listed, ids, codes = Conversations(client), [], []
    for word in words:
        try:
            ids.append(listed.named(word))
        except (ConversationNotExistError, UsageError) as error:
            output.complain(f"{word}: {exits.sentence(error)}")
            codes.append(exits.exit_code(error))
    return list(dict.fromkeys(ids)), codes


def _removed(client: Client, conversation_id: str) -> int:
    try:
        client.remove_conversation(conversation_id)
    except HugChatError as error:
        output.complain(f"{conversation_id}: {exits.sentence(error)}")
        return exits.exit_code(error)
    return exits.OK


def _confirm(question: str) -> None:
    """Ask a human.

    :raises UsageError: the answer is no.
    """
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
