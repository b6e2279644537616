"""``ls``, ``show``, ``rename``, ``rm``, ``share``, ``export``, and how a conversation is named."""

from __future__ import annotations

import argparse
import os
import re
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Callable, Iterable, Iterator, Mapping, Sequence

from .. import Client
from ..chat.files import write_whole
from ..errors import ConversationNotExistError, HugChatError, UsageError
from ..records import Conversation, ConversationTree
from . import exits, output
from .connection import open_client
from .input import confirm, stdin_is_terminal
from .screen import best_screen

_SHORT = 8  # hex digits of an id in a list, where they are enough to tell it from the others

_WHOLE = re.compile(r"[0-9a-fA-F]{24}")
_BEGINNING = re.compile(r"[0-9a-fA-F]{4,23}")
_SHOWN = 5  # ids that are named where several fit

_AUTHORS = {"system": "System", "user": "You", "assistant": "Assistant"}
_STYLE = (
    "body{max-width:46em;margin:2em auto;padding:0 1em;font:16px/1.5 sans-serif}"
    "section{margin:1em 0;padding:.5em 1em;border-left:4px solid #bbb}"
    ".user{border-color:#69c}pre{white-space:pre-wrap;font:inherit;margin:0}"
)


def list_conversations(arguments: argparse.Namespace) -> None:
    """Print the conversations, the newest first."""
    with open_client(arguments) as client:
        conversations = list(client.list_conversations())
    if arguments.json:
        output.write_array(conversations)
        return
    output.write_rows(_format_rows(conversations))
    if not conversations:
        output.note("there is no conversation yet")


def _format_rows(conversations: list[Conversation]) -> Iterator[str]:
    """Yield number, short id, date and title of each; on a terminal a row is one line."""
    shorts = shorten_ids([one.id for one in conversations])
    digits, width = len(str(len(conversations))), max(map(len, shorts), default=0)
    for number, (short, one) in enumerate(zip(shorts, conversations)):
        row = f"{number:{digits}}  {short:{width}}  {_format_date(one.updated_at)}  "
        yield row + output.fit(one.title, len(row))


def _format_date(moment: str | None) -> str:
    """Return the day of a moment in ISO-8601, where the reader lives."""
    try:
        # Python before 3.11 reads no Z, and not every number of digits behind the second
        at = datetime.strptime((moment or "")[:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z")
        return at.astimezone().strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):  # none, or one that no clock here can show
        return "-" * 10


def show(arguments: argparse.Namespace) -> None:
    """Print the messages of a conversation, oldest first."""
    with open_client(arguments) as client:
        history = client.history(find_conversation(arguments.id, ids_of(client)))
    if arguments.json:
        output.write_array(history)
    else:
        best_screen().history(history)


def rename(arguments: argparse.Namespace) -> None:
    """Give a conversation another title."""
    with open_client(arguments) as client:
        client.rename_conversation(find_conversation(arguments.id, ids_of(client)), arguments.title)


def share(arguments: argparse.Namespace) -> None:
    """Publish a conversation and print its address."""
    with open_client(arguments) as client:
        output.write_line(client.share(find_conversation(arguments.id, ids_of(client))))


def remove(arguments: argparse.Namespace) -> int:
    """Delete conversations; one that fails does not keep the others."""
    if arguments.all and not arguments.yes and not stdin_is_terminal():
        raise UsageError("nobody is there to ask: give --yes as well to delete everything")
    with open_client(arguments) as client:
        if arguments.all:
            return _remove_all(client, arguments)
        return _for_each(client, arguments.ids, client.remove_conversation)


def _remove_all(client: Client, arguments: argparse.Namespace) -> int:
    where = "of the embedded server" if arguments.local else f"at {client.base_url}"
    if not arguments.yes:
        number = sum(1 for _ in client.list_conversations())
        if not number:
            output.note(f"there are no conversations {where}")
            return exits.OK
        if not confirm(f"Delete all {_count(number)} {where}?"):
            raise UsageError("nothing was deleted")
    output.note(f"{_count(client.remove_all_conversations())} {where} deleted")
    return exits.OK


def _count(number: int) -> str:
    return f"{number} conversation{'' if number == 1 else 's'}"


def _for_each(client: Client, words: Iterable[str], do: Callable[[str], object]) -> int:
    """Do something to each conversation that is meant, and return the first exit code.

    What fails is told and ends nothing. All are looked up before anything is done: the first that
    is deleted gives the others another number.
    """
    named = dict.fromkeys(words)
    listed = [] if all(map(_WHOLE.fullmatch, named)) else list(ids_of(client))
    found: dict[str, None] = {}
    code = exits.OK

    def look_up(word: str) -> None:
        found.setdefault(find_conversation(word, listed))

    for step, those in ((look_up, named), (do, found)):
        for one in those:
            try:
                step(one)
            except HugChatError as error:
                output.complain(f"{one}: {exits.describe(error)}")
                code = code or exits.exit_code(error)
    return code


# files ----------------------------------------------------------------------------------------


def export(arguments: argparse.Namespace) -> int:
    """Write conversations to ``<id>.<format>`` and print the paths; one failure ends nothing."""

    def write(conversation_id: str) -> None:
        path = write_export(client, conversation_id, arguments.format, Path(arguments.output))
        output.write_line(str(path))

    with open_client(arguments) as client:
        return _for_each(client, arguments.ids or ids_of(client), write)


def write_export(client: Client, conversation_id: str, form: str, directory: Path) -> Path:
    """Write one conversation into a directory, made if need be, and return the path."""
    tree = client.conversation(conversation_id)
    text = FORMATS[form](tree)
    path = directory / f"{tree.id}.{form}"
    if "\0" not in str(directory):  # else no folder is made
        directory.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode("utf-8", "backslashreplace"))
    return path


