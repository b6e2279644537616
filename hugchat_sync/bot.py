"""The wiki's names over :class:`~hugchat_sync.client.Client`; nothing is done here twice."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Mapping, TypeVar, Union, overload

from .client import Client
from .futures import Background
from .rate_limit import Pace

if TYPE_CHECKING:
    from typing import Literal

T = TypeVar("T")
Self = TypeVar("Self", bound="Bot")
#: a value with ``wait=True``, its future with ``wait=False``
Maybe = Union[T, "Future[T]"]


class Bot(Client):
    """One account, in the names of the wiki; with ``wait=False`` a method returns a ``Future``.

    The parameters are those of :class:`Client`.
    """

    _background: Background

    def __new__(cls: type[Self], *args: Any, **options: Any) -> Self:
        """Return a bot with a pool; an ``__init__`` would show the credentials in its frame."""
        bot = super().__new__(cls)
        bot._background = Background()
        return bot

    @overload
    def fetchConversations(self, wait: Literal[True] = True) -> None: ...

    @overload
    def fetchConversations(self, wait: Literal[False]) -> Future[None]: ...

    @overload
    def fetchConversations(self, wait: bool) -> Maybe[None]: ...

    def fetchConversations(self, wait: bool = True) -> Maybe[None]:
        """Read :attr:`conversations` again, all pages; a failure leaves the old map."""

        def fetch() -> None:
            self.fetch_conversations()

        return self._background.run(fetch, wait)

    def getConversations(self) -> dict[str, str]:
        """Return the conversations known so far, id → title."""
        return self.conversations

    def switchConversation(self, conversation_id: str) -> None:
        """Make a known conversation the current one; unknown: ``ConversationNotExistError``."""
        self._map.require(conversation_id)
        self.switch_conversation(conversation_id)

    @overload
    def setSystemPrompt(self, model: str, prompt: str, wait: Literal[True] = True) -> None: ...

    @overload
    def setSystemPrompt(self, model: str, prompt: str, wait: Literal[False]) -> Future[None]: ...

    @overload
    def setSystemPrompt(self, model: str, prompt: str, wait: bool) -> Maybe[None]: ...

    def setSystemPrompt(self, model: str, prompt: str, wait: bool = True) -> Maybe[None]:
        """Store the system prompt of a model for all conversations begun from now on."""
        return self._background.run(lambda: self.set_system_prompt(model, prompt), wait)

    @overload
    def setSystemPrompts(self, prompts: Mapping[str, str], wait: Literal[True] = True) -> None: ...

    @overload
    def setSystemPrompts(
        self, prompts: Mapping[str, str], wait: Literal[False]
    ) -> Future[None]: ...

    @overload
    def setSystemPrompts(self, prompts: Mapping[str, str], wait: bool) -> Maybe[None]: ...

    def setSystemPrompts(self, prompts: Mapping[str, str], wait: bool = True) -> Maybe[None]:
        """Store the system prompts of several models, ``{model: prompt}``, in one request."""
        return self._background.run(lambda: self.set_system_prompts(prompts), wait)

    @overload
    def updateTitle(self, conversation_id: str, wait: Literal[True] = True) -> str: ...

    @overload
    def updateTitle(self, conversation_id: str, wait: Literal[False]) -> Future[str]: ...

    @overload
    def updateTitle(self, conversation_id: str, wait: bool) -> Maybe[str]: ...

    def updateTitle(self, conversation_id: str, wait: bool = True) -> Maybe[str]:
        """Return the title as the server has it now, and keep it in :attr:`conversations`."""
        return self._background.run(lambda: self.update_title(conversation_id), wait)

    @overload
    def createConversation(self, wait: Literal[True] = True) -> str: ...

    @overload
    def createConversation(self, wait: Literal[False]) -> Future[str]: ...

    @overload
    def createConversation(self, wait: bool) -> Maybe[str]: ...

    def createConversation(self, wait: bool = True) -> Maybe[str]:
        """Start a conversation, make it the current one, and return its id."""
        return self._background.run(self.create_conversation, wait)

    @overload
    def removeConversation(self, conversation_id: str, wait: Literal[True] = True) -> None: ...

    @overload
    def removeConversation(self, conversation_id: str, wait: Literal[False]) -> Future[None]: ...

    @overload
    def removeConversation(self, conversation_id: str, wait: bool) -> Maybe[None]: ...

    def removeConversation(self, conversation_id: str, wait: bool = True) -> Maybe[None]:
        """Delete a conversation that is among :attr:`conversations`."""

        def remove() -> None:
            self._map.require(conversation_id)
            self.remove_conversation(conversation_id)

        return self._background.run(remove, wait)

    @overload
    def getHistoriesByID(
        self, conversation_id: str | None = None, wait: Literal[True] = True
    ) -> list[dict[str, Any]]: ...

    @overload
    def getHistoriesByID(
        self, conversation_id: str | None = None, *, wait: Literal[False]
    ) -> Future[list[dict[str, Any]]]: ...

    @overload
    def getHistoriesByID(
        self, conversation_id: str | None, wait: Literal[False]
    ) -> Future[list[dict[str, Any]]]: ...

    @overload
    def getHistoriesByID(
        self, conversation_id: str | None = None, *, wait: bool
    ) -> Maybe[list[dict[str, Any]]]: ...

    @overload
    def getHistoriesByID(
        self, conversation_id: str | None, wait: bool
    ) -> Maybe[list[dict[str, Any]]]: ...

    def getHistoriesByID(
        self, conversation_id: str | None = None, wait: bool = True
    ) -> Maybe[list[dict[str, Any]]]:
        """Return the messages of a conversation, oldest first; ``[]`` when none is current.

        :returns: dicts of ``conversation_id``, ``is_user`` (1 or 0), ``text`` and ``text_id``.
        """

        def histories() -> list[dict[str, Any]]:
            target = conversation_id or self.current_conversation
            return [_entry(entry) for entry in self.history(target)] if target else []

        return self._background.run(histories, wait)

    def close(self) -> None:
        """Finish the futures under way, and close open answers and idle connections."""
        self._background.close()
        super().close()

    def _join(self, pace: Pace, background: Background) -> None:
        """Share the pace and the pool of a :class:`HuggingChat`."""
        self._use_pace(pace)
        self._background = background


def _entry(entry: Any) -> dict[str, Any]:
    return {
        "conversation_id": entry.conversation_id,
        "is_user": int(entry.is_user),
        "text": entry.text,
        "text_id": entry.text_id,
    }
