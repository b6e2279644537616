"""What the pages of an identity provider mean; nothing is sent from here.

A human stands in front of these pages otherwise. What only a human can pass is recognised and
named, never worked around.
"""

from __future__ import annotations

import re
from contextlib import suppress
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from ...calls import Reply
from ...dialects.errors import is_challenge, is_guarded, names_challenge
from ...errors import (
    ChallengeRequired,
    HugChatError,
    LoginFailed,
    TwoFactorRequired,
    WrongPassword,
    status_error,
)
from ...values import Value, field
from .addresses import is_redirect, target_of


class Step:
    """The names of the steps, as errors carry them."""

    START = "start"
    ENTER = "password"
    AUTHORIZE = "authorize"
    CONSENT = "consent"
    CALLBACK = "callback"


_BROWSER = (
    "sign in with a browser, export the cookies token and hf-chat there, and pass them as cookies="
)
_TWO_FACTOR = re.compile(
    r"two[-_ ]?(factor|step)|\b2fa\b|\bt?otp\b|\bmfa\b|multi[-_ ]?factor|one[-_ ]?time[-_ ]?code"
    r"|authenticat(or|ion)[-_ ](app|code)|verification[-_ ]code",
    re.IGNORECASE,
)
_UNCONFIRMED = re.compile(
    r"(confirm|verify|activate)\w*\b.{0,40}\be-?mail"
    r"|e-?mail.{0,60}\b(unconfirmed|unverified|not (yet |been )*(confirmed|verified)|confirmation)"
    r"|e-?mail[-_/](confirm|verif)",
    re.IGNORECASE | re.DOTALL,
)
_WRONG = re.compile(
    r"(invalid|incorrect|wrong|unknown|bad)\b[^.<]{0,40}\b(password|credentials|username|e-?mail)"
    r"|(password|credentials)\b[^.<]{0,40}\b(invalid|incorrect|wrong|match)",
    re.IGNORECASE,
)


class Form(Value):
    """A form of a page: where it goes, and its fields, name → (type, value)."""

    action: str | None
    fields: dict[str, tuple[str, str]] = field(repr=False)

    @property
    def asks_password(self) -> bool:
        """Whether it has a field for a password."""
        return any(kind == "password" for kind, _ in self.fields.values())


class Page(Value):
    """A page: its title, what is to be read on it, its forms (fields outside of one included)."""

    title: str = field(repr=False)
    text: str = field(repr=False)
    forms: tuple[Form, ...]

    @property
    def asks_password(self) -> bool:
        """Whether the form of the sign-in is on it."""
        return any(form.asks_password for form in self.forms)

    def consent(self, authorize_url: str) -> str | None:
        """Return the ``csrf`` value of the form that gives consent; ``None`` without one.

        Pages have other forms with such a field, to sign out for example: only one that leads
        back to *authorize_url* is meant.

        Source: the consent page of huggingface.co, as clients of 2023-10 and 2025-06 read it.
        """
        path = urlsplit(authorize_url).path
        for form in self.forms:
            try:
                target = urlsplit(urljoin(authorize_url, form.action or ""))
            except ValueError:  # brackets that are none
                continue
            same_host = target.netloc == urlsplit(authorize_url).netloc
            if "csrf" in form.fields and same_host and target.path == path:
                return form.fields["csrf"][1]
        return None


