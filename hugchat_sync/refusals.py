"""Replies that are not the server's own: a firewall's, a gateway's, a page, a redirect.

The one place that says what such a reply means; transport, dialects and sign-in ask here.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import SplitResult, parse_qs, urljoin, urlsplit

from .calls import Reply
from .errors import (
    AuthError,
    ChallengeRequired,
    ConnectionFailed,
    HugChatError,
    ProtocolError,
    UsageError,
    status_error,
)

REDIRECTS = (301, 302, 303, 307, 308)

_SHOWN = 200  # characters of a page that an error carries
_LOOKED_AT = 262144  # bytes of a page in which a firewall is looked for
_MINUTE = 60.0  # the wait for a gateway that limits, and does not say for how long
_USUAL_PORTS = {"http": 80, "https": 443}

# what a reply is -------------------------------------------------------------------------------

_GUARDS = ("cf-mitigated", "x-amzn-waf-action")  # a firewall says so itself
_BLOCKED = (202, 401, 403, 405, 429, 503)
_CHALLENGE = re.compile(
    r"captcha|cf-chl|challenge-platform|challenges\.cloudflare|turnstile|awswaf|datadome"
    r"|_incapsula_|ddos-guard|human verification|attention required! \| cloudflare"
    r"|just a moment\.\.\.|checking your browser|making sure you('|&#39;)re not a bot"
    r"|(are|you're) (not )?a robot|you are (a )?human",
    re.IGNORECASE,
)
_CHALLENGE_SERVICE = re.compile(r"captcha-delivery\.com|cf-chl|challenges\.cloudflare|awswaf")
_PAGE_TITLE = re.compile(r"<title[^>]*>([^<]{1,120})", re.IGNORECASE)
_PASSWORD_SCHEME = re.compile(r"(^|,)\s*(basic|digest|negotiate|ntlm)\b", re.IGNORECASE)


def media_type(content_type: str | None) -> str:
    """Return a media type without its parameters, lower case."""
    return (content_type or "").partition(";")[0].strip().lower()


def is_page(reply: Reply) -> bool:
    """Return whether a reply is an HTML page."""
    return reply.content_type == "text/html" or reply.body[:64].lstrip().lower().startswith(
        (b"<!doctype", b"<html")
    )


def page_title(reply: Reply) -> str:
    """Return the title of a page as it stands in a sentence; ``""`` where there is none."""
    found = _PAGE_TITLE.search(reply.body[:65536].decode("utf-8", "replace"))
    return f' titled "{" ".join(found.group(1).split())}"' if found else ""


def names_challenge(text: str) -> bool:
    """Return whether a text speaks of a captcha or of a firewall's check, or loads one."""
    return bool(_CHALLENGE.search(text))


def is_guarded(reply: Reply) -> bool:
    """Return whether a firewall says in a header that it stands before the server.

    Source: Cloudflare ``cf-mitigated``, AWS ``x-amzn-waf-action`` (their documentation).
    """
    return any(name in reply.headers for name in _GUARDS)


def is_challenge(reply: Reply) -> bool:
    """Return whether a firewall or a captcha asks for a human.

    Firewalls say it in a header; widgets are known by their own names in the page.
    """
    if is_guarded(reply):
        return True
    if reply.status not in _BLOCKED:
        return False
    text = reply.body[:_LOOKED_AT].decode("utf-8", "replace")
    return bool((_CHALLENGE if is_page(reply) else _CHALLENGE_SERVICE).search(text))


# what stands before the server -----------------------------------------------------------------


def intercepted(reply: Reply, base_url: str) -> HugChatError | None:
    """Return the error of a reply which the server itself cannot have sent; ``None`` otherwise.

    Firewalls, redirects, and gateways and proxies that want a password of their own.
    """
    if is_challenge(reply):
        return _challenged(reply)
    if reply.status in REDIRECTS:
        return redirected(base_url, reply)
    if wants_password(reply):
        return AuthError(
            f"a gateway before {_host(reply.url)} wants a user name and a password of its own "
            "(HTTP Basic or the like), the cookies are not at fault: in Python give a session "
            "with session.auth = (user, password) as session=",
            status=reply.status,
            url=reply.url,
        )
    if reply.status == 407:
        return ConnectionFailed(
            "the proxy wants a user name and a password (407): put them into the address of the "
            "proxy, http://user:password@host:port",
            url=reply.url,
            lasting=True,
        )
    if reply.status == 511:
        return status_error(
            511, "the network wants a sign-in of its own", url=reply.url, advice=_OF_NETWORK
        )
    return None


_OF_NETWORK = "open any page in a browser and sign in to the network there"


def wants_password(reply: Reply) -> bool:
    """Return whether a gateway wants a password; no chat server asks for one in this way."""
    asked = reply.headers.get("www-authenticate", "")
    return reply.status == 401 and bool(_PASSWORD_SCHEME.search(asked))


def _challenged(reply: Reply) -> HugChatError:
    return ChallengeRequired(
        f"a firewall before {_host(reply.url)} asks for a human (a captcha, or a check of the "
        f"browser; it answered {reply.status}): open the chat in a browser, export the cookies "
        "there, and pass them as cookies=",
        status=reply.status,
        url=reply.url,
    )


# pages -----------------------------------------------------------------------------------------

