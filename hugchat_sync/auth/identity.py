"""Who we are to one server, whether we still are, and how to become it again."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager, nullcontext
from typing import Callable, ContextManager, Iterable, Iterator, Sequence, TypeVar

import requests
from requests import PreparedRequest

from ..errors import (
    ConversationNotExistError,
    HugChatError,
    LoginFailed,
    SessionExpired,
    TimedOut,
    Unavailable,
)
from ..futures import begin
from ..transport.http import Sender, Transport
from ..transport.retry import RENEWALS, Patience, held
from ..values import replace
from .credentials import SESSION, Credentials

T = TypeVar("T")

_FIRST_VISIT = 30.0  # seconds that the first write waits for that of another program
_OTHERS_ASK = "another thread of this client waited too long for the server"
_NO_TIME = "the sign-in has lapsed, and the time of the call was spent before it was renewed"

logger = logging.getLogger("hugchat_sync")


class Identity(Sender):
    """Puts the credentials of one client on its requests, and renews a sign-in that has lapsed.

    Threads may share it. What happens where the server does not know us (:meth:`recover`):

    ==============================  =======================  =====================================
    the server's answer             we have                  what happens
    ==============================  =======================  =====================================
    refused, or sent to sign in     nothing, or a token      the error is raised
    refused, or sent to sign in     cookies                  renewed and sent again, or raised
    no such conversation            nothing                  the error is raised
    no such conversation            what it still knows      the error is raised
    no such conversation            what it knows no more    renewed and sent again, or
                                                             ``SessionExpired``
    empty, as it is to nobody       the same three           the answer counts; the answer counts;
                                                             as for no such conversation
    500                             a token                  ``AuthError``, if the same request
                                                             without it is answered
    anything else                   anything                 the error is raised
    ==============================  =======================  =====================================

    Within one call a sign-in is renewed :data:`RENEWALS` times at most: by the cookies that were
    good before, or that another job has put into the file, and by signing in anew. Where one
    thread renews, the others wait, and send again what they sent meanwhile.

    Source: to a lapsed session every conversation is one that is not there; it reads empty lists
    with status 200; a refused token is an ordinary server error (2026-08, measured).

    :param is_over: asks the server whether it knows nobody by the credentials that were given.
    """

    def __init__(
        self,
        credentials: Credentials,
        base_url: str,
        is_over: Callable[[Patience], bool],
        session: requests.Session | None = None,
    ) -> None:
        self.credentials = credentials
        self.is_given = credentials.given
        self._base_url = base_url
        self._is_over = is_over
        self._session = session
        self._put_on = credentials.auth
        self._complete = -1  # the version of the cookies that were found to be all that is needed
        self._ended = float("-inf")  # when the last renewal was over, and how it went
        self._worked = False
        self._offered: int | None = None  # the cookies that were tried before a new sign-in
        self._hopeless: int | None = None  # those that the hub did not take
        begin(self)

    def begin_anew(self) -> None:
        """Take new locks."""
        self._renewing = threading.Lock()
        self._visiting = threading.Lock()

    def __repr__(self) -> str:
        return f"<Identity at {self._base_url}>"

    # on each request -------------------------------------------------------------------------

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return *request* with the credentials on it."""
        return self._put_on(request)

    def received(self, url: str, set_cookie_values: Sequence[str], refused: bool) -> None:
        """Keep the cookies of a reply, and none of those that a token's reply hands out.

        They are nobody's, and would win over the token.
        """
        if not self.credentials.has_token:
            self.credentials.store.received(url, set_cookie_values, signed_out=refused)

    def secrets(self) -> Iterable[str]:
        """Return what nothing may show."""
        return self.credentials.secrets()

    # before a request ------------------------------------------------------------------------

    def require_complete(self, patience: Patience) -> None:
        """Refuse to waste a request that lacks one of a pair of cookies.

        :raises SessionExpired: the time of the session is over, and it cannot be renewed.
        :raises AuthError: a cookie was never there; the sentence names it.
        """
        version = self.credentials.store.version()
        if version == self._complete:
            return
        if self.credentials.lapsed and not self._renew(time.monotonic(), patience):
            raise self.credentials.expired()
        self.credentials.require_complete()
        self._complete = version

    @contextmanager
    def first_visit(self, patience: Patience) -> Iterator[None]:
        """Let the first write of somebody without cookies go alone: its reply hands them out.

        Two at once would be two visitors, and the conversation of one is not there for the other.
        Where a file keeps them, that holds for all programs that use the file.
        """
        if not self.credentials.is_nobody:
            yield
            return
        with held(self._visiting, patience.deadline, _OTHERS_ASK), self.first_contact(patience):
            yield

    def first_contact(self, patience: Patience) -> ContextManager[object]:
        """Hold back other programs with the same cookie file while somebody without cookies asks.

        Servers of 2023 hand out a session with any page, that of a probe included.
        """
        if not self.credentials.is_nobody:
            return nullcontext()
        wait = min(_FIRST_VISIT, patience.deadline - time.monotonic())
        return self.credentials.store.begun_alone(wait)

    def in_one_session(self, operation: Callable[[Patience], T], patience: Patience) -> T:
        """Return what *operation* returns, all of its requests sent by one and the same session.

        What a lapsed session read is nobody's: after a renewal it must not be written back.
        """
        steady = replace(patience, renews=False)
        for _ in range(RENEWALS):
            began = time.monotonic()
            try:
                return operation(steady)
            except SessionExpired:
                if not self._renew(began, patience):
                    raise
        return operation(steady)

    # after a refusal -------------------------------------------------------------------------

    def recover(self, error: HugChatError | None, began: float, patience: Patience) -> bool:
        """Return whether the same request may be sent again, because the sign-in was renewed.

        :param error: what became of the request; ``None`` for an answer as empty as nobody's.
        :param began: when the request began, by the monotonic clock.
        :raises SessionExpired: the sign-in is over for good.
        :raises AuthError: the server refuses the token.
        :raises TimedOut: the time was spent first, which says nothing of the sign-in.
        """
        if isinstance(error, SessionExpired):
            return self._renew(began, patience)
        if isinstance(error, Unavailable):
            if self._is_refused_token(error, patience):
                raise self.credentials.refused_token(error) from error
            return False
        if error is not None and not isinstance(error, ConversationNotExistError):
            return False
        if not self.is_given:
            return False
        if not self._is_over(patience):
            return self._worked and self._ended >= began  # another thread has renewed it
        if self._renew(began, patience):
            return True
        raise self.credentials.expired() from error

    def _is_refused_token(self, error: Unavailable, patience: Patience) -> bool:
        """Return whether the server is well, but for our token: the same without it is answered."""
        if not self.credentials.has_token or error.status != 500:
            return False
        from ..dialects.detection import first_probe  # here: few tokens are refused

        bare = Transport(self._base_url, session=self._session)
        try:
            bare.send(first_probe(), patience.once())
        except HugChatError:
            return False
        finally:
            bare.close()
        return True

    def _renew(self, began: float, patience: Patience) -> bool:
        """Return whether there are other cookies than those which were refused.

        :param began: when the refused request began: a renewal that ended since then is not made
            twice.
        """
        if not patience.renews or not self.credentials.had:
            return False
        with held(self._renewing, patience.deadline, _NO_TIME):
            if self._ended < began:
                worked = self._has_others() or self._signed_in_anew(patience.deadline)
                if not worked and time.monotonic() >= patience.deadline:
                    raise TimedOut(_NO_TIME, phase="total")
                self._worked, self._ended = worked, time.monotonic()
            return self._worked

    def _fingerprint(self) -> int:
        """Return a number that changes with the cookies, and tells nothing of them."""
        return hash(self.credentials.store.header(self._base_url))

    def _has_others(self) -> bool:
        """Try the good cookies that an answer for nobody had overwritten, and those of the file."""
        before, store = self._fingerprint(), self.credentials.store
        store.restore()
        store.reload()
        after = self._fingerprint()
        # every answer for nobody overwrites them again: the same ones are not tried twice
        others, self._offered = after not in (before, self._offered), after
        return others

    def _signed_in_anew(self, deadline: float) -> bool:
        """Sign in by the cookie of the hub, which outlives the session; no password is needed.

        Source: GET /login → /oauth/authorize → /login/callback, chat-ui 2026-08 (measured); the
        session of the chat server lapses after two weeks.
        """
        store = self.credentials.store
        if not set(store.names) - {SESSION} or self._fingerprint() == self._hopeless:
            return False
        from .hub import Walk  # here: few scripts ever need a renewal

        walk = Walk(
            self._base_url,
            session=self._session,
            cookies=store.jar,
            insecure=self._base_url.startswith("http://"),  # it was accepted for the client
            deadline=deadline,
        )
        try:
            walk.start()
            walk.authorize()
        except LoginFailed as error:
            logger.info("the sign-in could not be renewed: %s", error)
            self._hopeless = self._fingerprint()
            return False
        except HugChatError as error:
            logger.info("the sign-in could not be renewed this time: %s", error)
            return False
        finally:
            walk.close()
        store.adopt(walk.cookies)
        logger.info("the sign-in was renewed")
        return True
