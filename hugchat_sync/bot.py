"""The wiki's names over :class:`~hugchat_sync.client.Client`; nothing is done here twice."""

from __future__ import annotations

from concurrent.futures import Future
from functools import cached_property
from typing import Any, Mapping, TypeVar, Union

import requests

from .auth import Secret
from .client import Client
from .connection import checked_base_url
from .cookies import Hidden
from .errors import UsageError
from .futures import Background
from .options import Retry, Timeout
from .pace import Pace
from .sign import Sign

T = TypeVar("T")
Self = TypeVar("Self", bound="HuggingChat")
#: a value with ``wait=True``, its future with ``wait=False``
Maybe = Union[T, "Future[T]"]


class Bot(Client):
    """One account, in the names of the wiki; with ``wait=False`` a method returns a ``Future``.

    The parameters are those of :class:`Client`.
    """

    @cached_property  # no __init__, whose frame would show the credentials it passes on
    def _background(self) -> Background:
        return Background()

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
        self.switch_conversation(conversation_id)

    def setSystemPrompt(self, model: str, prompt: str, wait: bool = True) -> Maybe[None]:
        """Store the system prompt of a model for all conversations begun from now on."""
        return self._background.run(lambda: self.set_system_prompt(model, prompt), wait)

    def setSystemPrompts(self, prompts: Mapping[str, str], wait: bool = True) -> Maybe[None]:
        """Store the system prompts of several models, ``{model: prompt}``, in one request."""
        return self._background.run(lambda: self.set_system_prompts(prompts), wait)

    def updateTitle(self, conversation_id: str, wait: bool = True) -> Maybe[str]:
        """Return the title as the server has it now, and keep it in :attr:`conversations`."""
        return self._background.run(lambda: self.update_title(conversation_id), wait)

    def createConversation(self, wait: bool = True) -> Maybe[str]:
        """Start a conversation, make it the current one, and return its id."""
        return self._background.run(self.create_conversation, wait)

    def removeConversation(self, conversation_id: str, wait: bool = True) -> Maybe[None]:
        """Delete a conversation that is among :attr:`conversations`."""

        def remove() -> None:
            self._map.require(conversation_id)
            self.remove_conversation(conversation_id)

        return self._background.run(remove, wait)

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


class HuggingChat:
    """The wiki's way in: gives bots and sign-ins that share one pool and one pace.

    The parameters are those of :class:`Client`; the constructor sends nothing.

    :param hub_url: where to sign in, if not where the server itself leads.
    :param max_workers: threads behind ``wait=False``.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        hub_url: str | None = None,
        token: str | None = None,
        session: requests.Session | None = None,
        timeout: Union[None, float, Timeout] = None,  # noqa: UP007
        retries: Retry | None = None,
        max_workers: int = 8,
        dialect: str | None = None,
        max_per_minute: float | None = None,
        allow_insecure: bool = False,
    ) -> None:
        if not isinstance(max_workers, int) or max_workers < 1:
            raise UsageError("max_workers is 1 or more")
        secret, token = Secret(token or ""), None
        self.base_url = checked_base_url(base_url, allow_insecure=allow_insecure)
        self._hub_url = hub_url
        self._allow_insecure = allow_insecure
        self._token = secret
        self._session = session
        self._options: dict[str, Any] = {
            "session": session,
            "timeout": timeout,
            "retries": retries,
            "dialect": dialect,
            "allow_insecure": allow_insecure,
        }
        self._pace = Pace(max_per_minute)
        self._background = Background(max_workers)
        self._bots: list[Bot] = []

    def getBot(
        self, email: str | None = None, cookies: Any = None, model: str | None = None
    ) -> Bot:
        """Return a bot, whose conversations were fetched once.

        :param cookies: in any form that the README lists; default the saved ones of *email*.
        :param model: for new conversations; ``None`` for the server's default.
        """
        held, cookies = Hidden(cookies), None
        bot = Bot(
            self.base_url,
            email=email,
            cookies=held.value,
            model=model,
            token=self._token.reveal() or None,
            **self._options,
        )
        bot._join(self._pace, self._background)
        self._bots.append(bot)  # before anything can fail: close() must know it
        bot.fetch_conversations()
        return bot

    def getSign(self, email: str, passwd: str | None = None) -> Sign:
        """Return the sign-in of one account; nothing is sent yet."""
        secret, passwd = Secret(passwd or ""), None
        return Sign(
            email,
            secret.reveal() or None,
            base_url=self.base_url,
            hub_url=self._hub_url,
            session=self._session,
            allow_insecure=self._allow_insecure,
        )

    def close(self) -> None:
        """Finish the futures under way and close all bots."""
        self._background.close()
        for bot in self._bots:
            bot.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<HuggingChat at {self.base_url}>"
