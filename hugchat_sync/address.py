"""The address of a server: which one is meant, and whether it can be used."""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from .errors import UsageError

DEFAULT_BASE_URL = "https://huggingface.co/chat"


def checked_base_url(base_url: str | None, *, allow_insecure: bool = False) -> str:
    """Return the base URL to use, without a slash at its end, its host in lower case.

    :raises UsageError: it is no address, or would send credentials in clear over a network.
    """
    if base_url is not None and not isinstance(base_url, str):
        raise UsageError(f"the base URL is a text, {_LIKE}")
    stated = _stripped(base_url or "") or _stripped(os.environ.get("HUGCHAT_SYNC_BASE_URL", ""))
    parts = _parts(stated or DEFAULT_BASE_URL)
    if parts.username is not None or parts.password is not None:
        raise UsageError("the base URL must not hold a user name or a password")
    url = f"{parts.scheme}://{_netloc(parts)}{parts.path}".rstrip("/")
    if parts.query or parts.fragment or (stated and stated[-1] in "?#"):
        raise UsageError(
            f"the base URL must end where the chat is found, without '?' or '#' and what follows: "
            f"{url}"
        )
    if parts.scheme == "http" and not allow_insecure and not is_loopback(url):
        raise UsageError(
            f"{url} is plain http: cookies would travel readable by anyone on the way; "
            "use https, or pass allow_insecure=True"
        )
    return url


def _stripped(text: str) -> str:
    """Return a pasted text without blanks at its ends, those included that nobody sees."""
    return text.strip(" \t\r\n\f\v\u00a0\u200b\u2060\ufeff")


_LIKE = "like https://host/chat"


def _parts(stated: str) -> SplitResult:
    """Return the parts of an address.

    :raises UsageError: it is none; its text is not shown, for it may hold a password.
    """
    try:
        # urlsplit drops line breaks inside without a word, and requests sends on what is odd
        parts = urlsplit("" if re.search(r"[\s\\\x00-\x1f\x7f<>\"]", stated) else stated)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or a port that are none
        raise UsageError(f"the base URL is no address: it must look {_LIKE}") from None
    if not fits:
        raise UsageError(f"the base URL must look {_LIKE}, without blanks inside")
    return parts


def _netloc(parts: SplitResult) -> str:
    """Return host and port; the host as requests sends it, lower case and in ASCII."""
    host = parts.hostname or ""
    if ":" not in host:
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise UsageError("the host of the base URL is no name of the internet") from None
    host = f"[{host}]" if ":" in host else host
    return host if parts.port is None else f"{host}:{parts.port}"


def is_loopback(url: str) -> bool:
    """Return whether *url* leads to this very machine."""
    host = (urlsplit(url).hostname or "").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name: who knows where it leads
        return False
