"""``hugchat-sync serve``: the embedded server in the foreground."""

from __future__ import annotations

import argparse
import signal
import sqlite3
import threading
from types import FrameType
from typing import TYPE_CHECKING

from ..errors import HugChatError, UsageError
from . import exits, output
from .opening import local_class

if TYPE_CHECKING:
    from ..local import LocalServer

_SLICE = 0.5  # seconds; Windows delivers Ctrl-C only between waits
_DELAY = 0.02  # seconds between two words


def serve(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM; the address is the one line on stdout."""
    if arguments.local or arguments.base_url:
        raise UsageError("serve is the embedded server itself: no --local, no --base-url")
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    server = _started(arguments)
    before = signal.signal(signal.SIGTERM, end)
    try:
        output.write_line(server.url)
        where = arguments.db or "in memory only (--db FILE keeps them)"
        output.note(f"conversations are {where}; Ctrl-C ends the server")
        while not ended.wait(_SLICE):
            continue
    finally:
        signal.signal(signal.SIGTERM, before)
        server.close()
    return exits.OK


def _started(arguments: argparse.Namespace) -> LocalServer:
    server_class = local_class()
    try:
        return server_class(
            arguments.era,
            arguments.db,
            arguments.docs,
            arguments.port,
            host=arguments.host,
            token=arguments.token,
            delay=_DELAY,
            upstream=arguments.upstream,
        ).start()
    except (ValueError, OverflowError, NotADirectoryError) as error:
        raise UsageError(str(error)) from error
    except sqlite3.Error as error:
        raise HugChatError(f"the database {arguments.db} cannot be used: {error}") from error
