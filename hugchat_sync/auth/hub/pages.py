"""What the replies of a chat server and of its identity provider mean; nothing is sent from here.

A human stands in front of these pages otherwise. What only a human can pass is recognised and
named, never worked around.
"""

from __future__ import annotations

import re
from contextlib import suppress
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from ...calls import Reply
from ...dialects.errors import is_challenge, is_guarded, is_redirect, names_challenge, target_of
from ...errors import (
    ChallengeRequired,
    ConsentMissing,
    HugChatError,
    LoginFailed,
    TwoFactorRequired,
    WrongPassword,
    status_error,
)
from ..cookies.values import Site

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


# where replies lead to ---------------------------------------------------------------------------


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL in one spelling; ``""`` when it is no http URL."""
    site = Site.of(url)
    return site.origin if site else ""


# what is on a page -------------------------------------------------------------------------------


class Form:
    """A form of a page: where it goes, and its fields, name → (type, value)."""

    def __init__(self, action: str | None = None) -> None:
        self.action = action
        self.fields: dict[str, tuple[str, str]] = {}


class Page(HTMLParser):
    """A page: its title, what is to be read on it, its forms (fields outside of one included).

    A text that is no HTML is one without forms.
    """

    def __init__(self, reply: Reply) -> None:
        super().__init__(convert_charrefs=True)
        self._loose = self._form = Form()
        self.forms = [self._loose]
        self._titles: list[str] = []
        self._texts: list[str] = []
        self._inside = ""
        with suppress(AssertionError, NotImplementedError):  # of the parser, for no such markup
            self.feed(reply.text)
            self.close()
        self.title = " ".join("".join(self._titles).split())[:80]
        self.text = " ".join(" ".join(self._texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a form or a field of one."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("action"))
            self.forms.append(self._form)
        elif tag in ("input", "button") and given.get("name"):
            kind = given.get("autocomplete", "")
            kind = kind if kind == "one-time-code" else given.get("type", "text").lower()
            self._form.fields.setdefault(given["name"], (kind, given.get("value", "")))
        elif tag in ("script", "style", "title"):
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        """Leave what was begun."""
        if tag == "form":
            self._form = self._loose
        elif tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        """Take what is to be read."""
        if self._inside in ("", "title"):
            (self._titles if self._inside else self._texts).append(data)

    @property
    def quoted_title(self) -> str:
        """The title as a sentence can say it."""
        return f' ("{self.title}")' if self.title else ""

    @property
    def says_wrong(self) -> bool:
        """Whether it says that e-mail and password do not belong together."""
        return _WRONG.search(self.text) is not None

    @property
    def kinds(self) -> set[str]:
        """The types of all fields."""
        return {kind for form in self.forms for kind, _ in form.fields.values()}

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


# what stands in the way --------------------------------------------------------------------------


def refuse_challenge(reply: Reply) -> None:
    """Raise what a firewall that stands before a server wants, if the reply is its own."""
    if is_challenge(reply):
        raise _explain_challenge()


def refuse_obstacle(reply: Reply) -> None:
    """Raise what only a human can pass, if a reply of the hub is that."""
    refuse_challenge(reply)
    asks_for_code = False
    if is_redirect(reply):
        text = source = urlsplit(target_of(reply)).path
    else:
        page, source = Page(reply), reply.text
        names = " ".join(name for form in page.forms for name in form.fields)
        text = f"{page.title} {page.text} {names}"
        asks_for_code = "one-time-code" in page.kinds
    if not asks_for_code and (names_challenge(text) or names_challenge(source)):
        raise _explain_challenge()
    if asks_for_code or _TWO_FACTOR.search(text):
        raise TwoFactorRequired(f"the account has a second factor; {_BROWSER}")
    if _UNCONFIRMED.search(text):
        raise LoginFailed(
            "confirm the e-mail address of the account first, by the link in the mail that was "
            "sent to it"
        )


def _explain_challenge() -> LoginFailed:
    return ChallengeRequired(f"a captcha or a firewall asks for a human; {_BROWSER}")


def refuse_password(reply: Reply) -> None:
    """Raise why a reply to the form of the sign-in means that nobody is signed in, if it does.

    Source: POST /login of huggingface.co as clients of 2023-10 and 2025-06 met it: 400 for a
    wrong password, the cookie ``token`` on success.
    """
    page, leads_on, status = Page(reply), is_redirect(reply), reply.status
    is_wrong = not leads_on and status < 500 and not is_guarded(reply) and page.says_wrong
    if not is_wrong:
        refuse_obstacle(reply)
        if leads_on:
            path = urlsplit(target_of(reply)).path.rstrip("/").lower()
            is_wrong = path.endswith(("/login", "/signin", "/sign-in"))
        else:
            is_wrong = status in (400, 401) or (status < 400 and "password" in page.kinds)
    if is_wrong:
        raise WrongPassword(
            "the e-mail and the password do not belong together; it was not tried again"
        )
    if status >= 400:
        raise explain_status(reply)


def explain_status(reply: Reply) -> HugChatError:
    """Return the error of a bad status that no page explains."""
    page = Page(reply)
    if reply.status == 429 or reply.status >= 500:
        return status_error(reply.status, page.title, url=reply.url.partition("?")[0])
    return LoginFailed(
        f"the server answered {reply.status}{page.quoted_title}", status=reply.status
    )


def explain_signed_out() -> LoginFailed:
    """Return the error which says that the hub wants the password."""
    return LoginFailed("the hub does not know us: sign in with the password again")


def explain_page(reply: Reply, origin: str) -> HugChatError:
    """Return what is wrong with a page that should be the one for consent.

    :raises LoginFailed: only a human can pass it.
    """
    refuse_obstacle(reply)
    page = Page(reply)
    if "password" in page.kinds or reply.status == 401:
        return explain_signed_out()
    if reply.status != 200:
        return explain_status(reply)
    return ConsentMissing(
        f"{origin} shows a page{page.quoted_title} without a form to give consent with; open the "
        "chat in a browser once and allow it there"
    )
