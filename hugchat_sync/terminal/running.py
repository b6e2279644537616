"""One run of the program: from the words to the exit code, whatever happens in between."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
import warnings
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Iterator

from ..errors import CookieFileWarning, HugChatDeprecationWarning, HugChatError
from . import exits, output

#: command → the module that does it and the function in it
_COMMANDS = {
    "ask": ("ask", "ask"),
    "batch": ("batch_files", "batch"),
    "chat": ("chat_loop", "chat"),
    "export": ("export", "export"),
    "login": ("accounts", "login"),
    "logout": ("accounts", "logout"),
    "ls": ("listing", "list_conversations"),
    "models": ("listing", "list_models"),
    "rename": ("changes", "rename"),
    "rm": ("changes", "remove"),
    "serve": ("serve", "serve"),
    "share": ("changes", "share"),
    "show": ("listing", "show"),
    "system": ("changes", "system_prompt"),
    "whoami": ("accounts", "whoami"),
}


def run(arguments: argparse.Namespace) -> int:
    """Do what the words say, and return the exit code; nothing but bugs is raised."""
    output.never_fail_on_letters()
    with _warnings_as_lines(), _log(arguments.verbose):
        try:
            return _outcome(arguments)
        except BrokenPipeError:  # whoever read us has had enough, and needs no word about it
            output.mute_stdout()
            return exits.OK
        except KeyboardInterrupt:
            return exits.INTERRUPTED


def _outcome(arguments: argparse.Namespace) -> int:
    module, function = _COMMANDS[arguments.command]
    try:
        code: int = getattr(import_module(f".{module}", __package__), function)(arguments)
    except HugChatError as error:
        _explain(arguments, exits.sentence(error))
        return exits.exit_code(error)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        _explain(arguments, f"{error.strerror or error}{where}")
        return exits.OTHER
    return code


def _explain(arguments: argparse.Namespace, text: str) -> None:
    if arguments.verbose:
        traceback.print_exc()
    output.complain(text)


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Show each warning of the library as one line, without the place in our source."""

    def show(message: Any, *_: Any, **__: Any) -> None:
        output.complain(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what other packages tell their developers
        for kind in (HugChatDeprecationWarning, CookieFileWarning):
            warnings.simplefilter("default", kind)
        warnings.showwarning = show
        yield


@contextmanager
def _log(verbose: bool) -> Iterator[None]:
    """Show what the library logs, if that was asked for."""
    if not verbose:
        yield
        return
    logger, handler = logging.getLogger("hugchat_sync"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
