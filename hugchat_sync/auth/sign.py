"""Signing in with e-mail and password; ends with cookies, nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import requests
from requests.cookies import RequestsCookieJar

from ..errors import UsageError, WrongPassword
from ..options import check_base_url
from ..secret import Secret, safe_repr
from .cookies.disk import file_of
from .cookies.store import CookieStore
from .hub.flow import SignInFlow


class Sign:
    """The sign-in of one account, and the file that its cookies are kept in.

    :param passwd: needed for :meth:`login` only; it is never logged or shown, and forgotten once
        it was used.
    :param hub_url: the identity provider; default the origin that ``{base_url}/login`` leads to.
    :param session: a ``requests.Session`` of yours (proxies, adapters); it is never changed.
    :param allow_insecure: accept plain http addresses other than this machine's.
    """

    def __init__(
        self,
        email: str,
        passwd: str | None = None,
        *,
        base_url: str | None = None,
        hub_url: str | None = None,
        session: requests.Session | None = None,
        allow_insecure: bool = False,
    ) -> None:
        self._passwd, passwd = Secret(passwd or ""), None
        if not isinstance(email, str) or not isinstance(self._passwd.value, str):
            raise UsageError("an e-mail and a password are texts")
        self.email = email
        address, base_url = Secret(base_url), None
        hub, hub_url = Secret(hub_url.strip() if isinstance(hub_url, str) else hub_url), None
        self._base_url = check_base_url(address, allow_insecure=allow_insecure)
        self._hub_url = check_base_url(hub, allow_insecure=allow_insecure) if hub else None
        self._insecure = allow_insecure
        self._session = session
        self._store = CookieStore(self._base_url)

    @safe_repr
    def __repr__(self) -> str:
        return f"<Sign of {self.email} at {self._base_url}>"

    @property
    def cookies(self) -> RequestsCookieJar:
        """A copy of the cookies; its ``repr`` shows no values."""
        return self._store.jar

    def login(
        self, save: bool = False, cookie_dir_path: str | os.PathLike[str] | None = None
    ) -> RequestsCookieJar:
        """Sign in with the password and return the cookies of the session.

        The password is sent once, to the identity provider and nowhere else, and then forgotten.
        An application that the account has not allowed yet is allowed on the way.

        :param save: write the cookies to ``<dir>/<email>.json``, as :meth:`saveCookiesToDir` does.
        :raises UsageError: there is no password, or no e-mail; nothing was sent.
        :raises WrongPassword: e-mail and password do not belong together; it is not tried again.
        :raises LoginFailed: a step did not work; ``step`` names it, and the subclass says what it
            takes: a consent, a second factor, a human.
        :raises TransportError: there is no network, or no such server; ``step`` tells how far it
            went.
        """
        if not self._passwd:
            raise UsageError(
                "there is no password to sign in with (it is forgotten once it was used): make a "
                "new Sign with the password, or load saved cookies"
            )
        if not self.email.strip():
            raise UsageError("an e-mail is needed to sign in")
        target = file_of(self.email, cookie_dir_path) if save else None  # before it costs anything
        flow = SignInFlow(
            self._base_url,
            hub_url=self._hub_url,
            session=self._session,
            insecure=self._insecure,
        )
        try:
            cookies = flow.run(self.email, self._passwd)
        except WrongPassword:
            self._passwd = Secret("")
            raise
        self._passwd = Secret("")
        self._store = CookieStore.read(cookies, self._base_url)
        if target is not None:
            self._store.save(target)
        return self._store.jar

    def saveCookiesToDir(self, cookie_dir_path: str | os.PathLike[str] | None = None) -> str:
        """Write the cookies to ``<dir>/<email>.json``, for the owner's eyes only; return its path.

        :param cookie_dir_path: default the user's own configuration directory.
        """
        return str(self._store.save(file_of(self.email, cookie_dir_path)))

    def loadCookiesFromDir(
        self, cookie_dir_path: str | os.PathLike[str] | None = None
    ) -> RequestsCookieJar:
        """Read the cookies from ``<dir>/<email>.json`` and return them.

        Files written by hugchat_api and hugchat are read as well.

        :raises UsageError: there is no such file, or it holds no cookies.
        """
        path = Path(file_of(self.email, cookie_dir_path))
        if not path.exists():
            raise UsageError(
                f"no cookies of {self.email} are saved in {path.parent}; sign in first"
            )
        self._store = CookieStore.read(path, self._base_url)
        return self._store.jar
