"""Conversations and models as people name them: a number, the beginning of an id, another case."""

from __future__ import annotations

import re
from typing import Callable, Sequence

from .. import Client
from ..errors import ConversationNotExistError, ModelNotFound, UsageError

SHORT = 8  # hex digits of an id in a list, where they are enough to tell it from the others

_WHOLE = re.compile(r"[0-9a-fA-F]{24}")
_BEGINNING = re.compile(r"[0-9a-fA-F]{4,23}")
_SHOWN = 5  # ids that are named where several fit


class Conversations:
    """The conversations of an account as they are listed; asked for once, and only if need be."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ids: list[str] | None = None

    def named(self, word: str) -> str:
        """Return the id of the conversation that a word means, as :func:`meant` does."""
        return meant(word, self._listed)

    def _listed(self) -> list[str]:
        if self._ids is None:
            self._ids = [one.id for one in self._client.list_conversations()]
        return self._ids


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


def model_meant(error: ModelNotFound) -> str | None:
    """Return the model that was meant by a name that the server does not have.

    It is the same name in other letters, or the only one that is near.
    """
    same = [name for name in error.nearest if name.lower() == error.model.lower()]
    near = same or error.nearest
    return near[0] if len(near) == 1 else None
