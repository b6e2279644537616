"""``login``, ``logout`` and ``whoami``: who we are at a server."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import Client, Sign
from ..auth.cookies.disk import default_directory, file_of
from ..auth.cookies.store import CookieStore
from ..errors import AuthError, HugChatError, UsageError
from ..options import check_base_url
from ..records import User
from ..secret import Secret
from . import output
from .connection import (
    account_of,
    forget_account,
    is_borrowed,
    keep_account,
    open_client,
)
from .input import ask_human, read_stdin, stdin_is_terminal

_TO_END = 10  # seconds for ending a session at the server


def login(arguments: argparse.Namespace) -> None:
    """Sign in, keep the cookies, and print who is signed in."""
    if arguments.local:
        raise UsageError("the embedded server has no accounts; --local needs no sign-in")
    stated = arguments.address or arguments.email or os.environ.get("HUGCHAT_SYNC_EMAIL") or ""
    email = str(stated).strip()
    if arguments.cookies:
        options = {"cookies": _read_cookies(arguments.cookies)}
    else:
        email = email or _read_email(arguments)
        Sign(
            email,
            _read_password(arguments),
            base_url=arguments.base_url,
            allow_insecure=arguments.allow_insecure,
        ).login(save=True)
        options = {"email": email, "cookies": file_of(email)}
    with _client(arguments, **options) as client:
        user = client.whoami()
        if user is None:
            raise AuthError(
                "the server knows nobody by these cookies; export them again from a browser that "
                "is signed in"
            )
        if arguments.cookies:  # now that it is known whose they are
            email = email or user.email or user.username
            CookieStore.read(client.cookies, client.base_url).save(file_of(email))
        keep_account(client.base_url, email, borrowed=bool(arguments.cookies))
    output.write_line(_describe(user))


def _describe(user: User) -> str:
    return f"{user.username} <{user.email}>" if user.email else user.username


def _client(arguments: argparse.Namespace, **options: Any) -> Client:
    return Client(arguments.base_url, allow_insecure=arguments.allow_insecure, **options)


def _read_cookies(name: str) -> str | Path:
    """Return the cookies on stdin, or the file that has them."""
    if name != "-":
        return Path(name)
    if stdin_is_terminal():
        output.note("Paste the cookies, then Ctrl-D:")
    return read_stdin()


def _read_email(arguments: argparse.Namespace) -> str:
    if not stdin_is_terminal() or arguments.password_stdin:
        raise UsageError("whose account? Give EMAIL, or --email")
    return ask_human("E-mail: ").strip()


def _read_password(arguments: argparse.Namespace) -> str:
    """Return the password, from stdin, the environment or a human; it is shown nowhere."""
    if arguments.password_stdin:
        lines = read_stdin().splitlines()
        if not lines or not lines[0]:
            raise UsageError("stdin holds no password")
        return lines[0]
    password = os.environ.get("HUGCHAT_SYNC_PASSWORD")
    if password:
        return password
    if not stdin_is_terminal():
        raise UsageError(
            "nobody is there to ask for the password: give --password-stdin, or --cookies FILE"
        )
    return ask_human("Password: ", hidden=True)


def logout(arguments: argparse.Namespace) -> None:
    """Forget the cookies that are kept of an account, and then end their session at the server."""
    if arguments.local or arguments.cookies:
        named = "--local has no accounts" if arguments.local else "--cookies FILE is kept by you"
        raise UsageError(f"logout forgets a sign-in that is kept here; {named}: leave that out")
    base_url = check_base_url(Secret(arguments.base_url), allow_insecure=True)
    email = arguments.email or account_of(base_url) or os.environ.get("HUGCHAT_SYNC_EMAIL")
    if not email or default_directory() is None or not file_of(email).exists():
        output.note(f"no sign-in at {base_url} is kept here")
        return
    borrowed, cookies = is_borrowed(email), None
    with suppress(UsageError):  # what is of no use hinders nobody
        cookies = CookieStore.read(file_of(email), base_url).jar
    file_of(email).unlink()
    forget_account(base_url, email)
    output.note(f"the sign-in of {email} is forgotten")
    if borrowed and not arguments.everywhere:
        output.note(
            "the browser that it was taken from stays signed in; --everywhere ends that, too"
        )
    elif cookies:
        try:
            with _client(arguments, cookies=cookies, timeout=_TO_END) as client:
                client.sign_out()
        except HugChatError as error:  # what was forgotten here stays so
            output.complain(f"the session was not ended at the server: {error}")


def check(arguments: argparse.Namespace) -> None:
    """Print who is signed in, what is missing, and what the server can do; it costs no message.

    :returns: 3 when something is missing.
    """
    with open_client(arguments) as client:
        found = client.check()
        is_complete = not found.missing and (
            found.user is not None or arguments.local or not client.has_accounts()
        )
        if arguments.json:
            output.write_array([found])
        else:
            output.write_rows(
                (
                    f"server    {client.base_url} ({found.era})",
                    f"account   {_describe(found.user) if found.user else 'nobody'}",
                    f"features  {', '.join(found.features) or 'none'}",
                )
            )
        if not is_complete:
            raise AuthError(_describe_missing(client.base_url, found.missing))


def _describe_missing(base_url: str, names: tuple[str, ...]) -> str:
    """Return in one line what is missing for a sign-in."""
    if not names:
        return f"nobody is signed in at {base_url}"
    plural = "cookies {} are" if len(names) > 1 else "cookie {} is"
    return f"nobody is signed in at {base_url}: the {plural.format(' and '.join(names))} missing"


def whoami(arguments: argparse.Namespace) -> None:
    """Print who is signed in; at a server without accounts nobody is, and that is as it should."""
    with open_client(arguments) as client:
        user = client.whoami()
        if user is None and (arguments.local or not client.has_accounts()):
            output.write_line("nobody: this server has no accounts")
            return
        if user is None:
            raise AuthError(_describe_missing(client.base_url, client.check().missing))
    output.write_line(_describe(user))
