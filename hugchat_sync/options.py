"""Which server, how long to wait and how often to try: values with their defaults, and checked."""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from .errors import UsageError
from .secret import Secret
from .values import Value, replace, with_fields

USUAL_PORTS = {"http": 80, "https": 443}

DEFAULT_BASE_URL = "https://huggingface.co/chat"
_LIKE = "like https://host/chat"


def is_positive(value: Any, *kinds: type) -> bool:
    """Return whether *value* is a number above 0; ``True`` is none.

    :param kinds: of numbers, for example ``int``; both when empty.
    """
    is_one = isinstance(value, kinds or (int, float)) and not isinstance(value, bool)
    return is_one and bool(value > 0)


class LeftOut(int):
    """A default that shows its value and yet is told apart, by its class, from that value given."""


#: the default of ``max_tries``: it shows as 3, and means :attr:`Retry.tries` of the client
CLIENTS_TRIES = LeftOut(3)


@with_fields
class Timeout(Value):
    """Four clocks, in seconds.

    :param connect: until the connection stands.
    :param idle: without a single byte.
    :param progress: without an event other than a keep-alive.
    :param total: the whole call, or the whole answer.
    """

    connect: float = 10
    idle: float = 60
    progress: float = 300
    total: float = 3600


@with_fields
class Retry(Value):
    """How often and how patiently a request is repeated.

    :param tries: requests in all, the first one included.
    :param first_delay: seconds before the second try; doubled for each further one.
    :param longest_delay: seconds, the ceiling of that doubling.
    :param longest_retry_after: seconds; a server that asks for more is not waited for.
    """

    tries: int = 3
    first_delay: float = 0.5
    longest_delay: float = 8.0
    longest_retry_after: float = 120

    def delay(self, tried: int, jitter: float) -> float:
        """Return the seconds to wait after *tried* requests; *jitter* is 0 to 1."""
        ceiling = min(self.longest_delay, self.first_delay * 2.0 ** min(tried - 1, 1000))
        return ceiling * (0.5 + 0.5 * jitter)

    def with_tries(self, tries: int | None) -> Retry:
        """Return the same patience with another number of tries."""
        return self if tries in (None, self.tries) else replace(self, tries=tries)


def check_name(value: object, what: str) -> str:
    """Return *value*, if it can name something to a server.

    :param what: it is to name, for the error.
    :raises UsageError: it is no text, or an empty one.
    """
    if isinstance(value, str) and value.strip():
        return value
    raise UsageError(f"{what} is a text that is not empty, not {value!r}")


def check_timeout(timeout: object) -> Timeout:
    """Return *timeout* as clocks.

    :raises UsageError: it is neither a :class:`Timeout` of such numbers nor a number above 0.
    """
    if timeout is None or isinstance(timeout, Timeout):
        clocks = timeout or Timeout()
        if all(map(is_positive, vars(clocks).values())):
            return clocks
    elif is_positive(timeout):
        return Timeout(total=float(timeout))  # type: ignore[arg-type]
    raise UsageError("timeout is a number of seconds above 0, or a Timeout of such numbers")


def check_retry(retries: object) -> Retry:
    """Return *retries*, or the default for ``None``.

    :raises UsageError: it is no :class:`Retry`, one without a first try, or with a wrong delay.
    """
    found = Retry() if retries is None else retries
    if not isinstance(found, Retry):
        raise UsageError("retries is a Retry, for example Retry(tries=5)")
    if not is_positive(found.tries, int):
        raise UsageError("the number of tries is 1 or more")
    delays = (found.first_delay, found.longest_delay, found.longest_retry_after)
    if not all(delay == 0 or is_positive(delay) for delay in delays):
        raise UsageError("the delays of a Retry are seconds, 0 or more")
    return found


def check_base_url(given: Secret, *, allow_insecure: bool = False) -> str:
    """Return the base URL to use, without a slash at its end, its host in lower case.

    :param given: a text or ``None``; it may hold a password, until it is refused for that.
    :raises UsageError: it is no address, or would send credentials in clear over a network.
    """
    if given.value is not None and not isinstance(given.value, str):
        raise UsageError(f"the base URL is a text, {_LIKE}")
    held = Secret(_strip(given.value or "") or _strip(os.environ.get("HUGCHAT_SYNC_BASE_URL", "")))
    # urlsplit drops line breaks inside without a word, and requests sends on what is odd
    is_odd = re.search(r"[\s\\\x00-\x1f\x7f<>\"]", held.value) is not None
    found = Secret(None if is_odd else http_parts(held.value or DEFAULT_BASE_URL))
    if found.value is None:
        raise UsageError(f"the base URL must look {_LIKE}, without blanks inside")
    if found.value.username is not None or found.value.password is not None:
        raise UsageError("the base URL must not hold a user name or a password")
    stated, parts = held.value, found.value
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


def _strip(text: str) -> str:
    """Return a pasted text without blanks at its ends, those included that nobody sees."""
    return text.strip(" \t\r\n\f\v\u00a0\u200b\u2060\ufeff")


def http_parts(location: str, url: str = "") -> SplitResult | None:
    """Return the parts of an http address, as seen from *url*; ``None`` where it is none."""
    try:
        parts = urlsplit(urljoin(url, location))
        usable = parts.scheme in USUAL_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or a port that cannot be
        return None
    return parts if usable else None


def _netloc(parts: SplitResult) -> str:
    """Return host and port; the host as requests sends it, lower case and in ASCII."""
    host = parts.hostname or ""
    if ":" not in host:
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise UsageError("the host of the base URL is not a name of the internet") from None
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


def is_hub(base_url: str) -> bool:
    """Return whether the server is HuggingChat itself, where nobody can chat without an account."""
    return urlsplit(base_url).hostname == urlsplit(DEFAULT_BASE_URL).hostname
