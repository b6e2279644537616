"""The wiki's way in: cheap to import, because what a bot needs is loaded with the first bot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, Union

from .address import checked_base_url
from .errors import UsageError, warn_of_change
from .futures import Background
from .options import LeftOut
from .rate_limit import Pace
from .reprs import safe_repr
from .secret import Secret

if TYPE_CHECKING:
    import requests

    from .auth.sign import Sign
    from .bot import Bot
    from .options import Retry, Timeout

Self = TypeVar("Self", bound="HuggingChat")
_WORKERS = LeftOut(8)


class HuggingChat:
    """The wiki's way in: gives bots and sign-ins that share one pool and one pace.

    The parameters are those of :class:`Client`; the constructor sends nothing.

    :param hub_url: where to sign in, if not where the server itself leads.
    :param max_workers: threads behind ``wait=False``; 8 by default. In the wiki's time it was the
        first parameter, and then ``max_thread``; both still say it, with a warning.
    :raises UsageError: the address or a number cannot be right, or the number of threads is given
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
        address = base_url if isinstance(base_url, str) else None
        workers = _workers(max_workers, number, max_thread)
        self.base_url = checked_base_url(address, allow_insecure=allow_insecure)
        self._hub_url = hub_url
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
        from .auth.cookies import Hidden
        from .bot import Bot

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
        from .auth.sign import Sign

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
        self._is_closed = True
        self._background.close()
        for bot in self._bots:
            bot.close()

    def __enter__(self: Self) -> Self:
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
    if any(not isinstance(one, int) or isinstance(one, bool) or one < 1 for one in given):
        raise UsageError("max_workers is a whole number of 1 or more")
    if len(given) > 1:
        raise UsageError("the number of threads is given twice; max_workers= is its name")
    if given and max_workers is _WORKERS:
        warn_of_change(f"the number of threads is called max_workers now: max_workers={given[0]}")
    return int(given[0] if given else max_workers)
