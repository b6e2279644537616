"""The cookie file, read and renewed by one job at a time, and what else the user may have given."""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Optional

from ...futures import renew_locks_after_fork
from ...secret import Secret
from ...values import replace
from .disk import LOCK_WAIT, hold_lock_of, replace_file
from .documents import Reading, read_document
from .forms import from_header, from_object, is_curl
from .values import Cookie, Site, UnusableError, choose

_DAY = 86400.0
_NO_PATH = r"[=;{\[\r\n]"  # what makes a str the cookies themselves

#: What a client wants to see in its file: name → the cookie, ``None`` for one that is to go.
Wanted = Dict[str, Optional[Cookie]]


class CookieFile:
    """A file of cookies that a client reads and renews; other jobs may use it at the same time.

    Only what *this* client changed is written. What another job changed in the meantime stays,
    so that a renewal never puts an old session over a newer one.
    """

    def __init__(self, path: str | os.PathLike[str], site: Site) -> None:
        # a link stays a link: the file that it leads to is the one replaced, and locked
        self.path = Path(os.path.realpath(os.path.expanduser(os.fspath(path))))
        self._site = site
        self._known: dict[str, Cookie] = {}  # the client's own that the file has, or has declined
        self._wait = LOCK_WAIT
        renew_locks_after_fork(self)

    def __repr__(self) -> str:
        return f"<CookieFile {str(self.path)!r}>"

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_turn"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        renew_locks_after_fork(self)

    def renew_locks(self) -> None:
        """Take a new lock."""
        self._turn = threading.Lock()

    def load(self) -> list[Cookie]:
        """Return the cookies of the file, those of other hosts included.

        :raises UnusableError: it cannot be read, or holds none.
        """
        cookies, _ = self._read()
        with self._turn:
            self._known.update(choose(cookies, self._site, time.time()))
        return cookies

    def renew(self, wanted: Callable[[], Wanted]) -> None:
        """Write what the client changed.

        :param wanted: asked again under the lock, so that the later of two threads writes last.
        :raises UnusableError: it could not be done.
        """
        with self._turn:
            if not any(self._is_news(name, cookie) for name, cookie in wanted().items()):
                return
            try:
                with hold_lock_of(self.path, self._wait):
                    self._wait = LOCK_WAIT
                    self._merge(wanted())
            except TimeoutError:
                self._wait = 0.0  # a lock that nobody gives back costs one wait, not one per call
                raise UnusableError("another program holds its lock") from None
            except OSError as error:
                raise UnusableError(os.strerror(error.errno or errno.EIO)) from error

    def _read(self, *, may_be_empty: bool = False) -> Reading:
        try:
            text = self.path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UnusableError("it is not text in UTF-8") from None
        except (FileNotFoundError, ValueError):  # or a path with a NUL in it
            raise UnusableError("there is no such file") from None
        except OSError as error:
            raise UnusableError(os.strerror(error.errno or errno.EIO)) from error
        is_netscape = self.path.suffix == ".txt"
        return read_document(text, netscape=is_netscape, may_be_empty=may_be_empty)

    def _is_news(self, name: str, cookie: Cookie | None) -> bool:
        known = self._known.get(name)
        if cookie is None or known is None:
            return cookie is not known
        return known.value != cookie.value or _lags(known, cookie)

    def _merge(self, wanted: Wanted) -> None:
        now = time.time()
        if not self.path.exists():
            raise UnusableError("it was removed, and what was removed is not written again")
        cookies, document = self._read(may_be_empty=True)
        if document is None:
            self._keep_known(wanted, {})  # said once for each new value
            raise UnusableError("it is a record of requests, in which nothing can be renewed")
        stored = choose(cookies, self._site, now)
        due = [one for one in wanted.values() if one and self._is_due(one, stored, wanted)]
        gone = [name for name in stored if name in self._known and wanted.get(name, True) is None]
        for cookie in due:
            document.put(cookie, self._site, now)
            stored[cookie.name] = cookie
        for name in gone:
            document.drop(name, self._site, now)
        if due or gone:
            replace_file(self.path, Secret(document.text()))
        self._keep_known(wanted, stored)

    def _is_due(self, cookie: Cookie, stored: dict[str, Cookie], wanted: Wanted) -> bool:
        """Return whether the client's cookie belongs into the file in place of the stored one."""
        there, known = stored.get(cookie.name), self._known.get(cookie.name)
        if there is not None and there.value == cookie.value:
            return _lags(there, cookie)
        if known is not None and known.value == cookie.value:
            return False  # another job changed it, this client did not
        if there is None or known is None or known.value == there.value:
            return True
        # Both changed it. Beside a `token` that is not ours it belongs to somebody's new sign-in,
        # and a session is void under another token than its own.
        for name in (stored.keys() & self._known.keys()) - {cookie.name}:
            other = wanted.get(name)
            if other and other.value == self._known[name].value != stored[name].value:
                return False
        return there.expires is None or cookie.expires is None or cookie.expires >= there.expires

    def _keep_known(self, wanted: Wanted, stored: dict[str, Cookie]) -> None:
        for name, cookie in wanted.items():
            there = stored.get(name)
            if cookie is None:
                self._known.pop(name, None)
            elif there is not None and there.value == cookie.value:
                self._known[name] = there
            else:  # what it has declined does not lag behind
                self._known[name] = replace(cookie, expires=None)


def _lags(stored: Cookie, cookie: Cookie) -> bool:
    """Return whether an expiry in the file is more than a day behind; none there never is."""
    if stored.expires is None or cookie.expires is None:
        return False
    return cookie.expires - stored.expires > _DAY


# whatever the user gave ------------------------------------------------------------------------


def read_source(given: Secret, site: Site) -> tuple[list[Cookie], CookieFile | None]:
    """Return the cookies in any of the forms, and the file that they are in.

    :raises UnusableError: no cookies can be read.
    """
    source = given.value
    if isinstance(source, os.PathLike):
        return _read_path(os.fsdecode(source), site, "the cookie file")
    if not isinstance(source, str):
        return from_object(source, time.time()), None
    if not source.strip():
        raise UnusableError("the cookies are an empty text")
    if not is_curl(source) and not re.search(_NO_PATH, source):
        return _read_path(source, site, "the text without '=', so the path of a cookie file,")
    if source.lstrip()[0] not in "{[" and "\t" not in source and not is_curl(source):
        return from_header(source), None
    try:
        return read_document(source)[0], None
    except UnusableError as error:
        raise UnusableError(f"the cookies given as text cannot be read: {error}") from None


def _read_path(path: str, site: Site, what: str) -> tuple[list[Cookie], CookieFile]:
    """Return the cookies of a file, and the file.

    :param what: it is, in a sentence without the path: that may be the cookies themselves.
    """
    try:
        file = CookieFile(path, site)
    except (OSError, ValueError):  # nothing that could be a path
        raise UnusableError("the text is neither cookies (it has no '=') nor a path") from None
    try:
        return file.load(), file
    except UnusableError as error:
        if _looks_like_path(path):
            raise UnusableError(f"the cookie file {path!r} cannot be read: {error}") from None
        why = f"{what} cannot be read: {error} (it is not shown, for it may be a secret)"
        raise UnusableError(why) from None


def _looks_like_path(text: str) -> bool:
    """Return whether *text* is a path and no token, so that an error may show it."""
    path = Path(text)
    if path.suffix.lower() in (".json", ".txt"):
        return True
    try:
        return path.exists() or (len(path.parts) > 1 and path.expanduser().parent.is_dir())
    except (OSError, RuntimeError, KeyError, ValueError):  # too long, no such home, a NUL: no path
        return False
