"""A server in a thread of this process."""

from __future__ import annotations

import logging
import os
import re
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Iterable, Mapping

from werkzeug.middleware.dispatcher import DispatcherMiddleware

from . import api, messages  # noqa: F401 - the routes of the application
from .app import Site, app
from .documents import Documents
from .http import Application, HttpServer, SeenRequest, is_loopback
from .responder import Responder
from .storage import Storage
from .testing import Fault, Faults
from .upstream import Upstream

_log = logging.getLogger("hugchat_sync.local")
_LIMITS = {"messages_per_minute", "conversations", "messages", "message_length"}


class LocalServer:
    """A chat-ui server on loopback that speaks today's protocol, for trying things out and tests.

    :param database: a SQLite file that keeps conversations; in memory when ``None``.
    :param documents: a folder to answer from; this project's guide when ``None``.
    :param upstream: a model server that speaks OpenAI's protocol, to answer instead of the
        documents; its key, if it wants one, comes from ``$OPENAI_API_KEY``.
    :param responder: another source of answers, for example
        :class:`~hugchat_sync.local.testing.Scripted`; then the two before are not used.
    :param faults: misbehaviour to come; more can be added to ``server.faults`` later.
    :param host: an address of this machine only, unless there is a token.
    :param port: 0 takes a free one.
    :param token: an access token; without it nobody but its owner can chat. It is shown as the
        cookie ``hf-chat``, or, below ``/api/``, as Bearer token.
    :param base_path: where the chat lives.
    :param limits: ``messages_per_minute``, ``conversations``, ``messages``, ``message_length``.
    :param delay: seconds between the words that are quoted from documents.
    :raises ValueError: an upstream that is not a URL, a token that cannot be shown, a limit of
        another name, or a host that others can reach and no token.
    :raises NotADirectoryError: no such folder of documents.

    Used as a context manager, or with :meth:`start` and :meth:`close`. ``responder`` is what
    answers, ``faults`` what goes wrong.
    """

    def __init__(
        self,
        *,
        database: str | Path | None = None,
        documents: str | Path | None = None,
        upstream: str | None = None,
        responder: Responder | None = None,
        faults: Iterable[Fault] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        base_path: str = "/chat",
        limits: Mapping[str, int] | None = None,
        delay: float = 0.0,
    ) -> None:
        if token is None and not is_loopback(host):
            raise ValueError(f"{host} can be reached by others: give a token")
        if token is not None and not re.fullmatch("[!-~]+", token):
            raise ValueError("a token is made of letters, digits and signs, without blanks")
        unknown = set(limits or ()) - _LIMITS
        if unknown:
            known = ", ".join(sorted(_LIMITS))
            raise ValueError(f"no limit is called {min(unknown)}; there are {known}")
        if upstream is not None and responder is None:
            responder = relay = Upstream(upstream, key=os.environ.get("OPENAI_API_KEY"))
            if relay.withholds_key:
                _log.warning("the key is not sent to %s: use https", relay.host)
        self.token = token
        self.faults = Faults(faults)
        self.responder: Responder = responder or Documents(documents, delay)
        self._database = database
        self._host = host
        self._port = port
        path = base_path.strip("/")
        self._base_path = f"/{path}" if path else ""
        self._limits = dict(limits or {})
        self._http = HttpServer(host if token is None else None)
        self._site: Site  # since its start

    def __enter__(self) -> LocalServer:
        return self.start()

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<LocalServer {self.url if self._http.is_open else 'not started'}>"

    @property
    def url(self) -> str:
        """The base URL that a client wants, without a slash at its end.

        :raises RuntimeError: the server has not been started.
        """
        if not self._http.is_open:
            raise RuntimeError("the server has not been started")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._http.port}{self._base_path}"

    @property
    def requests(self) -> list[SeenRequest]:
        """The requests so far, oldest first (the latest 2000)."""
        return list(self._http.requests)

    @property
    def connections(self) -> int:
        """How many TCP connections were accepted."""
        return self._http.connections

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._http.open)

    def start(self) -> LocalServer:
        """Begin to answer and return the server itself; a second call does nothing.

        :raises OSError: the port is taken, or the address is not one of this machine.
        :raises sqlite3.Error: the database cannot be used.
        """
        if self._http.is_open:
            return self
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        with ExitStack() as undo:
            bound = undo.enter_context(
                socket.create_server((self._host, self._port), family=family, backlog=128)
            )
            storage = Storage(self._database)
            undo.callback(storage.close)
            storage.interrupt_runs()
            site = Site(storage, self.responder, self._base_path, self.token, self._limits)
            self._site = site
            application = self.faults.around(self._application(site))
            undo.pop_all()
        self._http.start(bound, application, site.body_limit)
        _log.info("serving at %s", self.url)
        return self

    def _application(self, site: Site) -> Application:
        """Return what answers the requests of this server: the routes, and where they are."""
        mounted = DispatcherMiddleware(app, {site.base_path: app})  # outside they refuse
        return lambda environ, start: mounted({**environ, "hugchat_sync.site": site}, start)

    def close(self) -> None:
        """End at once: open answers are cut, as when a real server goes down."""
        if self._http.is_open:
            # Connections first: whoever waits on the event would else end its answer in good order.
            self._http.end()
            self._site.closing.set()
            self._site.storage.close()
            _log.info("the server has ended")
