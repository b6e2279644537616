"""Today's server: trees, superjson, JSON lines, runs that survive their readers.

The routes are those that the client calls, and the page of the documents that answers link to.

Source: chat-ui c100c162 (2026-08-21), measured 2026-08.
"""

from __future__ import annotations

from flask import Flask, Response, request

from ..app import ApiError, Route, Site, add_routes
from .account import Account
from .conversations import Conversations
from .identity import admit, hand_out_cookie
from .messages import Messages
from .run import Runs


def _healthy() -> Response:
    return Response(iter(("OK",)), content_type="text/plain;charset=UTF-8")


def install(app: Flask, site: Site) -> None:
    """Give the application today's routes."""
    runs = Runs(site)
    account, conversations, messages = Account(site), Conversations(site), Messages(site, runs)
    one, listed = "/conversation/<conversation_id>", "/api/v2/conversations"
    routes: list[Route] = [
        ("GET", "/healthcheck", _healthy),
        ("GET", "/documents/<path:name>", account.document),
        ("GET", "/api/v2/feature-flags", account.feature_flags),
        ("GET", "/api/v2/user", account.user),
        ("GET", "/api/v2/user/settings", account.settings),
        ("POST", "/api/v2/user/settings", account.store_settings),
        ("GET", "/api/v2/models", account.models),
        ("GET", "/api/mcp/servers", account.tool_servers),
        ("POST", "/api/mcp/health", account.tool_health),
        ("POST", "/api/transcribe", account.transcribe),
        ("POST", "/conversation", conversations.create),
        ("GET", listed, conversations.list_page),
        ("DELETE", listed, conversations.delete_all),
        ("GET", f"{listed}/<conversation_id>", conversations.read),
        ("PATCH", f"{listed}/<conversation_id>", conversations.change),
        ("DELETE", f"{listed}/<conversation_id>", conversations.delete),
        ("DELETE", f"{listed}/<conversation_id>/message/<message_id>", conversations.cut),
        ("POST", f"{listed}/import-share", conversations.take_in),
        ("POST", f"{one}/share", conversations.share),
        ("POST", one, messages.send),
        ("GET", f"{one}/stream", messages.attach),
        ("POST", f"{one}/stop-generating", messages.stop),
        ("POST", f"{one}/elicitation", messages.answer_question),
        ("GET", f"{one}/output/<sha>", messages.output),
    ]
    add_routes(app, site, routes)

    @app.before_request
    def ask_who() -> Response | None:
        if request.environ["hugchat_sync.body_length"] > site.body_limit:
            raise ApiError(413)
        # Those whose reader has gone store what they have first (l02).
        for run in runs.of((request.view_args or {}).get("conversation_id", "")):
            run.outlet.settle()
        return admit(site)

    app.after_request(hand_out_cookie)
