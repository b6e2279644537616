"""What the program keeps between two runs: who is signed in where, and sessions of nobody.

A server that wants no account still hands out a session, and shows a conversation to the session
that began it only. A library forgets that with its client; ``ls`` behind ``ask`` must not.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from ..cookies import CookieStore, default_directory
from ..errors import UsageError

_HUB = "huggingface.co"  # where nobody can chat without an account
_DEFAULT = f"https://{_HUB}/chat"


def base_url_of(stated: str | None) -> str:
    """Return the address that the client will use."""
    return (stated or os.environ.get("HUGCHAT_SYNC_BASE_URL") or _DEFAULT).rstrip("/")


def directory() -> Path:
    """Return the user's own directory for this program, made if need be."""
    place = default_directory()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def account_of(base_url: str) -> str | None:
    """Return the e-mail that was signed in last at a server."""
    found = _accounts().get(base_url)
    return found if isinstance(found, str) else None


def keep_account(base_url: str, email: str | None) -> None:
    """Remember who is signed in at a server; ``None`` for nobody."""
    accounts = _accounts()
    accounts.pop(base_url, None)
    if email is not None:
        accounts[base_url] = email
    beside = directory() / "accounts.json.tmp"
    beside.write_text(json.dumps(accounts, indent=2), "utf-8")
    os.replace(beside, directory() / "accounts.json")


def _accounts() -> dict[str, Any]:
    try:
        found = json.loads((default_directory() / "accounts.json").read_text("utf-8"))
    except (OSError, ValueError):  # none, or none that we could have written
        return {}
    return found if isinstance(found, dict) else {}


def session_file(base_url: str) -> Path | None:
    """Return where the session of nobody at a server is kept; ``None`` where there is no such."""
    host = base_url.partition("://")[2].partition("/")[0]
    if not host or host == _HUB:
        return None
    return default_directory() / "sessions" / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', base_url)}.json"


def keep_session(path: Path, cookies: Any, base_url: str) -> None:
    """Keep what a server handed out to nobody in particular, unless another run was first."""
    if path.exists() or not len(cookies):
        return
    try:
        CookieStore.read(cookies, base_url).save(path)
    except UsageError:
        # a disk that cannot be written costs the next run its conversations, not this one
        return
