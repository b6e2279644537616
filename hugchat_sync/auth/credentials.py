"""Which credentials there are for one server, given or from the environment; their renewal."""

from __future__ import annotations

import logging
import os
import threading
import time

import requests
from requests import PreparedRequest

from ..dialects import Dialect
from ..errors import AuthError, HugChatError, LoginFailed, ServerError, SessionExpired, TimedOut
from ..futures import renew_locks_after_fork
from ..options import is_hub
from ..secret import Secret
from ..transport.retry import Patience, hold_within
from .cookies.store import SESSION, CookieStore

_NO_TIME = "the sign-in has lapsed, and the time of the call was spent before it was renewed"

logger = logging.getLogger("hugchat_sync")


class Credentials:
    """The cookies of a client, and its token if it has no cookies.

    :param had: the names of all cookies that were given, those that had expired included.
    """

    def __init__(
        self,
        base_url: str,
        store: CookieStore,
        token: Secret | None = None,
        had: tuple[str, ...] = (),
    ) -> None:
        self.store = store
        self.token = token or Secret("")
        self.has_token = bool(token)
        self.had = had
        self.given = self.has_token or bool(had)  # so that a refusal means that it has lapsed
        self._area = base_url.rstrip("/") + "/api/"

    def put_on(self, request: PreparedRequest) -> PreparedRequest:
        """Return *request* with the token or the cookies on it, where they belong; never with both.

        Source: the server looks at a token below ``<base>/api/`` only, and only when no session
        cookie comes along: the request hook of chat-ui (2026-08, measured).
        """
        if not self.has_token:
            return self.store.put_on(request)
        if (request.url or "").startswith(self._area):
            request.headers["Authorization"] = f"Bearer {self.token.value}"
            request.headers.pop("Cookie", None)
        return request

    def secrets(self) -> tuple[str, ...]:
        """Return what nothing may show."""
        return (self.token.value, *self.store.values().values())

    @property
    def lapsed(self) -> bool:
        """Whether the time of the session's cookie is over, and nothing else is missing.

        Or that of every cookie that was given: what another job has put there may be newer.
        """
        if self.has_token or not self.had:
            return False
        if self.store.missing() == (SESSION,) and SESSION in self.had:
            return True
        return not self.store.names and set(self.had) <= set(self.store.expired)

    def require_complete(self) -> None:
        """Refuse to waste a request that lacks one of a pair of cookies.

        :raises SessionExpired: a cookie that was given has expired.
        :raises AuthError: a cookie is missing; the sentence names it.
        """
        missing = self.store.missing() if self.store.names else ()
        if any(name in self.store.expired for name in missing):
            raise self.explain_expiry()
        if missing:
            raise AuthError(
                f"the cookie {' and '.join(missing)} is missing: huggingface.co needs both "
                "token and hf-chat; export both from a browser that is signed in"
            )

    def require_living(self) -> None:
        """Refuse cookies of which none is left.

        :raises SessionExpired: all that were given have expired.
        """
        if self.had and not self.store.names:
            raise self.explain_expiry()

    def require_honoured(self, dialect: Dialect) -> None:
        """Refuse a token where servers do not take one.

        :raises AuthError: there is a token, and servers of this era ignore it.
        """
        if self.has_token and not dialect.manners.takes_token:
            raise AuthError(
                f"a server of this era ({dialect.name}) takes no token; pass the cookies of a "
                "browser that is signed in, or none if the server needs none"
            )

    def explain_expiry(self) -> SessionExpired:
        """Return the error which says that the server knows nobody by these credentials."""
        gone = self.store.expired
        if self.has_token:
            why = (
                "the server knows nobody by this token: it takes none, or belongs to somebody who "
                "has never signed in to this chat with a browser; pass cookies instead"
            )
        elif gone:
            of = f" of the file {str(self.store.file)!r}" if self.store.file else ""
            why = (
                f"the {'cookies' if len(gone) > 1 else 'cookie'} {' and '.join(gone)}{of} expired: "
                "sign in again in a browser, and export and pass the new ones"
            )
        else:
            why = (
                "the sign-in is no longer accepted: the server knows nobody by these credentials; "
                "sign in again and pass the new ones"
            )
        return SessionExpired(why)

    def explain_refused_token(self, error: ServerError) -> AuthError:
        """Return what the generic error of a server means which is well without the token.

        Source: an unknown token, and that of somebody who never signed in to the chat: 500 on
        every path below the API (2026-08, measured).
        """
        return AuthError(
            "the server refuses the token: it is not valid, or belongs to somebody who has never "
            "signed in to this chat with a browser; make a new token, or sign in there once",
            status=error.status,
            url=error.url,
        )


