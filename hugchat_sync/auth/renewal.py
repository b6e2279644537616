"""Renewing a sign-in that has lapsed while the hub still knows us; no password is needed for it."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import requests

from ..errors import HugChatError, LoginFailed, TimedOut
from ..futures import begin
from ..transport.retry import held
from .cookies import CookieStore

_SESSION = "hf-chat"
_NO_TIME = "the sign-in has lapsed, and the time of the call was spent before it was renewed"

logger = logging.getLogger("hugchat_sync")


class Renewal:
    """Renews the session of one client, for all of its threads, and keeps it in the store.

    The session of the chat server lapses after two weeks; the cookie of the hub lives longer, and
    the chat server's sign-in takes it in place of a password.

    Source: GET /login → /oauth/authorize → /login/callback, chat-ui 2026-08 (measured).
    """

    def __init__(
        self, store: CookieStore, base_url: str, session: requests.Session | None = None
    ) -> None:
        self._store = store
        self._base_url = base_url
        self._session = session
        self._ended = float("-inf")  # when the last renewal was over, and how it went
        self._worked = False
        self._offered: int | None = None  # the cookies that were tried before a new sign-in
        self._hopeless: int | None = None  # those that the hub did not take
        begin(self)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name != "_turn"}
        return {
            **state,
            "_ended": float("-inf"),
            "_hopeless": None,
            "_offered": None,
        }  # of another process' clock

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        begin(self)

    def begin_anew(self) -> None:
        """Take a new lock."""
        self._turn = threading.Lock()

    def __repr__(self) -> str:
        return f"<Renewal at {self._base_url}>"

    def __call__(self, began: float, deadline: float) -> bool:
        """Return whether there are other cookies than those which were refused.

        Cookies that another job put into the file, and the good ones that an answer for nobody
        had overwritten, are tried before a new sign-in.

        :param began: when the refused request began, by the monotonic clock: a renewal that ended
            since then is not made twice.
        :param deadline: when the call must end, by the same clock.
        :raises TimedOut: that came first, which says nothing of the sign-in.
        """
        with held(self._turn, deadline, _NO_TIME):
            if self._ended < began:
                worked = self._has_others() or self._walked(deadline)
                if not worked and time.monotonic() >= deadline:
                    raise TimedOut(_NO_TIME, phase="total")
                self._worked, self._ended = worked, time.monotonic()
            return self._worked

    def fingerprint(self) -> int:
        """Return a number that changes with the cookies, and tells nothing of them."""
        return hash(self._store.header(self._base_url))

    def _has_others(self) -> bool:
        before = self.fingerprint()
        self._store.restore()
        self._store.reload()
        after = self.fingerprint()
        # every answer for nobody overwrites them again: the same ones are not tried twice
        others, self._offered = after not in (before, self._offered), after
        return others

    def _walked(self, deadline: float) -> bool:
        if not set(self._store.names) - {_SESSION} or self.fingerprint() == self._hopeless:
            return False
        from .hub import Walk  # here: few scripts ever need a renewal

        walk = Walk(
            self._base_url,
            session=self._session,
            cookies=self._store.jar,
            insecure=self._base_url.startswith("http://"),  # it was accepted for the client
            deadline=deadline,
        )
        try:
            walk.start()
            walk.authorize()
        except LoginFailed as error:
            logger.info("the sign-in could not be renewed: %s", error)
            self._hopeless = self.fingerprint()
            return False
        except HugChatError as error:
            logger.info("the sign-in could not be renewed this time: %s", error)
            return False
        finally:
            walk.close()
        self._store.adopt(walk.cookies)
        logger.info("the sign-in was renewed")
        return True
