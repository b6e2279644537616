"""The exceptions by their old names; each is, or derives from, one of :mod:`~..errors`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from .. import errors

ChatError = errors.HugChatError
ModelOverloadedError = errors.ModelOverloaded
InvalidConversationIDError = errors.ConversationNotExistError

__all__ = [
    "ChatBotInitError",
    "ChatError",
    "CreateConversationError",
    "DeleteConversationError",
    "InvalidConversationIDError",
    "ModelOverloadedError",
]


class ChatBotInitError(errors.HugChatError):
    """There are no usable credentials, or an argument cannot be right; see ``__cause__``."""


class CreateConversationError(errors.HugChatError):
    """No conversation was made; ``__cause__`` is what ``create_conversation`` raised."""


class DeleteConversationError(errors.HugChatError):
    """Conversations were not deleted; ``__cause__`` tells why."""


@contextmanager
def raise_as(kind: type[errors.HugChatError], *meant: type[Exception]) -> Iterator[None]:
    """Raise what is *meant* as *kind*, with the same sentence and the same facts."""
    try:
        yield
    except meant as error:
        raise kind(str(error), **vars(error)) from error
