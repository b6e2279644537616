"""Connections that say whether a request may have left, and are read no longer than allowed.

The layers below tell of a broken connection what kind of error it was, not how far the request
had come; they look at the clock once a read of the socket, and count the time anew with each byte;
a head that the connection's end cut short is a good one to them. The session of requests above
them, ours or a view of the user's, takes nothing from replies.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from collections import OrderedDict
from functools import partial
from http.client import (
    CONTINUE,
    SWITCHING_PROTOCOLS,
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    IncompleteRead,
    RemoteDisconnected,
)
from http.cookiejar import Cookie, DefaultCookiePolicy
from math import inf
from typing import Any, Callable, Iterator, List
from urllib.request import Request as _CookieRequest

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from requests.cookies import RequestsCookieJar
from urllib3 import PoolManager

Authentication = Callable[[PreparedRequest], PreparedRequest]

_POOL = 256  # connections kept at most; a thread of a map each


class Attempt(float):
    """A read timeout in seconds, and what is known of the one request that it is given to.

    ``moment`` is that of the monotonic clock at which reading must end altogether; ``sent`` is
    whether bytes of the request may have left, ``None`` where nobody looked.
    """

    moment = inf
    sent: bool | None = None


class Current(threading.local):
    """The attempt that this thread is at."""

    attempt: Attempt | None = None

    def begin(self) -> None:
        """Note that nothing has left yet, and that from now on it would be seen."""
        if self.attempt is not None and self.attempt.sent is None:
            self.attempt.sent = False


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


class TimedReader(io.RawIOBase):
    """A socket's bytes, each read checked by ``check``, which may raise."""

    def __init__(self, raw: io.RawIOBase, check: Callable[[], None]) -> None:
        self.check = check
        self.ended = False
        self._raw = raw

    @property
    def _sock(self) -> Any:
        return getattr(self._raw, "_sock", None)

    def readable(self) -> bool:
        """Return ``True``."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """Read what is there, waiting for the first byte."""
        self.check()
        count = self._raw.readinto(buffer)
        self.ended = count == 0
        return count

    def close(self) -> None:
        """Give the socket back, and whoever checks the reads: a pool in a ring stays open."""
        self._raw.close()
        super().close()
        self.check = _unchecked


def _unchecked() -> None:
    """Let a read begin."""


def _check_moment(moment: float) -> None:
    if time.monotonic() > moment:
        raise socket.timeout("the time given is spent")


class WholeHead(HTTPResponse):
    """A reply whose head must be whole, read no longer than until the moment of the attempt."""

    current: Current

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        attempt = self.current.attempt
        check = _unchecked if attempt is None else partial(_check_moment, attempt.moment)
        self.reader = TimedReader(self.fp.detach(), check)
        self.fp = io.BufferedReader(self.reader)

    def begin(self) -> None:
        """Read the head.

        :raises RemoteDisconnected: the connection ended inside it.
        """
        super().begin()
        if self.reader.ended:
            raise RemoteDisconnected("the connection ended inside the head of the reply")
        # what stands behind a line that is no header, cookies for example, would be logged below
        self.msg.defects = []
        if not self.msg.is_multipart():
            self.msg.set_payload("")

    def _read_status(self) -> tuple[str, int, str]:
        """Return the first line; hints on the way to a reply are passed over (RFC 9110, 15.2)."""
        version, status, reason = super()._read_status()  # type: ignore[misc]
        if 100 <= status < 200 and status != SWITCHING_PROTOCOLS:
            status = CONTINUE  # the one that the layer below passes over
        return version, status, reason

    def _safe_read(self, amt: int) -> bytes:
        """Return a chunk, or a part of one; a negative size would lift every limit."""
        if amt < 0:
            raise HTTPException("a chunk of negative size")
        data = self.fp.read(amt)
        if len(data) < amt:
            raise IncompleteRead(data, amt - len(data))
        return data


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
        self._current.begin()
        return super().get_connection(*args, **options)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Return the pool for a request."""
        self._current.begin()
        return super().get_connection_with_tls_context(*args, **options)

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
        read = timeout[1] if isinstance(timeout, tuple) else None
        self._current.attempt = read if isinstance(read, Attempt) else None
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
