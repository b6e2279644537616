"""Replies that are errors: how to tell them, how each era spells them, and what is raised.

The one place that says what a reply means which is not what was asked for: a firewall's check, a
gateway's page, a redirect to a sign-in or a move, a bad status, an error inside an answer. The
transport asks here through ``Request.error`` and knows nothing of it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Mapping
from urllib.parse import SplitResult, parse_qs, urlsplit

from ..calls import Reply
from ..errors import (
    AuthError,
    BadRequest,
    ChallengeRequired,
    ConnectionFailed,
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
    UsageError,
    status_error,
)
from ..options import USUAL_PORTS, http_parts
from .fields import field_of, make_encodable, text_of
from .wire import read_json

REDIRECTS = frozenset(range(300, 400)) - {304}

_SHOWN = 200  # characters of a page that an error carries
_LOOKED_AT = 262144  # bytes of a page in which a firewall is looked for
_MINUTE, _HOUR = 60.0, 3600.0  # the windows of the limits; nobody names them

# what a reply is -------------------------------------------------------------------------------

#: Headers by which a firewall says that it stands before the server.
#:
#: Source: Cloudflare ``cf-mitigated``, AWS ``x-amzn-waf-action`` (their documentation).
GUARDS = frozenset({"cf-mitigated", "x-amzn-waf-action"})

_BLOCKED = (202, 401, 403, 405, 429, 503)
# patterns are texts here: they are compiled at the first error, not at import
_CHALLENGE = (
    r"(?i)captcha|cf-chl|challenge-platform|challenges\.cloudflare|turnstile|awswaf|datadome"
    r"|_incapsula_|ddos-guard|human verification|attention required! \| cloudflare"
    r"|just a moment\.\.\.|checking your browser|making sure you('|&#39;)re not a bot"
    r"|(are|you're) (not )?a robot|you are (a )?human"
)
_CHALLENGE_SERVICE = r"captcha-delivery\.com|cf-chl|challenges\.cloudflare|awswaf"
_PAGE_TITLE = r"(?i)<title[^>]*>([^<]{1,120})"
_OWN_SIGN_IN = r"(?i)(^|,)\s*(basic|digest|negotiate|ntlm)\b"


def is_page(reply: Reply) -> bool:
    """Return whether a reply is an HTML page."""
    kind = reply.headers.get("content-type", "").lstrip().lower()
    return kind.startswith("text/html") or reply.body[:64].lstrip().lower().startswith(
        (b"<!doctype", b"<html")
    )


def names_challenge(text: str) -> bool:
    """Return whether a text speaks of a captcha or of a firewall's check, or loads one."""
    return bool(re.search(_CHALLENGE, text))


def is_guarded(reply: Reply) -> bool:
    """Return whether a firewall says in a header that it stands before the server."""
    return not GUARDS.isdisjoint(reply.headers)


def is_challenge(reply: Reply) -> bool:
    """Return whether a firewall or a captcha asks for a human.

    Firewalls say it in a header; widgets are known by their own names in the page.
    """
    if is_guarded(reply):
        return True
    if reply.status not in _BLOCKED:
        return False
    text = reply.body[:_LOOKED_AT].decode("utf-8", "replace")
    return bool(re.search(_CHALLENGE if is_page(reply) else _CHALLENGE_SERVICE, text))


# what stands before the server -----------------------------------------------------------------


def find_interception(reply: Reply) -> HugChatError | None:
    """Return the error of a reply which the server itself cannot have sent; ``None`` otherwise.

    Firewalls, redirects, and gateways and proxies that want a password of their own; no chat
    server asks for one in their way.
    """
    if is_challenge(reply):
        return _challenge_error(reply)
    if reply.status in REDIRECTS:
        url = reply.url or reply.base_url
        return _redirect_error(reply.headers.get("location", ""), reply.status, url, reply.base_url)
    asked = reply.headers.get("www-authenticate", "")
    if reply.status == 401 and re.search(_OWN_SIGN_IN, asked):
        return AuthError(
            f"a gateway before {_host(reply.url)} wants a user name and a password of its own "
            "(HTTP Basic or the like), the cookies are not at fault: in Python give a session "
            "with session.auth = (user, password) as session=",
            status=reply.status,
            url=reply.url,
            by_gateway=True,
        )
    if reply.status == 407:
        return ConnectionFailed(
            "the proxy wants a user name and a password (407): put them into the address of the "
            "proxy, http://user:password@host:port",
            url=reply.url,
            lasting=True,
        )
    if reply.status == 511:
        advice = "open any page in a browser and sign in to the network there"
        return error_of(reply, "the network wants a sign-in of its own", advice=advice)
    return None


def _challenge_error(reply: Reply) -> HugChatError:
    return ChallengeRequired(
        f"a firewall before {_host(reply.url)} asks for a human (a captcha, or a check of the "
        f"browser; it answered {reply.status}): open the chat in a browser, export the cookies "
        "there, and pass them as cookies=",
        status=reply.status,
        url=reply.url,
    )


