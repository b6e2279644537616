"""``python -m hugchat_sync.compat.cli``: the old options, handed to the terminal program."""

from __future__ import annotations

import argparse
import sys
from typing import Sequence

from ..terminal import read_words
from ..terminal_cli import talk


def cli(argv: Sequence[str] | None = None) -> int:
    """Talk in the terminal, after a sign-in if it takes one, and return the exit code.

    :param argv: the words behind the program's name; those of the process when ``None``.
    """
    parser = argparse.ArgumentParser(
        prog="python -m hugchat_sync.compat.cli",
        description="The old options, handed to the terminal program; hugchat-sync is the new one.",
    )
    parser.add_argument("-u", metavar="EMAIL", help="the account")
    parser.add_argument("-p", action="store_true", help="ask for the password, cookies or not")
    parser.add_argument("-s", action="store_true", help="stream the answers: always so now")
    parser.add_argument("-c", action="store_true", help="go on in the latest conversation")
    options = read_words(parser.parse_args, argv)
    return talk(parser, options.u, anew=options.p, latest=options.c)


if __name__ == "__main__":
    sys.exit(cli())
