"""The text of a cookie file: read it, change single cookies in it, and keep everything else."""

from __future__ import annotations

import json
import re
from email.utils import formatdate
from typing import Any, Callable, List, Optional, Tuple, Union

from .forms import (
    EXPIRY_KEYS,
    MILLISECONDS,
    entries_of,
    from_curl,
    from_entries,
    from_har,
    from_header,
    from_record,
    is_curl,
    is_har,
    read_expiry,
)
from .values import Cookie, Site, UnusableError, choose

_HTTP_ONLY = "#HttpOnly_"
#: of a header alone; what a value may hold begins no tail, or many blanks would be tried both ways
_HEADER = (
    r"(?i)(cookie\s*:)?\s*[^\s=;]+=[^;\t\r\n]*"
    r"([;\r\n]\s*[^\s=;]+=[^;\t\r\n]*)*([;\t\r\n][;\s]*)?"
)
_FIELDS = 7  # of a Netscape line: domain, subdomains too, path, secure, expiry, name, value


class JsonDocument:
    """``{name: value}``, a list of records, or either of them under the key "cookies"."""

    def __init__(self, root: Any, text: str = "{}\n") -> None:
        indent = re.match(r"\s*[\[{]\r?\n([ \t]+)", text)
        self._indent = indent.group(1) if indent else None
        self._end = "\n" if text.endswith("\n") else ""
        self._ascii_only = text.isascii()
        self._root = root
        self._entries = entries_of(root)

    def cookies(self) -> list[Cookie]:
        """Return every cookie in it; ``{}`` is none, and a list without any a mistake."""
        return from_entries(self._entries)

    def put(self, cookie: Cookie, site: Site, now: float) -> None:
        """Change the cookie of this name where it stands, or add it."""
        position = self._find(cookie.name, site, now)
        if isinstance(self._entries, dict):
            self._entries[position or cookie.name] = cookie.value
            return
        if position is None:
            self._entries.append(self._new_record(cookie, site))
            return
        record = self._entries[position]
        record["value"] = cookie.value
        for key in EXPIRY_KEYS:
            if read_expiry(record.get(key)) is not None:
                if cookie.expires is None:
                    del record[key]
                else:
                    record[key] = _spell_like(record[key], cookie.expires)

    def drop(self, name: str, site: Site, now: float) -> None:
        """Remove the cookie of this name, which is there."""
        del self._entries[self._find(name, site, now)]

    def _find(self, name: str, site: Site, now: float) -> Any:
        """Return the key or the index of the cookie of this name; ``None`` where it is not."""
        if isinstance(self._entries, dict):
            return next((key for key in self._entries if key.strip() == name), None)
        return _position(self._entries, from_record, name, site, now)

    def text(self) -> str:
        """Return the file's text."""
        text = json.dumps(self._root, indent=self._indent, ensure_ascii=self._ascii_only)
        return text + self._end

    def _new_record(self, cookie: Cookie, site: Site) -> dict[str, Any]:
        used = {key for entry in self._entries if isinstance(entry, dict) for key in entry}
        record: dict[str, Any] = {
            "name": cookie.name,
            "value": cookie.value,
            "domain": site.host,
            "path": cookie.path,
            "secure": cookie.secure,
            "httpOnly": cookie.http_only,
        }
        if cookie.expires is not None:
            key = next((key for key in EXPIRY_KEYS if key in used), EXPIRY_KEYS[0])
            record[key] = cookie.expires
        return record


