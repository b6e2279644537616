"""What a shell needs to complete the words of the program; needs the extra ``cli``."""

from __future__ import annotations

import argparse
from typing import Iterator

import shtab

_FILES = ("FILE", "IN", "OUT")
_FOLDERS = ("DIR",)


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the completion of a whole parser as a script for a shell."""
    for action in _actions(parser):
        metavars = action.metavar if isinstance(action.metavar, tuple) else (action.metavar,)
        if any(name in _FILES for name in metavars):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif any(name in _FOLDERS for name in metavars):
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    return f"{shtab.complete(parser, shell)}\n"


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
