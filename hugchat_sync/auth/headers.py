"""Credentials as requests understands them: callables that put a header on a request."""

from __future__ import annotations

from typing import Callable

from requests import PreparedRequest
from requests.auth import AuthBase

from ..secret import Secret


class BearerAuth(AuthBase):
    """A Hugging Face token, put on requests below ``<base>/api/`` of one server and nowhere else.

    The server looks at it there only, and only when no session cookie comes along.

    Source: the request hook of chat-ui (2026-08, measured).
    """

    def __init__(self, token: Secret, base_url: str) -> None:
        self._token = token
        self._area = base_url.rstrip("/") + "/api/"

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return *request* with the token on it, where it belongs."""
        if (request.url or "").startswith(self._area):
            request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
            request.headers.pop("Cookie", None)
        return request

    def __repr__(self) -> str:
        return "BearerAuth(<secret>)"


class CookieAuth(AuthBase):
    """The cookies of one client; *header* gives the ``Cookie`` header for a URL, or ``None``."""

    def __init__(self, header: Callable[[str], str | None]) -> None:
        self._header = header

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return *request* with the cookies on it."""
        ours = self._header(request.url or "")
        if ours:
            theirs = request.headers.get("Cookie")  # of a session that the user gave
            request.headers["Cookie"] = _united(theirs, ours) if theirs else ours
        return request

    def __repr__(self) -> str:
        return "CookieAuth(<secret>)"


def _united(theirs: str, ours: str) -> str:
    """Return both headers as one; where both know a name, ours counts."""
    names = {pair.partition("=")[0].strip() for pair in ours.split(";")}
    kept = [pair.strip() for pair in theirs.split(";")]
    kept = [pair for pair in kept if pair and pair.partition("=")[0].strip() not in names]
    return "; ".join([*kept, ours])
