"""The jar that users see: that of requests, except that it shows no value."""

from __future__ import annotations

from http.cookiejar import Cookie as JarCookie
from typing import Iterable

from requests.cookies import RequestsCookieJar

from ...secret import safe_repr
from .values import Cookie, Site


class _QuietCookie(JarCookie):
    @safe_repr
    def __repr__(self) -> str:
        return f"<cookie {self.name!r} for {self.domain}>"

    __str__ = __repr__


class QuietJar(RequestsCookieJar):
    """A jar whose ``repr`` names its cookies, where the one of requests shows their values."""

    @safe_repr
    def __repr__(self) -> str:
        return f"<cookies {', '.join(cookie.name for cookie in self) or '(none)'}>"

    __str__ = __repr__

    def copy(self) -> QuietJar:
        """Return a copy of the jar."""
        twin = QuietJar()
        twin.update(self)
        return twin


def make_jar(cookies: Iterable[Cookie], site: Site) -> QuietJar:
    """Return a jar with these cookies, all of them for the host of *site*."""
    host = f"[{site.host}]" if ":" in site.host else site.host
    jar = QuietJar()
    for cookie in cookies:
        jar.set_cookie(
            _QuietCookie(
                version=0,
                name=cookie.name,
                value=cookie.value,
                port=None,
                port_specified=False,
                # the standard library asks for a host without a dot by this name
                domain=host if "." in host else host + ".local",
                domain_specified=False,
                domain_initial_dot=False,
                path=cookie.path,
                path_specified=True,
                secure=cookie.secure,
                expires=int(cookie.expires) if cookie.expires is not None else None,
                discard=cookie.expires is None,
                comment=None,
                comment_url=None,
                rest={"HttpOnly": ""} if cookie.http_only else {},
                rfc2109=False,
            )
        )
    return jar
