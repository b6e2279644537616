"""From the words to a client: which server, and who we are there."""

from __future__ import annotations

import argparse
import logging
import os
import sqlite3
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

from .. import Client, Retry, Timeout
from ..auth.cookies.disk import default_directory, file_of
from ..errors import AuthError, HugChatError
from . import keeping, output

if TYPE_CHECKING:
    from ..local import LocalServer

_TOTAL = 600.0
_DELAY = 0.02  # seconds between two words of the embedded server, so that a human sees it stream
_LOCAL_ERA = "v2-2025"


@contextmanager
def opened(arguments: argparse.Namespace, **options: Any) -> Iterator[Client]:
    """Give a client of the server that was named, and close it afterwards.

    :param options: more options of the client.
    :raises AuthError: an account was named that is not signed in.
    """
    with ExitStack() as stack:
        base_url = arguments.base_url
        if arguments.local:
            server = stack.enter_context(local_server())
            base_url, options["dialect"] = server.url, _LOCAL_ERA
            cookies: Any = _of_nobody(keeping.session_file(None), told=False) or {}
        else:
            cookies = _cookies(arguments, options)
        client = stack.enter_context(
            Client(
                base_url,
                cookies=cookies,
                allow_insecure=arguments.allow_insecure,
                **{**_patience(arguments), **options},
            )
        )
        if arguments.local and not options.get("model"):
            client.model = None  # the environment speaks of models of another server
        yield client


def _patience(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return how long to wait.

    Who gives no time of their own wants to be told of a rate limit, not to wait for its end.
    """
    given = getattr(arguments, "timeout", None)
    retries = Retry(longest_retry_after=0) if given is None else Retry()
    total = getattr(arguments, "total", _TOTAL)
    return {"timeout": Timeout(total=given or total), "retries": retries}


def _cookies(arguments: argparse.Namespace, options: dict[str, Any]) -> Any:
    """Return the cookies to begin with; those of nobody as the file to keep them in.

    The order is that of the library; behind it come the account of the last sign-in at this
    server, and the session of nobody.
    """
    if arguments.cookies:
        return Path(arguments.cookies)
    if os.environ.get("HUGCHAT_SYNC_COOKIES"):
        return None
    base_url = keeping.base_url_of(arguments.base_url)
    email = arguments.email or os.environ.get("HUGCHAT_SYNC_EMAIL")
    if arguments.email and not file_of(arguments.email).exists():
        raise AuthError(f"no sign-in of {arguments.email} is kept here")
    if default_directory() is not None:
        for known in (email, keeping.account_of(base_url)):
            if known and file_of(known).exists():
                options["email"] = known
                return None
    elif not keeping.is_hub(base_url):
        output.note(f"nothing is kept for the next run: {keeping.NO_HOME}")
    return _of_nobody(keeping.session_file(base_url), told=True)


def _of_nobody(kept: Path | None, *, told: bool) -> Path | None:
    """Return the file of a session of nobody; ``None`` where it cannot be kept.

    The client writes into the file: runs that begin at the same moment share one session.
    """
    if kept is None:
        return None
    begun = keeping.begin_session(kept)
    if begun is None and told:
        output.note(f"nothing is kept for the next run: {kept} cannot be written")
    return begun


@contextmanager
def local_server() -> Iterator[LocalServer]:
    """Run the embedded server on the user's own database; in memory where nothing can be written.

    :raises HugChatError: it cannot be run here; the sentence says why.
    """
    server_class = local_class()
    with troubles_as_lines(), _started(server_class) as server:
        yield server


def _started(server_class: type[LocalServer]) -> LocalServer:
    delay = _DELAY if output.on_terminal() else 0.0
    place: Path | None = None
    try:
        place = keeping.local_database()
        is_new = not place.exists()
        server = server_class(database=place, delay=delay).start()
    except (OSError, sqlite3.OperationalError) as error:
        if "locked" in str(error):  # by another program, and not only for a moment
            raise HugChatError(f"the database {place} cannot be used: {error}") from error
        output.note(f"conversations are kept in memory only: {error}")
    except sqlite3.Error as error:
        raise HugChatError(f"the database {place} cannot be used: {error}") from error
    else:
        if is_new:
            output.note(f"the embedded server keeps its conversations in {place}")
        return server
    return server_class(delay=delay).start()


@contextmanager
def troubles_as_lines() -> Iterator[None]:
    """Show what the embedded server tells its owner, such as a full disk, one line each."""
    logger, handler = logging.getLogger("hugchat_sync.local"), _Lines(logging.WARNING)
    if logger.isEnabledFor(logging.DEBUG):  # the whole log is shown already
        yield
        return
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        output.complain(record.getMessage())


def local_class() -> type[LocalServer]:
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