# pages -----------------------------------------------------------------------------------------

_WRONG_PLACE = "check the base URL: it must include the path under which the chat is found"

#: What is particular about a status when a page brings it.
_OF_PAGES: Mapping[int, Mapping[str, Any]] = {
    404: {
        "advice": "the base URL lacks the path of the chat, or this server is too old for what "
        "was asked"
    },
    413: {"advice": "send less, or have the gateway's own limit raised"},
    429: {
        "advice": "wait before the next try, and send fewer requests a minute",
        "retry_after": _MINUTE,
    },
}


def _page_error(reply: Reply) -> HugChatError:
    """Return the error of a page with a bad status: a gateway's, or that of another program."""
    by_gateway = reply.status >= 500 or reply.status in (413, 429)
    who = "a gateway before the server, not the server itself," if by_gateway else "the server"
    facts = _OF_PAGES.get(reply.status, {} if by_gateway else {"advice": _WRONG_PLACE})
    return error_of(reply, f"an HTML page{_page_title(reply)}", who=who, **facts)


def unexpected_page(reply: Reply, wanted: str = "an answer") -> HugChatError:
    """Return the error of a page with a good status where something else was asked for."""
    if is_guarded(reply) or names_challenge(reply.text[:_LOOKED_AT]):
        return _challenge_error(reply)
    return ProtocolError(
        f"expected {wanted}, got an HTML page{_page_title(reply)}; is the base URL right, or does "
        "a gateway want something first?",
        line=reply.text[:_SHOWN],
        url=reply.url,
    )


def _page_title(reply: Reply) -> str:
    """Return the title of a page as it stands in a sentence; ``""`` where there is none."""
    found = re.search(_PAGE_TITLE, reply.body[:65536].decode("utf-8", "replace"))
    return f' titled "{" ".join(found.group(1).split())}"' if found else ""


# redirects -------------------------------------------------------------------------------------

_STEP = (
    r"(log|sign)[-_]?(in|on)|sso|saml2?|o?auth2?|oidc|openid[-_a-z]*|cas|adfs|idp"
    r"|authori[sz]e|authenticate|authn"
)
_SIGN_IN_HOST = (
    r"(login|logon|signin|sso|auth|oauth|accounts?|id|idp|identity|cas|keycloak|authelia"
    r"|authentik)\.|.*\.(cloudflareaccess|okta|auth0)\.com$"
)
_SIGN_IN_QUERY = {"client_id", "samlrequest", "redirect_uri"}


def is_redirect(reply: Reply) -> bool:
    """Return whether a reply leads elsewhere by its status."""
    return reply.status in REDIRECTS and bool(reply.headers.get("location"))


def target_of(reply: Reply) -> str:
    """Return where a reply leads to, by its status or inside of JSON; ``""`` for nowhere."""
    location = reply.headers["location"] if is_redirect(reply) else ""
    if reply.status == 200 and reply.content_type == "application/json":
        with suppress(ProtocolError):  # then it is no redirect
            location = text_of(read_json(reply.body), "location")
    parts = http_parts(location, reply.url) if location else None
    return parts.geturl() if parts else ""


def is_sign_in(target: str, base_url: str = "") -> bool:
    """Return whether an address is that of a sign-in, at an identity provider or a gateway.

    What stands in the base URL itself says nothing.
    """
    parts = http_parts(target)
    if parts is None:
        return False
    if _SIGN_IN_QUERY & {name.lower() for name in parse_qs(parts.query)}:
        return True
    base = http_parts(base_url)
    own_steps = set(base.path.lower().split("/")) if base else set()
    steps = [
        step.partition(".")[0] for step in parts.path.lower().split("/") if step not in own_steps
    ]
    if any(re.fullmatch(_STEP, step) for step in steps):
        return True
    host = parts.hostname or ""
    elsewhere = base is None or host != base.hostname
    return elsewhere and bool(re.match(_SIGN_IN_HOST, host))


def _redirect_error(location: str, status: int | None, url: str, base_url: str) -> HugChatError:
    """Return the error of a redirect, which is never followed.

    One that leads to a sign-in wants to know who asks; any other is a move, whatever its number.
    """
    target = http_parts(location, url) if location else None
    if target is None:
        return UsageError(
            "the server sends us on, but to no address that could be used: check the base URL"
        )
    if is_sign_in(target.geturl(), base_url):
        return AuthError(
            f"the server sent us to sign in at {_host(target.geturl())}: sign in, or pass cookies",
            status=status,
            url=url,
        )
    return UsageError(_describe_move(target, url, base_url))


