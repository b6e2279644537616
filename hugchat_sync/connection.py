"""The way to one server: its address, who we are there, and which era it is of."""

from __future__ import annotations

import os
import threading
from typing import Any, TypeVar, Union
from urllib.parse import urlsplit

import requests

from .auth import Secret, is_loopback
from .calls import Call
from .credentials import Credentials, find_credentials
from .dialects import Dialect, dialect_named
from .dialects.detection import first_probe, known_dialect
from .errors import AuthError, ConversationNotExistError, HugChatError, SessionExpired, UsageError
from .options import Retry, Timeout
from .transport import Patience, Transport

T = TypeVar("T")

DEFAULT_BASE_URL = "https://huggingface.co/chat"


def checked_base_url(base_url: str | None, *, allow_insecure: bool = False) -> str:
    """Return the base URL to use, without a slash at its end.

    :raises UsageError: it is no address, or would send credentials in clear over a network.
    """
    url = (base_url or os.environ.get("HUGCHAT_SYNC_BASE_URL") or DEFAULT_BASE_URL).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("the base URL must look like https://host/chat")
    if parts.username is not None or parts.password is not None:
        raise UsageError("the base URL must not hold a user name or a password")
    if parts.scheme == "http" and not allow_insecure and not is_loopback(url):
        raise UsageError(
            f"{url} is plain http: cookies would travel readable by anyone on the way; "
            "use https, or pass allow_insecure=True"
        )
    return url


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
        self.base_url = base_url
        self.credentials: Credentials = find_credentials(
            base_url, email=email, cookies=cookies, token=token
        )
        token_only = bool(self.credentials.token)
        store = self.credentials.store
        self.transport = Transport(
            base_url,
            session=session,
            auth=self.credentials.auth,
            signed_in=self.credentials.given,
            timeout=Timeout.of(timeout),
            waits=timeout is not None,
            retry=retries,
            # the cookie that a token's reply hands out is nobody's, and would win over the token
            received=None
            if token_only
            else lambda url, values, refused: store.received(url, values, signed_out=refused),
        )
        self._lock = threading.Lock()
        self._dialect: Dialect | None = None
        name = dialect or os.environ.get("HUGCHAT_SYNC_DIALECT") or known_dialect(base_url)
        if name:
            self._dialect = dialect_named(name)

    def dialect(self, patience: Patience | None = None) -> Dialect:
        """Return the server's dialect; the first call may ask the server.

        :raises UnknownDialect: no known era answers like this.
        """
        with self._lock:
            if self._dialect is None:
                self._dialect = self._detected(patience)
            return self._dialect

    def _detected(self, patience: Patience | None) -> Dialect:
        step: Dialect | Call[Any] = first_probe()
        while isinstance(step, Call):
            step = self.transport.send(step, patience)
        return step

    def send(self, call: Call[T], patience: Patience | None = None) -> T:
        """Return what the reply of *call* reads as.

        :raises SessionExpired: the refusal of a conversation turned out to be that of a session.
        """
        self.credentials.require_complete()
        try:
            return self.transport.send(call, patience)
        except ConversationNotExistError as error:
            if self.session_is_over(patience):
                raise _expired() from error
            raise

    def session_is_over(self, patience: Patience | None = None) -> bool:
        """Return whether credentials were given and the server knows nobody by them.

        Source: a lapsed session reads empty lists with status 200 (2026-08, measured).
        """
        if not self.credentials.given:
            return False
        dialect = self.dialect(patience)
        try:
            if self.transport.send(dialect.user(), patience) is not None:
                return False
            return self.transport.send(dialect.login_required(), patience)
        except AuthError:
            return True

    def require_session(self, patience: Patience | None = None) -> None:
        """Find out whether an empty reply only means that nobody is signed in.

        :raises SessionExpired: it does.
        """
        if self.session_is_over(patience):
            raise _expired()

    def close(self) -> None:
        """Close the idle connections."""
        self.transport.close()


def _expired() -> HugChatError:
    return SessionExpired(
        "the sign-in is no longer accepted: the server knows nobody by these credentials; "
        "sign in again and pass the new ones"
    )
