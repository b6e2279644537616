"""The form actions: settings, delete all, sign in and out.

Source: chat-ui a3b58941c, measured (lh37 to lh49, li01 to li38).
"""

from __future__ import annotations

from typing import Callable

from flask import Response, request

from hugchat_sync.local.app import Site

from .form_settings import read_form
from .identity import identity
from .replies import (
    ApiError,
    empty_reply,
    is_form,
    json_reply,
    page_reply,
    wants_page,
)

_GENERAL = "Internal Error"


def _redirect(location: str) -> Response:
    """Return a redirect: as JSON to programs, a real one to browsers."""
    if wants_page(without_accept=False):
        return empty_reply(303, {"Location": location})
    return json_reply({"type": "redirect", "status": 303, "location": location}, chunked=False)


def _failed() -> Response:
    if wants_page(without_accept=False):
        return page_reply(_GENERAL, "500", 500)
    return json_reply({"type": "error", "error": {"message": _GENERAL}}, 500, chunked=False)


class Actions:
    """The routes that take forms."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[tuple[str, str, Callable[..., Response]]]:
        """Return the routes."""
        return [
            ("POST", "/settings", self.store_settings),
            ("POST", "/conversations", self.delete_all),
            ("POST", "/login", self.login),
            ("POST", "/logout", self.logout),
            ("GET", "/settings", self.no_page),
            ("GET", "/conversations", self.no_page),
            ("GET", "/login", self.no_page),
        ]

    def store_settings(self) -> Response:
        """Replace the settings by the form."""
        if not is_form():
            return _failed()
        storage, owner = self._site.storage, identity().owner
        try:
            values = read_form(self._site, request.form, storage.get("settings", owner) or {})
        except ApiError:
            return _failed()
        storage.put("settings", owner, values)
        return _redirect(request.headers.get("Referer", f"{self._site.base_path}/"))

    def delete_all(self) -> Response:
        """Delete every conversation of the session."""
        if not is_form() or not request.query_string.startswith(b"/delete"):
            return _failed()
        doomed = [one.id for one in self._site.storage.conversations(identity().owner)]
        self._site.storage.remove(*doomed)
        return _redirect(f"{self._site.base_path}/")

    def login(self) -> Response:
        """Fail: there is no identity provider here."""
        return _failed()

    def logout(self) -> Response:
        """Delete the cookie, nothing else."""
        if not is_form():
            return _failed()
        reply = _redirect(f"{self._site.base_path}/")
        reply.delete_cookie("hf-chat", httponly=True, samesite="Lax")
        return reply

    def no_page(self) -> Response:
        """Fail as the real pages without data do."""
        return page_reply(_GENERAL, "500", 500)
