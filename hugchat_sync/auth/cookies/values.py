"""What a cookie is here, whom it is for, which of several is meant, and the jar that users see."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from email.utils import mktime_tz, parsedate_tz
from http.cookiejar import Cookie as JarCookie
from typing import Any, Iterable, Mapping
from urllib.parse import urlsplit

from requests.cookies import RequestsCookieJar

from ...options import USUAL_PORTS
from ...secret import safe_repr
from ...values import Value, with_fields

_BAD_NAME = r"[^!-~]|[;,=/\\\"]"
_BAD_VALUE = r"[\x00-\x1f\x7f;]|[^\x00-\xff]"


class UnusableError(Exception):
    """Says in a sentence, which holds no value, why cookies cannot be read or written.

    Its traceback has the variables of frames that hold secrets. So whoever catches it leaves the
    ``except`` block with the sentence alone, and raises or warns then.
    """


@with_fields
class Cookie(Value):
    """One cookie; *domain* is empty where the form carried none, *expires* is in Unix seconds."""

    name: str
    value: str
    domain: str = ""
    path: str = "/"
    expires: float | None = None
    secure: bool = False
    http_only: bool = False
    host_only: bool = True

    def __repr__(self) -> str:
        return f"<cookie for {self.domain or 'any host'}>"

    def has_expired(self, now: float) -> bool:
        """Return whether its time is over."""
        return self.expires is not None and self.expires <= now

    def fits(self, path: str) -> bool:
        """Return whether it goes to this path of its host (RFC 6265, 5.1.4)."""
        if not path.startswith(self.path):
            return False
        return self.path.endswith("/") or path[len(self.path) :][:1] in ("", "/")

    def find_flaw(self) -> str:
        """Return why it cannot be sent in a header, if so."""
        if not self.name or re.search(_BAD_NAME, self.name):
            return (
                "a cookie name holds a character that no cookie name has; a path with '=' in it "
                "must be given as a pathlib.Path"
            )
        if re.search(_BAD_VALUE, self.value):
            return f"the value of {self.name!r} holds a character that no cookie has"
        return ""


@with_fields
class Site(Value):
    """The origin and path of a URL."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Site | None:
        """Return the site of an http URL; ``None`` when it is none."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:  # brackets or a port that are none: no such site
            return None
        if parts.scheme not in USUAL_PORTS or not host:
            return None
        return cls(parts.scheme, _ascii(host), port or USUAL_PORTS[parts.scheme], parts.path or "/")

    @property
    def origin(self) -> str:
        """Scheme, host and port in one spelling, that of requests."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == USUAL_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    def owns(self, cookie: Cookie) -> bool:
        """Return whether the cookie is for this host (RFC 6265, 5.1.3)."""
        domain = _ascii(cookie.domain.lstrip("."))
        if not domain or domain == self.host:
            return True
        if cookie.host_only or "." not in domain or re.match(r"[\d.]+$|.*:", self.host):
            return False
        return self.host.endswith("." + domain)


def _ascii(host: str) -> str:
    try:
        return (host if host.isascii() else host.encode("idna").decode("ascii")).lower()
    except UnicodeError:  # no name of the internet: compared as it is
        return host.lower()


def choose(cookies: Iterable[Cookie], site: Site, now: float) -> dict[str, Cookie]:
    """Return, of the cookies for a site, one per name.

    A client has one session, so of two cookies with one name the more specific is meant; one
    that expired is returned only where there is no other.
    """

    def rank(cookie: Cookie) -> tuple[Any, ...]:
        exact = len(cookie.domain.lstrip("."))
        near = (cookie.fits(site.path), len(cookie.path), exact, cookie.host_only)
        return (not cookie.has_expired(now), *near)

    return {cookie.name: cookie for cookie in sorted(filter(site.owns, cookies), key=rank)}


# what a server hands out -------------------------------------------------------------------------


def from_set_cookie(raw: str, site: Site, now: float) -> Cookie | None:
    """Return the cookie of one ``Set-Cookie`` value (RFC 6265, 5.2); ``None`` if it is refused.

    :param site: whoever sent it; a cookie for somebody else's domain is refused.
    """
    pair, *attributes = raw.split(";")
    name, equals, value = pair.partition("=")
    marks = {}
    for item in attributes:
        key, _, content = item.partition("=")
        marks[key.strip().lower()] = content.strip()
    path = marks.get("path", "")
    cookie = Cookie(
        name.strip(),
        value.strip(),
        domain=marks.get("domain", "") or site.host,
        path=path if re.match(r"/[!-~]*$", path) else site.path.rpartition("/")[0] or "/",
        expires=read_end(marks, now),
        # what came in the clear may go back so: old servers mark it Secure all the same
        secure="secure" in marks and site.scheme == "https",
        http_only="httponly" in marks,
        host_only=not marks.get("domain"),
    )
    return cookie if equals and site.owns(cookie) and not cookie.find_flaw() else None


def read_end(marks: Mapping[str, Any], now: float) -> float | None:
    """Return when a cookie with these attributes expires; ``None`` for a session cookie."""
    age = str(marks.get("max-age", ""))
    if re.match(r"-?\d{1,15}$", age):
        return now + int(age)
    return read_date(str(marks.get("expires", "")))


def read_date(text: str) -> float | None:
    """Return the Unix seconds of a date as HTTP or ISO 8601 writes it."""
    try:
        if re.match(r"\d{4}-", text):
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
            return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
        parts = parsedate_tz(text)
        return float(mktime_tz(parts)) if parts else None
    except (ValueError, OverflowError, IndexError, TypeError):  # no date: the cookie has no expiry
        return None


# the jar that users see --------------------------------------------------------------------------

_PLAIN: dict[str, Any] = {
    "version": 0,
    "port": None,
    "port_specified": False,
    "domain_specified": False,
    "domain_initial_dot": False,
    "path_specified": True,
    "comment": None,
    "comment_url": None,
}


class _QuietCookie(JarCookie):
    @safe_repr
    def __repr__(self) -> str:
        return f"<cookie {self.name!r} for {self.domain}>"

    __str__ = __repr__


class QuietJar(RequestsCookieJar):
    """A jar whose ``repr`` names its cookies, where the one of requests shows their values."""

    @safe_repr
    def __repr__(self) -> str:
        return f"<cookies {', '.join(cookie.name for cookie in self) or '(none)'}>"

    __str__ = __repr__

    def copy(self) -> QuietJar:
        """Return a copy of the jar."""
        twin = QuietJar()
        twin.update(self)
        return twin


def make_jar(cookies: Iterable[Cookie], site: Site) -> QuietJar:
    """Return a jar with these cookies, all of them for the host of *site*."""
    host = f"[{site.host}]" if ":" in site.host else site.host
    # the standard library asks for a host without a dot by this name
    domain = host if "." in host else host + ".local"
    jar = QuietJar()
    for cookie in cookies:
        jar.set_cookie(
            _QuietCookie(
                name=cookie.name,
                value=cookie.value,
                domain=domain,
                path=cookie.path,
                secure=cookie.secure,
                expires=int(cookie.expires) if cookie.expires is not None else None,
                discard=cookie.expires is None,
                rest={"HttpOnly": ""} if cookie.http_only else {},
                **_PLAIN,
            )
        )
    return jar
