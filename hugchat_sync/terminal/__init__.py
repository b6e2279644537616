"""The terminal program ``hugchat-sync``; nothing heavy is imported before the words are read."""

from __future__ import annotations

import sys

from .arguments import read_arguments

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost --help its time
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Callable, Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    :param argv: the words behind the program's name; those of the process when ``None``.
    """
    try:
        arguments = read_words(read_arguments, argv)
        from .running import run  # here: --help and --version are over by now
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 2
    except KeyboardInterrupt:  # nothing has been begun
        return 130

    return run(arguments)


def read_words(
    read: Callable[[Sequence[str] | None], Namespace], argv: Sequence[str] | None
) -> Namespace:
    """Return what *read* makes of the words.

    :raises SystemExit: for --help, --version and words that make no sense, once what there is to
        say about them is written; else with 1, and with 0 where nobody reads it any more.
    """
    code = 0
    try:
        try:
            return read(argv)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 2
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
            raise
    except OSError as error:
        from . import exits, output  # here: they cost --help its time

        output.finish()
        if not isinstance(error, BrokenPipeError):
            output.complain(exits.describe(error))
            code = code or exits.OTHER
        raise SystemExit(code) from error
