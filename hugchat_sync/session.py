"""The ``requests.Session`` behind a client: our own, or a shielded view of the user's."""

from __future__ import annotations

from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import List
from urllib.request import Request as _CookieRequest

import requests
from requests.cookies import RequestsCookieJar

from .adapter import Adapter

_POOL = 32  # connections kept; a pool thread each


class _NoNewCookies(DefaultCookiePolicy):
    """Sends what is in the jar, takes nothing from replies: cookies are kept elsewhere."""

    def set_ok(self, cookie: Cookie, request: _CookieRequest) -> bool:
        return False


class Quiet(List[str]):
    """Texts that are secrets: a traceback that prints the objects of its frames tells how many."""

    def __repr__(self) -> str:
        return f"<{len(self)} texts>"


def own_session() -> requests.Session:
    """Return a session with a pool for many threads that keeps no cookies."""
    session = requests.Session()
    adapter = Adapter(pool_connections=4, pool_maxsize=_POOL)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.cookies = _sealed(session.cookies)
    return session


def shielded(session: requests.Session) -> requests.Session:
    """Return a view of the user's session: the same adapters and settings, a cookie jar of its own.

    requests puts the cookies of every reply into the session that sent it; the user's session is
    never changed.
    """
    view = session.__class__.__new__(session.__class__)
    view.__dict__.update(session.__dict__)
    view.cookies = _sealed(session.cookies)
    return view


def _sealed(cookies: RequestsCookieJar) -> RequestsCookieJar:
    jar = RequestsCookieJar(policy=_NoNewCookies())
    for cookie in cookies:
        jar.set_cookie(cookie)
    return jar