_WRONG_PLACE = "check the base URL: it must include the path under which the chat is found"
_NO_PLACE = "the base URL lacks the path of the chat, or this server is too old for what was asked"
_LESS = "send less, or have the gateway's own limit raised"
_SLOWER = "wait before the next try, and send fewer requests a minute"


def page_error(reply: Reply) -> HugChatError:
    """Return the error of a page with a bad status: a gateway's, or that of another program."""
    if is_challenge(reply):
        return _challenged(reply)
    said = f"an HTML page{page_title(reply)}"
    facts: dict[str, Any] = {}
    who = "the server"
    if reply.status >= 500 or reply.status in (413, 429):
        who = "a gateway before the server, not the server itself,"
    if reply.status == 413:
        facts["advice"] = _LESS
    elif reply.status == 429:
        facts.update(advice=_SLOWER, retry_after=_MINUTE)
    elif reply.status < 500:
        facts["advice"] = _NO_PLACE if reply.status == 404 else _WRONG_PLACE
    return status_error(reply.status, said, url=reply.url, body=reply.text, who=who, **facts)


def page_instead(reply: Reply, wanted: str = "an answer") -> HugChatError:
    """Return the error of a page with a good status where something else was asked for."""
    if is_challenge(reply) or names_challenge(reply.text[:_LOOKED_AT]):
        return _challenged(reply)
    return ProtocolError(
        f"expected {wanted}, got an HTML page{page_title(reply)}; is the base URL right, or does "
        "a gateway want something first?",
        line=reply.text[:_SHOWN],
        url=reply.url,
    )


# redirects -------------------------------------------------------------------------------------

_STEP = re.compile(
    r"(log|sign)[-_]?(in|on)|sso|saml2?|o?auth2?|oidc|openid[-_a-z]*|cas|adfs|idp"
    r"|authori[sz]e|authenticate|authn"
)
_SIGN_IN_HOST = re.compile(
    r"(login|logon|signin|sso|auth|oauth|accounts?|id|idp|identity|cas|keycloak|authelia"
    r"|authentik)\.|.*\.(cloudflareaccess|okta|auth0)\.com$"
)
_SIGN_IN_QUERY = {"client_id", "samlrequest", "redirect_uri"}


def is_sign_in(target: str, base_url: str = "") -> bool:
    """Return whether an address is that of a sign-in, at an identity provider or a gateway.

    What stands in the base URL itself says nothing.
    """
    parts = _split(target)
    if parts is None:
        return False
    if _SIGN_IN_QUERY & {name.lower() for name in parse_qs(parts.query)}:
        return True
    base = _split(base_url)
    known = set(base.path.lower().split("/")) if base else set()
    steps = [step.partition(".")[0] for step in parts.path.lower().split("/") if step not in known]
    if any(_STEP.fullmatch(step) for step in steps):
        return True
    host = parts.hostname or ""
    elsewhere = base is None or host != base.hostname
    return elsewhere and bool(_SIGN_IN_HOST.match(host))


def redirected(base_url: str, reply: Reply) -> HugChatError:
    """Return the error of a redirect, which is never followed.

    One that leads to a sign-in wants to know who asks; any other is a move, whatever its number.
    """
    target = _joined(reply.url or base_url, reply.headers.get("location", ""))
    return _redirect_error(target, reply.status, reply.url, base_url)


def redirected_inside(location: str, status: int | None, url: str) -> HugChatError:
    """Return the error of a redirect that came as JSON with a good status."""
    return _redirect_error(_joined(url, location), status, url, "")


def _redirect_error(
    target: SplitResult | None, status: int | None, url: str, base_url: str
) -> HugChatError:
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
    return UsageError(_moved(target, url, base_url))


def _moved(target: SplitResult, url: str, base_url: str) -> str:
    """Return the sentence about a move; it names an address only where that one can work."""
    asked, base = urlsplit(url).path, urlsplit(base_url)
    tail = asked[len(base.path) :] if asked.startswith(base.path) else ""
    there = _place(target, target.path)
    if base_url and tail.strip("/") and target.path.endswith(tail):
        found = _place(target, target.path[: -len(tail)].rstrip("/"))
        if found != _place(base, base.path):
            return f"the server has moved to {found}: use that address as base_url"
    if base_url and there.rstrip("/") == _place(base, base.path):
        return (
            f"the server sends what was asked for ({asked}) back to its start page {there}: check "
            "the base URL, and whether this is a chat-ui server"
        )
    if there.rstrip("/") == _place(urlsplit(url), asked).rstrip("/"):
        return (
            f"the server sends us from {asked} to {there} and no further: a gateway before it "
            "rewrites addresses or wants a cookie of its own; no base URL mends that"
        )
    found = _place(target, target.path.rstrip("/"))
    return f"the server sends us on to {found}: if the chat is there now, use that as base_url"


def _joined(url: str, location: str) -> SplitResult | None:
    try:
        return _split(urljoin(url, location)) if location else None
    except ValueError:  # brackets that are none
        return None


def _split(url: str) -> SplitResult | None:
    """Return the parts of an http address; ``None`` where it is none."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _USUAL_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or a port that are none
        return None
    return parts if usable else None


def _place(parts: SplitResult, path: str) -> str:
    """Return an address without what may be a secret in it: no user, no query, no odd letters."""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    usual = parts.port is None or parts.port == _USUAL_PORTS.get(parts.scheme)
    port = "" if usual else f":{parts.port}"
    return re.sub(r"[^!-~]", "?", f"{parts.scheme}://{host}{port}{path}")


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2] or "the server"
