"""The way to one server: its address, who we are there, and which era it is of."""

from __future__ import annotations

import os
import threading
from typing import Any, Callable, ContextManager, TypeVar, Union

import requests

from ..calls import Call
from ..dialects import Dialect, dialect_named, known_dialect
from ..errors import (
    AuthError,
    ChallengeRequired,
    NotFound,
    SessionExpired,
    UnknownDialect,
    UsageError,
)
from ..futures import begin
from ..options import Retry, Timeout, checked_retry, checked_timeout
from ..records import User
from ..secret import Secret
from ..transport.http import Transport
from ..transport.retry import Patience, held
from ..values import replace
from .cookies import Hidden
from .credentials import Credentials, find_credentials
from .identity import Identity

T = TypeVar("T")

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
        self._honours: Dialect | None = None  # the dialect that takes our credentials
        self.identity = Identity(self.credentials, self.base_url, self._is_over, self._session)
        self.transport = Transport(
            self.base_url,
            session=self._session,
            identity=self.identity,
            timeout=self._timeout,
            waits=self._waits,
            retry=self._retry,
        )

    def begin_anew(self) -> None:
        """Take a new lock."""
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        made = {"transport", "identity", "_lock", "_is_closed"}
        if self._finds_credentials:
            made.add("credentials")
        return {name: value for name, value in self.__dict__.items() if name not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._finds_credentials:
            self.credentials = find_credentials(
                self.base_url, email=None, cookies=None, token=Secret("")
            )
            self.credentials.store.leave_file()
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
        if found is not None and found is self._honours and self._is_found:
            return found
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
        self._honours = found
        return found

    def ready(self, patience: Patience, wanted: str = "", session_for: str = "") -> Dialect:
        """Return the server's dialect, once a request is worth sending.

        :param wanted: the feature that this is about.
        :param session_for: what a token alone is not enough for.
        :raises SessionExpired: the time of the session is over, and it cannot be renewed.
        :raises AuthError: a cookie was never there, or there is a token only.
        """
        if session_for and self.credentials.has_token:
            self.credentials.require_session(session_for)
        self.identity.require_complete(patience)
        return self.dialect(patience, wanted)

    def keep(self, dialect: Dialect) -> None:
        """Speak in *dialect* from now on: the server turned out to want it."""
        self._dialect = dialect

    def _detected(self, patience: Patience) -> Dialect:
        """Return the dialect that the server's answers show.

        An era that was named is the last word; what its servers differ in is found out.
        """
        from ..dialects.detection import first_probe, probe_within  # here: most eras are known

        named = self._named
        step: Dialect | Call[Any] = probe_within(named) if named else first_probe()
        try:
            with self.identity.first_contact(patience):
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
        if self.credentials.has_token:
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
        self.identity.require_complete(patience or self.transport.patience())

    def send(self, call: Call[T], patience: Patience | None = None) -> T:
        """Return what the reply of *call* reads as.

        :raises SessionExpired: the refusal of a conversation turned out to be that of a session.
        :raises AuthError: the server refuses the token.
        """
        within = patience or self.transport.patience()
        self.identity.require_complete(within)
        return self.transport.send(call, within)

    def in_one_session(self, operation: Callable[[Patience], T], patience: Patience) -> T:
        """Return what *operation* returns, all of its requests sent by one and the same session."""
        return self.identity.in_one_session(operation, patience)

    def first_visit(self, patience: Patience) -> ContextManager[None]:
        """Let the first write of somebody without cookies go alone: its reply hands them out."""
        return self.identity.first_visit(patience)

    def send_as_user(
        self,
        call: Call[T],
        patience: Patience | None = None,
        is_doubtful: Callable[[T], bool] = lambda value: True,
    ) -> T:
        """Return what *call* reads, and not what it reads where nobody is signed in.

        :param is_doubtful: whether it may be that: an empty list, or settings in their defaults.
        :raises SessionExpired: credentials were given and are no longer accepted.
        """
        within = patience or self.transport.patience()
        self.identity.require_complete(within)
        return self.transport.send(call, within, is_doubtful)

    def user(self, patience: Patience | None = None) -> User | None:
        """Return who is signed in, if need be after a renewal; ``None`` for nobody."""
        try:
            return self.in_one_session(self._require_user, patience or self.transport.patience())
        except SessionExpired:
            return None

    def _require_user(self, steady: Patience) -> User:
        """Return who is signed in.

        :raises SessionExpired: nobody is, or the server refuses to say.
        """
        found = self.transport.send(self.dialect(steady).user(), steady)
        if found is None:
            raise self.credentials.expired()
        self.credentials.store.confirm()
        return found

    def _is_over(self, patience: Patience) -> bool:
        """Return whether the server knows nobody by our credentials, though there are accounts."""
        steady = replace(patience, renews=False)
        try:
            self._require_user(steady)
        except SessionExpired:
            return self.has_accounts(steady)
        return False

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
