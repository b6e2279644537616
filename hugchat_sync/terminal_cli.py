"""Old path of the interactive program: ``python -m hugchat_sync.terminal_cli -u EMAIL``."""

from __future__ import annotations

import argparse
import sys
from typing import Sequence

from .auth.cookies.disk import file_of
from .errors import HugChatError
from .terminal import main as run


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
    options = parser.parse_args(argv)
    more = ["--verbose"] if options.debug else []
    try:
        kept = file_of(options.u).exists()
    except HugChatError as error:
        parser.error(str(error))
    if options.p or options.f or not kept:
        code = run(["login", options.u, *more])
        if code:
            return code
    return run(["chat", "--email", options.u, *more])


if __name__ == "__main__":
    sys.exit(main())
