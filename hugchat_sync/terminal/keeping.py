"""What the program keeps between two runs: who is signed in where, and sessions of nobody.

A server that wants no account still hands out a session, and shows a conversation to the session
that began it only. A library forgets that with its client; ``ls`` behind ``ask`` must not.
"""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path
from typing import Any

from ..auth.cookies.disk import data_directory, default_directory
from ..options import checked_base_url

NO_HOME = "there is no home directory: set HOME or XDG_CONFIG_HOME and XDG_DATA_HOME"

_BORROWED = "sessions of a browser"  # among the addresses, which all have a colon
_DATABASE = "local.db"
_HUB = "huggingface.co"  # where nobody can chat without an account


def base_url_of(stated: str | None) -> str:
    """Return the address that the client will use."""
    return checked_base_url(stated, allow_insecure=True)  # the client decides about that


def directory() -> Path:
    """Return the user's own directory for this program, made if need be.

    :raises OSError: there is none, or it cannot be made.
    """
    place = default_directory()
    if place is None:
        raise FileNotFoundError(errno.ENOENT, NO_HOME)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def local_database() -> Path:
    """Return where the embedded server keeps the user's conversations: among the user's data.

    Earlier versions kept them among the configuration; what is there is used where it is, since
    another program may have it open.

    :raises OSError: there is no such place, or it cannot be made.
    """
    configured = default_directory()
    earlier = None if configured is None else configured / _DATABASE
    place = data_directory()
    is_there = place is not None and (place / _DATABASE).exists()
    if earlier is not None and earlier.exists() and not is_there:
        return earlier
    if place is None:
        raise FileNotFoundError(errno.ENOENT, NO_HOME)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place / _DATABASE


def account_of(base_url: str) -> str | None:
    """Return the e-mail that was signed in last at a server."""
    found = _accounts().get(base_url)
    return found if isinstance(found, str) else None


def is_borrowed(email: str) -> bool:
    """Return whether the kept session of an account is that of a browser, which goes on with it."""
    return email in _borrowed(_accounts())


def keep_account(base_url: str, email: str, *, borrowed: bool) -> None:
    """Remember who is signed in at a server, and whether by the session of a browser."""
    accounts = _accounts()
    others = [known for known in _borrowed(accounts) if known != email]
    accounts[base_url], accounts[_BORROWED] = email, [*others, *([email] if borrowed else [])]
    _write(accounts)


def forget_account(base_url: str, email: str) -> None:
    """Remember an account no longer."""
    accounts = _accounts()
    accounts[_BORROWED] = [known for known in _borrowed(accounts) if known != email]
    if accounts.get(base_url) == email:
        del accounts[base_url]
    _write(accounts)


def _borrowed(accounts: dict[str, Any]) -> list[Any]:
    found = accounts.get(_BORROWED)
    return found if isinstance(found, list) else []


def _write(accounts: dict[str, Any]) -> None:
    beside = directory() / "accounts.json.tmp"
    beside.write_text(json.dumps(accounts, indent=2), "utf-8")
    os.replace(beside, directory() / "accounts.json")


def _accounts() -> dict[str, Any]:
    place = default_directory()
    if place is None:
        return {}
    try:
        found = json.loads((place / "accounts.json").read_text("utf-8"))
    except (OSError, ValueError):  # none, or none that we could have written
        return {}
    return found if isinstance(found, dict) else {}


def is_hub(base_url: str) -> bool:
    """Return whether this is the server where nobody can chat without an account."""
    return base_url.partition("://")[2].partition("/")[0] == _HUB


def session_file(base_url: str | None) -> Path | None:
    """Return where the session of nobody at a server is kept; ``None`` where there is no such.

    :param base_url: ``None`` for one's own embedded server, whose address is another each time.
    """
    place = default_directory()
    if place is None or (base_url and is_hub(base_url)):
        return None
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", base_url) if base_url else "local"
    return place / "sessions" / f"{name}.json"


def begin_session(path: Path) -> Path | None:
    """Return *path*, made if need be, for the client to keep in it what is handed out to nobody.

    ``None`` where nothing can be written: that costs the next run its conversations, not this one.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
            made.write("{}\n")
    except FileExistsError:
        # another run was first, or a file stands where a folder is wanted
        return path if path.is_file() else None
    except OSError:
        return None
    return path
