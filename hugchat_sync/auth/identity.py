"""Who is signed in at one server, which era the server is of, and how a sign-in is renewed."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Iterable, Iterator, Sequence, TypeVar, Union

import requests
from requests import PreparedRequest

from ..calls import Call
from ..dialects import Dialect, find_known_era, load_dialect
from ..errors import (
    AuthError,
    ChallengeRequired,
    ConversationNotExistError,
    HugChatError,
    NotFound,
    SessionExpired,
    Unavailable,
    UnknownDialect,
    UsageError,
)
from ..futures import renew_locks_after_fork
from ..options import Retry, Timeout, check_retry, check_timeout
from ..records import User
from ..secret import Secret
from ..transport.adapter import check_session
from ..transport.http import Sender, Transport
from ..transport.retry import RENEWALS, Patience, hold_within
from ..values import replace
from .credentials import Renewal, find_credentials

T = TypeVar("T")

_FIRST_VISIT = 30.0  # seconds that the first write waits for that of another program
_OTHERS_ASK = "another thread of this client waited too long for the server"


class Identity(Sender):
    """One client at one server: its credentials there, and the dialect of the server.

    It puts the credentials on its requests, finds out the era at the first call, and renews a
    sign-in that has lapsed. Threads may share it. What happens where the server does not know us
    (:meth:`recover`):

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
    """

    def __init__(
        self,
        base_url: str,
        *,
        email: str | None = None,
        cookies: Secret | None = None,
        token: Secret | None = None,
        session: requests.Session | None = None,
        timeout: Union[None, float, Timeout] = None,  # noqa: UP007
        retries: Retry | None = None,
        dialect: str | None = None,
    ) -> None:
        check_session(session)
        self.base_url = base_url
        self.credentials = find_credentials(base_url, email, cookies, token)
        self._finds_credentials = False  # where it is unpickled
        self._session = session
        self._waits = timeout is not None
        self._timeout = check_timeout(timeout)
        self._retry = check_retry(retries)
        era_of_host = find_known_era(base_url)
        name = dialect or os.environ.get("HUGCHAT_SYNC_DIALECT") or era_of_host
        self._named = load_dialect(name) if name else None
        # an era that was named is looked at all the same, where its servers differ
        self._dialect = (
            self._named if era_of_host or (self._named and self._named.manners.differs_in) else None
        )
        self._is_found = bool(era_of_host)
        self._open()

    def _open(self) -> None:
        if not self._is_found:
            from ..dialects import detection  # noqa: F401  # now: a call may find no file to open
        self.is_given = self.credentials.given
        self._is_closed = False
        self._complete: tuple[str, ...] | None = None  # the cookies that were found to be enough
        self._renewal = Renewal(self.base_url, self.credentials, self._session)
        renew_locks_after_fork(self)
        self.transport = Transport(
            self.base_url,
            session=self._session,
            identity=self,
            timeout=self._timeout,
            waits=self._waits,
            retry=self._retry,
        )

    def renew_locks(self) -> None:
        """Take new locks."""
        self._finding = threading.Lock()
        self._visiting = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        kept = ["base_url", "_finds_credentials", "_session", "_waits", "_timeout", "_retry"]
        kept += ["_named", "_dialect", "_is_found"]
        kept += [] if self._finds_credentials else ["credentials"]
        return {name: self.__dict__[name] for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._finds_credentials:
            self.credentials = find_credentials(self.base_url)
            self.credentials.store.leave_file()
        self._open()

    def __repr__(self) -> str:
        return f"<Identity at {self.base_url}>"

    def prepare_for_worker(self, *, with_cookies: bool) -> None:
        """Write to no file any more, so that another process may have this.

        :param with_cookies: otherwise the credentials are found there as those of a new client.
        """
        self.credentials.store.leave_file()
        self._finds_credentials = not with_cookies

    def close(self) -> None:
        """Close the idle connections; nothing more can be asked for."""
        self._is_closed = True
        self.transport.close()

    # on each request -------------------------------------------------------------------------

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return *request* with the credentials on it."""
        store = self.credentials.store
        latest, is_ours = store.latest, (request.url or "").startswith(store.start)
        header = latest.header.value
        alone = "Cookie" not in request.headers  # a session of the user's may have some
        if header and is_ours and alone and time.time() < latest.until:
            request.headers["Cookie"] = header
            return request
        return self.credentials.put_on(request)

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

    def ready(self, patience: Patience, *, wanted: str = "", session_for: str = "") -> Dialect:
        """Return the server's dialect, once a request is worth sending.

        :param wanted: the feature that this is about.
        :param session_for: what a token alone is not enough for.
        :raises SessionExpired: the time of the session is over, and it cannot be renewed.
        :raises AuthError: a cookie was never there, or there is a token only.

        Source: chat-ui's request hook takes tokens below ``/api/`` only (2026-08, measured).
        """
        if session_for and self.credentials.has_token:
            raise AuthError(
                f"a token alone cannot {session_for}: the server takes it for reading and tidying "
                "up only; pass the cookies token and hf-chat of a browser that is signed in"
            )
        self._require_complete(patience)
        return self.find_dialect(patience, wanted)

    def _require_complete(self, patience: Patience) -> None:
        """Refuse to waste a request that lacks one of a pair of cookies."""
        latest = self.credentials.store.latest
        if latest.names == self._complete and time.time() < latest.until:
            return
        if self.credentials.lapsed and not self._renewal.renew(time.monotonic(), patience):
            raise self.credentials.explain_expiry()
        self.credentials.require_complete()
        self._complete = self.credentials.store.names

    def require_open(self) -> None:
        """Refuse what is asked after the end.

        :raises UsageError: the client was closed.
        """
        if self._is_closed:
            raise UsageError("this client was closed; make a new one")

    @property
    def is_nobody(self) -> bool:
        """Whether there is neither a token nor a cookie, so that the server must hand one out."""
        return not self.credentials.has_token and not self.credentials.store.names

    def find_dialect(self, patience: Patience, wanted: str = "") -> Dialect:
        """Return the server's dialect; the first call may ask the server.

        :param wanted: the feature that this is about.
        :raises UsageError: the client was closed.
        :raises UnknownDialect: no known era answers like this.
        :raises AuthError: there is a token, which servers of this era do not take.
        """
        self.require_open()
        found = self._dialect
        if found is None or (not self._is_found and wanted in found.manners.differs_in):
            found = self._detect(patience)
        if self.credentials.has_token:
            self.credentials.require_honoured(found)
        return found

    def keep(self, dialect: Dialect) -> None:
        """Speak in *dialect* from now on: the server turned out to want it."""
        self._dialect = dialect

    def _detect(self, patience: Patience) -> Dialect:
        """Return the dialect that the server's answers show; one thread asks for all.

        An era that was named is the last word; what its servers differ in is found out.
        """
        from ..dialects.detection import first_probe, probe_within  # here: most eras are known

        named = self._named
        if named is not None:
            self.credentials.require_honoured(named)
        with hold_within(self._finding, patience.deadline, _OTHERS_ASK):
            if self._is_found and self._dialect is not None:
                return self._dialect
            step: Dialect | Call[Any] = probe_within(named) if named else first_probe()
            try:
                with self.first_visit(patience):
                    while isinstance(step, Call):
                        step = self.transport.send(step, patience)
            except (UnknownDialect, AuthError, NotFound) as error:
                if named is None or isinstance(error, ChallengeRequired):
                    raise
                step = named
            self._dialect = step if named is None or step.name == named.name else named
            self._is_found = True
            return self._dialect

    @contextmanager
    def first_visit(self, patience: Patience) -> Iterator[None]:
        """Let the first write of somebody without cookies go alone: its reply hands them out.

        Two at once would be two visitors, and the conversation of one is not there for the other.
        Where a file keeps them, that holds for all programs that use the file. Servers of 2023
        hand out a session with any page, that of a probe included.
        """
        with ExitStack() as alone:
            if self.is_nobody:
                alone.enter_context(hold_within(self._visiting, patience.deadline, _OTHERS_ASK))
            if self.is_nobody:  # still
                wait = min(_FIRST_VISIT, patience.deadline - time.monotonic())
                alone.enter_context(self.credentials.store.visit_first(wait))
            yield

    # requests --------------------------------------------------------------------------------

    def ask(
        self,
        describe: Callable[[Dialect], Call[T]],
        patience: Patience,
        session_for: str = "",
    ) -> T:
        """Return what a reply reads as; *describe* says in the server's dialect what is asked.

        :param session_for: what a token alone is not enough for.
        :raises SessionExpired: credentials were given and are no longer accepted.
        :raises AuthError: the server refuses the token, or it is not enough.
        """
        call = describe(self.ready(patience, session_for=session_for))
        return self.transport.send(call, patience)

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
                if not self._renewal.renew(began, patience):
                    raise
        return operation(steady)

    def fetch_user(self, patience: Patience) -> User | None:
        """Return who is signed in, if need be after a renewal; ``None`` for nobody."""
        try:
            return self.in_one_session(self._require_user, patience)
        except SessionExpired:
            return None

    def _require_user(self, steady: Patience) -> User:
        """Return who is signed in.

        :raises SessionExpired: nobody is, or the server refuses to say.
        """
        found = self.transport.send(self.find_dialect(steady).user(), steady)
        if found is None:
            raise self.credentials.explain_expiry()
        self.credentials.store.confirm()
        return found

    def has_accounts(self, patience: Patience) -> bool:
        """Return whether there is a sign-in at this server at all."""
        steady = replace(patience, renews=False)
        try:
            return self.transport.send(self.find_dialect(steady).login_required(), steady)
        except ChallengeRequired:  # a firewall says nothing of the session
            raise
        except AuthError:
            return True

    def sign_out(self, patience: Patience) -> bool:
        """End the session at the server, and return whether there was one; none is begun for it."""
        steady = replace(patience, renews=False)
        return self.transport.send(self.find_dialect(steady).sign_out(), steady)

    # after a refusal -------------------------------------------------------------------------

    def recover(self, error: HugChatError | None, began: float, patience: Patience) -> bool:
        """Return whether the same request may be sent again, because the sign-in was renewed.

        :raises SessionExpired: the sign-in is over for good.
        :raises AuthError: the server refuses the token.
        :raises TimedOut: the time was spent first, which says nothing of the sign-in.
        """
        if isinstance(error, SessionExpired):
            return self._renewal.renew(began, patience)
        if isinstance(error, Unavailable):
            if self._is_refused_token(error, patience):
                raise self.credentials.explain_refused_token(error) from error
            return False
        is_lost = error is None or isinstance(error, ConversationNotExistError)
        if not (is_lost and self.is_given):
            return False
        if not self._is_over(patience):
            # another thread may be renewing it: the cookies are there before that is over
            return self._renewal.has_worked_since(began, patience)
        if self._renewal.renew(began, patience):
            return True
        raise self.credentials.explain_expiry() from error

    def _is_over(self, patience: Patience) -> bool:
        """Return whether the server knows nobody by our credentials, though there are accounts."""
        steady = replace(patience, renews=False)
        try:
            self._require_user(steady)
        except SessionExpired:
            return self.has_accounts(steady)
        return False

    def _is_refused_token(self, error: Unavailable, patience: Patience) -> bool:
        """Return whether the server is well, but for our token: the same without it is answered."""
        if not self.credentials.has_token or error.status != 500:
            return False
        from ..dialects.detection import first_probe  # here: few tokens are refused

        bare = Transport(self.base_url, session=self._session)
        try:
            bare.send(first_probe(), patience.once())
        except HugChatError:
            return False
        finally:
            bare.close()
        return True
