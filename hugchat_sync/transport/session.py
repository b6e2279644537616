"""The ``requests.Session`` behind a client: our own, or a shielded view of the user's."""

from __future__ import annotations

from collections import OrderedDict
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any, Iterator, List
from urllib.request import Request as _CookieRequest

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar

from .adapter import Adapter

_POOL = 256  # connections kept at most; a thread of a map each


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
    return _closed_to_replies(session)


def shielded(session: requests.Session) -> requests.Session:
    """Return a view of the user's session: the same settings, a cookie jar of its own.

    requests puts the cookies of every reply into the session that sent it; the user's session is
    never changed. An adapter of requests itself is replaced by one of ours with its settings,
    which can tell how far a request came; one of another class is the user's own, and stays.
    """
    view = session.__class__.__new__(session.__class__)
    view.__dict__.update(session.__dict__)
    view.adapters = OrderedDict(
        (prefix, Adapter.like(adapter) if type(adapter) is HTTPAdapter else adapter)
        for prefix, adapter in session.adapters.items()
    )
    return _closed_to_replies(view)


def close_own_adapters(session: requests.Session) -> None:
    """Close the idle connections, but for those of the user's own adapters."""
    for adapter in session.adapters.values():
        if isinstance(adapter, Adapter):
            adapter.close()


def _closed_to_replies(session: requests.Session) -> requests.Session:
    """Let *session* take nothing from replies: neither cookies nor the place of a redirect.

    Even where it follows none, requests reads the whole body of a redirect and where it leads.
    """
    session.cookies = _sealed(session.cookies)
    session.resolve_redirects = _no_redirects  # type: ignore[method-assign]
    return session


def _no_redirects(*args: Any, **options: Any) -> Iterator[requests.Response]:
    return iter(())


def _sealed(cookies: RequestsCookieJar) -> RequestsCookieJar:
    jar = RequestsCookieJar(policy=_NoNewCookies())
    for cookie in cookies:
        jar.set_cookie(cookie)
    return jar
