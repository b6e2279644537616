"""From the words to a client: which server, who we are there, and what is kept of it.

A server that wants no account still hands out a session, and shows a conversation to the session
that began it only. A library forgets that with its client; ``ls`` behind ``ask`` must not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Iterator

from .. import Client, Retry, Timeout
from ..auth.cookies.disk import default_directory, file_of
from ..chat.files import write_whole
from ..errors import AuthError
from ..options import check_base_url, is_hub
from ..secret import Secret
from . import output
from .commands import TOTAL
from .embedded import NO_HOME, make_directory, start_local_server

_LOCAL_ERA = "v2-2025"
_BORROWED = "sessions of a browser"  # among the addresses, which all have a colon


@contextmanager
def open_client(arguments: argparse.Namespace, **options: Any) -> Iterator[Client]:
    """Give a client of the server that was named, and close it afterwards.

    :param options: more options of the client.
    :raises AuthError: an account was named that is not signed in.
    """
    with ExitStack() as stack:
        base_url = arguments.base_url
        if arguments.local:
            streams = output.on_terminal() and arguments.command != "batch"
            server = stack.enter_context(start_local_server(streams=streams))
            base_url, options["dialect"] = server.url, _LOCAL_ERA
            cookies: Any = _session_of_nobody(None) or {}
        else:
            cookies = _cookies(arguments, options)
        # who gives no time of their own wants to be told of a rate limit, not to wait for its end
        given = getattr(arguments, "timeout", None)
        client = stack.enter_context(
            Client(
                base_url,
                cookies=cookies,
                allow_insecure=arguments.allow_insecure,
                timeout=Timeout(total=given or TOTAL),
                retries=Retry(longest_retry_after=0) if given is None else Retry(),
                **options,
            )
        )
        if arguments.local and not options.get("model"):
            client.model = None  # the environment speaks of models of another server
        yield client


def _cookies(arguments: argparse.Namespace, options: dict[str, Any]) -> Any:
    """Return the cookies to begin with; those of nobody as the file to keep them in.

    The order is that of the library; behind it come the account of the last sign-in at this
    server, and the session of nobody.
    """
    if arguments.cookies:
        return Path(arguments.cookies)
    if os.environ.get("HUGCHAT_SYNC_COOKIES"):
        return None
    # whether it may be insecure is for the client to decide
    base_url = check_base_url(Secret(arguments.base_url), allow_insecure=True)
    email = arguments.email or os.environ.get("HUGCHAT_SYNC_EMAIL")
    if arguments.email and not file_of(arguments.email).exists():
        raise AuthError(f"no sign-in of {arguments.email} is kept here")
    if default_directory() is not None:
        for address in (email, account_of(base_url)):
            if address and file_of(address).exists():
                options["email"] = address
                return None
    elif not is_hub(base_url):
        output.note(f"nothing is kept for the next run: {NO_HOME}")
    return _session_of_nobody(base_url)


# sessions of nobody ---------------------------------------------------------------------------


def session_file(base_url: str | None) -> Path | None:
    """Return where the session of nobody at a server is kept; ``None`` where there is no such.

    :param base_url: ``None`` for one's own embedded server, whose address is another each time.
    """
    place = default_directory()
    if place is None or (base_url and is_hub(base_url)):
        return None
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", base_url) if base_url else "local"
    return place / "sessions" / f"{name}.json"


def _session_of_nobody(base_url: str | None) -> Path | None:
    """Return :func:`session_file`, made if need be; ``None`` where nothing can be written.

    The client writes into the file: runs that begin at the same moment share one session. Where
    it cannot be written, that costs the next run its conversations, not this one.
    """
    path = session_file(base_url)
    if path is None:
        return None
    try:
        make_directory(path.parent)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write("{}\n")
    except OSError:
        if path.is_file():  # another run was first
            return path
        if base_url is not None:
            output.note(f"nothing is kept for the next run: {path} cannot be written")
        return None
    return path


# accounts -------------------------------------------------------------------------------------


def account_of(base_url: str) -> str | None:
    """Return the e-mail that was signed in last at a server."""
    found = _accounts().get(base_url)
    return found if isinstance(found, str) else None


def is_borrowed(email: str) -> bool:
    """Return whether the kept session of an account is that of a browser, which goes on with it."""
    return email in _accounts()[_BORROWED]


def keep_account(base_url: str, email: str, *, borrowed: bool) -> None:
    """Remember who is signed in at a server, and whether by the session of a browser."""
    accounts = _accounts()
    others = [address for address in accounts[_BORROWED] if address != email]
    accounts[base_url], accounts[_BORROWED] = email, [*others, *([email] if borrowed else [])]
    _write(accounts)


def forget_account(base_url: str, email: str) -> None:
    """Remember an account no longer."""
    accounts = _accounts()
    accounts[_BORROWED] = [address for address in accounts[_BORROWED] if address != email]
    if accounts.get(base_url) == email:
        del accounts[base_url]
    _write(accounts)


def _write(accounts: dict[str, Any]) -> None:
    write_whole(
        make_directory(default_directory()) / "accounts.json",
        json.dumps(accounts, indent=2).encode("ascii"),
    )


def _accounts() -> dict[str, Any]:
    """Return the account of each server, and behind another name those that are borrowed."""
    place, found = default_directory(), None
    if place is not None:
        try:
            found = json.loads((place / "accounts.json").read_text("utf-8"))
        except (OSError, ValueError):  # none, or none that we could have written
            found = None
    accounts = found if isinstance(found, dict) else {}
    if not isinstance(accounts.get(_BORROWED), list):
        accounts[_BORROWED] = []
    return accounts