class Renewal:
    """How the sign-in of one client that has lapsed is renewed: by one thread for all.

    Other cookies than those that were refused are the good ones which an answer for nobody had
    overwritten, those of the file, and those of a new sign-in; nothing is tried twice.
    """

    def __init__(
        self, base_url: str, credentials: Credentials, session: requests.Session | None
    ) -> None:
        self._base_url = base_url
        self._credentials = credentials
        self._store = credentials.store
        self._session = session
        self._ended_at = float("-inf")  # when the last one was over, and how it went
        self._worked = False
        self._tried: int | None = None  # the cookies that were tried before a new sign-in
        self._refused: int | None = None  # those that the hub did not take
        renew_locks_after_fork(self)

    def renew_locks(self) -> None:
        """Take a new lock."""
        self._lock = threading.Lock()

    def renew(self, began: float, patience: Patience) -> bool:
        """Return whether there are other cookies than those which were refused.

        :param began: when the refused request began: a renewal that ended since then is not made
            twice.
        """
        if not patience.renews or not self._credentials.had:
            return False
        with hold_within(self._lock, patience.deadline, _NO_TIME):
            if self._ended_at < began:
                worked = self._restore_cookies() or self._sign_in_anew(patience.deadline)
                if not worked and time.monotonic() >= patience.deadline:
                    raise TimedOut(_NO_TIME, phase="total")
                self._worked, self._ended_at = worked, time.monotonic()
            return self._worked

    def has_worked_since(self, began: float, patience: Patience) -> bool:
        """Return whether one that ended since then has worked, once none is under way."""
        with hold_within(self._lock, patience.deadline, _NO_TIME):
            return self._worked and self._ended_at >= began

    def _fingerprint(self) -> int:
        """Return a number that changes with the cookies, and tells nothing of them."""
        return hash(self._store.header(self._base_url))

    def _restore_cookies(self) -> bool:
        """Take the good cookies and those of the file, and return whether they are others."""
        before = (self._fingerprint(), self._tried)
        self._store.restore()
        self._store.reload()
        self._tried = self._fingerprint()  # every answer for nobody overwrites them again
        return self._tried not in before

    def _sign_in_anew(self, deadline: float) -> bool:
        """Sign in by the cookie of the hub, which outlives the session; no password is needed.

        Source: GET /login → /oauth/authorize → /login/callback, chat-ui 2026-08 (measured); the
        session of the chat server lapses after two weeks.
        """
        if not set(self._store.names) - {SESSION} or self._fingerprint() == self._refused:
            return False
        from .hub.flow import SignInFlow  # here: few scripts ever need a renewal

        flow = SignInFlow(
            self._base_url,
            session=self._session,
            cookies=self._store.jar,
            insecure=self._base_url.startswith("http://"),  # it was accepted for the client
            deadline=deadline,
        )
        try:
            cookies = flow.run()
        except HugChatError as error:
            logger.info("the sign-in could not be renewed: %s", error)
            if isinstance(error, LoginFailed):
                self._refused = self._fingerprint()
            return False
        self._store.adopt(cookies)
        logger.info("the sign-in was renewed")
        return True


def find_credentials(
    base_url: str,
    email: str | None = None,
    cookies: Secret | None = None,
    token: Secret | None = None,
) -> Credentials:
    """Return the credentials for *base_url*: argument, environment, saved file, token, none.

    A file without cookies (``{}``) is one to keep those of an anonymous session in, which the
    server hands out.

    :param email: whose saved file; default ``$HUGCHAT_SYNC_EMAIL``.
    :raises UsageError: the cookies cannot be read.
    """
    if not token and (cookies is None or cookies.value is None):
        cookies = _read_variable("HUGCHAT_SYNC_COOKIES") or _find_saved(email)
    if cookies is not None and cookies.value is not None:
        store = CookieStore.read(cookies, base_url)
        return Credentials(base_url, store, had=(*store.names, *store.expired))
    if not token and is_hub(base_url):
        token = _read_variable("HF_TOKEN").as_token()
    return Credentials(base_url, CookieStore(base_url), token)


def _find_saved(email: str | None) -> Secret | None:
    """Return the file of an account, where there is one."""
    email = email or _read_variable("HUGCHAT_SYNC_EMAIL").value
    if not email:
        return None
    from .cookies.disk import default_directory, file_of  # here: few name an account

    if default_directory() is None:
        logger.warning("no saved sign-in: set HOME or XDG_CONFIG_HOME, there is no home directory")
        return None
    saved = file_of(email)
    return Secret(saved) if saved.exists() else None


def _read_variable(name: str) -> Secret:
    # looked up in one expression: the environment is full of other people's secrets, too
    return Secret(os.environ.get(name, "").strip())
