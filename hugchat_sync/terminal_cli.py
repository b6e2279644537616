"""Old path of the interactive program: ``python -m hugchat_sync.terminal_cli -u EMAIL``."""

from __future__ import annotations

import argparse
import sys
from typing import Sequence

from . import terminal
from .auth.cookies.disk import file_of
from .errors import HugChatError


def main(argv: Sequence[str] | None = None) -> int:
    """Sign in, unless the cookies of an earlier sign-in are kept, talk, and return the exit code.

    :param argv: the words behind the program's name; those of the process when ``None``.
    """
    parser = argparse.ArgumentParser(
        prog="python -m hugchat_sync.terminal_cli",
        description="The interactive program by its old name; hugchat-sync is the new one.",
    )
    parser.add_argument("-u", metavar="EMAIL", required=True, help="the account")
    parser.add_argument(
        "-p",
        action="store_true",
        help="sign in with the password: $HUGCHAT_SYNC_PASSWORD, or it is asked for",
    )
    parser.add_argument("-f", action="store_true", help="sign in even if cookies are kept")
    parser.add_argument("--debug", action="store_true", help="tell what is sent and received")
    options = terminal.read_words(parser.parse_args, argv)
    return talk(parser, options.u, anew=options.p or options.f, verbose=options.debug)


def talk(
    parser: argparse.ArgumentParser,
    email: str | None,
    *,
    anew: bool,
    verbose: bool = False,
    latest: bool = False,
) -> int:
    """Sign in if it takes that, talk, and return the exit code.

    :param anew: sign in even if cookies are kept.
    :param latest: go on in the latest conversation.
    """
    words = ["--verbose"] if verbose else []
    words += [] if email is None else ["--email", email]
    try:
        is_known = email is None or file_of(email).exists()
    except HugChatError as error:
        parser.error(str(error))
    code = terminal.main(["login", *words]) if anew or not is_known else 0
    return code or terminal.main(["chat", *words, *(["-c"] if latest else [])])


if __name__ == "__main__":
    sys.exit(main())
