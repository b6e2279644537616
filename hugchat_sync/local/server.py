"""A server in a thread of this process."""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Iterable, Mapping

from hugchat_sync.local.app import create_app
from hugchat_sync.local.documents_responder import Documents
from hugchat_sync.local.faults import Fault, Faults
from hugchat_sync.local.httpd import HttpServer, is_loopback
from hugchat_sync.local.ledger import Ledger, SeenRequest
from hugchat_sync.local.responder import Responder
from hugchat_sync.local.site import Site
from hugchat_sync.local.store import Store
from hugchat_sync.local.upstream import Upstream

_log = logging.getLogger("hugchat_sync.local")
_POLL = 0.02
_BACKLOG = 128
_LAST_WORDS = 0.5
_BODY_LIMIT_2023 = 512 * 1024
_BODY_LIMIT = 15 * 1024 * 1024


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


class LocalServer:
    """A chat-ui server on loopback, for trying things out and for tests.

    :param era: which server to be: ``v2-2025`` or ``lines-2023``.
    :param database: a SQLite file that keeps conversations; in memory when ``None``.
    :param documents: a folder to answer from; this project's documentation when ``None``.
    :param port: 0 takes a free one.
    :param responder: another source of answers, for example
        :class:`~hugchat_sync.local.scripted.Scripted`; then ``documents`` is not used.
    :param host: an address of this machine only, unless there is a token.
    :param token: an access token; without it nobody but its owner can chat. It is shown as the
        cookie ``hf-chat``, or, below ``/api/``, as Bearer token.
    :param base_path: where the chat lives.
    :param faults: misbehaviour to come; more can be added to ``server.faults`` later.
    :param limits: ``messages_per_minute``, ``conversations``, ``messages``, ``message_length``.
    :param delay: seconds between the words that are quoted from documents.
    :param upstream: a model server that speaks OpenAI's protocol, to answer instead of the
        documents; its key, if it wants one, comes from ``$OPENAI_API_KEY``.
    :raises ValueError: an unknown era, an upstream that is no URL, or a host that others can
        reach and no token.

    Used as a context manager, or with :meth:`start` and :meth:`close`.
    """

    def __init__(
        self,
        era: str = "v2-2025",
        database: str | Path | None = None,
        documents: str | Path | None = None,
        port: int = 0,
        *,
        responder: Responder | None = None,
        host: str = "127.0.0.1",
        token: str | None = None,
        base_path: str = "/chat",
        faults: Iterable[Fault] = (),
        limits: Mapping[str, int] | None = None,
        delay: float = 0.0,
        upstream: str | None = None,
    ) -> None:
        if token is None and not is_loopback(host):
            raise ValueError(f"{host} can be reached by others: give a token")
        if token is not None and not re.fullmatch("[!-~]+", token):
            raise ValueError("a token is made of letters, digits and signs, without blanks")
        self.era = era
        self.token = token
        self.faults = Faults(faults)
        self._database = database
        self._documents = documents
        if upstream is not None and responder is None:
            relay = Upstream(upstream, key=os.environ.get("OPENAI_API_KEY"))
            if relay.withholds_key:
                _log.warning("the key is not sent to %s: use https", relay.host)
            responder = relay
        self._responder = responder
        self._host = host
        self._port = port
        self._base_path = base_path.rstrip("/")
        self._limits = dict(limits or {})
        self._delay = delay
        self._ledger = Ledger()
        self._site: Site | None = None
        self._own_documents: Documents | None = None
        self._server: HttpServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> LocalServer:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = "not started" if self._server is None else self.url
        return f"<LocalServer {self.era} {where}>"

    @property
    def url(self) -> str:
        """The base URL that a client wants, without a slash at its end.

        :raises RuntimeError: the server has not been started.
        """
        if self._server is None:
            raise RuntimeError("the server has not been started")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._server.port}{self._base_path}"

    @property
    def requests(self) -> list[SeenRequest]:
        """The requests so far, oldest first."""
        return self._ledger.requests

    @property
    def connections(self) -> int:
        """How many TCP connections were accepted."""
        return self._ledger.connections

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return self._ledger.open_connections

    def start(self) -> LocalServer:
        """Begin to answer and return the server itself; a second call does nothing.

        :raises OSError: the port is taken, or the address is not one of this machine.
        """
        if self._server is not None:
            return self
        limit = _BODY_LIMIT_2023 if self.era == "lines-2023" else _BODY_LIMIT
        with ExitStack() as undo:
            bound = undo.enter_context(_bound(self._host, self._port))
            site = self._site = self._new_site(limit, undo)
            app = create_app(site.store, site.responder, self.era, self.faults, site)
            host = self._host if self.token is None else None
            self._server = HttpServer(bound, app, self._ledger, limit, host)
            undo.pop_all()
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": _POLL},
            name="local-server",
            daemon=True,
        )
        self._thread.start()
        _log.info("serving %s at %s", self.era, self.url)
        return self

    def _new_site(self, limit: int, undo: ExitStack) -> Site:
        responder = self._responder
        if responder is None:
            self._own_documents = Documents(self._documents, self._delay)
            undo.callback(self._own_documents.close)
            responder = self._own_documents
        store = Store(self._database, self.era)
        undo.callback(store.close)
        return Site(
            store,
            responder,
            self.era,
            self._base_path,
            self.token,
            limits=self._limits,
            body_limit=limit,
        )

    def close(self) -> None:
        """End at once: open answers are cut, as when a real server goes down."""
        if self._server is None or self._thread is None or self._site is None:
            return
        server, self._server = self._server, None
        # Connections first: whoever waits on the event would else end its answer in good order.
        self._ledger.shut_all()
        self._site.closing.set()
        server.shutdown()
        self._thread.join()
        server.server_close()
        self._site.activities.await_none(_LAST_WORDS)
        self._site.store.close()
        if self._own_documents is not None:
            self._own_documents.close()
        _log.info("the server has ended")
