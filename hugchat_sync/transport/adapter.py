"""Connections that say whether a request may have left, and the session of requests above them.

The layers below tell of a broken connection what kind of error it was, not how far the request
had come. The session, ours or a view of the user's, takes nothing from replies.
"""

from __future__ import annotations

from collections import OrderedDict
from http.client import HTTPConnection
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any, Callable, List
from urllib.request import Request as _CookieRequest

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from requests.cookies import RequestsCookieJar
from urllib3 import PoolManager

from ..errors import UsageError
from .stream import Attempt, Current, WholeHead

Authentication = Callable[[PreparedRequest], PreparedRequest]

_POOL = 256  # connections kept at most; a thread of a map each


class ObservedConnection(HTTPConnection):
    """A connection that notes when a request begins to leave."""

    current: Current

    def connect(self) -> None:
        """Connect; what a proxy is told on the way is not the request."""
        attempt = self.current.attempt
        before = attempt.sent if attempt is not None else None
        try:
            super().connect()
        finally:
            if attempt is not None:
                attempt.sent = before

    def send(self, data: Any) -> None:
        """Send a part of the request."""
        if self.sock is None and self.auto_open:
            self.connect()
        if self.current.attempt is not None:
            self.current.attempt.sent = True
        super().send(data)


class Adapter(HTTPAdapter):
    """An adapter of requests for such connections."""

    @classmethod
    def like(cls, other: HTTPAdapter) -> Adapter:
        """Return one with the settings of *other*, and connections of its own."""
        made: Any = cls.__new__(cls)
        state: Any = other
        made.__setstate__(state.__getstate__())
        return made  # type: ignore[no-any-return]

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools."""
        self._current = Current()
        super().init_poolmanager(*args, **options)
        _equip(self.poolmanager, self._current)

    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:
        """Return the pools behind *proxy*."""
        is_new = proxy not in self.proxy_manager
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        if is_new:
            _equip(manager, self._current)
        return manager

    def get_connection(self, *args: Any, **options: Any) -> Any:
        """Return the pool for a request (requests before 2.32)."""
        self._observe()
        return super().get_connection(*args, **options)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Return the pool for a request."""
        self._observe()
        return super().get_connection_with_tls_context(*args, **options)

    def _observe(self) -> None:
        """Note that nothing has left yet, and that from now on it would be seen."""
        attempt = self._current.attempt
        if attempt is not None and attempt.sent is None:
            attempt.sent = False

    def close(self) -> None:
        """Close the idle connections now: a pool that is only dropped waits for its last reply."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - it is no mapping that iterates
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
        super().close()

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        """Send a request; a read timeout that is an :class:`Attempt` learns how far it came."""
        timeout = options.get("timeout")
        attempt = timeout[1] if isinstance(timeout, tuple) else None
        if isinstance(attempt, Attempt):
            self._current.attempt = attempt
        try:
            return super().send(request, *args, **options)
        finally:
            self._current.attempt = None


def _equip(manager: PoolManager, current: Current) -> None:
    """Let the pools of *manager*, whatever their kind, make such connections."""
    response = type("Response", (WholeHead,), {"current": current})
    added = {"response_class": response, "current": current}
    classes = {}
    kinds: dict[str, Any] = manager.pool_classes_by_scheme
    for scheme, pool in kinds.items():
        connection = type("Connection", (ObservedConnection, pool.ConnectionCls), added)
        classes[scheme] = type("Pool", (pool,), {"ConnectionCls": connection})
    manager.pool_classes_by_scheme = classes


# the session -----------------------------------------------------------------------------------


class _NoNewCookies(DefaultCookiePolicy):
    """Sends what is in the jar, takes nothing from replies: cookies are kept elsewhere."""

    def set_ok(self, cookie: Cookie, request: _CookieRequest) -> bool:
        return False


class HiddenTexts(List[str]):
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


def check_session(session: object) -> None:
    """Refuse what is no session.

    :raises UsageError: it is not.
    """
    if session is not None and not isinstance(session, requests.Session):
        raise UsageError("session is a requests.Session")


def shield(session: requests.Session) -> requests.Session:
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
    sealed = RequestsCookieJar(policy=_NoNewCookies())
    for cookie in session.cookies:
        sealed.set_cookie(cookie)
    session.cookies = sealed
    session.resolve_redirects = lambda *args, **options: iter(())  # type: ignore[method-assign]
    return session


def authentication(theirs: Any, ours: Authentication) -> Authentication:
    """Return what authenticates a request for a gateway, as the user's session does, and for us.

    There is always something: left alone, requests would look into ``.netrc`` and send a password
    to a chat server.

    :param theirs: the ``auth`` of a session that the user gave: a pair, a callable or ``None``.
    """
    first = HTTPBasicAuth(*theirs) if isinstance(theirs, tuple) else theirs
    if first is None:
        return ours

    def authenticated(request: PreparedRequest) -> PreparedRequest:
        return ours(first(request))

    return authenticated
