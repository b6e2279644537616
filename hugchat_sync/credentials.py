"""Who we are to one server: cookies or a token, from the arguments or from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Mapping
from urllib.parse import urlsplit

from requests.auth import AuthBase

from .auth import BearerAuth, CookieAuth, Secret
from .cookies import CookieStore, file_of
from .errors import AuthError

HUB = "huggingface.co"


@dataclass
class Credentials:
    """The cookies of a client, and its token if it has no cookies.

    :param given: there was something to begin with; a refusal means that it has lapsed.
    """

    base_url: str
    store: CookieStore
    token: Secret = field(default_factory=lambda: Secret(""))
    given: bool = False

    @property
    def auth(self) -> AuthBase:
        """What puts the credentials on a request: never both kinds at once."""
        if self.token:
            return BearerAuth(self.token, self.base_url)
        return CookieAuth(self.store.header)

    def require_complete(self) -> None:
        """Refuse to waste a request that lacks one of a pair of cookies.

        :raises AuthError: a cookie is missing; the sentence names it.
        """
        missing = self.store.missing() if self.store and not self.token else ()
        if missing:
            raise AuthError(
                f"the cookie {' and '.join(missing)} is missing: {HUB} needs both token and "
                "hf-chat; export both from a browser that is signed in"
            )

    def require_session(self, what: str) -> None:
        """Refuse what a token alone cannot do.

        Source: chat-ui's request hook takes tokens below ``/api/`` only (2026-08, measured).

        :raises AuthError: there is a token, and no cookie.
        """
        if self.token:
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

    :param environment: ``os.environ`` when ``None``; empty to look at no environment.
    :raises UsageError: the cookies cannot be read.
    """
    known: Mapping[str, str] = os.environ if environment is None else environment
    if cookies is not None:
        return _with_cookies(base_url, cookies)
    if token:
        return Credentials(base_url, CookieStore.empty(base_url), token, given=True)
    stated = known.get("HUGCHAT_SYNC_COOKIES")
    if stated:
        return _with_cookies(base_url, stated)
    saved = file_of(email) if email else None
    if saved is not None and saved.exists():
        return _with_cookies(base_url, saved)
    hub_token = known.get("HF_TOKEN")
    if hub_token and (urlsplit(base_url).hostname or "") == HUB:
        return Credentials(base_url, CookieStore.empty(base_url), Secret(hub_token), given=True)
    return Credentials(base_url, CookieStore.empty(base_url))


def _with_cookies(base_url: str, source: Any) -> Credentials:
    store = CookieStore.read(source, base_url)
    return Credentials(base_url, store, given=bool(store))
