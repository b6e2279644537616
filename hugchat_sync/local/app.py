"""What all routes share: the parts of one server, who is asking, replies and refusals.

Source: chat-ui c100c162 (2026-08-21), measured 2026-08 (b06 to b12, g01 to g05, p03 to p15, q00 to
q22).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence
from urllib.parse import quote, urlsplit
from uuid import uuid4

from flask import Flask, Response, abort, g, request
from werkzeug.exceptions import HTTPException

from .responder import Model, Responder, Route, Title, Turn
from .run import Log, Steps
from .storage import Conversation, Storage, is_object_id
from .wire import compact

_log = logging.getLogger(__name__)

_WINDOW = 60.0
_LOGS_KEPT = 1000
_LONGEST_TITLE = 40
_COOKIE, _TWO_WEEKS = "hf-chat", 14 * 24 * 3600
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded", "text/plain")
_OPEN = ("/conversation/", "/api", "/documents/")
_MODELS = (
    Model("omni", "Routes every message to the documents.", "Omni", True, True, is_router=True),
    Model("local/documents", "Answers out of documents.", supports_tools=True),
    Model("local/plain", "The same answers without tools.", supports_reasoning=True),
    Model("local/vision", "Takes images, too.", multimodal=True),
)


def owner_of(secret: str) -> str:
    """Return the name under which the data of a session are stored, never the cookie itself."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass
class Site:
    """One server's parts and options.

    :param body_limit: the largest request body in bytes.
    :param closing: set when the server is about to end, so that waiting threads leave.
    """

    storage: Storage
    responder: Responder
    base_path: str = "/chat"
    token: str | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    body_limit: int = 15 * 1024 * 1024
    offered: Sequence[Model] = _MODELS
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    logs: deque[Log] = field(default_factory=lambda: deque(maxlen=_LOGS_KEPT))
    _posts: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The base URL under which the present request came."""
        return f"{request.host_url.rstrip('/')}{self.base_path}"

    def models(self) -> Sequence[Model]:
        """Return the models, the default first: the responder's own, if it has some.

        Those of the documents all answer alike; there are several so that choosing can be tried.
        """
        models: Sequence[Model] = getattr(self.responder, "models", lambda: self.offered)()
        return models

    def model(self, model_id: object) -> Model | None:
        """Return the model with that id."""
        return next((model for model in self.models() if model.id == model_id), None)

    def title(self, turn: Turn) -> Title | None:
        """Return a title for a new conversation: the responder's, or the beginning of the prompt.

        ``None`` leaves the default.
        """
        if hasattr(self.responder, "title"):
            title: Title | None = self.responder.title(turn)
            return title
        text = " ".join(turn.prompt.split())
        return Title(text if len(text) <= _LONGEST_TITLE else text[: _LONGEST_TITLE - 1] + "…")

    def too_fast(self) -> bool:
        """Count a message and return whether it is one too many within a minute, whoever sent it.

        Source: chat-ui c100c162, measured (u02, u04): counted by address, refused ones as well.
        """
        moment = time.monotonic()
        with self.lock:
            self._posts = [post for post in self._posts if moment - post <= _WINDOW] + [moment]
            return len(self._posts) > self.limits.get("messages_per_minute", math.inf)

    def answer(self, turn: Turn) -> Steps:
        """Yield the responder's answer; a router tells its choice first (c25)."""
        model = self.model(turn.model)
        if model is not None and model.is_router:
            others = (one.id for one in self.models() if not one.is_router)
            yield Route("default", next(others, model.id))
        yield from self.responder.answer(turn)

    def logs_of(self, conversation_id: str) -> list[Log]:
        """Return the logs of what runs or ran in a conversation, the newest last."""
        with self.lock:
            return [log for log in self.logs if log.conversation == conversation_id]

    def conversation(self, conversation_id: str) -> Conversation | None:
        """Return a conversation, once those whose reader has gone have stored what they have."""
        for log in self.logs_of(conversation_id):
            if (run := log.run) is not None:
                run.settle()
        return self.storage.conversation(conversation_id)


#: the routes, the same for every server: what a server has of its own is its site
app = Flask("hugchat_sync.local", static_folder=None)
app.url_map.merge_slashes = False
app.config["MAX_FORM_MEMORY_SIZE"] = Site.body_limit


