"""How the servers of all eras spell bad news, and the error that each piece of it is."""

from __future__ import annotations

import re
from typing import Any, Mapping

from ..calls import Reply
from ..errors import (
    AuthError,
    BadRequest,
    ConversationLimit,
    ConversationNotExistError,
    FeatureUnavailable,
    GenerationError,
    HugChatError,
    ModelOverloaded,
    NotFound,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    status_error,
)
from ..refusals import (
    REDIRECTS,
    is_page,
    page_error,
    page_instead,
    redirected,
    redirected_inside,
)
from .fields import kind_of, text_of
from .text import whole
from .wire import read_json

_MINUTE, _HOUR = 60.0, 3600.0  # the windows of the limits; the server names them nowhere

_OFTEN_YOURS = "often the values sent are the cause, not the server: check them before a retry"
_TERMS = "accept the terms once: update_settings(ethics_modal_accepted=True)"
_FOREIGN = "the server knows itself by another address: use that one as base URL"

#: A sentence that says more than its status: (pattern, class, advice, further facts).
_SENTENCES: tuple[tuple[str, type[HugChatError], str | None, Mapping[str, Any]], ...] = (
    (r"conversation not found", ConversationNotExistError, "check the id", {}),
    (r"you don't have access to this conversation", ConversationNotExistError, "", {}),
    (r"message not found", NotFound, None, {}),
    (r"invalid (model|conversation) id", BadRequest, None, {}),
    (r"need to accept the welcome modal", BadRequest, _TERMS, {}),
    (
        r"need to have an? (origin|referer)|invalid referer|cross-site \w+ form submissions",
        AuthError,
        _FOREIGN,
        {},
    ),
    (r"messages before login", AuthError, "sign in, or start a new conversation", {}),
    (r"maximum number of conversations", ConversationLimit, "delete some", {}),
    (r"conversation has more than", ConversationLimit, "start a new one", {}),
    (r"exported your data recently", RateLimited, None, {"retry_after": _HOUR}),
)


def read_error(reply: Reply) -> HugChatError:
    """Return the error of a bad reply, with the server's own sentence.

    Source: every body shape of chat-ui 2023-05 … 2026-08 (measured).
    """
    said, error_id = _said(reply)
    if reply.status == 403 and "API is disabled" in said:
        return FeatureUnavailable(
            "this server hides its API, and what was asked for is found nowhere else", feature="api"
        )
    for pattern, kind, advice, facts in _SENTENCES:
        if re.search(pattern, said, re.IGNORECASE):
            return _error(reply, said, kind=kind, advice=advice, **facts)
    if is_page(reply):
        return page_error(reply)
    if reply.status in REDIRECTS:
        return redirected("", reply)
    if reply.status == 429:
        return _error(reply, said, retry_after=_MINUTE)
    if reply.status == 402:
        return _error(reply, said, status_code=402)
    if reply.status == 500:
        return _error(reply, said, advice=_OFTEN_YOURS, error_id=error_id)
    return _error(reply, said, error_id=error_id)


def _error(reply: Reply, said: str, **facts: Any) -> HugChatError:
    return status_error(reply.status, said, url=reply.url, body=reply.text, **facts)


def _said(reply: Reply) -> tuple[str, str | None]:
    """Return the server's sentence and the id under which it logged the error."""
    if is_page(reply):
        return "", None
    try:
        value = read_json(reply.body)
    except ProtocolError:
        return reply.text, None  # the hooks of the server say it in plain text
    return whole(_sentence(value)), kind_of(value, "errorId", str, None)


def _sentence(value: Any) -> str:
    """Return the sentence in a JSON body, wherever this era puts it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value:  # one entry for each field that is wrong
        return _sentence(value[0])
    if not isinstance(value, dict):
        return ""
    for name in ("message", "error", "json", "summary"):
        found = _sentence(value.get(name))
        if found:
            return found
    if value.get("type") == "validation":
        return f"the server does not take the {text_of(value, 'on') or 'values'} as sent"
    return ""


def read_value(reply: Reply) -> Any:
    """Return the value of a good reply's JSON body.

    :raises AuthError: it is the redirect that stands for "sign in".
    :raises ProtocolError: it is something else than JSON.
    """
    if is_page(reply):
        raise page_instead(reply, "JSON")
    value = read_json(reply.body, reply.url)
    refuse_redirect(value, reply.url)
    return value


def read_nothing(reply: Reply) -> None:
    """Read a reply which only says that all is well; its body may be empty.

    :raises AuthError: it is the redirect that stands for "sign in".
    :raises ProtocolError: it is a page: the request never reached its endpoint.
    """
    if is_page(reply):
        raise page_instead(reply, "an empty reply")
    if reply.body.lstrip().startswith(b"{"):
        read_value(reply)


def refuse_redirect(value: Any, url: str = "") -> None:
    """Raise when *value* is the redirect that some endpoints send with status 200.

    Source: chat-ui with a forced login, 2025-10 … 2026-08 (measured).

    :raises AuthError: the server wants to know who asks.
    :raises UsageError: it leads elsewhere than to a sign-in.
    """
    if isinstance(value, dict) and value.get("type") == "redirect":
        status = kind_of(value, "status", int, None)
        raise redirected_inside(text_of(value, "location"), status, url)


# inside an answer ----------------------------------------------------------------------------

_SIGN_IN = re.compile(r"oauth|sign(ed)? ?in|logged in|log in|user token not found", re.IGNORECASE)
_BUSY = re.compile(r"overloaded|\b429\b", re.IGNORECASE)
_BROKE = re.compile(r"^402\b")


def generation_error(said: str, code: int | None) -> HugChatError:
    """Return the error of an error line inside an answer.

    :param said: the server's sentence, which is the upstream's in most cases.
    :param code: the status of the upstream, where the server tells it (since 2025-10).

    Source: the status lines of POST /conversation/{id}, chat-ui 2023-11 … 2026-08 (measured).
    """
    said = said.strip()[:300] or "no reason given"
    if code == 402 or (code is None and _BROKE.search(said)):
        return QuotaExceeded(
            f"the account is out of credits: {said} (top up, or choose another model)",
            status_code=402,
            status=402,
        )
    if code == 429 or _BUSY.search(said):
        return ModelOverloaded(
            f"the model is overloaded: {said} (try again later)", status_code=code
        )
    if _SIGN_IN.search(said):
        return AuthError(
            f"the model was not asked: {said} (sign in again, or pass new cookies)",
            status=code,
            status_code=code,
        )
    return GenerationError(f"the model failed: {said}", status_code=code)
