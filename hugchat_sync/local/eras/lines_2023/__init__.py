"""The server of October 2023: JSON body, update lines, answers that never close by themselves.

Source: chat-ui a3b58941c (2023-10-13), measured.
"""

from __future__ import annotations

from flask import Blueprint, Flask, Response, request

from hugchat_sync.local.documents_page import add_documents
from hugchat_sync.local.eras.lines_2023.actions import Actions
from hugchat_sync.local.eras.lines_2023.conversations import ConversationRoutes
from hugchat_sync.local.eras.lines_2023.identity import admit, hand_out_cookie
from hugchat_sync.local.eras.lines_2023.messages import MessageRoutes
from hugchat_sync.local.eras.lines_2023.open_answer import OpenAnswers
from hugchat_sync.local.eras.lines_2023.pages import Pages
from hugchat_sync.local.replies import (
    ApiError,
    HookError,
    hook_reply,
    json_reply,
    page_reply,
    text_reply,
    wants_page,
)
from hugchat_sync.local.site import Site

_GENERAL = "Internal Error"


class BodyTooLarge(Exception):
    """Raised for a body over 512 KiB, before anything else is looked at (lc41, lc43)."""


def _error_reply(error: ApiError) -> Response:
    message = error.message or _GENERAL
    if wants_page(without_accept=True):
        return page_reply(message, str(error.status), error.status)
    return json_reply({"message": message}, error.status, chunked=False)


def install(app: Flask, site: Site) -> None:
    """Give the application the routes of October 2023."""
    open_answers = OpenAnswers()
    routes = Blueprint("lines_2023", __name__, url_prefix=site.base_path)
    Pages(site).add_to(routes)
    Actions(site).add_to(routes)
    ConversationRoutes(site).add_to(routes)
    MessageRoutes(site, open_answers).add_to(routes)
    add_documents(routes, site)
    app.register_blueprint(routes)

    @app.before_request
    def ask_who() -> None:
        if request.environ["hugchat_sync.body_length"] > site.body_limit:
            raise BodyTooLarge
        if (request.path + "/").startswith(site.base_path + "/"):
            admit(site)
            open_answers.settle((request.view_args or {}).get("conversation_id"))

    @app.after_request
    def finish(reply: Response) -> Response:
        hand_out_cookie(reply)
        return reply

    @app.errorhandler(BodyTooLarge)
    def too_large(error: BodyTooLarge) -> Response:
        return text_reply("Invalid request body", 413)

    app.register_error_handler(ApiError, _error_reply)
    app.register_error_handler(HookError, hook_reply)
