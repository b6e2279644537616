"""The wiki's way in: cheap to import, because what a bot needs is loaded with the first bot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, Union

from .address import checked_base_url
from .errors import UsageError
from .futures import Background
from .pace import Pace
from .secret import Secret

if TYPE_CHECKING:
    import requests

    from .bot import Bot
    from .options import Retry, Timeout
    from .sign import Sign

Self = TypeVar("Self", bound="HuggingChat")


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
        from .bot import Bot
        from .cookies import Hidden

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
        from .sign import Sign

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
