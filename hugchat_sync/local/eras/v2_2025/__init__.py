"""Today's server: trees, superjson, JSON lines, runs that survive their readers.

Source: chat-ui c100c162 (2026-08-21), measured 2026-08.
"""

from __future__ import annotations

from typing import Mapping

from flask import Blueprint, Flask, Response, request

from hugchat_sync.local.documents_page import add_documents
from hugchat_sync.local.eras.v2_2025.account import Account
from hugchat_sync.local.eras.v2_2025.attachments import Attachments
from hugchat_sync.local.eras.v2_2025.conversations import ConversationRoutes
from hugchat_sync.local.eras.v2_2025.identity import admit, hand_out_cookie
from hugchat_sync.local.eras.v2_2025.log import LogRoutes
from hugchat_sync.local.eras.v2_2025.messages import MessageRoutes
from hugchat_sync.local.eras.v2_2025.runs import Runs
from hugchat_sync.local.eras.v2_2025.sharing import Sharing
from hugchat_sync.local.identifiers import new_uuid
from hugchat_sync.local.replies import (
    COMPRESSES,
    ApiError,
    HookError,
    hook_reply,
    json_reply,
    page_reply,
    wants_page,
)
from hugchat_sync.local.site import Site

_GENERAL = "An error occurred"


def _cors() -> Mapping[str, str]:
    return {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
        "Access-Control-Allow-Headers": "Content-Type, Authorization",
    }


def _error_reply(error: ApiError) -> Response:
    """Return an error as JSON or as a page; one without a sentence gets an error id."""
    message = error.message or _GENERAL
    if wants_page(without_accept=False):
        return page_reply(message, str(error.status), error.status)
    body = {"message": message}
    if not error.message:
        body["errorId"] = new_uuid()
    return json_reply(body, error.status, chunked=False)


def install(app: Flask, site: Site) -> None:
    """Give the application today's routes."""
    app.config[COMPRESSES] = True
    routes = Blueprint("v2_2025", __name__, url_prefix=site.base_path)
    runs = Runs(site)
    Account(site).add_to(routes)
    ConversationRoutes(site).add_to(routes)
    MessageRoutes(site, runs).add_to(routes)
    LogRoutes(site).add_to(routes)
    Sharing(site).add_to(routes)
    Attachments(site).add_to(routes)
    add_documents(routes, site)
    app.register_blueprint(routes)

    @app.before_request
    def ask_who() -> Response | None:
        if request.environ["hugchat_sync.body_length"] > site.body_limit:
            raise ApiError(413)
        runs.settle((request.view_args or {}).get("conversation_id", ""))
        return admit(site)

    @app.after_request
    def finish(reply: Response) -> Response:
        reply.headers["Vary"] = "Accept-Encoding"
        hand_out_cookie(reply)
        if request.path.startswith(f"{site.base_path}/api/"):
            reply.headers.update(_cors())
        return reply

    app.register_error_handler(ApiError, _error_reply)
    app.register_error_handler(HookError, hook_reply)
