"""The steps of a sign-in, each looked at by hand: no redirect is ever followed unseen.

Two places take part: the chat server and its identity provider, the hub. Each is sent its own
cookies, by the rules of a browser; on huggingface.co both are one. What is read here was measured
on servers of 2023-10, 2024-04, 2024-12, 2025-08 and 2026-08; the hub's own side is known from
clients of 2023-10 and 2025-06 alone.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from math import inf
from typing import Iterator, Mapping, Sequence, Tuple
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import requests
from requests import PreparedRequest
from requests.cookies import RequestsCookieJar

from ...calls import Call, Reply, Request, no_error
from ...dialects.errors import is_redirect, target_of
from ...errors import ConsentMissing, HugChatError, LoginFailed
from ...options import Timeout, is_loopback
from ...secret import Secret
from ...transport.http import Sender, Transport
from ..cookies.store import SESSION, CookieStore
from .pages import (
    Page,
    explain_page,
    explain_signed_out,
    explain_status,
    origin_of,
    refuse_challenge,
    refuse_obstacle,
    refuse_password,
)

_TIMEOUT = Timeout(connect=10, idle=30, progress=60, total=60)  # of one request
_LARGEST = 4 * 1024 * 1024  # bytes of a page
_MOST_HOPS = 5  # redirects within the hub, before the callback
_OF_THE_FLOW = ("hfChat-codeVerifier", "hfChat-loginRetry")  # of no use once it is over
_PAGE = {"Accept": "text/html, application/json;q=0.9"}
_JSON = {"Accept": "application/json"}
_CONSENT_ERRORS = ("consent_required", "interaction_required", "access_denied")

Fields = Tuple[Tuple[str, str], ...]


class SignInFlow:
    """One sign-in at a chat server.

    :param base_url: of the chat server, checked.
    :param hub_url: of the identity provider; default the origin that the chat server leads to.
    :param cookies: of an earlier sign-in, to renew it without a password.
    :param insecure: the hub may be plain http elsewhere than on this machine.
    :param deadline: when it must be over, by the monotonic clock.
    """

    def __init__(
        self,
        base_url: str,
        *,
        hub_url: str | None = None,
        session: requests.Session | None = None,
        cookies: RequestsCookieJar | None = None,
        insecure: bool = False,
        deadline: float = inf,
    ) -> None:
        self._base_url = base_url
        self._login_path = urlsplit(base_url).path.rstrip("/") + "/login"
        self._hub_url = (hub_url or "").rstrip("/")
        self._session = session
        self._insecure = insecure
        self._deadline = deadline
        self._chat = self._hub = _Party(base_url, cookies, session, deadline)
        self._authorize_url = ""
        self._password = Secret("")

    def run(self, email: str = "", password: Secret | None = None) -> RequestsCookieJar:
        """Go through it, and return the cookies for the chat server.

        :param password: that of *email*; without it the cookies of an earlier sign-in have to do.
        """
        try:
            with self._step("start"):
                self._start()
            if password is not None:
                with self._step("password"):
                    self._send_password(email, password)
            with self._step("authorize"):
                reply, target = self._authorize()
            if not target:
                with self._step("consent"):
                    target = self._give_consent(reply)
            with self._step("callback"):
                self._call_back(target)
            return _without(self._chat.store.jar, *_OF_THE_FLOW)
        finally:
            self._password = Secret("")
            self._chat.close()
            self._hub.close()

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Say in every error that passes at which step it happened, and show no secret in it."""
        try:
            yield
        except HugChatError as error:
            error.step = name
            error.args = (f"sign-in, step {name!r}: {error}",)
            error.hide(self._secrets())  # a page may have what we sent
            raise

    def _secrets(self) -> Iterator[str]:
        yield self._password.value
        yield quote_plus(self._password.value)
        for party in (self._chat, self._hub):
            yield from party.store.values().values()

    # the steps -------------------------------------------------------------------------------

    def _start(self) -> None:
        """Ask the chat server where to sign in.

        Source: GET /login, chat-ui since 2025-06: 302. Before, POST /login with an empty form:
        200 with the redirect as JSON, or 303; the GET was 500 until 2024, then a page with 200.
        """
        reply = self._chat.get(self._login_path)
        target = target_of(reply)
        if not _is_authorize(target):
            target = self._start_by_post(reply)
        found = origin_of(target)
        self._hub_url = self._hub_url or found
        if found != origin_of(self._hub_url):
            raise LoginFailed(
                f"the chat server signs in at {found}, not at {self._hub_url}; nothing was sent "
                "there"
            )
        if not found.startswith("https://") and not is_loopback(found) and not self._insecure:
            raise LoginFailed(f"{found} is plain http; nothing was sent there")
        self._authorize_url = target
        if found != self._chat.origin:
            # by the rules of a browser cookies know hosts, and no ports; but the session is none of
            # the hub's business, also where it lives on the same host
            ours = _without(self._chat.store.jar, SESSION, *_OF_THE_FLOW)
            self._hub = _Party(found, ours, self._session, self._deadline)

    def _start_by_post(self, reply: Reply) -> str:
        """Return the authorize URL of a server that wants to be asked by POST."""
        refuse_challenge(reply)
        if reply.status >= 400 and reply.status not in (405, 500):
            raise explain_status(reply)
        second = self._chat.post(self._login_path, (), f"{self._base_url}/login")
        refuse_challenge(second)
        target = target_of(second)
        if not _is_authorize(target):
            raise LoginFailed(
                f"{self._base_url}/login leads to no identity provider (it answered "
                f"{reply.status}, and {second.status} to a POST); either this server has no "
                "sign-in and needs no cookies, or the base URL is not that of the chat"
            )
        return target

    def _send_password(self, email: str, password: Secret) -> None:
        """Sign in at the hub with e-mail and password, which is sent once.

        Source: POST /login of huggingface.co, fields ``username`` and ``password``.
        """
        url, self._password = f"{self._hub_url}/login", password
        self._hub.form = (email, password)
        try:
            reply = self._hub.post(_path_of(url), (), url, _PAGE)
        finally:
            self._hub.form = None
        refuse_password(reply)
        if is_redirect(reply):
            self._require_known_host(target_of(reply))
        if "set-cookie" not in reply.headers:
            raise LoginFailed(
                f"{self._hub.origin} took the form, but signed nobody in; sign in with a browser "
                "once and look at what it asks for"
            )

    def _authorize(self) -> tuple[Reply, str]:
        """Return the hub's answer and where it leads to; ``""`` if it is the page for consent.

        Source: GET /oauth/authorize: a redirect to the callback, or a page with a form that has
        ``csrf``, which is posted to the very same URL.
        """
        url = self._authorize_url
        for _ in range(_MOST_HOPS):
            reply = self._hub.get(_path_of(url), _PAGE)
            if not is_redirect(reply):
                if reply.status != 200 or Page(reply).consent(self._authorize_url) is None:
                    raise explain_page(reply, origin_of(url))
                return reply, ""
            url = target_of(reply)
            if _is_callback(url, self._chat.origin):
                return reply, url
            self._require_known_host(url)
            refuse_obstacle(reply)
            if urlsplit(url).path.rstrip("/").endswith("/login"):
                raise explain_signed_out()
        raise LoginFailed(f"{self._hub_url} redirects without end")

    def _give_consent(self, page: Reply) -> str:
        """Give consent, and return the callback that the hub sends us to."""
        form = (("csrf", Page(page).consent(self._authorize_url) or ""),)
        path, origin = _path_of(self._authorize_url), self._hub.origin
        reply = self._hub.post(path, form, origin + "/", _PAGE)
        target = target_of(reply)
        if _is_callback(target, self._chat.origin):
            return target
        refuse_obstacle(reply)
        if reply.status == 429 or reply.status >= 500:
            raise explain_status(reply)
        if is_redirect(reply):
            self._require_known_host(target)
        raise ConsentMissing(
            f"{origin} did not take the consent (it answered {reply.status}); open the chat in a "
            "browser once and allow it there"
        )

    def _call_back(self, url: str) -> None:
        """Call the chat server back; its answer has the cookie of the session.

        Source: GET /login/callback, chat-ui 2023-10 … 2026-08: 302 to the chat with a cookie. A
        failure is 400, 403, 500, a page with 200 (2024-12), or a redirect to the sign-in.
        """
        refused = parse_qs(urlsplit(url).query).get("error", [""])[0]
        if refused:
            kind = ConsentMissing if refused in _CONSENT_ERRORS else LoginFailed
            reason = re.sub(r"[^\w .-]", "", refused)[:80]
            raise kind(f"{self._hub_url} refused: {reason}")
        if self._hub is not self._chat:
            self._chat.store.adopt(self._hub.store.jar)  # those of another host are left out
        reply = self._chat.get(_path_of(url), repeatable=False)
        path = urlsplit(target_of(reply)).path.rstrip("/")
        if is_redirect(reply) and "set-cookie" in reply.headers and path != self._login_path:
            return
        refuse_challenge(reply)
        if reply.status >= 400:
            raise explain_status(reply)
        raise LoginFailed(
            f"the chat server did not accept the hub's word (it answered {reply.status}); begin "
            "again, and if that does not help, ask whether the account is allowed there"
        )

    def _require_known_host(self, url: str) -> None:
        allowed = (origin_of(self._hub_url), self._chat.origin)
        if origin_of(url) not in allowed:
            raise LoginFailed(
                f"we are sent on to {origin_of(url) or 'nowhere'}, which is neither "
                f"{allowed[0]} nor {allowed[1]}; nothing was sent there "
                "(if it is the chat server by another name, use that one as base URL)"
            )


