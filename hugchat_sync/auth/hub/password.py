"""How a password reaches the hub: put on the request at the last moment, by nobody else."""

from __future__ import annotations

from typing import Callable
from urllib.parse import urlencode

from requests import PreparedRequest

from ...secret import Secret
from ..headers import CookieAuth


class PasswordForm(CookieAuth):
    """Fills in the form of the sign-in, and only for its very address.

    A form given to requests as data would stand in the local variables of its frames, and ours.
    """

    def __init__(
        self, url: str, email: str, password: Secret, header: Callable[[str], str | None]
    ) -> None:
        super().__init__(header)
        self._url = url
        self._email = email
        self._password = password

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return *request* with the form filled in."""
        if request.method == "POST" and request.url == self._url:
            request.body = urlencode(
                (("username", self._email), ("password", self._password.reveal()))
            ).encode("ascii")
        return super().__call__(request)

    def __repr__(self) -> str:
        return "PasswordForm(<secret>)"