class NetscapeDocument:
    """A cookies.txt: a line per cookie, its fields parted by tabs."""

    def __init__(self, text: str = "# Netscape HTTP Cookie File\n") -> None:
        # not splitlines: that also parts at characters which may stand in a foreign value
        self._lines = re.findall(r"[^\n]*\n|[^\n]+", text)
        self._end = "\r\n" if "\r\n" in text else "\n"

    def cookies(self, may_be_empty: bool = False) -> list[Cookie]:
        """Return every cookie in it; none is a mistake, unless it *may be empty*."""
        found = list(filter(None, map(_from_line, self._lines)))
        if found or may_be_empty:
            return found
        if all(line.startswith("#") for line in self._lines if line.strip()):
            raise UnusableError("it holds no cookie: export it again, while signed in")
        raise UnusableError(
            "no line holds seven fields parted by tabs: have the tabs become spaces?"
        )

    def put(self, cookie: Cookie, site: Site, now: float) -> None:
        """Change the cookie of this name where it stands, or add it."""
        position = _position(self._lines, _from_line, cookie.name, site, now)
        lines, expiry = self._lines, str(int(cookie.expires or 0))
        if position is None:
            if lines and not lines[-1].endswith("\n"):
                lines[-1] += self._end
            start = (_HTTP_ONLY if cookie.http_only else "") + site.host
            secure = "TRUE" if cookie.secure else "FALSE"
            fields = [start, "FALSE", cookie.path, secure, expiry, cookie.name, cookie.value]
            lines.append("\t".join(fields) + self._end)
            return
        line = lines[position]
        body = line.rstrip("\r\n")
        fields = [*body.split("\t")[:4], expiry, cookie.name, cookie.value]
        lines[position] = "\t".join(fields) + line[len(body) :]

    def drop(self, name: str, site: Site, now: float) -> None:
        """Remove the cookie of this name, which is there."""
        del self._lines[_position(self._lines, _from_line, name, site, now)]

    def text(self) -> str:
        """Return the file's text."""
        return "".join(self._lines)


Document = Union[JsonDocument, NetscapeDocument]

#: What a text holds, and the text as something that can be changed. That is ``None`` for a record
#: of what a browser sent, in which nothing can be renewed.
Reading = Tuple[List[Cookie], Optional[Document]]


def read_document(text: str, *, netscape: bool = False, may_be_empty: bool = False) -> Reading:
    """Return the cookies of this text, and the document that it is.

    :param netscape: what an empty text is to become.
    :param may_be_empty: a cookies.txt without a cookie is one, too.
    :raises UnusableError: no cookies can be read from it.
    """
    start = text.strip()
    if not start:
        return [], NetscapeDocument() if netscape else JsonDocument({})
    if is_curl(start):
        return from_curl(start), None
    if start[0] in "[{":
        return _read_json(text)
    if re.fullmatch(_HEADER, start):
        return from_header(start), None
    document = NetscapeDocument(text)
    if not document.cookies(may_be_empty=True) and not re.match(r"#.*HTTP Cookie File", start):
        raise UnusableError("it is neither JSON nor a Netscape cookies.txt")
    return document.cookies(may_be_empty), document


def _read_json(text: str) -> Reading:
    try:
        root = json.loads(text)
    except RecursionError:
        raise UnusableError("it is JSON nested too deeply") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UnusableError(f"it is not valid JSON ({place})") from None
    except ValueError:  # a number too long to be one
        raise UnusableError("it is not valid JSON") from None
    if is_har(root):
        return from_har(root), None
    document = JsonDocument(root, text)
    return document.cookies(), document


def _from_line(line: str) -> Cookie | None:
    http_only = line.startswith(_HTTP_ONLY)
    fields = line[len(_HTTP_ONLY) if http_only else 0 :].rstrip("\r\n").split("\t")
    if len(fields) != _FIELDS or line.startswith("#") and not http_only or not fields[5]:
        return None
    domain, subdomains, path, secure, expiry, name, value = fields
    return Cookie(
        name.strip(),
        value.strip(),
        domain=domain.strip(),
        path=path if path.startswith("/") else "/",
        expires=read_expiry(expiry),
        secure=secure.strip().upper() == "TRUE",
        http_only=http_only,
        host_only=subdomains.strip().upper() != "TRUE" and not domain.startswith("."),
    )


def _position(
    entries: list[Any], read: Callable[[Any], Cookie | None], name: str, site: Site, now: float
) -> Any:
    """Return where the cookie of this name stands; ``None`` where it does not."""
    there = [read(entry) for entry in entries]
    chosen = choose(filter(None, there), site, now).get(name)
    return next((at for at, one in enumerate(there) if chosen and one is chosen), None)


def _spell_like(old: Any, expires: float) -> int | float | str:
    """Return an expiry in the spelling of the one that it takes the place of."""
    if isinstance(old, str):
        if re.match(r"\d+(\.\d*)?$", old.strip()):
            return str(_spell_like(float(old) if "." in old else int(old), expires))
        return formatdate(expires, usegmt=True)
    number = expires * 1000 if old >= MILLISECONDS else expires
    return int(number) if isinstance(old, int) else number