def site() -> Site:
    """Return the site that the present request is for."""
    found: Site = request.environ["hugchat_sync.site"]
    return found


def own_conversation(
    conversation_id: str, status: int = 500, message: str | None = None
) -> Conversation:
    """Return a conversation of this session.

    :raises HTTPException: what was given for something that is not an id; 404.
    """
    if not is_object_id(conversation_id):
        abort(status, message)
    found = site().conversation(conversation_id)
    if found is None or found.owner != g.owner:
        abort(404, "Conversation not found")
    return found


# who is asking ----------------------------------------------------------------------------------


@app.before_request
def admit() -> Response | None:
    """Find out who asks; return an answer instead of the route's when they may not.

    :raises HTTPException: a wrong address or token.
    """
    if request.script_root != site().base_path:
        abort(404, "Not Found")
    _identify(site().token)
    if request.method == "POST" and request.mimetype in _FORMS:
        origin = request.headers.get("Origin")
        if origin is None:
            return json_reply({"error": "Non-JSON form requests need to have an origin"}, 403)
        if urlsplit(origin).netloc != request.host:
            return json_reply({"error": "Invalid referer for POST request"}, 403)
    if site().token is not None and not g.signed_in:
        if not request.path.startswith(_OPEN):
            back = quote(f"{site().url}/login/callback", safe="")
            where = f"/oauth/authorize?client_id=local&response_type=code&redirect_uri={back}"
            return Response("", 302, {"Location": request.host_url.rstrip("/") + where})
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            return json_reply({"error": "You have to be logged in."}, 401)
    return None


def _identify(token: str | None) -> None:
    """Note the name of the session's data, the cookie that a POST hands out, and who it is."""
    cookie = request.cookies.get(_COOKIE)
    kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
    # The cookie wins, even that of nobody, and outside /api/ a token is not looked at.
    bears = cookie is None and request.path.startswith("/api/") and kind == "Bearer"
    if token is not None and bears and bearer:
        if not hmac.compare_digest(bearer.encode(), token.encode()):
            abort(500)
        g.owner, g.cookie, g.signed_in = owner_of(bearer), owner_of(bearer), True
        return
    g.cookie = cookie or str(uuid4())
    g.owner = owner_of(g.cookie)
    g.signed_in = bool(token and hmac.compare_digest(g.cookie.encode(), token.encode()))


@app.after_request
def hand_out_cookie(reply: Response) -> Response:
    """Put the session cookie on the answer to a POST, unless it came from nobody."""
    if request.method == "POST" and "cookie" in g and reply.status_code not in (401, 403):
        reply.set_cookie(_COOKIE, g.cookie, _TWO_WEEKS, httponly=True, samesite="Lax")
    return reply


# bodies -----------------------------------------------------------------------------------------


def json_body() -> dict[str, Any]:
    """Return the body; a POST without a content type has it thrown away (b06, b07, b10)."""
    typed = request.method != "POST" or bool(request.headers.get("Content-Type"))
    return read_object(request.get_data() if typed else b"")


def read_object(text: str | bytes) -> dict[str, Any]:
    """Return a JSON object.

    :raises HTTPException: 500, as the server's parsers throw.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        abort(500)
    if not isinstance(value, dict):
        abort(500)
    return value


def json_reply(value: object, status: int = 200) -> Response:
    """Return a JSON answer."""
    return Response(compact(value), status, content_type="application/json")


def nothing() -> Response:
    """Return an answer without body and without a type."""
    reply = Response()
    del reply.headers["Content-Type"]
    return reply


@app.errorhandler(Exception)
def _refuse(error: Exception) -> Response:
    """Answer with the sentence that was given; without one a failure has an id."""
    if not isinstance(error, HTTPException):
        if not site().closing.is_set():  # the database is closed with the server
            _log.error("%s %s failed: %s", request.method, request.path, error, exc_info=error)
        return json_reply({"message": "Internal Error"}, 500)
    body = {"message": error.description}
    if error.description == type(error).description:
        body["message"] = error.name
        if error.code == 500:
            body = {"message": "An error occurred", "errorId": str(uuid4())}
    headers = {**dict(error.get_headers()), "Content-Type": "application/json"}
    return Response(compact(body), error.code, headers)
