"""``ls``, ``show``, ``rename``, ``rm`` and ``share``, and how people name a conversation."""

from __future__ import annotations

import argparse
import re
from datetime import datetime
from itertools import islice
from typing import Callable, Iterator, Sequence

from .. import Client
from ..errors import ConversationNotExistError, HugChatError, UsageError
from ..records import Conversation, HistoryEntry
from . import exits, output
from .opening import opened
from .reading import ask_human, stdin_is_terminal
from .screen import Screen, best_screen

SHORT = 8  # hex digits of an id in a list, where they are enough to tell it from the others

_WHOLE = re.compile(r"[0-9a-fA-F]{24}")
_BEGINNING = re.compile(r"[0-9a-fA-F]{4,23}")
_SHOWN = 5  # ids that are named where several fit


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


class Conversations:
    """The conversations of an account as they are listed; asked for once, and only if need be."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ids: list[str] | None = None

    def named(self, word: str) -> str:
        """Return the id of the conversation that a word means, as :func:`meant` does."""
        if word == "last" and self._ids is None:  # the first page will do
            return meant(word, lambda: [one.id for one in islice(self._all(), 1)])
        return meant(word, self._listed)

    def _listed(self) -> list[str]:
        if self._ids is None:
            self._ids = [one.id for one in self._all()]
        return self._ids

    def _all(self) -> Iterator[Conversation]:
        return self._client.list_conversations()


def meant(word: str, listed: Callable[[], Sequence[str]]) -> str:
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


def short_ids(ids: Sequence[str]) -> list[str]:
    """Return the beginning of each id that tells it from the others, in the same order."""
    ordered = sorted(ids)
    lengths = {}
    for before, one, after in zip(["", *ordered], ordered, [*ordered[1:], ""]):
        shared = max(_shared(before, one), _shared(one, after))
        lengths[one] = max(SHORT, shared + 1)
    return [one[: lengths[one]] for one in ids]


def _shared(one: str, other: str) -> int:
    """Return the number of letters with which both begin."""
    length = 0
    for left, right in zip(one, other):
        if left != right:
            break
        length += 1
    return length