def _list_visible(tree: ConversationTree) -> Iterator[tuple[str, list[str], str, str]]:
    """Yield author, names of files, text and role of each message on the visible branch."""
    for message in tree.path():
        text = message.text.strip()
        if text or message.role != "system":
            author = _AUTHORS.get(message.role, message.role)
            yield author, [file.name for file in message.files], text, message.role


def _markdown(tree: ConversationTree) -> str:
    parts = [f"# {' '.join(tree.title.split())}", f"Model: {tree.model}"]
    for author, files, text, _ in _list_visible(tree):
        parts.append("\n\n".join([f"## {author}", *(f"- {name}" for name in files), text]))
    return "\n\n".join(parts) + "\n"


def _text(tree: ConversationTree) -> str:
    parts = [" ".join(tree.title.split())]
    for author, files, text, _ in _list_visible(tree):
        parts.append("\n".join([f"{author}:", *(f"[{name}]" for name in files), text]))
    return "\n\n".join(parts) + "\n"


def _html(tree: ConversationTree) -> str:
    """Return the visible branch as one page that needs nothing else and runs nothing."""
    import html  # here: it brings two thousand names of letters

    title = html.escape(" ".join(tree.title.split()))
    parts = []
    for author, names, text, role in _list_visible(tree):
        files = "".join(f"<li>{html.escape(name)}</li>" for name in names)
        parts.append(
            f'<section class="{html.escape(role)}"><h2>{html.escape(author)}</h2>'
            f"{f'<ul>{files}</ul>' if files else ''}<pre>{html.escape(text)}</pre></section>"
        )
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n"
        f"<p>Model: {html.escape(tree.model)}</p>\n{body}\n</body></html>\n"
    )


FORMATS: Mapping[str, Callable[[ConversationTree], str]] = {
    "md": _markdown,
    "json": lambda tree: output.as_json(tree, indent=2, ensure_ascii=False) + "\n",
    "html": _html,
    "txt": _text,
}


# how a conversation is named ------------------------------------------------------------------


def ids_of(client: Client) -> Iterator[str]:
    """Yield the ids of the conversations as they are listed; nothing is asked before the first."""
    return (one.id for one in client.list_conversations())


def find_conversation(word: str, listed: Iterable[str]) -> str:
    """Return the id of the conversation that a word means.

    :param word: an id, its beginning (4 hex digits or more), a number in the list, or ``last``.
    :param listed: the ids in the order of the list; as many are read as it takes.
    :raises ConversationNotExistError: none is meant.
    :raises UsageError: several may be meant.
    """
    if _WHOLE.fullmatch(word):
        return word.lower()
    begins = _BEGINNING.fullmatch(word) is not None
    is_number = re.fullmatch(r"[0-9]{1,9}", word) is not None
    if word != "last" and not begins and not is_number:
        raise ConversationNotExistError(
            f"{word!r} names no conversation: give its id, 4 hex digits of its beginning or more, "
            "its number in the list, or last"
        )
    ids = list(islice(listed, 1 if word == "last" else None))
    if word == "last" and ids:
        return ids[0]
    found = {one for one in ids if begins and one.startswith(word.lower())}
    if is_number and int(word) < len(ids):
        found.add(ids[int(word)])
    if not found:
        raise ConversationNotExistError(f"there is no conversation {word}")
    if len(found) > 1:
        shown = ", ".join(sorted(found)[:_SHOWN])
        raise UsageError(
            f"{word} may mean {len(found)} conversations: {shown}; give more of the id"
        )
    return found.pop()


def shorten_ids(ids: Sequence[str]) -> list[str]:
    """Return the beginning of each id that tells it from the others, in the same order."""
    ordered = sorted(ids)
    lengths = {}
    for before, one, after in zip(["", *ordered], ordered, [*ordered[1:], ""]):
        shared = max(len(os.path.commonprefix([one, other])) for other in (before, after))
        lengths[one] = max(_SHORT, shared + 1)
    return [one[: lengths[one]] for one in ids]
