"""The server as a program: ``python -m hugchat_sync.local --port 8080 --db chat.db``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from types import FrameType
from typing import Sequence

from hugchat_sync.local.eras import era_names
from hugchat_sync.local.httpd import is_loopback
from hugchat_sync.local.server import LocalServer

_DELAY = 0.02


def parser() -> argparse.ArgumentParser:
    """Return the options of the program."""
    options = argparse.ArgumentParser(
        prog="python -m hugchat_sync.local",
        description="A chat-ui server for this machine that answers out of documents.",
    )
    options.add_argument("--host", default="127.0.0.1", help="address to listen on")
    options.add_argument("--port", type=int, default=0, help="port; 0 takes a free one")
    options.add_argument("--db", metavar="FILE", help="SQLite file that keeps conversations")
    options.add_argument("--era", choices=era_names(), default=era_names()[0])
    options.add_argument("--docs", metavar="DIR", help="folder of documents to answer from")
    options.add_argument(
        "--upstream", metavar="URL", help="model server (OpenAI's protocol) to relay to"
    )
    options.add_argument("--token", help="access token; needed for hosts that others can reach")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM and return the exit code."""
    options = parser()
    chosen = options.parse_args(arguments)
    if chosen.token is None and not is_loopback(chosen.host):
        options.error(f"{chosen.host} can be reached by others: give a --token")
    server = LocalServer(
        chosen.era,
        chosen.db,
        chosen.docs,
        chosen.port,
        host=chosen.host,
        token=chosen.token,
        delay=_DELAY,
        upstream=chosen.upstream,
    )
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        server.start()
    except OSError as error:
        options.exit(1, f"{options.prog}: {error}\n")
    with server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        # In slices, because a wait without end cannot be interrupted on Windows.
        while not stopped.wait(0.5):
            continue
    return 0


if __name__ == "__main__":
    sys.exit(main())
