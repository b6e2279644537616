"""The text of a cookie file: read it, change single cookies in it, and keep everything else."""

from __future__ import annotations

import json
import re
from email.utils import formatdate
from typing import Any, Iterable, Optional, Tuple, Union

from .forms import (
    EXPIRY_KEYS,
    MILLISECONDS,
    Cookies,
    from_curl,
    from_flat,
    from_har,
    from_record,
    from_records,
    is_curl,
    is_har,
    read_expiry,
)
from .values import Cookie, Problem, Site, best

_HTTP_ONLY = "#HttpOnly_"
_FIELDS = 7  # of a Netscape line: domain, subdomains too, path, secure, expiry, name, value


class JsonDocument:
    """``{name: value}``, a list of records, or either of them under the key "cookies"."""

    def __init__(self, root: Any, text: str = "{}\n") -> None:
        indent = re.match(r"\s*[\[{]\r?\n([ \t]+)", text)
        self._indent = indent.group(1) if indent else None
        self._end = "\n" if text.endswith("\n") else ""
        self._ascii_only = text.isascii()
        self._root = root
        held = root.get("cookies") if isinstance(root, dict) else None
        self._entries = held if isinstance(held, (dict, list)) else root

    def cookies(self) -> Cookies:
        """Return every cookie in it; ``{}`` is none, and a list without any a mistake."""
        if isinstance(self._entries, dict):
            return from_flat(self._entries)
        return from_records(self._entries)

    def put(self, cookie: Cookie, site: Site, now: float) -> None:
        """Change the cookie of this name where it stands, or add it."""
        if isinstance(self._entries, dict):
            self._entries[cookie.name] = cookie.value
            return
        index = _position(map(from_record, self._entries), cookie.name, site, now)
        if index is None:
            self._entries.append(self._new_record(cookie, site))
            return
        record = self._entries[index]
        record["value"] = cookie.value
        for key in EXPIRY_KEYS:
            if read_expiry(record.get(key)) is not None:
                if cookie.expires is None:
                    del record[key]
                else:
                    record[key] = _alike(record[key], cookie.expires)

    def drop(self, name: str, site: Site, now: float) -> None:
        """Remove the cookie of this name."""
        if isinstance(self._entries, dict):
            self._entries.pop(name, None)
            return
        index = _position(map(from_record, self._entries), name, site, now)
        if index is not None:
            del self._entries[index]

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

    def cookies(self) -> Cookies:
        """Return every cookie in it; none is a mistake."""
        found = [cookie for cookie in map(_from_line, self._lines) if cookie is not None]
        if found:
            return found
        if all(line.startswith("#") for line in self._lines if line.strip()):
            return Problem("it holds no cookie: export it again, while signed in")
        return Problem("no line holds seven fields parted by tabs: have the tabs become spaces?")

    def put(self, cookie: Cookie, site: Site, now: float) -> None:
        """Change the cookie of this name where it stands, or add it."""
        index = _position(map(_from_line, self._lines), cookie.name, site, now)
        expiry = str(int(cookie.expires or 0))
        if index is None:
            if self._lines and not self._lines[-1].endswith("\n"):
                self._lines[-1] += self._end
            start = (_HTTP_ONLY if cookie.http_only else "") + site.host
            secure = "TRUE" if cookie.secure else "FALSE"
            fields = [start, "FALSE", cookie.path, secure, expiry, cookie.name, cookie.value]
            self._lines.append("\t".join(fields) + self._end)
            return
        line = self._lines[index]
        body = line.rstrip("\r\n")
        self._lines[index] = "\t".join([*body.split("\t")[:4], expiry, cookie.name, cookie.value])
        self._lines[index] += line[len(body) :]

    def drop(self, name: str, site: Site, now: float) -> None:
        """Remove the cookie of this name."""
        index = _position(map(_from_line, self._lines), name, site, now)
        if index is not None:
            del self._lines[index]

    def text(self) -> str:
        """Return the file's text."""
        return "".join(self._lines)


Document = Union[JsonDocument, NetscapeDocument]
#: What a text holds, and the text as something that can be changed. That is ``None`` where no
#: cookies can be read, and for a record of what a browser sent, in which nothing can be renewed.
Reading = Tuple[Cookies, Optional[Document]]


def read_document(text: str, *, netscape: bool = False) -> Reading:
    """Return the cookies of this text, and the document that it is.

    :param netscape: what an empty text is to become.
    """
    start = text.strip()
    if not start:
        return [], NetscapeDocument() if netscape else JsonDocument({})
    if is_curl(start):
        return from_curl(start), None
    if start[0] in "[{":
        return _read_json(text)
    document = NetscapeDocument(text)
    cookies = document.cookies()
    if isinstance(cookies, Problem) and not re.match(r"#.*HTTP Cookie File", start):
        return Problem("it is neither JSON nor a Netscape cookies.txt"), None
    return cookies, document


def _read_json(text: str) -> Reading:
    try:
        root = json.loads(text)
    except RecursionError:
        return Problem("it is JSON nested too deeply"), None
    except json.JSONDecodeError as error:
        return Problem(f"it is not valid JSON (line {error.lineno}, column {error.colno})"), None
    except ValueError:  # a number too long to be one
        return Problem("it is not valid JSON"), None
    if is_har(root):
        return from_har(root), None
    document = JsonDocument(root, text)
    cookies = document.cookies()
    return cookies, None if isinstance(cookies, Problem) else document


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


def _position(cookies: Iterable[Cookie | None], name: str, site: Site, now: float) -> int | None:
    """Return which entry is the cookie of this name, among some that are no cookies."""
    there = [(index, cookie) for index, cookie in enumerate(cookies) if cookie is not None]
    hit = best((cookie for _, cookie in there), site, now).get(name)
    return there[hit[0]][0] if hit else None


def _alike(old: Any, expires: float) -> int | float | str:
    """Return an expiry in the spelling of the one that it takes the place of."""
    if isinstance(old, str):
        if re.match(r"\d+(\.\d*)?$", old.strip()):
            return str(_alike(float(old) if "." in old else int(old), expires))
        return formatdate(expires, usegmt=True)
    number = expires * 1000 if old >= MILLISECONDS else expires
    return int(number) if isinstance(old, int) else number
