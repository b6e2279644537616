"""Who we are to one server: cookies or a token, from the arguments or from the environment."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Mapping
from urllib.parse import urlsplit

from requests.auth import AuthBase

from ..dialects import Dialect
from ..errors import AuthError, ServerError, SessionExpired
from ..secret import Secret
from ..values import Value, field
from .cookies import CookieStore, Hidden, default_directory, file_of
from .headers import BearerAuth, CookieAuth

HUB = "huggingface.co"

SESSION = "hf-chat"
logger = logging.getLogger("hugchat_sync")


class Credentials(Value, frozen=False):
    """The cookies of a client, and its token if it has no cookies.

    :param given: there was something to begin with; a refusal means that it has lapsed.
    :param had: the names of all cookies that were given, those that had expired included.
    """

    base_url: str
    store: CookieStore
    token: Secret = field(default_factory=lambda: Secret(""))
    given: bool = False
    had: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.has_token = bool(self.token)

    @property
    def auth(self) -> AuthBase:
        """What puts the credentials on a request: never both kinds at once."""
        if self.has_token:
            return BearerAuth(self.token, self.base_url)
        return CookieAuth(self.store.header)

    def require_complete(self) -> None:
        """Refuse to waste a request that lacks one of a pair of cookies.

        :raises SessionExpired: a cookie that was given has expired.
        :raises AuthError: a cookie is missing; the sentence names it.
        """
        missing = self.store.missing() if self.store and not self.has_token else ()
        if any(name in self.store.expired for name in missing):
            raise self.expired()
        if missing:
            raise AuthError(
                f"the cookie {' and '.join(missing)} is missing: {HUB} needs both token and "
                "hf-chat; export both from a browser that is signed in"
            )

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

    def require_honoured(self, dialect: Dialect) -> None:
        """Refuse a token where servers do not take one.

        :raises AuthError: there is a token, and servers of this era ignore it.
        """
        if self.has_token and not dialect.manners.takes_token:
            raise AuthError(
                f"a server of this era ({dialect.name}) takes no token; pass the cookies of a "
                "browser that is signed in, or none if the server needs none"
            )

    def expired(self) -> SessionExpired:
        """Return the error which says that the server knows nobody by these credentials."""
        if self.has_token:
            return SessionExpired(
                "the server knows nobody by this token: it takes none, or belongs to somebody who "
                "has never signed in to this chat with a browser; pass cookies instead"
            )
        gone = self.store.expired
        if gone:
            of = f" of the file {str(self.store.file)!r}" if self.store.file else ""
            return SessionExpired(
                f"the {'cookies' if len(gone) > 1 else 'cookie'} {' and '.join(gone)}{of} expired: "
                "sign in again in a browser, and export and pass the new ones"
            )
        return SessionExpired(
            "the sign-in is no longer accepted: the server knows nobody by these credentials; "
            "sign in again and pass the new ones"
        )

    def refused_token(self, error: ServerError) -> AuthError:
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

    def secrets(self) -> tuple[str, ...]:
        """Return what nothing may show."""
        return (self.token.reveal(), *(cookie.value or "" for cookie in iter(self.store.jar)))

    @property
    def is_nobody(self) -> bool:
        """Whether there is neither a token nor a cookie, so that the server must hand one out."""
        return not self.has_token and not self.store.names

    def require_session(self, what: str) -> None:
        """Refuse what a token alone cannot do.

        Source: chat-ui's request hook takes tokens below ``/api/`` only (2026-08, measured).

        :raises AuthError: there is a token, and no cookie.
        """
        if self.has_token:
            raise AuthError(
                f"a token alone cannot {what}: the server takes it for reading and tidying up "
                "only; pass the cookies token and hf-chat of a browser that is signed in"
            )


def find_credentials(
    base_url: str,
    *,
    email: str | None,
    cookies: object,
    token: Secret,
    environment: Mapping[str, str] | None = None,
) -> Credentials:
    """Return the credentials for *base_url*: argument, environment, saved file, token, none.

    A file without cookies (``{}``) is one to keep those of an anonymous session in, which the
    server hands out.

    :param environment: ``os.environ`` when ``None``; empty to look at no environment.
    :raises UsageError: the cookies cannot be read.
    """
    held, cookies = Hidden.of(cookies), None
    if held.value is not None:
        return _with_cookies(base_url, held)
    if token:
        return Credentials(base_url, CookieStore.empty(base_url), token, given=True)
    stated = _stated(environment, "HUGCHAT_SYNC_COOKIES")
    if stated:
        return _with_cookies(base_url, Hidden(stated.reveal()))
    saved = _saved(email or _stated(environment, "HUGCHAT_SYNC_EMAIL").reveal())
    if saved is not None and saved.exists():
        return _with_cookies(base_url, Hidden(saved))
    hub_token = _stated(environment, "HF_TOKEN")
    if hub_token and (urlsplit(base_url).hostname or "") == HUB:
        token = hub_token.as_token()
        return Credentials(base_url, CookieStore.empty(base_url), token, given=True)
    return Credentials(base_url, CookieStore.empty(base_url))


def _saved(email: str) -> Path | None:
    if email and default_directory() is None:
        logger.warning("no saved sign-in: set HOME or XDG_CONFIG_HOME, there is no home directory")
        return None
    return file_of(email) if email else None


def _stated(environment: Mapping[str, str] | None, name: str) -> Secret:
    # looked up in one expression: the environment is full of other people's secrets, too
    return Secret(((os.environ if environment is None else environment).get(name) or "").strip())


def _with_cookies(base_url: str, source: Hidden) -> Credentials:
    store = CookieStore.read(source.value, base_url)
    had = (*store.names, *store.expired)
    return Credentials(base_url, store, given=bool(had), had=had)
