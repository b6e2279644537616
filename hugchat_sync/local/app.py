"""What all routes share: the parts of one server, replies and refusals."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Callable, Iterable, Mapping, Sequence, Tuple
from uuid import uuid4

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from .responder import Model, Responder
from .storage import Storage

View = Callable[..., Response]
Route = Tuple[str, str, View]

_log = logging.getLogger(__name__)
_WINDOW = 60.0
_COMPRESSED_FROM = 1024
_LONE_HALF = re.compile("[\ud800-\udfff]")
_MODELS = (
    Model("omni", "Routes every message to the documents.", "Omni", True, True, is_router=True),
    Model("local/documents", "Answers out of documents.", supports_tools=True),
    Model("local/plain", "The same answers without tools.", supports_reasoning=True),
    Model("local/vision", "Takes images, too.", multimodal=True),
)


def compact(value: object) -> str:
    """Return the value as one line of JSON; lone surrogates stay as escapes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _LONE_HALF.sub(lambda half: f"\\u{ord(half.group()):04x}", text)


def now() -> str:
    """Return the present moment as ISO text with milliseconds and ``Z``."""
    moment = datetime.now(timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def new_object_id() -> str:
    """Return an id for a conversation: 24 hex digits that grow with time."""
    return f"{int(time.time()):08x}{os.urandom(8).hex()}"


def is_object_id(text: str) -> bool:
    """Return whether the server's database takes this as an id.

    Source: chat-ui c100c162, measured 2026-08 (g41): 24 hex digits, or any 12 bytes.
    """
    return bool(re.fullmatch("[0-9a-fA-F]{24}", text)) or len(text.encode("utf-8")) == 12


def owner_of(secret: str) -> str:
    """Return the name under which the data of a session are stored, never the cookie itself."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass
class Site:
    """One server's parts and options.

    :param base_path: where the chat lives, for example ``/chat``.
    :param token: the access token; everybody is welcome when ``None``.
    :param closing: set when the server is about to end, so that waiting threads leave.
    :param limits: ``messages_per_minute``, ``conversations``, ``messages``, ``message_length``.
    :param body_limit: the largest request body in bytes.
    """

    storage: Storage
    responder: Responder
    base_path: str = "/chat"
    token: str | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    body_limit: int = 15 * 1024 * 1024
    offered: Sequence[Model] = _MODELS
    closing: threading.Event = field(default_factory=threading.Event)
    _posts: deque[tuple[float, str, str]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """The base URL under which the present request came."""
        return f"{request.host_url.rstrip('/')}{self.base_path}"

    def models(self) -> Sequence[Model]:
        """Return the models, the default first: the responder's own, if it has some.

        Those of the documents all answer alike; there are several so that choosing can be tried.
        """
        own: Sequence[Model] = getattr(self.responder, "models", lambda: self.offered)()
        return own

    def model(self, model_id: object) -> Model | None:
        """Return the model with that id."""
        return next((model for model in self.models() if model.id == model_id), None)

    def too_fast(self, owner: str) -> bool:
        """Count a message and return whether it is one too many for its session or address.

        Source: chat-ui c100c162, measured (u02, u04): a minute's messages, refused ones count.
        """
        limit = self.limits.get("messages_per_minute")
        if limit is None:
            return False
        moment, address = time.monotonic(), request.remote_addr or ""
        with self._lock:
            while self._posts and moment - self._posts[0][0] > _WINDOW:
                self._posts.popleft()
            self._posts.append((moment, owner, address))
            by_owner = sum(1 for _, other, _ in self._posts if other == owner)
            by_address = sum(1 for _, _, other in self._posts if other == address)
        return max(by_owner, by_address) > limit


class ApiError(Exception):
    """Raised to answer with a status and a sentence; the general sentence when it is empty.

    :param from_hook: refused before any route was asked: not signed in, or sent from elsewhere.
    """

    def __init__(self, status: int, message: str = "", from_hook: bool = False) -> None:
        super().__init__(message or f"status {status}")
        self.status = status
        self.message = message
        self.from_hook = from_hook


def json_reply(value: object, status: int = 200, chunked: bool = True) -> Response:
    """Return a JSON answer: chunked as the real server does it, compressed when asked for.

    Source: chat-ui c100c162, measured 2026-08: gzip when offered, bodies over 1 KiB only.
    """
    body = compact(value).encode()
    headers = {}
    offered = "gzip" in request.headers.get("Accept-Encoding", "")
    if offered and len(body) > _COMPRESSED_FROM:
        body = gzip.compress(body, 6)
        headers["Content-Encoding"] = "gzip"
    return Response(
        iter((body,)) if chunked else body, status, headers, content_type="application/json"
    )


def add_routes(app: Flask, site: Site, routes: Iterable[Route]) -> None:
    """Register views by method and path; OPTIONS is refused as on the real server."""
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


def create_app(site: Site, install: Callable[[Flask, Site], None]) -> Flask:
    """Return the application of one server.

    :param install: adds the routes of the protocol, and what comes before and behind them.
    """
    app = Flask("hugchat_sync.local", static_folder=None)
    app.url_map.merge_slashes = False
    app.config["MAX_FORM_MEMORY_SIZE"] = site.body_limit

    @app.errorhandler(ApiError)
    def refused(error: ApiError) -> Response:
        if error.from_hook:
            return json_reply({"error": error.message}, error.status)
        known = {} if error.message else {"errorId": str(uuid4())}
        body = {"message": error.message or "An error occurred", **known}
        return json_reply(body, error.status, chunked=False)

    @app.errorhandler(HTTPException)
    def no_such_request(error: HTTPException) -> Response:
        reply = json_reply({"message": error.name}, error.code or 400, chunked=False)
        if isinstance(error, MethodNotAllowed):
            reply.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return reply

    @app.errorhandler(Exception)
    def something_broke(error: Exception) -> Response:
        _log.error("%s %s failed: %s", request.method, request.path, error, exc_info=error)
        return json_reply({"message": "Internal Error"}, 500, chunked=False)

    install(app, site)
    return app
