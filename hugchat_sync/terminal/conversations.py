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
from .input import ask_human, is_yes, stdin_is_terminal
from .screen import best_screen

SHORT = 8  # hex digits of an id in a list, where they are enough to tell it from the others

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
        history = client.history(Conversations(client).find(arguments.id))
    if arguments.json:
        output.write_array(history)
    else:
        best_screen().history(history)


def rename(arguments: argparse.Namespace) -> None:
    """Give a conversation another title."""
    with open_client(arguments) as client:
        client.rename_conversation(Conversations(client).find(arguments.id), arguments.title)


def share(arguments: argparse.Namespace) -> None:
    """Publish a conversation and print its address."""
    with open_client(arguments) as client:
        output.write_line(client.share(Conversations(client).find(arguments.id)))


def remove(arguments: argparse.Namespace) -> int:
    """Delete conversations; one that fails does not keep the others."""
    if arguments.all and not arguments.yes and not stdin_is_terminal():
        raise UsageError("nobody is there to ask: give --yes as well to delete everything")
    with open_client(arguments) as client:
        if arguments.all:
            return _remove_all(client, arguments)
        listed, ids = Conversations(client), []
        # all are looked up before the first is deleted, which gives the others another number
        unknown = (ConversationNotExistError, UsageError)
        not_found = _for_each(arguments.ids, lambda word: ids.append(listed.find(word)), unknown)
        not_removed = _for_each(ids, client.remove_conversation)
    return not_found or not_removed


def _remove_all(client: Client, arguments: argparse.Namespace) -> int:
    where = "of the embedded server" if arguments.local else f"at {client.base_url}"
    if not arguments.yes:
        number = sum(1 for _ in client.list_conversations())
        if not number:
            output.note(f"there are no conversations {where}")
            return exits.OK
        if not is_yes(ask_human(f"Delete all {_count(number)} {where}? [y/N] ")):
            raise UsageError("nothing was deleted")
    output.note(f"{_count(client.remove_all_conversations())} {where} deleted")
    return exits.OK


def _count(number: int) -> str:
    return f"{number} conversation{'' if number == 1 else 's'}"


def _for_each(
    words: Iterable[str],
    do: Callable[[str], object],
    errors: tuple[type[HugChatError], ...] = (HugChatError,),
) -> int:
    """Do something to each conversation once, tell of failures, and return the first exit code."""
    code = exits.OK
    for word in dict.fromkeys(words):
        try:
            do(word)
        except errors as error:
            output.complain(f"{word}: {exits.describe(error)}")
            code = code or exits.exit_code(error)
    return code


# files ----------------------------------------------------------------------------------------


def export(arguments: argparse.Namespace) -> int:
    """Write conversations to ``<id>.<format>`` and print the paths; one failure ends nothing."""

    def write(word: str) -> None:
        path = write_export(client, listed.find(word), arguments.format, Path(arguments.output))
        output.write_line(str(path))

    with open_client(arguments) as client:
        listed = Conversations(client)
        return _for_each(arguments.ids or [one.id for one in client.list_conversations()], write)


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


def _json(tree: ConversationTree) -> str:
    """Return the whole conversation, all branches."""
    return output.as_json(tree, indent=2, ensure_ascii=False) + "\n"


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
    "json": _json,
    "html": _html,
    "txt": _text,
}


# how a conversation is named ------------------------------------------------------------------


class Conversations:
    """The conversations of an account as they are listed; asked for once, and only if need be."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ids: list[str] | None = None

    def find(self, word: str) -> str:
        """Return the id of the conversation that a word means: see :func:`find_conversation`."""
        if word == "last" and self._ids is None:  # the first page will do
            return find_conversation(
                word, lambda: [one.id for one in islice(self._client.list_conversations(), 1)]
            )
        return find_conversation(word, self._listed)

    def _listed(self) -> list[str]:
        if self._ids is None:
            self._ids = [one.id for one in self._client.list_conversations()]
        return self._ids


def find_conversation(word: str, listed: Callable[[], Sequence[str]]) -> str:
    """Return the id of the conversation that a word means.

    :param word: an id, its beginning (4 hex digits or more), a number in the list, or ``last``.
    :param listed: gives the ids in the order of the list; not called for a whole id.
    :raises ConversationNotExistError: none is meant.
    :raises UsageError: several may be meant.
    """
    if _WHOLE.fullmatch(word):
        return word
    begins = _BEGINNING.fullmatch(word) is not None
    is_number = re.fullmatch(r"[0-9]{1,9}", word) is not None
    if word != "last" and not begins and not is_number:
        raise ConversationNotExistError(
            f"{word!r} names no conversation: give its id, 4 hex digits of its beginning or more, "
            "its number in the list, or last"
        )
    ids = listed()
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
        lengths[one] = max(SHORT, shared + 1)
    return [one[: lengths[one]] for one in ids]
