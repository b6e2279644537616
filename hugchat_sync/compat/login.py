"""Signing in by the old names, over :class:`hugchat_sync.Sign`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..auth.cookies.disk import file_of
from ..auth.cookies.values import QuietJar
from ..auth.sign import Sign
from ..secret import Secret

__all__ = ["Login"]

_FOLDER = "./usercookies"


class KeptDict(dict):  # type: ignore[type-arg]  # Python 3.8 has no dict[str, str] to derive from
    """Cookies as a dict that remembers the file they are kept in."""

    def __init__(self, cookies: Any, file: str | None) -> None:
        super().__init__(cookies)
        self.file = file
        self.kept = dict(cookies)


class KeptJar(QuietJar):
    """A cookie jar that remembers the file its cookies are kept in."""

    file: str | None = None
    kept: dict[str, Any] | None = None

    def get_dict(self, domain: str | None = None, path: str | None = None) -> dict[str, Any]:
        """Return the cookies as a dict that remembers the file, too."""
        return KeptDict(super().get_dict(domain, path), self.file)


def source_of(held: Secret) -> Secret:
    """Return the file that cookies are kept in, where there is one: renewals are written there.

    Cookies that were changed since they came from the file are returned as they are.
    """
    file = getattr(held.value, "file", None)
    if file and os.path.exists(file) and dict(held.value) == held.value.kept:
        return Secret(Path(file))
    return held


class Login:
    """The sign-in of one account.

    :param passwd: sent to the identity provider and nowhere else; not needed for kept cookies.
    """

    def __init__(self, email: str, passwd: str = "") -> None:
        self._passwd, passwd = Secret(passwd), ""
        self.email = email
        self.cookies = KeptJar()
        self._sign = Sign(email)

    def login(
        self, cookie_dir_path: str | os.PathLike[str] | None = None, save_cookies: bool = False
    ) -> KeptJar:
        """Return the cookies kept in a folder, else those of a new sign-in.

        :param cookie_dir_path: the folder; default ``./usercookies`` with *save_cookies*, else no
            kept cookies are looked for.
        :param save_cookies: keep the cookies of a new sign-in there.
        :raises HugChatError: as :meth:`hugchat_sync.Sign.login`.
        """
        folder = cookie_dir_path or (_FOLDER if save_cookies else None)
        if folder and os.path.exists(file_of(self.email, folder)):
            kept = self.loadCookiesFromDir(folder)
            if len(kept):  # all of them may have expired
                return kept
        # anew, for a Sign forgets a password that it has used
        self._sign = Sign(self.email, self._passwd.value)
        self._sign.login()
        self._take(None)
        if folder and save_cookies:
            self.saveCookiesToDir(folder)
        return self.cookies

    def saveCookiesToDir(self, cookie_dir_path: str | os.PathLike[str] = _FOLDER) -> str:
        """Write the cookies to ``<folder>/<email>.json`` and return its path."""
        path = self._sign.saveCookiesToDir(cookie_dir_path)
        self._take(path)
        return path

    def loadCookiesFromDir(self, cookie_dir_path: str | os.PathLike[str] = _FOLDER) -> KeptJar:
        """Return the cookies of ``<folder>/<email>.json``.

        :raises UsageError: there is no such file, or it holds no cookies.
        """
        self._sign.loadCookiesFromDir(cookie_dir_path)
        self._take(os.path.abspath(file_of(self.email, cookie_dir_path)))
        return self.cookies

    save_cookies = saveCookies = saveCookiesToDir
    load_cookies = loadCookies = loadCookiesFromDir

    def _take(self, file: str | None) -> None:
        self.cookies.clear()
        self.cookies.update(self._sign.cookies)
        self.cookies.file, self.cookies.kept = file, dict(self.cookies)
