"""The server of October 2023: JSON body, update lines, answers that never close by themselves.

Source: chat-ui a3b58941c (2023-10-13), measured.
"""

from __future__ import annotations

from typing import Any, Callable

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from hugchat_sync.local import LocalServer
from hugchat_sync.local.app import Site
from hugchat_sync.local.responder import Model

from .actions import Actions
from .conversations import ConversationRoutes
from .identity import admit, hand_out_cookie
from .messages import MessageRoutes
from .open_answer import OpenAnswers
from .pages import Pages
from .replies import ApiError, HookError, hook_reply, json_reply, page_reply, text_reply, wants_page
from .steps import SearchFailure, SearchSource, SearchStep

__all__ = ["OctoberServer", "SearchFailure", "SearchSource", "SearchStep"]

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
_MODELS = (
    Model("local/documents", "Answers out of documents."),
    Model("local/plain", "The same answers under another name."),
)


class OctoberServer(LocalServer):
    """The embedded server's parts, put together to that server."""

    era = "lines-2023"

    def _application(self, site: Site) -> Any:
        site.body_limit = 512 * 1024
        site.offered = _MODELS
        app = Flask("hugchat_sync.local", static_folder=None)
        app.url_map.merge_slashes = False
        app.config["MAX_FORM_MEMORY_SIZE"] = site.body_limit
        _install(app, site)
        return app


def _install(app: Flask, site: Site) -> None:
    open_answers = OpenAnswers()
    routes: list[tuple[str, str, Callable[..., Response]]] = [
        *Pages(site).routes(),
        *Actions(site).routes(),
        *ConversationRoutes(site).routes(),
        *MessageRoutes(site, open_answers).routes(),
    ]
    blueprint = Blueprint("chat", __name__, url_prefix=site.base_path or None)
    for method, rule, view in routes:
        blueprint.add_url_rule(
            rule,
            endpoint=f"{method} {rule}".replace(".", "_"),
            view_func=view,
            methods=[method],
            provide_automatic_options=False,
        )
    app.register_blueprint(blueprint)

    @app.before_request
    def ask_who() -> None:
        if (request.path + "/").startswith(site.base_path + "/"):
            admit(site)
            open_answers.settle((request.view_args or {}).get("conversation_id"))

    @app.after_request
    def finish(reply: Response) -> Response:
        hand_out_cookie(reply)
        return reply

    app.register_error_handler(Exception, _broke)
    app.register_error_handler(HookError, hook_reply)
    app.register_error_handler(ApiError, _refused)
    app.register_error_handler(NotFound, lambda error: _no_such_page(site))
    app.register_error_handler(MethodNotAllowed, _no_such_method)


def _broke(error: Exception) -> Response:
    return json_reply({"message": "Internal Error"}, getattr(error, "code", 500), chunked=False)


def _refused(error: ApiError) -> Response:
    message = error.message or "Internal Error"
    if wants_page(without_accept=True):
        return page_reply(message, str(error.status), error.status)
    return json_reply({"message": message}, error.status, chunked=False)


def _no_such_page(site: Site) -> Response:
    if not (request.path + "/").startswith(site.base_path + "/"):
        return text_reply("Not found", 404)
    return page_reply("Not found", f"Page {request.path} not found", 404)


def _no_such_method(error: MethodNotAllowed) -> Response:
    reply = text_reply(f"{request.method} method not allowed", 405)
    allowed = error.valid_methods or ()
    reply.headers["Allow"] = ", ".join(name for name in _METHODS if name in allowed)
    return reply
