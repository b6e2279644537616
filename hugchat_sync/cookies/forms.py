"""The forms that cookies come in, read into one.

Nothing in this room raises over a bad form: it returns a :class:`Problem`, because the text
with the secrets would otherwise stand in the local variables of every frame of the traceback.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone
from email.utils import mktime_tz, parsedate_tz
from http.cookiejar import CookieJar
from http.cookies import BaseCookie
from typing import Any, List, Mapping, Sequence, Union

from .values import Cookie, Problem, Site, flaw

EXPIRY_KEYS = ("expirationDate", "expires", "expiry", "expiration")
MILLISECONDS = 1e12  # a number of this size is no date in seconds, but one in milliseconds

Cookies = Union[List[Cookie], Problem]


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


def read_expiry(raw: object) -> float | None:
    """Return the Unix seconds of an expiry as exports write it; ``None`` for a session cookie."""
    if isinstance(raw, str):
        try:
            number = float(raw)
        except ValueError:
            return read_date(raw.strip())
    elif isinstance(raw, (int, float)) and not isinstance(raw, bool) and abs(raw) < 1e300:
        number = float(raw)
    else:
        return None
    if not math.isfinite(number) or number <= 0:
        return None
    return number / 1000 if number >= MILLISECONDS else number


def from_record(record: object) -> Cookie | None:
    """Return the cookie of one entry of a browser's export; ``None`` when it is none."""
    if not isinstance(record, Mapping):
        return None
    name, value = record.get("name"), record.get("value")
    if not isinstance(name, str) or not isinstance(value, str):
        return None
    domain, path = record.get("domain") or record.get("host"), record.get("path")
    host_only = record.get("hostOnly")
    domain = domain if isinstance(domain, str) else ""
    stamps = (read_expiry(record[key]) for key in EXPIRY_KEYS if key in record)
    return Cookie(
        name.strip(),
        value.strip(),
        domain=domain,
        path=path if isinstance(path, str) and path.startswith("/") else "/",
        expires=next(stamps, None),
        secure=record.get("secure") is True,
        http_only=record.get("httpOnly") is True,
        host_only=host_only if isinstance(host_only, bool) else not domain.startswith("."),
    )


def from_records(records: Sequence[object]) -> Cookies:
    """Return the cookies of a list of records; what is no cookie is passed over."""
    found = [cookie for cookie in map(from_record, records) if cookie is not None]
    if records and not found:
        return Problem("the list holds no cookie: each entry needs a text 'name' and 'value'")
    return found


def from_flat(pairs: Mapping[Any, object]) -> Cookies:
    """Return the cookies of ``{name: value}``."""
    found = []
    for name, value in pairs.items():
        if not isinstance(name, str) or not isinstance(value, str):
            return Problem(f"the cookie {name!r} has no text as its value")
        found.append(Cookie(name.strip(), value.strip()))
    return found


def from_header(text: str) -> Cookies:
    """Return the cookies of a ``Cookie:`` header, with or without that name."""
    found = []
    for part in re.split(r"[;\r\n]", re.sub(r"(?im)^\s*cookie\s*:", "", text)):
        name, _, value = part.partition("=")
        if name.strip() and "=" in part:
            found.append(Cookie(name.strip(), value.strip()))
    if not any(cookie.value.strip("=") for cookie in found):
        return Problem("the text holds no cookie of the form name=value")
    return found


def _from_jar(jar: CookieJar) -> Cookies:
    found = []
    for item in jar:
        if item.value is not None:
            # the jar of the standard library calls the host "localhost" by this name
            local = item.domain.endswith(".local") and item.domain.count(".") == 1
            domain = item.domain[: -len(".local")] if local else item.domain
            found.append(
                Cookie(
                    item.name,
                    item.value,
                    domain=domain.strip("[]"),
                    path=item.path or "/",
                    expires=item.expires,
                    secure=bool(item.secure),
                    http_only=item.has_nonstandard_attr("HttpOnly"),
                    host_only=not domain.startswith("."),
                )
            )
    return found


def _from_morsels(morsels: Mapping[str, Any], now: float) -> Cookies:
    found = []
    for name, morsel in morsels.items():
        age = str(morsel["max-age"])
        expires = read_date(str(morsel["expires"])) if morsel["expires"] else None
        found.append(
            Cookie(
                name,
                morsel.value,
                domain=morsel["domain"],
                path=morsel["path"] or "/",
                expires=now + int(age) if re.match(r"-?\d{1,15}$", age) else expires,
                secure=bool(morsel["secure"]),
                http_only=bool(morsel["httponly"]),
                host_only=False,
            )
        )
    return found


def from_object(source: object, now: float) -> Cookies:
    """Return the cookies of a Python object that is neither text nor a path."""
    if source is None:
        return []
    if isinstance(source, CookieJar):
        return _from_jar(source)
    if isinstance(source, BaseCookie):
        return _from_morsels(source, now)
    if isinstance(source, Mapping):
        held = source.get("cookies")
        if isinstance(held, Mapping):
            return from_flat(held)
        return from_records(held) if isinstance(held, (list, tuple)) else from_flat(source)
    if isinstance(source, (list, tuple)):
        return from_records(source)
    return Problem(
        f"cookies cannot be a {type(source).__name__}: pass a dict, a cookie jar, the text of a "
        "Cookie header, a browser's export, or a path"
    )


def from_set_cookie(raw: str, site: Site, now: float) -> Cookie | None:
    """Return the cookie of one ``Set-Cookie`` value (RFC 6265, 5.2); ``None`` if it is refused.

    :param site: whoever sent it; a cookie for somebody else's domain is refused.
    """
    pair, *rest = raw.split(";")
    name, equals, value = pair.partition("=")
    marks = {}
    for item in rest:
        key, _, content = item.partition("=")
        marks[key.strip().lower()] = content.strip()
    age, path = marks.get("max-age", ""), marks.get("path", "")
    expires = read_date(marks["expires"]) if "expires" in marks else None
    cookie = Cookie(
        name.strip(),
        value.strip(),
        domain=marks.get("domain", "") or site.host,
        path=path if re.match(r"/[!-~]*$", path) else site.path.rpartition("/")[0] or "/",
        expires=now + int(age) if re.match(r"-?\d{1,15}$", age) else expires,
        secure="secure" in marks,
        http_only="httponly" in marks,
        host_only=not marks.get("domain"),
    )
    if not equals or not site.owns(cookie) or flaw(cookie):
        return None
    return cookie
