"""The cookie file, read and renewed by one job at a time, and what else the user may have given."""

from __future__ import annotations

import errno
import json
import os
import re
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Set, Tuple

from ...futures import renew_locks_after_fork
from ...secret import Secret
from ...values import replace
from .disk import LOCK_WAIT, locked, replace_file
from .documents import Reading, read_document
from .forms import Cookies, from_header, from_object, is_curl
from .values import Cookie, Problem, Site, best

_DAY = 86400.0
_NO_PATH = r"[=;{\[\r\n]"  # what makes a str the cookies themselves

#: What a client wants to see in its file: the cookies it has, the names it was told to forget.
Wanted = Tuple[Dict[str, Cookie], Set[str]]


class CookieFile:
    """A file of cookies that a client reads and renews; other jobs may use it at the same time.

    Only what *this* client changed is written. What another job changed in the meantime stays,
    so that a renewal never puts an old session over a newer one.
    """

    def __init__(self, path: str | os.PathLike[str], site: Site) -> None:
        # a link stays a link: the file that it leads to is the one replaced, and locked
        self.path = Path(os.path.realpath(os.path.expanduser(os.fspath(path))))
        self._site = site
        self._settled: dict[str, Cookie] = {}  # ours that the file has, or has declined
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

    def load(self) -> Cookies:
        """Return the cookies of the file, those of other hosts included."""
        cookies, _ = self._read()
        if isinstance(cookies, Problem):
            return cookies
        with self._turn:
            for name, (_, cookie) in best(cookies, self._site, time.time()).items():
                self._settled[name] = cookie
        return cookies

    def renew(self, wanted: Callable[[], Wanted]) -> Problem | None:
        """Write what the client changed; return why it could not be done, if so.

        :param wanted: asked again under the lock, so that the later of two threads writes last.
        """
        with self._turn:
            if not self._differs(*wanted()):
                return None
            try:
                with locked(self.path, self._wait):
                    problem = self._merge(*wanted())
                self._wait = LOCK_WAIT
            except TimeoutError:
                self._wait = 0.0  # a lock that nobody gives back costs one wait, not one per call
                problem = Problem("another program holds its lock")
            except OSError as error:
                problem = _problem_of(error)
        return problem

    def _read(self) -> Reading:
        try:
            text = self.path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError:
            return Problem("it is not text in UTF-8"), None
        except (FileNotFoundError, ValueError):  # or a path with a NUL in it
            return Problem("there is no such file"), None
        except OSError as error:
            return _problem_of(error), None
        return read_document(text, netscape=self.path.suffix == ".txt")

    def _differs(self, live: dict[str, Cookie], gone: set[str]) -> bool:
        settled = self._settled
        if any(name in settled for name in gone):
            return True
        return any(
            name not in settled or settled[name].value != mine.value or _lags(settled[name], mine)
            for name, mine in live.items()
        )

    def _merge(self, live: dict[str, Cookie], gone: set[str]) -> Problem | None:
        now = time.time()
        if not self.path.exists():
            return Problem("it was removed, and what was removed is not written again")
        cookies, document = self._read()
        if document is None:
            if isinstance(cookies, Problem):
                return cookies
            self._settle(live, gone, {})  # said once for each new value
            return Problem("it is a record of requests, in which nothing can be renewed")
        if isinstance(cookies, Problem):  # of a cookies.txt without any: it can have some again
            cookies = []
        stored = {name: hit[1] for name, hit in best(cookies, self._site, now).items()}
        write = [mine for mine in live.values() if self._is_due(mine, stored, live)]
        drop = [name for name in gone if name in stored and name in self._settled]
        for mine in write:
            document.put(mine, self._site, now)
            stored[mine.name] = mine
        for name in drop:
            document.drop(name, self._site, now)
        if write or drop:
            replace_file(self.path, Secret(document.text()))
        self._settle(live, gone, stored)
        return None

    def _is_due(self, mine: Cookie, stored: dict[str, Cookie], live: dict[str, Cookie]) -> bool:
        theirs, settled = stored.get(mine.name), self._settled.get(mine.name)
        if theirs is not None and theirs.value == mine.value:
            return _lags(theirs, mine)
        if settled is not None and settled.value == mine.value:
            return False  # another job changed it, we did not
        if theirs is None or settled is None or settled.value == theirs.value:
            return True
        # Both changed it. Beside a `token` that is not ours it belongs to somebody's new sign-in,
        # and a session is void under another token than its own.
        both = stored.keys() & live.keys() & self._settled.keys() - {mine.name}
        if any(live[n].value == self._settled[n].value != stored[n].value for n in both):
            return False
        return theirs.expires is None or mine.expires is None or mine.expires >= theirs.expires

    def _settle(self, live: dict[str, Cookie], gone: set[str], stored: dict[str, Cookie]) -> None:
        for name in gone:
            self._settled.pop(name, None)
        for name, mine in live.items():
            theirs = stored.get(name)
            if theirs is None or theirs.value != mine.value:
                theirs = replace(mine, expires=None)  # what it has declined does not lag behind
            self._settled[name] = theirs


