"""The wiki's way in and its names over :class:`~hugchat_sync.client.Client`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, TypeVar, Union, overload

from .client import Client
from .dialects import load_dialect
from .errors import UsageError, warn_of_change
from .futures import Background
from .options import (
    LeftOut,
    Retry,
    Timeout,
    check_base_url,
    check_retry,
    check_timeout,
    is_positive,
)
from .rate_limit import Pace
from .secret import Secret, safe_repr
from .transport.adapter import check_session

if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import Literal

    import requests

    from .auth.sign import Sign

T = TypeVar("T")
Self = TypeVar("Self", bound="Bot")
H = TypeVar("H", bound="HuggingChat")
#: a value with ``wait=True``, its future with ``wait=False``
Maybe = Union[T, "Future[T]"]

_WORKERS = LeftOut(8)


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
        self._conversations.require(conversation_id)
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
            self._conversations.require(conversation_id)
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
            return [
                {
                    "conversation_id": entry.conversation_id,
                    "is_user": int(entry.is_user),
                    "text": entry.text,
                    "text_id": entry.text_id,
                }
                for entry in (self.history(target) if target else ())
            ]

        return self._background.run(histories, wait)

    def close(self) -> None:
        """Finish the futures under way, and close open answers and idle connections."""
        self._background.close()
        super().close()


class HuggingChat:
    """The wiki's way in: gives bots and sign-ins that share one pool and one pace.

    The parameters are those of :class:`Client`; the constructor sends nothing.

    :param hub_url: where to sign in, if not where the server itself leads.
    :param max_workers: threads behind ``wait=False``; 8 by default. In the wiki's time it was the
        first parameter, and then ``max_thread``; both still say it, with a warning.
    :raises UsageError: the address or an option cannot be right, or the number of threads is given
        in two ways.
    """

    def __init__(
        self,
        base_url: str | int | None = None,
        *,
        hub_url: str | None = None,
        token: str | None = None,
        session: requests.Session | None = None,
        timeout: Union[None, float, Timeout] = None,  # noqa: UP007
        retries: Retry | None = None,
        max_workers: int = _WORKERS,
        dialect: str | None = None,
        max_per_minute: float | None = None,
        allow_insecure: bool = False,
        max_thread: int | None = None,
    ) -> None:
        secret, token = Secret(token or ""), None
        number = None if base_url is None or isinstance(base_url, str) else base_url
        address, base_url = Secret(base_url if number is None else None), None
        hub, hub_url = Secret(hub_url), None
        workers = _workers(max_workers, number, max_thread)
        self.base_url = check_base_url(address, allow_insecure=allow_insecure)
        check_timeout(timeout)
        check_retry(retries)
        check_session(session)
        if dialect:
            load_dialect(dialect)
        self._hub_url = hub
        self._allow_insecure = allow_insecure
        self._token = secret.as_token()
        self._session = session
        self._options: dict[str, Any] = {
            "session": session,
            "timeout": timeout,
            "retries": retries,
            "dialect": dialect,
            "allow_insecure": allow_insecure,
        }
        self._pace = Pace(max_per_minute)
        self._background = Background(workers)
        self._bots: list[Bot] = []
        self._is_closed = False

    def getBot(
        self, email: str | None = None, cookies: Any = None, model: str | None = None
    ) -> Bot:
        """Return a bot, whose conversations were fetched once.

        :param cookies: in any form that the README lists; default the saved ones of *email*.
        :param model: for new conversations; ``None`` for the server's default.
        :raises UsageError: this was closed.
        """
        if self._is_closed:
            raise UsageError("this HuggingChat was closed; make a new one")
        held, cookies = Secret(cookies), None
        bot = Bot(
            self.base_url,
            email=email,
            cookies=held.value,
            model=model,
            token=self._token.value or None,
            **self._options,
        )
        bot._conversations.runs.pace, bot._background = self._pace, self._background
        self._bots.append(bot)  # before anything can fail: close() must know it
        bot.fetch_conversations()
        return bot

    def getSign(self, email: str, passwd: str | None = None) -> Sign:
        """Return the sign-in of one account; nothing is sent yet."""
        from .auth.sign import Sign  # here: few scripts sign in

        secret, passwd = Secret(passwd or ""), None
        return Sign(
            email,
            secret.value or None,
            base_url=self.base_url,
            hub_url=self._hub_url.value,
            session=self._session,
            allow_insecure=self._allow_insecure,
        )

    def close(self) -> None:
        """Finish the futures under way and close all bots."""
        self._is_closed = True
        self._background.close()
        for bot in self._bots:
            bot.close()

    def __enter__(self: H) -> H:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @safe_repr
    def __repr__(self) -> str:
        return f"<HuggingChat at {self.base_url}>"


def _workers(max_workers: int, *old_names: int | None) -> int:
    """Return how many threads there are to be, by today's name or by one of the wiki's time.

    :raises UsageError: it is no whole number of 1 or more, or it is given twice.
    """
    given = [number for number in old_names if number is not None]
    if max_workers is not _WORKERS:
        given.append(max_workers)
    if not all(is_positive(one, int) for one in given):
        raise UsageError("max_workers is a whole number of 1 or more")
    if len(given) > 1:
        raise UsageError("the number of threads is given twice; max_workers= is its name")
    if given and max_workers is _WORKERS:
        warn_of_change(f"the number of threads is called max_workers now: max_workers={given[0]}")
    return int(given[0] if given else max_workers)
