"""The terminal program ``hugchat-sync``; nothing heavy is imported before the words are read."""

from __future__ import annotations

from .arguments import read_arguments

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost --help its time
if TYPE_CHECKING:
    from typing import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    :param argv: the words behind the program's name; those of the process when ``None``.
    """
    try:
        arguments = read_arguments(argv)
    except SystemExit as ended:  # --help, --version, and words that make no sense
        return ended.code if isinstance(ended.code, int) else 2
    from .running import run  # here: --help and --version are over by now

    return run(arguments)