def _describe_move(target: SplitResult, url: str, base_url: str) -> str:
    """Return the sentence about a move; it names an address only where that one can work."""
    asked, base = urlsplit(url).path, urlsplit(base_url)
    tail = asked[len(base.path) :] if asked.startswith(base.path) else ""
    there = _show_address(target, target.path)
    if base_url and tail.strip("/") and target.path.endswith(tail):
        found = _show_address(target, target.path[: -len(tail)].rstrip("/"))
        if found != _show_address(base, base.path):
            return f"the server has moved to {found}: use that address as base_url"
    if base_url and there.rstrip("/") == _show_address(base, base.path):
        return (
            f"the server sends what was asked for ({asked}) back to its start page {there}: check "
            "the base URL, and whether this is a chat-ui server"
        )
    if there.rstrip("/") == _show_address(urlsplit(url), asked).rstrip("/"):
        return (
            f"the server sends us from {asked} to {there} and no further: a gateway before it "
            "rewrites addresses or wants a cookie of its own; no base URL mends that"
        )
    found = _show_address(target, target.path.rstrip("/"))
    return f"the server sends us on to {found}: if the chat is there now, use that as base_url"


def _show_address(parts: SplitResult, path: str) -> str:
    """Return an address without what may be a secret in it: no user, no query, no odd letters."""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    usual = parts.port is None or parts.port == USUAL_PORTS.get(parts.scheme)
    port = "" if usual else f":{parts.port}"
    return re.sub(r"[^!-~]", "?", f"{parts.scheme}://{host}{port}{path}")


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2] or "the server"


# what the server itself says ------------------------------------------------------------------

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
    (r"transcription is not configured", FeatureUnavailable, "", {"feature": "transcribe"}),
    (r"exported your data recently", RateLimited, None, {"retry_after": _HOUR}),
)

#: What is particular about a status.
_OF_STATUS: Mapping[int, Mapping[str, Any]] = {
    402: {"status_code": 402},
    429: {"retry_after": _MINUTE},
    500: {
        "advice": "often the values sent are the cause, not the server: check them before a retry"
    },
}


def read_error(reply: Reply) -> HugChatError:
    """Return the error of a reply that is not what was asked for, with the server's own sentence.

    Source: every body shape of chat-ui 2023-05 … 2026-08 (measured).
    """
    problem = find_interception(reply)
    if problem is not None:
        return problem
    if is_page(reply):
        return unexpected_page(reply) if 200 <= reply.status < 300 else _page_error(reply)
    sentence, error_id = reply.text, None  # the hooks of the server say it in plain text
    with suppress(ProtocolError):
        value = read_json(reply.body)
        sentence, error_id = make_encodable(_sentence(value)), field_of(value, "errorId", str, None)
    if reply.status == 403 and "API is disabled" in sentence:
        return FeatureUnavailable(
            "this server hides its API, and what was asked for is found nowhere else", feature="api"
        )
    for pattern, kind, advice, facts in _SENTENCES:
        if re.search(pattern, sentence, re.IGNORECASE):
            return error_of(reply, sentence, kind=kind, advice=advice, **facts)
    return error_of(reply, sentence, error_id=error_id, **_OF_STATUS.get(reply.status, {}))


def error_of(reply: Reply, sentence: str, **facts: Any) -> HugChatError:
    """Return the error of a bad status; *facts* are those of :func:`status_error`."""
    return status_error(reply.status, sentence, url=reply.url, body=reply.text, **facts)


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


def refuse_redirect(value: Any, url: str = "") -> None:
    """Raise when *value* is the redirect that some endpoints send with status 200.

    Source: chat-ui with a forced login, 2025-10 … 2026-08 (measured).

    :raises AuthError: the server wants to know who asks.
    :raises UsageError: it leads elsewhere than to a sign-in.
    """
    if isinstance(value, dict) and value.get("type") == "redirect":
        status = field_of(value, "status", int, None)
        raise _redirect_error(text_of(value, "location"), status, url, "")


# inside an answer ----------------------------------------------------------------------------


def generation_error(sentence: str, code: int | None) -> HugChatError:
    """Return the error of an error line inside an answer.

    :param sentence: the server's sentence, which is the upstream's in most cases.
    :param code: the status of the upstream, where the server tells it (since 2025-10).

    Source: the status lines of POST /conversation/{id}, chat-ui 2023-11 … 2026-08 (measured).
    """
    sentence = sentence.strip()[:300] or "no reason given"
    if code == 402 or (code is None and re.match(r"402\b", sentence)):
        return QuotaExceeded(
            f"the account is out of credits: {sentence} (top up, or choose another model)",
            status_code=402,
            status=402,
        )
    if code == 429 or re.search(r"(?i)overloaded|\b429\b", sentence):
        return ModelOverloaded(
            f"the model is overloaded: {sentence} (try again later)", status_code=code
        )
    if re.search(r"(?i)oauth|sign(ed)? ?in|logged in|log in|user token not found", sentence):
        return AuthError(
            f"the model was not asked: {sentence} (sign in again, or pass new cookies)",
            status=code,
            status_code=code,
        )
    return GenerationError(f"the model failed: {sentence}", status_code=code)
