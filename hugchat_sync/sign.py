"""Signing in with e-mail and password; ends with cookies, nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import requests
from requests.cookies import RequestsCookieJar

from .auth import Secret
from .connection import checked_base_url
from .cookies import CookieStore, file_of
from .errors import UsageError


class Sign:
    """The sign-in of one account, and the file that its cookies are kept in.

    :param passwd: needed for :meth:`login` only; it is never stored, logged or shown.
    :param hub_url: the identity provider; default the origin that ``{base_url}/login`` leads to.
    """

    def __init__(
        self,
        email: str,
        passwd: str | None = None,
        *,
        base_url: str | None = None,
        hub_url: str | None = None,
        session: requests.Session | None = None,
    ) -> None:
        self._passwd, passwd = Secret(passwd or ""), None
        self.email = email
        self._base_url = checked_base_url(base_url)
        self._hub_url = hub_url
        self._session = session
        self._store = CookieStore.empty(self._base_url)

    @property
    def cookies(self) -> RequestsCookieJar:
        """A copy of the cookies; its ``repr`` shows no values."""
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