def _lags(stored: Cookie, mine: Cookie) -> bool:
    """Return whether an expiry in the file is more than a day behind; none there never is."""
    if stored.expires is None or mine.expires is None:
        return False
    return mine.expires - stored.expires > _DAY


def _problem_of(error: OSError) -> Problem:
    return Problem(os.strerror(error.errno or errno.EIO))


# files of one's own, and whatever the user gave ------------------------------------------------


def save_file(path: Path, cookies: Iterable[Cookie]) -> Problem | None:
    """Write a file ``{name: value}``, and its directory if need be; return why not, if so."""
    text = Secret(json.dumps({cookie.name: cookie.value for cookie in cookies}) + "\n")
    del cookies
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path):
            replace_file(path, text)
    except OSError as error:
        return _problem_of(error)
    return None


def read_source(held: Secret, site: Site) -> tuple[Cookies, CookieFile | None]:
    """Return the cookies in any of the forms, and the file that they are in.

    What is wrong with them is returned as well.
    """
    source = held.value
    if isinstance(source, os.PathLike):
        return _read_path(os.fspath(source), site, shown=True)
    if not isinstance(source, str):
        return from_object(source, time.time()), None
    if not source.strip():
        return Problem("the cookies are an empty text"), None
    if not is_curl(source) and not re.search(_NO_PATH, source):
        return _read_path(source, site, shown=_looks_like_path(source))
    if source.lstrip()[0] not in "{[" and "\t" not in source and not is_curl(source):
        return from_header(source), None
    cookies, _ = read_document(source)
    if isinstance(cookies, Problem):
        return Problem(f"the cookies given as text cannot be read: {cookies}"), None
    return cookies, None


def _read_path(path: str | bytes, site: Site, *, shown: bool) -> tuple[Cookies, CookieFile | None]:
    """Return the cookies of a file, and the file.

    :param shown: whether the path may be shown in a sentence: it may be a secret after all.
    """
    path = os.fsdecode(path)
    try:
        file = CookieFile(path, site)
    except (OSError, ValueError):  # nothing that could be a path
        return Problem("the text is neither cookies (it has no '=') nor a path"), None
    cookies = file.load()
    if not isinstance(cookies, Problem):
        return cookies, file
    if shown:
        return Problem(f"the cookie file {path!r} cannot be read: {cookies}"), None
    # perhaps a bare token: what is no path for sure is not shown
    why = f"the cookies are a text without '=', so the path of a file, but {cookies}"
    return Problem(why), None


def _looks_like_path(text: str) -> bool:
    """Return whether *text* is a path and no token, so that an error may show it."""
    path = Path(text)
    if path.suffix.lower() in (".json", ".txt"):
        return True
    try:
        return len(path.parts) > 1 and path.expanduser().parent.is_dir()
    except (OSError, RuntimeError, KeyError, ValueError):  # too long, no such home, a NUL: no path
        return False
