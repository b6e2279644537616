"""The cookies of one client: what it was given, what it has, what it sends where."""

from __future__ import annotations

import logging
import os
import threading
import time
import warnings
from contextlib import ExitStack, contextmanager, suppress
from math import inf
from pathlib import Path
from typing import Any, Iterable, Iterator, Sequence

from requests.cookies import RequestsCookieJar

from ...errors import CookieFileWarning, UsageError
from ...futures import begin
from ...secret import safe_repr
from ...values import replace
from .disk import locked, write_new
from .documents import blank
from .file import CookieFile, Source, Wanted, from_path, read_source, usable
from .forms import Cookies, from_set_cookie
from .values import Cookie, Hidden, Problem, Site, make_jar

_NEEDED = {"huggingface.co": ("token", "hf-chat")}

_log = logging.getLogger(__name__)


class CookieStore:
    """The cookies of one client, for the origin of its base URL and for no other.

    Threads may share it. A ``repr`` names the cookies and never shows a value.
    """

    def __init__(
        self, base_url: str, cookies: Iterable[Cookie] = (), file: CookieFile | None = None
    ) -> None:
        site = Site.of(base_url)
        if site is None:
            raise UsageError("the base URL is no http or https address")
        self._site = site
        self._start = site.start
        self._file = file
        self._live: dict[str, Cookie] = {}  # what is sent
        self._good: dict[str, Cookie] = {}  # given by the user, or confirmed
        self._gone: set[str] = set()
        self._expired: tuple[str, ...] = ()
        self._found: tuple[Cookie, ...] = ()  # those of now, until one changes or expires
        self._is_changed, self._until, self._version = True, inf, 0
        self._header = Hidden(None)  # of this version, where it is the same for every path
        begin(self)
        self._accept(list(cookies))

    @classmethod
    def read(
        cls,
        source: object,
        base_url: str,
        *,
        file: str | os.PathLike[str] | None = None,
    ) -> CookieStore:
        """Return the cookies that *source* holds for the host of *base_url*.

        Cookies without a domain are all kept; of those with one, the ones for the host that have
        not expired (the others: :attr:`expired`).

        :param source: a dict, a ``SimpleCookie``, a cookie jar, the text of a ``Cookie`` header,
            JSON or Netscape text, a browser's export, a HAR, a command copied as cURL, a path, or
            ``None``.
        :param file: where renewals are written; the file that *source* names when ``None``.
        :raises UsageError: no cookies can be read from *source*, or all are for other sites; it
            says why, without values.
        """
        source = Hidden(source)
        store = cls(base_url)
        if source.value is None:
            return cls.empty(base_url, file)
        found = read_source(source, store._site, time.time())
        store._file = found.file if file is None else _open(file, store._site).file
        store._accept(found.cookies)
        store._require_any(found.cookies)
        return store

    @classmethod
    def empty(cls, base_url: str, file: str | os.PathLike[str] | None = None) -> CookieStore:
        """Return a store that keeps what the server hands out, for its life or in a file.

        :param file: need not exist yet; if it does, its cookies are the first ones.
        :raises UsageError: the file exists and is no cookie file.
        """
        store = cls(base_url)
        if file is not None:
            found = _open(file, store._site)
            store._file = found.file
            store._accept(found.cookies)
        return store

    @safe_repr
    def __repr__(self) -> str:
        scheme, host, port = self._site.origin
        names = ", ".join(self.names) or "(none)"
        return f"<CookieStore for {scheme}://{host}:{port}: {names}>"

    def __bool__(self) -> bool:
        return bool(self._current())

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            state = dict(self.__dict__, _live=dict(self._live), _good=dict(self._good))
            state["_gone"] = set(self._gone)
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        begin(self)

    def begin_anew(self) -> None:
        """Take a new lock."""
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the cookies that are there."""
        return tuple(cookie.name for cookie in self._current())

    @property
    def expired(self) -> tuple[str, ...]:
        """The names of the cookies that were given for this host, but have expired."""
        now, there = time.time(), self.names
        with self._lock:
            late = [name for name, cookie in self._good.items() if cookie.expired(now)]
        return tuple(name for name in dict.fromkeys((*self._expired, *late)) if name not in there)

    @property
    def file(self) -> Path | None:
        """The file that renewals are written to."""
        return self._file.path if self._file else None

    @property
    def jar(self) -> RequestsCookieJar:
        """A copy of the cookies as a jar of requests, all for the host of the base URL."""
        return make_jar(self._current(), self._site)

    def leave_file(self) -> None:
        """Write to no file from now on."""
        self._file = None

    def header(self, url: str) -> str | None:
        """Return the ``Cookie`` header for a URL; ``None`` where there is nothing to send.

        Only the base URL's own scheme, host and port get cookies: another port of a host may be
        another program, and another scheme an eavesdropper. Cookies marked Secure go over plain
        http to this machine only, or back to the server that handed them out over plain http.
        """
        version, cookies = self.version(), self._found
        if self._header.value and url.startswith(self._start):
            return str(self._header.value)
        site = Site.of(url)
        if site is None or site.origin != self._site.origin:
            return None
        safe = site.scheme == "https" or site.loopback
        usable = [cookie for cookie in cookies if safe or not cookie.secure]
        sent = [cookie for cookie in usable if cookie.fits(site.path)]
        sent.sort(key=lambda cookie: -len(cookie.path))  # RFC 6265, 5.4
        text = "; ".join(f"{cookie.name}={cookie.value}" for cookie in sent)
        if all(cookie.path == "/" for cookie in usable):
            with self._lock:
                if version == self._version:
                    self._header = Hidden(text)
        return text or None

    def missing(self) -> tuple[str, ...]:
        """Return the names that the host needs for a signed-in user and that are not there."""
        names = self.names
        return tuple(name for name in _NEEDED.get(self._site.host, ()) if name not in names)

    def received(
        self, url: str, set_cookie_headers: Sequence[str], *, signed_out: bool = False
    ) -> None:
        """Take the ``Set-Cookie`` values of an answer, into the file as well if there is one.

        A write that fails is a :class:`CookieFileWarning`.

        :param url: whose answer it was; that of another origin changes nothing.
        :param set_cookie_headers: each header's own text, not joined.
        :param signed_out: the answer is one that signed-out users get (a redirect, 401, 403): it
            may renew what is there, but neither replace nor remove it. (The redirect that ends
            a sign-in is none of these.)
        """
        headers, site = Hidden(list(set_cookie_headers)), Site.of(url)
        del url, set_cookie_headers  # a warning may be an error, and its traceback shows locals
        if headers.value and site is not None and site.origin == self._site.origin:
            self._take(headers, site, signed_out)
            self._write()

    def confirm(self) -> None:
        """Say that the server knows the user by the cookies of now: :meth:`restore` goes here."""
        with self._lock:
            self._good = dict(self._live)

    def restore(self) -> None:
        """Put back the cookies that were given or confirmed, into the file as well."""
        with self._lock:
            self._live.update(self._good)
            self._gone.difference_update(self._good)
            self._is_changed = True
        self._write()

    def adopt(self, source: object) -> None:
        """Take the cookies of a new sign-in in place of the ones of the same names.

        :param source: any form that :meth:`read` takes.
        :raises UsageError: no cookies can be read from it.
        """
        source = Hidden(source)
        self._accept(read_source(source, self._site, time.time()).cookies)
        self._write()

    def reload(self) -> bool:
        """Read the file again; return whether another job has put other values there."""
        cookies = self._file.load() if self._file else Problem("no file")
        if isinstance(cookies, Problem):
            return False
        before = self._current()
        self._accept(cookies)
        return {c.name: c.value for c in before} != {c.name: c.value for c in self._current()}

    @contextmanager
    def begun_alone(self, wait: float) -> Iterator[None]:
        """Hold back other programs with the same file until the first cookies are in it.

        What one of them was handed out meanwhile is read, and then nobody is held back.

        :param wait: seconds, after which two sessions are begun rather than none.
        """
        with ExitStack() as stack:
            if self._file is not None:
                with suppress(OSError):  # a disk without locks, or a lock that nobody gives back
                    stack.enter_context(locked(self._file.beside("first"), max(0.0, wait)))
                if self.reload():
                    stack.close()
            yield

    def save(self, path: str | os.PathLike[str], format: str = "json") -> Path:  # noqa: A002
        """Write the cookies to a file of their own, readable by its owner only; return its path.

        :param format: ``"json"`` (``{name: value}``) or ``"netscape"`` (cookies.txt).
        :raises UsageError: it cannot be written, or there is no such format.
        """
        if format not in ("json", "netscape"):
            raise UsageError(f"there is no cookie file format {format!r}: json, netscape")
        document = blank(netscape=format == "netscape")
        for cookie in self._current():
            document.put(cookie, self._site, time.time())
        target = Path(os.path.realpath(os.path.expanduser(os.fspath(path))))
        problem = write_new(target, Hidden(document.text()))
        if problem:
            raise UsageError(f"the cookie file {str(target)!r} cannot be written: {problem}")
        return target

    def version(self) -> int:
        """Return a number that changes when another cookie is sent than before."""
        self._current()
        return self._version

    def _current(self) -> tuple[Cookie, ...]:
        """Return the cookies that are there now."""
        now = time.time()
        with self._lock:
            if self._is_changed or now >= self._until:
                found = tuple(
                    one for one in self._live.values() if one.expires is None or one.expires > now
                )
                if list(map(_sent, found)) != list(map(_sent, self._found)):
                    self._version += 1
                    self._header = Hidden(None)
                ends = (cookie.expires for cookie in found if cookie.expires is not None)
                self._found, self._until, self._is_changed = found, min(ends, default=inf), False
            return self._found

    def _accept(self, cookies: Cookies) -> None:
        """Take cookies of the user's; the one place where a form that is wrong is raised."""
        now = time.time()
        chosen = usable(cookies, self._site, now)
        del cookies
        if isinstance(chosen, Problem):
            raise UsageError(str(chosen))
        expired = tuple(cookie.name for cookie in chosen if cookie.expired(now))
        if expired:
            _log.warning("cookies that have expired are not used: %s", ", ".join(expired))
        with self._lock:
            self._expired = expired
            self._is_changed = True
            for cookie in chosen:
                if cookie.name not in expired:
                    self._live[cookie.name] = self._good[cookie.name] = cookie
                    self._gone.discard(cookie.name)

    def _require_any(self, given: Cookies) -> None:
        """Refuse cookies that were given and of which none is for this host."""
        if isinstance(given, Problem) or not given or self.names or self.expired:
            return
        domains = sorted({cookie.domain.lstrip(".") for cookie in given if cookie.domain})
        where = f" in {str(self.file)!r}" if self.file else ""
        some = ", ".join(domains[:3]) + (", …" if len(domains) > 3 else "")
        raise UsageError(
            f"none of the cookies given{where} can be used for {self._site.host}: they are for "
            f"{some or 'nobody'}"
        )

    def _take(self, headers: Hidden, site: Site, signed_out: bool) -> None:
        now = time.time()
        with self._lock:
            for raw in headers.value:
                cookie = from_set_cookie(raw, site, now)
                if cookie is not None and (not signed_out or self._harmless(cookie, now)):
                    self._apply(cookie, now)

    def _harmless(self, cookie: Cookie, now: float) -> bool:
        held = self._live.get(cookie.name)
        if held is None:
            return not self._good  # nobody is signed in here: an anonymous session may begin
        return held.value == cookie.value and not cookie.expired(now)

    def _apply(self, cookie: Cookie, now: float) -> None:
        name = cookie.name
        self._is_changed = True
        if cookie.expired(now):
            self._live.pop(name, None)
            if name not in self._good:
                self._gone.add(name)  # the file keeps what the user gave
            return
        if self._site.scheme == "http":
            # It came in the clear, so it may go back so: old servers mark it Secure all the same.
            cookie = replace(cookie, secure=False)
        self._live[name] = cookie
        self._gone.discard(name)
        if name in self._good and self._good[name].value == cookie.value:
            self._good[name] = cookie

    def _wanted(self) -> Wanted:
        with self._lock:
            return dict(self._live), set(self._gone)

    def _write(self) -> None:
        problem = self._file.renew(self._wanted) if self._file else None
        if self._file and problem:
            path = str(self._file.path)
            warnings.warn(
                f"renewed cookies are not in the file {path!r}: {problem}",
                CookieFileWarning,
                stacklevel=3,
            )


def _open(path: str | os.PathLike[str], site: Site) -> Source:
    found = from_path(os.fspath(path), site, shown=True, must_exist=False)
    if isinstance(found.cookies, Problem):
        raise UsageError(str(found.cookies))
    return found


def _sent(cookie: Cookie) -> tuple[str, str, str, bool]:
    return cookie.name, cookie.value, cookie.path, cookie.secure