class _Reader(HTMLParser):
    """Collects what :class:`Page` is made of."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.text: list[str] = []
        self.loose: dict[str, tuple[str, str]] = {}
        self.forms: list[Form] = []
        self._fields = self.loose
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._fields = {}
            self.forms.append(Form(given.get("action"), self._fields))
        elif tag in ("input", "button") and given.get("name"):
            kind = given.get("autocomplete", "")
            kind = kind if kind == "one-time-code" else given.get("type", "text").lower()
            self._fields.setdefault(given["name"], (kind, given.get("value", "")))
        elif tag in ("script", "style", "title"):
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._fields = self.loose
        elif tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title.append(data)
        elif not self._inside:
            self.text.append(data)


def read_page(reply: Reply) -> Page:
    """Return the page that a reply holds; a text that is no HTML is one without forms."""
    reader = _Reader()
    with suppress(AssertionError, NotImplementedError):  # of the parser, for markup that is none
        reader.feed(reply.text)
        reader.close()
    forms = (*reader.forms, Form(None, reader.loose))
    title = " ".join("".join(reader.title).split())[:80]
    return Page(title, " ".join(" ".join(reader.text).split()), forms)


def guard(reply: Reply, step: str) -> LoginFailed | None:
    """Return the firewall that stands before a server, if the reply is its own."""
    return _challenge(step) if is_challenge(reply) else None


def obstacle(reply: Reply, step: str) -> LoginFailed | None:
    """Return what only a human can pass, if a reply of the hub is that."""
    found = guard(reply, step)
    if found is not None:
        return found
    if is_redirect(reply):
        return _by_text(urlsplit(target_of(reply)).path, "", step)
    page = read_page(reply)
    kinds = {kind for form in page.forms for kind, _ in form.fields.values()}
    names = " ".join(name for form in page.forms for name in form.fields)
    if "one-time-code" in kinds:
        return _two_factor(step)
    return _by_text(f"{page.title} {page.text} {names}", reply.text, step)


def _by_text(text: str, source: str, step: str) -> LoginFailed | None:
    if names_challenge(text) or names_challenge(source):
        return _challenge(step)
    if _TWO_FACTOR.search(text):
        return _two_factor(step)
    if _UNCONFIRMED.search(text):
        return LoginFailed(
            f"sign-in, step {step!r}: confirm the e-mail address of the account first, by the "
            "link in the mail that was sent to it",
            step=step,
        )
    return None


def _challenge(step: str) -> LoginFailed:
    return ChallengeRequired(
        f"sign-in, step {step!r}: a captcha or a firewall asks for a human; {_BROWSER}", step=step
    )


def _two_factor(step: str) -> LoginFailed:
    return TwoFactorRequired(
        f"sign-in, step {step!r}: the account has a second factor; {_BROWSER}", step=step
    )


def password_problem(reply: Reply) -> HugChatError | None:
    """Return why a reply to the form of the sign-in means that nobody is signed in, if it does.

    Source: POST /login of huggingface.co as clients of 2023-10 and 2025-06 met it: 400 for a
    wrong password, the cookie ``token`` on success.
    """
    step, page = Step.ENTER, read_page(reply)
    if (
        not is_guarded(reply)
        and reply.status < 500
        and not is_redirect(reply)
        and _WRONG.search(page.text)
    ):
        return _wrong(step)
    found = obstacle(reply, step)
    if found is not None:
        return found
    if is_redirect(reply):
        path = urlsplit(target_of(reply)).path.rstrip("/").lower()
        return _wrong(step) if path.endswith(("/login", "/signin", "/sign-in")) else None
    if reply.status in (400, 401) or (reply.status < 400 and page.asks_password):
        return _wrong(step)
    return refusal(reply, step) if reply.status >= 400 else None


def _wrong(step: str) -> LoginFailed:
    return WrongPassword(
        f"sign-in, step {step!r}: the e-mail and the password do not belong together; "
        "it was not tried again",
        step=step,
    )


def refusal(reply: Reply, step: str) -> HugChatError:
    """Return the error of a bad status that no page explains."""
    if reply.status == 429 or reply.status >= 500:
        url = reply.url.partition("?")[0]
        return status_error(reply.status, read_page(reply).title, url=url)
    title = read_page(reply).title
    named = f' ("{title}")' if title else ""
    return LoginFailed(
        f"sign-in, step {step!r}: the server answered {reply.status}{named}",
        step=step,
        status=reply.status,
    )
