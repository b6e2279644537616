"""From whatever the user gave to cookies, and to the file that they came from."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import NamedTuple

from .documents import read_document
from .file import CookieFile
from .forms import Cookies, from_header, from_object, is_curl
from .values import Hidden, Problem, Site, best, flaw

_NO_PATH = re.compile(r"[=;{\[\r\n]")  # what makes a str the cookies themselves

_log = logging.getLogger(__name__)


class Source(NamedTuple):
    """What was read, and the file that it was read from."""

    cookies: Cookies
    file: CookieFile | None = None


def read_source(held: Hidden, site: Site, now: float) -> Source:
    """Return the cookies in any of the forms; what is wrong with them is returned as well."""
    source = held.value
    if isinstance(source, os.PathLike):
        return from_path(os.fspath(source), site, shown=True)
    if not isinstance(source, str):
        return Source(from_object(source, now))
    if not source.strip():
        return Source(Problem("the cookies are an empty text"))
    if not is_curl(source) and not _NO_PATH.search(source):
        return from_path(source, site, shown=_is_surely_path(source))
    if source.lstrip()[0] in "{[" or "\t" in source or is_curl(source):
        document = read_document(source)
    else:
        return Source(from_header(source))
    if isinstance(document, Problem):
        return Source(Problem(f"the cookies given as text cannot be read: {document}"))
    return Source(document.cookies())


def from_path(path: str | bytes, site: Site, *, shown: bool, must_exist: bool = True) -> Source:
    """Return the cookies of a file, and the file.

    :param shown: whether the path may be shown in a sentence: it may be a secret after all.
    """
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    try:
        file = CookieFile(path, site)
    except (OSError, ValueError):  # nothing that could be a path
        return Source(Problem("the text is neither cookies (it has no '=') nor a path"))
    cookies = file.load(must_exist=must_exist)
    if not isinstance(cookies, Problem):
        return Source(cookies, file)
    if shown:
        return Source(Problem(f"the cookie file {path!r} cannot be read: {cookies}"))
    # perhaps a bare token: what is no path for sure is not shown
    return Source(
        Problem(f"the cookies are a text without '=', so the path of a file, but {cookies}")
    )


def usable(cookies: Cookies, site: Site, now: float) -> Cookies:
    """Return, of cookies in one of the forms, those that can be sent to a site, one per name."""
    if isinstance(cookies, Problem):
        return cookies
    found = []
    for _, cookie in best(cookies, site, now).values():
        problem = flaw(cookie)
        if not problem:
            found.append(cookie)
        elif not cookie.domain:
            return problem
        else:
            # a browser's export is not to be refused over some other part of the site
            _log.warning("a cookie of %s that no header can carry is not used", cookie.domain)
    return found


def _is_surely_path(text: str) -> bool:
    path = Path(text)
    if path.suffix.lower() in (".json", ".txt"):
        return True
    try:
        return len(path.parts) > 1 and path.expanduser().parent.is_dir()
    except (OSError, RuntimeError, KeyError, ValueError):  # too long, no such home, a NUL: no path
        return False
