"""The way to one server: its address, who we are there, and which era it is of."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Callable, Iterator, Sequence, TypeVar, Union

import requests

from ..calls import Call
from ..dialects import Dialect, dialect_named
from ..dialects.detection import first_probe, known_dialect, probe_within
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
from ..futures import begin
from ..options import Retry, Timeout, checked_retry, checked_timeout
from ..records import User
from ..secret import Secret
from ..transport.http import Transport
from ..transport.retry import RENEWALS, Patience, held
from .cookies import Hidden
from .credentials import Credentials, find_credentials
from .renewal import Renewal

T = TypeVar("T")

_FIRST_VISIT = 30.0  # seconds that the first write waits for that of another program
_OTHERS_ASK = "another thread of this client waited too long for the server"


class Connection:
    """Sends calls to one server, in the words of its era, which is found out at the first call."""

    def __init__(
        self,
        base_url: str,
        *,
        email: str | None = None,
        cookies: object = None,
        token: Secret,
        session: requests.Session | None = None,
        timeout: Union[None, float, Timeout] = None,  # noqa: UP007
        retries: Retry | None = None,
        dialect: str | None = None,
    ) -> None:
        held, cookies = Hidden.of(cookies), None
        self.base_url = base_url
        self.credentials: Credentials = find_credentials(
            base_url, email=email, cookies=held, token=token
        )
        self._renewal = Renewal(self.credentials.store, base_url, session)
        self._finds_credentials = False  # where it is unpickled
        self._session = session
        self._waits = timeout is not None
        self._timeout = checked_timeout(timeout)
        self._retry = checked_retry(retries)
        known = known_dialect(base_url)
        name = dialect or os.environ.get("HUGCHAT_SYNC_DIALECT") or known
        self._named = dialect_named(name) if name else None
        # an era that was named is looked at all the same, where its servers differ
        self._dialect = (
            self._named if known or (self._named and self._named.manners.differs_in) else None
        )
        self._is_found = bool(known)
        self._open()

    def _open(self) -> None:
        begin(self)
        self._is_closed = False
        self.transport = Transport(
            self.base_url,
            session=self._session,
            auth=self.credentials.auth,
            signed_in=self.credentials.given,
            timeout=self._timeout,
            waits=self._waits,
            retry=self._retry,
            # the cookie that a token's reply hands out is nobody's, and would win over the token
            received=None if self.credentials.token else self._take_cookies,
            renew=self._renewal if self.credentials.had else None,
            secrets=self.credentials.secrets,
        )

    def begin_anew(self) -> None:
        """Take new locks."""
        self._lock = threading.Lock()
        self._beginning = threading.Lock()

    def _take_cookies(self, url: str, values: Sequence[str], refused: bool) -> None:
        self.credentials.store.received(url, values, signed_out=refused)

    def __getstate__(self) -> dict[str, Any]:
        made = {"transport", "_lock", "_beginning", "_is_closed"}
        if self._finds_credentials:
            made.update(("credentials", "_renewal"))
        return {name: value for name, value in self.__dict__.items() if name not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._finds_credentials:
            self.credentials = find_credentials(
                self.base_url, email=None, cookies=None, token=Secret("")
            )
            self.credentials.store.leave_file()
            self._renewal = Renewal(self.credentials.store, self.base_url, self._session)
        self._open()

    def leave_home(self, *, with_cookies: bool) -> None:
        """Become what another process may have: no file to write to.

        :param with_cookies: otherwise the credentials are found there as those of a new client.
        """
        self.credentials.store.leave_file()
        self._finds_credentials = not with_cookies

    def dialect(self, patience: Patience | None = None, wanted: str = "") -> Dialect:
        """Return the server's dialect; the first call may ask the server.

        :param wanted: the feature that this is about.
        :raises UsageError: the client was closed.
        :raises UnknownDialect: no known era answers like this.
        :raises AuthError: there is a token, which servers of this era do not take.
        """
        self.require_open()
        found = self._dialect
        if found is None and self._named is not None:
            self.credentials.require_honoured(self._named)
        if found is None or not self._is_found:
            patience = patience or self.transport.patience()
            with held(self._lock, patience.deadline, _OTHERS_ASK):
                found = self._dialect
                if found is None or (not self._is_found and wanted in found.manners.differs_in):
                    self._dialect = found = self._detected(patience)
                    self._is_found = True
        self.credentials.require_honoured(found)
        return found

    def keep(self, dialect: Dialect) -> None:
        """Speak in *dialect* from now on: the server turned out to want it."""
        self._dialect = dialect

    def _detected(self, patience: Patience) -> Dialect:
        """Return the dialect that the server's answers show.

        An era that was named is the last word; what its servers differ in is found out.
        """
        return self.surely(lambda: self._probed(patience), patience)

    def _probed(self, patience: Patience) -> Dialect:
        named = self._named
        step: Dialect | Call[Any] = probe_within(named.name) if named else first_probe()
        try:
            while isinstance(step, Call):
                step = self.transport.send(step, patience)
        except (UnknownDialect, AuthError, NotFound) as error:
            if named is None or isinstance(error, ChallengeRequired):
                raise
            return named
        return step if named is None or step.name == named.name else named

    @property
    def is_nobody(self) -> bool:
        """Whether no credentials were given, and none were received yet."""
        return self.credentials.is_nobody

    def require_session(self, what: str) -> None:
        """Refuse what a token alone is not enough for.

        :raises AuthError: there is a token only.
        """
        self.credentials.require_session(what)

    def require_open(self) -> None:
        """Refuse what is asked after the end.

        :raises UsageError: the client was closed.
        """
        if self._is_closed:
            raise UsageError("this client was closed; make a new one")

    def require_complete(self, patience: Patience | None = None) -> None:
        """Refuse to waste a request that lacks one of a pair of cookies.

        :raises SessionExpired: the time of the session is over, and it cannot be renewed.
        :raises AuthError: a cookie was never there; the sentence names it.
        """
        if self.credentials.lapsed and not self._renewed(time.monotonic(), patience):
            raise self.credentials.expired()
        self.credentials.require_complete()

    def send(self, call: Call[T], patience: Patience | None = None) -> T:
        """Return what the reply of *call* reads as.

        :raises SessionExpired: the refusal of a conversation turned out to be that of a session.
        :raises AuthError: the server refuses the token.
        """
        within = patience or self.transport.patience()
        self.require_complete(within)
        return self.surely(lambda: self.transport.send(call, within), within)

    def surely(self, operation: Callable[[], T], patience: Patience | None = None) -> T:
        """Return what *operation* returns; a refusal that may mean another one is looked into.

        Source: to a lapsed session every conversation is one that is not there; a refused token
        is an ordinary server error (2026-08, measured).
        """
        tried, patience = 0, patience or self.transport.patience()
        while True:
            tried, cookies = tried + 1, self._renewal.fingerprint()
            try:
                return operation()
            except ConversationNotExistError as error:
                if error.status is None or tried > RENEWALS:
                    raise
                renewed = self._require_session(patience, error)
                if not renewed and self._renewal.fingerprint() == cookies:
                    raise
            except Unavailable as error:
                if not self._is_refused_token(error, patience):
                    raise
                raise self.credentials.refused_token(error) from error

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
                if not self._renewed(began, patience):
                    raise
        return operation(steady)

    @contextmanager
    def one_visitor(self, patience: Patience) -> Iterator[None]:
        """Let the first write of somebody without cookies go alone: its reply hands them out.

        Two at once would be two visitors, and the conversation of one is not there for the other.
        Where a file keeps them, that holds for all programs that use the file.
        """
        if self.credentials.is_nobody:
            wait = min(_FIRST_VISIT, patience.deadline - time.monotonic())
            with held(
                self._beginning, patience.deadline, _OTHERS_ASK
            ), self.credentials.store.begun_alone(wait):
                yield
        else:
            yield

    def own(
        self,
        call: Call[T],
        patience: Patience | None = None,
        is_doubtful: Callable[[T], bool] = lambda value: True,
    ) -> T:
        """Return what *call* reads, and not what it reads where nobody is signed in.

        :param is_doubtful: whether it may be that: an empty list, or settings in their defaults.
        :raises SessionExpired: credentials were given and are no longer accepted.
        """
        patience = patience or self.transport.patience()
        cookies = self._renewal.fingerprint()
        value = self.send(call, patience)
        if self.credentials.given and is_doubtful(value):
            renewed = self._require_session(patience)
            # another thread may have renewed them; and those put back are the ones we began with
            if renewed or self._renewal.fingerprint() != cookies:
                value = self.send(call, patience)
        return value

    def user(self, patience: Patience | None = None) -> User | None:
        """Return who is signed in, if need be after a renewal; ``None`` for nobody."""
        patience = patience or self.transport.patience()
        for _ in range(RENEWALS):
            began = time.monotonic()
            found = self._known_user(patience)
            if found is not None or not self._renewed(began, patience):
                return found
        return self._known_user(patience)

    def _session_is_over(self, patience: Patience) -> bool:
        """Return whether credentials were given and the server knows nobody by them.

        Source: a lapsed session reads empty lists with status 200 (2026-08, measured).
        """
        if not self.credentials.given or self._known_user(patience) is not None:
            return False
        return self.has_accounts(patience)

    def has_accounts(self, patience: Patience | None = None) -> bool:
        """Return whether there is a sign-in at this server at all."""
        steady = replace(patience or self.transport.patience(), renews=False)
        call = self.dialect(steady).login_required()
        try:
            return self.transport.send(call, steady)
        except ChallengeRequired:  # a firewall says nothing of the session
            raise
        except AuthError:
            return True

    def sign_out(self) -> bool:
        """End the session at the server, and return whether there was one; none is begun for it."""
        steady = replace(self.transport.patience(), renews=False)
        return self.transport.send(self.dialect(steady).sign_out(), steady)

    def close(self) -> None:
        """Close the idle connections; nothing more can be asked for."""
        self._is_closed = True
        self.transport.close()

    # inside ----------------------------------------------------------------------------------

    def _known_user(self, patience: Patience) -> User | None:
        call, steady = self.dialect(patience).user(), replace(patience, renews=False)
        try:
            found = self.surely(lambda: self.transport.send(call, steady), patience)
        except SessionExpired:  # a server that answers nobody says it with a refusal
            return None
        if found is not None:
            self.credentials.store.confirm()
        return found

    def _require_session(self, patience: Patience, error: Exception | None = None) -> bool:
        """Renew the session if it is over, and return whether it was.

        :raises SessionExpired: it is over for good; because of *error*.
        """
        tried, began = 0, time.monotonic()
        while self._session_is_over(patience):
            if tried == RENEWALS or not self._renewed(began, patience):
                raise self.credentials.expired() from error
            tried, began = tried + 1, time.monotonic()
        return tried > 0

    def _renewed(self, began: float, patience: Patience | None = None) -> bool:
        renew, patience = self.transport.renew, patience or self.transport.patience()
        return renew is not None and patience.renews and renew(began, patience.deadline)

    def _is_refused_token(self, error: Unavailable, patience: Patience) -> bool:
        """Return whether the server is well, but for our token: the same without it is answered."""
        if not self.credentials.token or error.status != 500:
            return False
        bare = Transport(self.base_url, session=self._session)
        try:
            bare.send(first_probe(), patience.once())
        except HugChatError:
            return False
        finally:
            bare.close()
        return True