class _Party(Sender):
    """The chat server or the hub, which is sent its own cookies and no others.

    :param cookies: those that are for it are taken, which may be none.
    """

    #: E-mail and password, while their form is posted. A form given to requests as data would stand
    #: in the local variables of its frames, and ours.
    form: tuple[str, Secret] | None = None

    def __init__(
        self,
        url: str,
        cookies: RequestsCookieJar | None,
        session: requests.Session | None,
        deadline: float,
    ) -> None:
        self.origin = origin_of(url)
        self.store = CookieStore(url)
        self.store.adopt(cookies)
        self._deadline = deadline
        self._transport = Transport(
            self.origin, session=session, identity=self, timeout=_TIMEOUT, largest=_LARGEST
        )
        self.close = self._transport.close

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        if self.form:
            email, password = self.form
            request.body = urlencode((("username", email), ("password", password.value))).encode(
                "ascii"
            )
        return self.store.put_on(request)

    def received(self, url: str, set_cookie_values: Sequence[str], refused: bool) -> None:
        self.store.received(url, set_cookie_values)  # here a redirect is how things go well

    def get(self, path: str, headers: Mapping[str, str] = _JSON, repeatable: bool = True) -> Reply:
        """Return the reply, whatever it is."""
        return self._send(
            Request("GET", path, headers=headers, repeatable=repeatable, error=no_error)
        )

    def post(
        self, path: str, form: Fields, referer: str, headers: Mapping[str, str] = _JSON
    ) -> Reply:
        """Return the reply to a form, whatever it is."""
        headers = {**headers, "Origin": self.origin, "Referer": referer}
        return self._send(Request("POST", path, form=form, headers=headers, error=no_error))

    def _send(self, request: Request) -> Reply:
        patience = self._transport.patience(deadline=self._deadline)
        return self._transport.send(Call(request, lambda reply: reply), patience)


def _path_of(url: str) -> str:
    """Return path and query of a URL."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _is_authorize(url: str) -> bool:
    """Return whether this is the address of an identity provider (RFC 6749, 4.1.1)."""
    return "client_id" in parse_qs(urlsplit(url).query)


def _is_callback(url: str, origin: str) -> bool:
    """Return whether this is where the chat server awaits the hub's word (RFC 6749, 4.1.2)."""
    query = parse_qs(urlsplit(url).query)
    arrives = "state" in query and ("code" in query or "error" in query)
    return arrives and origin_of(url) == origin


def _without(jar: RequestsCookieJar, *names: str) -> RequestsCookieJar:
    """Return the jar, rid of the cookies of these names."""
    for cookie in [one for one in iter(jar) if one.name in names]:
        jar.clear(cookie.domain, cookie.path, cookie.name)
    return jar
