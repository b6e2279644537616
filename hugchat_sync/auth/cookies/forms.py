"""The forms that cookies come in, read into one.

What cannot be read is an :class:`UnusableError`.
"""

from __future__ import annotations

import math
import re
from http.cookiejar import CookieJar
from http.cookies import BaseCookie
from typing import Any, Iterable, Mapping

from ...values import replace
from .values import Cookie, Site, UnusableError, read_date, read_end

EXPIRY_KEYS = ("expirationDate", "expires", "expiry", "expiration")
MILLISECONDS = 1e12  # a number of this size is no date in seconds, but one in milliseconds


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


def entries_of(root: Any) -> Any:
    """Return ``{name: value}`` or the list of records, which may be under the key "cookies"."""
    inner = root.get("cookies") if isinstance(root, Mapping) else None
    return inner if isinstance(inner, (Mapping, list, tuple)) else root


def from_entries(entries: Any) -> list[Cookie]:
    """Return the cookies of what :func:`entries_of` returns.

    What is no cookie in a list is passed over; a list without any is a mistake.
    """
    if isinstance(entries, Mapping):
        for name, value in entries.items():
            if not isinstance(name, str) or not isinstance(value, str):
                raise UnusableError(f"the cookie {name!r} has no text as its value")
        return [Cookie(name.strip(), value.strip()) for name, value in entries.items()]
    if not entries:
        raise UnusableError(
            "the list is empty: export it on the site of the chat, while signed in there"
        )
    found = [cookie for cookie in map(from_record, entries) if cookie is not None]
    if not found:
        raise UnusableError("the list holds no cookie: each entry needs a text 'name' and 'value'")
    return found


def from_header(text: str) -> list[Cookie]:
    """Return the cookies of a ``Cookie:`` header, with or without that name."""
    found = _split_header(text)
    if not any(cookie.value.strip("=") for cookie in found):
        raise UnusableError("the text holds no cookie of the form name=value")
    return found


def _split_header(text: str) -> list[Cookie]:
    found = []
    for part in re.split(r"[;\r\n]", re.sub(r"(?im)^\s*cookie\s*:", "", text)):
        name, equals, value = part.partition("=")
        if name.strip() and equals:
            found.append(Cookie(name.strip(), value.strip()))
    return found


def _for_host_of(url: object, cookies: Iterable[Cookie | None]) -> list[Cookie]:
    site = Site.of(url) if isinstance(url, str) else None
    return [replace(one, domain=site.host) for one in cookies if one is not None and site]


def is_har(root: Any) -> bool:
    """Return whether a JSON value is a browser's record of its requests."""
    log = root.get("log") if isinstance(root, Mapping) else None
    return isinstance(log, Mapping) and isinstance(log.get("entries"), list)


def from_har(root: Mapping[str, Any]) -> list[Cookie]:
    """Return the cookies of a HAR file, each for the host that it was sent to; the last ones count.

    Source: HTTP Archive 1.2, ``log.entries[].request`` with ``url``, ``headers``, ``cookies``.
    """
    found: list[Cookie] = []
    for entry in root["log"]["entries"]:
        request = entry.get("request") if isinstance(entry, Mapping) else None
        if not isinstance(request, Mapping):
            continue
        values = [
            header["value"]
            for header in _records(request.get("headers"))
            if str(header.get("name")).lower() == "cookie" and isinstance(header.get("value"), str)
        ]
        listed = map(from_record, _records(request.get("cookies")))
        sent = _split_header("; ".join(values)) if values else listed
        found.extend(_for_host_of(request.get("url"), sent))
    if not found:
        raise UnusableError(
            "the HAR file holds no cookies: browsers leave them out unless it is exported with "
            "sensitive data"
        )
    return found


def _records(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


# patterns are compiled at their first use: few cookies come as a command
_CURL = r"\s*(\$\s+)?curl(\.exe)?\s"
_PIECE = (
    r"(?s)(?P<blank>\\\r?\n|\s+)|\$'(?P<ansi>(?:[^'\\]|\\.)*)'|'(?P<raw>[^']*)'"
    r'|"(?P<soft>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)|(?P<plain>.)'
)
_ESCAPE = r"(?s)\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)"


def is_curl(text: str) -> bool:
    """Return whether a text is the command that browsers copy as cURL."""
    return re.match(_CURL, text) is not None


def from_curl(text: str) -> list[Cookie]:
    """Return the cookies of a command that a browser copied as cURL, for bash or for Windows."""
    words = _shell_words(text)
    url = next((word for word in words if re.match(r"https?://", word)), "")
    values = []
    for word, after in zip(words, [*words[1:], ""]):
        option, _, attached = word.partition("=")
        given = attached if attached and option in ("--header", "--cookie") else after
        header = re.match(r"cookie\s*:\s*(.*)", given, re.IGNORECASE | re.DOTALL)
        if option in ("-H", "--header") and header:
            values.append(header.group(1))
        elif option in ("-b", "--cookie") and "=" in given:
            values.append(given)
    found = _for_host_of(url, _split_header("; ".join(values)))
    if not found:
        raise UnusableError(
            "the cURL command holds no cookies: copy that of a request to the chat itself, while "
            "signed in"
        )
    return found


def _shell_words(text: str) -> list[str]:
    if re.search(r'\^["\r\n]', text):  # of the Windows command line, where ^ takes the next one
        text = re.sub(r"\^(\r?\n|.)", lambda hit: hit.group(1).strip("\r\n"), text)
    words, current = [], ""
    for piece in re.finditer(_PIECE, text):
        kind = piece.lastgroup or ""
        if kind == "blank":
            words.append(current)
            current = ""
        elif kind in ("ansi", "soft"):
            current += re.sub(_ESCAPE, _unescape, piece.group(kind))
        else:
            current += piece.group(kind)
    return [word for word in (*words, current) if word]


def _unescape(hit: re.Match[str]) -> str:
    code = hit.group(1)
    if len(code) > 1:
        return chr(int(code[1:], 16))
    return {"n": "\n", "r": "\r", "t": "\t"}.get(code, code)


def _from_jar(jar: CookieJar) -> list[Cookie]:
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


def _from_morsels(morsels: Mapping[str, Any], now: float) -> list[Cookie]:
    return [
        Cookie(
            name,
            morsel.value,
            domain=morsel["domain"],
            path=morsel["path"] or "/",
            expires=read_end(morsel, now),
            secure=bool(morsel["secure"]),
            http_only=bool(morsel["httponly"]),
            host_only=False,
        )
        for name, morsel in morsels.items()
    ]


def from_object(source: Any, now: float) -> list[Cookie]:
    """Return the cookies of a Python object that is neither text nor a path."""
    if source is None:
        return []
    if isinstance(source, CookieJar):
        return _from_jar(source)
    if isinstance(source, BaseCookie):
        return _from_morsels(source, now)
    if is_har(source):
        return from_har(source)
    if isinstance(source, (Mapping, list, tuple)):
        return from_entries(entries_of(source))
    raise UnusableError(
        f"cookies cannot be a {type(source).__name__}: pass a dict, a cookie jar, the text of a "
        "Cookie header, a browser's export, or a path"
    )
