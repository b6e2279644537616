"""The cookies of one client: what it was given, what it has, what it sends where."""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
import time
import warnings
from contextlib import ExitStack, contextmanager, suppress
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Sequence

from requests import PreparedRequest
from requests.cookies import RequestsCookieJar

from ...errors import CookieFileWarning, UsageError
from ...futures import renew_locks_after_fork
from ...options import is_hub, is_loopback
from ...secret import Secret, safe_repr
from ...values import Value, with_fields
from .values import Cookie, Site, UnusableError, choose, from_set_cookie, make_jar

if TYPE_CHECKING:
    from .file import CookieFile, Wanted

SESSION = "hf-chat"  # the cookie by which a chat server knows somebody

_log = logging.getLogger(__name__)


@with_fields
class Latest(Value):
    """The cookies of a store: they are these until one changes, or the first of them expires.

    :param header: the text that is sent of them, where it is the same for every path.
    """

    cookies: tuple[Cookie, ...] = ()
    names: tuple[str, ...] = ()
    header: Secret = Secret(None)
    until: float = inf


class CookieStore:
    """The cookies of one client, for the origin of its base URL and for no other.

    Threads may share it. A ``repr`` names the cookies and never shows a value. It keeps what the
    server hands out, for its life or, where the cookies were given as a file, in that file.
    """

    def __init__(self, base_url: str) -> None:
        site = Site.of(base_url)
        if site is None:
            raise UsageError("the base URL is no http or https address")
        self._site = site
        self._needed = ("token", SESSION) if is_hub(base_url) else ()
        self._is_safe = site.scheme == "https" or is_loopback(base_url)
        self.start = site.origin + "/"
        self._file: CookieFile | None = None
        self._live: Wanted = {}  # what is sent; None for what is to go from the file, too
        self._good: dict[str, Cookie] = {}  # given by the user, or confirmed
        self._expired: tuple[str, ...] = ()
        self.latest = Latest()
        renew_locks_after_fork(self)

    @classmethod
    def read(cls, source: object, base_url: str) -> CookieStore:
        """Return the cookies that *source* holds for the host of *base_url*.

        Cookies without a domain are all kept; of those with one, the ones for the host that have
        not expired (the others: :attr:`expired`).

        :param source: a dict, a ``SimpleCookie``, a cookie jar, the text of a ``Cookie`` header,
            JSON or Netscape text, a browser's export, a HAR, a command copied as cURL, a path, or
            ``None``; or a :class:`Secret` that holds it. Renewals are written to a file it names.
        :raises UsageError: no cookies can be read from *source*, or all are for other sites; it
            says why, without values.
        """
        source = Secret.of(source)
        store = cls(base_url)
        given, store._file = _read(source, store._site)
        store._accept(given)
        if given and not store.names and not store.expired:
            domains = sorted({cookie.domain.lstrip(".") for cookie in given if cookie.domain})
            where = f" in {str(store.file)!r}" if store.file else ""
            some = ", ".join(domains[:3]) + (", …" if len(domains) > 3 else "")
            raise UsageError(
                f"none of the cookies given{where} can be used for {store._site.host}: they are "
                f"for {some or 'nobody'}"
            )
        return store

    @safe_repr
    def __repr__(self) -> str:
        return f"<CookieStore for {self._site.origin}: {', '.join(self.names) or '(none)'}>"

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            state = dict(self.__dict__, _live=dict(self._live), _good=dict(self._good))
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        renew_locks_after_fork(self)

    def renew_locks(self) -> None:
        """Take a new lock."""
        self._lock = threading.Lock()

    # what is there ---------------------------------------------------------------------------

    def refresh(self) -> Latest:
        """Return :attr:`latest`, made anew where a cookie has expired meanwhile."""
        if time.time() >= self.latest.until:
            with self._lock:
                self._update()
        return self.latest

    def _update(self) -> None:
        """Make :attr:`latest` anew, after every change and under its lock."""
        now = time.time()
        cookies = tuple(one for one in self._live.values() if one and not one.has_expired(now))
        ends = (cookie.expires for cookie in cookies if cookie.expires is not None)
        for_all = all(cookie.path == "/" for cookie in cookies)
        self.latest = Latest(
            cookies,
            tuple(cookie.name for cookie in cookies),
            Secret(self._header(cookies, "/") if for_all else None),
            min(ends, default=inf),
        )

    def values(self) -> dict[str, str]:
        """Return name → value of the cookies that are there."""
        return {cookie.name: cookie.value for cookie in self.refresh().cookies}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the cookies that are there."""
        return self.refresh().names

    @property
    def expired(self) -> tuple[str, ...]:
        """The names of the cookies that were given for this host, but have expired."""
        now, there = time.time(), self.names
        with self._lock:
            late = [name for name, cookie in self._good.items() if cookie.has_expired(now)]
        return tuple(name for name in dict.fromkeys((*self._expired, *late)) if name not in there)

    def missing(self) -> tuple[str, ...]:
        """Return the names that the host needs for a signed-in user and that are not there."""
        names = self.names
        return tuple(name for name in self._needed if name not in names)

    @property
    def file(self) -> Path | None:
        """The file that renewals are written to."""
        return self._file.path if self._file else None

    @property
    def jar(self) -> RequestsCookieJar:
        """A copy of the cookies as a jar of requests, all for the host of the base URL."""
        return make_jar(self.refresh().cookies, self._site)

    # what is sent ----------------------------------------------------------------------------

    def put_on(self, request: PreparedRequest) -> PreparedRequest:
        """Return *request* with the cookies for its URL on it, beside those that it has.

        Those are of a session that the user gave; where both know a name, ours counts.
        """
        header = self.header(request.url or "")
        if header:
            names = {pair.partition("=")[0].strip() for pair in header.split(";")}
            there = (pair.strip() for pair in request.headers.get("Cookie", "").split(";"))
            kept = [pair for pair in there if pair and pair.partition("=")[0].strip() not in names]
            request.headers["Cookie"] = "; ".join([*kept, header])
        return request

    def header(self, url: str) -> str | None:
        """Return the ``Cookie`` header for a URL; ``None`` where there is nothing to send.

        Only the base URL's own scheme, host and port get cookies: another port of a host may be
        another program, and another scheme an eavesdropper. Cookies marked Secure go over plain
        http to this machine only, or back to the server that handed them out over plain http.
        """
        site = Site.of(url)
        if site is None or site.origin != self._site.origin:
            return None
        return self._header(self.refresh().cookies, site.path) or None

    def _header(self, cookies: Sequence[Cookie], path: str) -> str:
        sent = [one for one in cookies if one.fits(path) and (self._is_safe or not one.secure)]
        sent.sort(key=lambda cookie: -len(cookie.path))  # RFC 6265, 5.4
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in sent)

    # what changes it -------------------------------------------------------------------------

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
        headers, site = Secret(list(set_cookie_headers)), Site.of(url)
        del url, set_cookie_headers  # what is raised here may show locals
        if headers.value and site is not None and site.origin == self._site.origin:
            self._take(headers, site, signed_out)
            self._write()

    def _take(self, headers: Secret, site: Site, signed_out: bool) -> None:
        now = time.time()
        with self._lock:
            for raw in headers.value:
                cookie = from_set_cookie(raw, site, now)
                if cookie is not None and (not signed_out or self._is_harmless(cookie, now)):
                    self._keep(cookie, now)
            self._update()

    def _is_harmless(self, cookie: Cookie, now: float) -> bool:
        there = self._live.get(cookie.name)
        if there is None:
            return not self._good  # nobody is signed in here: an anonymous session may begin
        return there.value == cookie.value and not cookie.has_expired(now)

    def _keep(self, cookie: Cookie, now: float) -> None:
        name, good = cookie.name, self._good.get(cookie.name)
        if not cookie.has_expired(now):
            self._live[name] = cookie
            if good is not None and good.value == cookie.value:
                self._good[name] = cookie
        elif good is None:
            self._live[name] = None
        else:  # the file keeps what the user gave
            self._live.pop(name, None)

    def confirm(self) -> None:
        """Say that the server knows the user by the cookies of now: :meth:`restore` goes here."""
        with self._lock:
            self._good = {name: cookie for name, cookie in self._live.items() if cookie}

    def restore(self) -> None:
        """Put back the cookies that were given or confirmed, into the file as well."""
        with self._lock:
            self._live.update(self._good)
            self._update()
        self._write()

    def adopt(self, source: object) -> None:
        """Take the cookies of a new sign-in in place of the ones of the same names.

        :param source: any form that :meth:`read` takes.
        :raises UsageError: no cookies can be read from it.
        """
        source = Secret.of(source)
        self._accept(_read(source, self._site)[0])
        self._write()

    def _accept(self, cookies: list[Cookie]) -> None:
        """Take cookies of the user's, of which one per name is for this host."""
        now = time.time()
        chosen = [one for one in choose(cookies, self._site, now).values() if _is_usable(one)]
        expired = tuple(cookie.name for cookie in chosen if cookie.has_expired(now))
        if expired:
            _log.warning("cookies that have expired are not used: %s", ", ".join(expired))
        with self._lock:
            self._expired = expired
            for cookie in chosen:
                if cookie.name not in expired:
                    self._live[cookie.name] = self._good[cookie.name] = cookie
            self._update()

    # the file --------------------------------------------------------------------------------

    def leave_file(self) -> None:
        """Write to no file from now on."""
        self._file = None

    def reload(self) -> bool:
        """Read the file again; return whether another job has put other values there."""
        before = Secret(self.values())
        if self._file is not None:
            with suppress(UnusableError):  # then there is nothing to take from it
                self._accept(self._file.load())
        return bool(self.values() != before.value)

    @contextmanager
    def visit_first(self, wait: float) -> Iterator[None]:
        """Hold back other programs with the same file until the first cookies are in it.

        What one of them was handed out meanwhile is read, and then nobody is held back.

        :param wait: seconds, after which two sessions are begun rather than none.
        """
        with ExitStack() as stack:
            if self._file is not None:
                from .disk import hold_lock_of

                first = Path(f"{self.file}.first")
                with suppress(OSError):  # a disk without locks, or a lock that nobody gives back
                    stack.enter_context(hold_lock_of(first, max(0.0, wait)))
                if self.reload():
                    stack.close()
            yield

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the cookies to a JSON file of their own, ``{name: value}``; return its path.

        Only the owner can read it.

        :raises UsageError: it cannot be written.
        """
        from .disk import hold_lock_of, replace_file

        target = Path(os.path.realpath(os.path.expanduser(os.fspath(path))))
        text = Secret(json.dumps(self.values()) + "\n")
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with hold_lock_of(target):
                replace_file(target, text)
        except OSError as error:
            why = os.strerror(error.errno or errno.EIO)
            raise UsageError(f"the cookie file {str(target)!r} cannot be written: {why}") from error
        return target

    def _wanted(self) -> Wanted:
        with self._lock:
            return dict(self._live)

    def _write(self) -> None:
        problem = ""
        try:
            if self._file is not None:
                self._file.renew(self._wanted)
        except UnusableError as error:
            problem = f"renewed cookies are not in the file {str(self.file)!r}: {error}"
        if problem:
            try:
                warnings.warn(problem, CookieFileWarning, stacklevel=3)
            except CookieFileWarning:  # where warnings are errors: no answer is lost over it
                _log.warning("%s", problem)


def _read(source: Secret, site: Site) -> tuple[list[Cookie], CookieFile | None]:
    """Return the cookies of the user's; the one place where a form that is wrong is raised."""
    from .file import read_source  # here: many servers hand out cookies, and are given none

    try:
        return read_source(source, site)
    except UnusableError as error:
        problem = str(error)
    raise UsageError(problem)


def _is_usable(cookie: Cookie) -> bool:
    problem = cookie.find_flaw()
    if problem and not cookie.domain:
        raise UsageError(problem)
    if problem:
        # a browser's export is not to be refused over some other part of the site
        _log.warning("a cookie of %s that no header can carry is not used", cookie.domain)
    return not problem
