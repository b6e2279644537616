"""The embedded server: ``hugchat-sync serve``, and the one behind ``--local``."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from ..auth.cookies.disk import data_directory, default_directory
from ..errors import HugChatError, UsageError
from . import output
from .interrupts import handle_signals, wait_for

if TYPE_CHECKING:
    from ..local import LocalServer
    from ..local.responder import Responder

NO_HOME = "there is no home directory: set HOME or XDG_CONFIG_HOME and XDG_DATA_HOME"

_DATABASE = "local.db"
_DELAY = 0.02  # seconds between two words, so that a human sees it stream
_TOKEN = "HUGCHAT_SYNC_SERVE_TOKEN"  # noqa: S105 - the name of a variable


def serve(arguments: argparse.Namespace) -> None:
    """Serve until Ctrl-C or a signal; the address is the one line on stdout.

    SIGTERM is how a server is told to end, so it ends well; the other two end it as any command.
    """
    if arguments.local or arguments.base_url:
        raise UsageError("serve is the embedded server itself: no --local, no --base-url")
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    with handle_signals((signal.SIGTERM,), end), _start_server(arguments) as server:
        output.write_line(server.url)
        where = arguments.db or "in memory only (--db FILE keeps them)"
        output.note(f"conversations are {where}; Ctrl-C ends the server")
        wait_for(ended)


def _start_server(arguments: argparse.Namespace) -> LocalServer:
    import sqlite3  # here: a question to another server does without

    server_class = _server_class()
    token = arguments.token
    if token is None:
        # Whoever looks at the list of processes sees the words of a command.
        token = os.environ.get(_TOKEN, "").strip() or None
    try:
        return server_class(
            database=arguments.db,
            responder=_make_responder(arguments),
            host=arguments.host,
            port=arguments.port,
            token=token,
        ).start()
    except (ValueError, OverflowError, NotADirectoryError) as error:
        raise UsageError(str(error)) from error
    except sqlite3.Error as error:
        raise HugChatError(f"the database {arguments.db} cannot be used: {error}") from error


def _make_responder(arguments: argparse.Namespace) -> Responder:
    """Return where answers come from: documents, or the model server that was named."""
    from ..local.documents import Documents
    from ..local.upstream import Upstream

    if arguments.upstream is None:
        return Documents(arguments.docs, links=True)
    key = os.environ.get("OPENAI_API_KEY")
    found = Upstream(arguments.upstream, key=key, allow_insecure=arguments.allow_insecure)
    if found.withholds_key:
        output.complain(
            f"$OPENAI_API_KEY is not sent to {found.host}: others could read it on its way"
            " (use https, or --allow-insecure)"
        )
    return found


def start_local_server(*, streams: bool) -> LocalServer:
    """Start the embedded server on the user's own database; in memory where nothing can be written.

    :param streams: a human watches its answers come.
    :raises HugChatError: it cannot be run here; the sentence says why.
    """
    import sqlite3  # here: a question to another server does without

    server_class = _server_class()
    delay = _DELAY if streams else 0.0
    place: Path | None = None
    try:
        place = _find_database()
        is_new = not place.exists()
        server = server_class(database=place, delay=delay).start()
    except (OSError, sqlite3.Error) as error:
        unwritable = isinstance(error, (OSError, sqlite3.OperationalError))
        if not unwritable or "locked" in str(error):  # by another program, not only for a moment
            raise HugChatError(f"the database {place} cannot be used: {error}") from error
        output.note(f"conversations are kept in memory only: {error}")
        return server_class(delay=delay).start()
    if is_new:
        output.note(f"the embedded server keeps its conversations in {place}")
    return server


def _find_database() -> Path:
    """Return where the user's conversations are kept: among the user's data.

    Earlier versions kept them among the configuration; what is there is used where it is, since
    another program may have it open.

    :raises OSError: there is no such place, or it cannot be made.
    """
    configured, place = default_directory(), data_directory()
    is_there = place is not None and (place / _DATABASE).exists()
    if not is_there and configured is not None and (configured / _DATABASE).exists():
        return configured / _DATABASE
    return make_directory(place) / _DATABASE


def make_directory(place: Path | None) -> Path:
    """Return a directory of the user's own, made if need be; ``None`` where there is no home.

    :raises OSError: there is none, or it cannot be made.
    """
    if place is None:
        raise FileNotFoundError(errno.ENOENT, NO_HOME)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def _server_class() -> type[LocalServer]:
    """Return the class of the embedded server.

    :raises HugChatError: its extra is not installed.
    """
    try:
        from ..local import LocalServer
    except ImportError as error:
        raise HugChatError(
            'the embedded server needs one more package: pip install "hugchat-sync[local]"'
        ) from error
    return LocalServer
