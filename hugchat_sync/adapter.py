"""Connections that are read no longer than allowed, and whose replies have whole heads.

The layers below look at the clock once a read of the socket, and count the time anew with each
byte; a head that the connection's end cut short is a good one to them.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from http.client import HTTPResponse, RemoteDisconnected
from typing import Any, Callable

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager


class Deadline(float):
    """A read timeout in seconds that knows the moment at which reading must end altogether.

    :param moment: of the monotonic clock.
    """

    moment: float

    def __new__(cls, seconds: float, moment: float) -> Deadline:
        """Return *seconds*, with the moment."""
        made = super().__new__(cls, seconds)
        made.moment = moment
        return made


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


class WholeHead(HTTPResponse):
    """A reply whose head must be whole, read no longer than until the moment in ``limits``."""

    limits: threading.local

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._moment: float | None = getattr(self.limits, "moment", None)
        self.reader = TimedReader(self.fp.detach(), self._check_moment)
        self.fp = io.BufferedReader(self.reader)

    def _check_moment(self) -> None:
        if self._moment is not None and time.monotonic() > self._moment:
            raise socket.timeout("the time given is spent")

    def begin(self) -> None:
        """Read the head.

        :raises RemoteDisconnected: the connection ended inside it.
        """
        super().begin()
        if self.reader.ended:
            raise RemoteDisconnected("the connection ended inside the head of the reply")


class Adapter(HTTPAdapter):
    """An adapter of requests for such connections."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools."""
        self._limits = threading.local()
        super().init_poolmanager(*args, **options)
        _equip(self.poolmanager, self._limits)

    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:
        """Return the pools behind *proxy*."""
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        _equip(manager, self._limits)
        return manager

    def close(self) -> None:
        """Close the idle connections now: a pool that is only dropped waits for its last reply."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - it is no mapping that iterates
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
        super().close()

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        """Send a request; the read timeout may be a :class:`Deadline`."""
        timeout = options.get("timeout")
        read = timeout[1] if isinstance(timeout, tuple) else None
        self._limits.moment = getattr(read, "moment", None)
        return super().send(request, *args, **options)


def _equip(manager: PoolManager, limits: threading.local) -> None:
    """Let the pools of *manager* make connections whose replies have whole heads."""
    response = type("Response", (WholeHead,), {"limits": limits})
    classes = {}
    for scheme, pool in (("http", HTTPConnectionPool), ("https", HTTPSConnectionPool)):
        connection = type("Connection", (pool.ConnectionCls,), {"response_class": response})
        classes[scheme] = type("Pool", (pool,), {"ConnectionCls": connection})
    manager.pool_classes_by_scheme = classes
