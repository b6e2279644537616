"""The Flask application: one era's routes and the answers that belong to no route."""

from __future__ import annotations

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from hugchat_sync.local.eras import install
from hugchat_sync.local.faults import Faults
from hugchat_sync.local.replies import json_reply, page_reply, text_reply
from hugchat_sync.local.responder import Responder
from hugchat_sync.local.site import Site
from hugchat_sync.local.store import Store
from hugchat_sync.local.wsgi import Application

_log = logging.getLogger(__name__)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")


def create_app(
    store: Store,
    responder: Responder,
    era: str = "v2-2025",
    faults: Faults | None = None,
    site: Site | None = None,
) -> Flask:
    """Return the application of one server.

    :param store: where conversations are kept; it must be opened for the same era.
    :param responder: where answers come from.
    :param era: ``v2-2025`` or ``lines-2023``.
    :param faults: misbehaviour to come.
    :param site: all options at once; overrides the three before ``faults``.
    :raises ValueError: no such era.
    """
    site = site or Site(store, responder, era)
    app = Flask("hugchat_sync.local", static_folder=None)
    app.url_map.merge_slashes = False
    app.config["MAX_FORM_MEMORY_SIZE"] = site.body_limit
    install(app, site)

    @app.errorhandler(NotFound)
    def no_such_page(error: NotFound) -> Response:
        if not (request.path + "/").startswith(site.base_path + "/"):
            return text_reply("Not found", 404)
        return page_reply("Not found", f"Page {request.path} not found", 404)

    @app.errorhandler(MethodNotAllowed)
    def no_such_method(error: MethodNotAllowed) -> Response:
        reply = text_reply(f"{request.method} method not allowed", 405)
        allowed = error.valid_methods or ()
        reply.headers["Allow"] = ", ".join(name for name in _METHODS if name in allowed)
        return reply

    @app.errorhandler(HTTPException)
    def no_such_request(error: HTTPException) -> Response:
        return json_reply({"message": error.name}, error.code or 400, chunked=False)

    @app.errorhandler(Exception)
    def something_broke(error: Exception) -> Response:
        _log.error("%s %s failed: %s", request.method, request.path, error, exc_info=error)
        return json_reply({"message": "Internal Error"}, 500, chunked=False)

    if faults is not None:
        around: Application = faults.around(app.wsgi_app)
        app.wsgi_app = around  # type: ignore[method-assign,assignment]
    return app
