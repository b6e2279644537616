"""``hugchat-sync serve``: the embedded server in the foreground."""

from __future__ import annotations

import argparse
import os
import sqlite3
import threading
from types import FrameType
from typing import TYPE_CHECKING

from ..errors import HugChatError, UsageError
from . import exits, output
from .opening import local_class, troubles_as_lines
from .signals import ENDING, handled

if TYPE_CHECKING:
    from ..local import LocalServer
    from ..local.responder import Responder

_SLICE = 0.5  # seconds; Windows delivers Ctrl-C only between waits
_TOKEN = "HUGCHAT_SYNC_SERVE_TOKEN"  # noqa: S105 - the name of a variable


def serve(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C, SIGTERM or SIGHUP; the address is the one line on stdout."""
    if arguments.local or arguments.base_url:
        raise UsageError("serve is the embedded server itself: no --local, no --base-url")
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    with handled(ENDING, end), troubles_as_lines(), _started(arguments) as server:
        output.write_line(server.url)
        where = arguments.db or "in memory only (--db FILE keeps them)"
        output.note(f"conversations are {where}; Ctrl-C ends the server")
        while not ended.wait(_SLICE):
            continue
    return exits.OK


def _started(arguments: argparse.Namespace) -> LocalServer:
    server_class = local_class()
    token = arguments.token
    if token is None:
        # Whoever looks at the list of processes sees the words of a command.
        token = os.environ.get(_TOKEN, "").strip() or None
    try:
        return server_class(
            database=arguments.db,
            responder=_responder(arguments),
            host=arguments.host,
            port=arguments.port,
            token=token,
        ).start()
    except (ValueError, OverflowError, NotADirectoryError) as error:
        raise UsageError(str(error)) from error
    except sqlite3.Error as error:
        raise HugChatError(f"the database {arguments.db} cannot be used: {error}") from error


def _responder(arguments: argparse.Namespace) -> Responder:
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
