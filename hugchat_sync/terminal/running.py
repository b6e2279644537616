"""One run of the program: from the words to the exit code, whatever happens in between."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import traceback
import warnings
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Iterator

from ..errors import CookieFileWarning, HugChatDeprecationWarning, HugChatError
from . import exits, output
from .input import read_utf8
from .interrupts import END_SIGNALS, EndHandler, handle_signals


def run(arguments: argparse.Namespace) -> int:
    """Do what the words say, and return the exit code; nothing but bugs is raised."""
    output.never_fail_on_letters()
    read_utf8()
    ending = EndHandler()
    with _show_warnings(), _show_log(arguments.verbose), _show_tracebacks(), handle_signals(
        END_SIGNALS, ending
    ):
        try:
            code = _call_command(arguments)
        except BrokenPipeError:  # whoever read us has had enough, and needs no word about it
            code = exits.OK
        except KeyboardInterrupt as interrupt:
            code = exits.SIGNAL + getattr(interrupt, "number", signal.SIGINT)
        output.finish()
    # whatever else failed after a signal, such as writing to a terminal that is gone, it is why
    return code if ending.number is None else exits.SIGNAL + ending.number


def _call_command(arguments: argparse.Namespace) -> int:
    module, _, function = arguments.function.partition(":")
    try:
        code = getattr(import_module(f".{module}", __package__), function)(arguments)
    except BrokenPipeError:
        raise
    except (HugChatError, OSError) as error:
        if arguments.verbose:
            output.note(traceback.format_exc().rstrip("\n"))
        output.complain(exits.describe(error))
        return exits.exit_code(error)
    return code or exits.OK


@contextmanager
def _show_warnings() -> Iterator[None]:
    """Show each warning of the library as one line, without the place in our source."""

    def show(message: Any, *_: Any, **__: Any) -> None:
        output.complain(f"warning: {exits.reword(str(message))}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what other packages tell their developers
        for kind in (HugChatDeprecationWarning, CookieFileWarning):
            warnings.simplefilter("default", kind)
        warnings.showwarning = show
        yield


@contextmanager
def _show_tracebacks() -> Iterator[None]:
    """Show the tracebacks of bugs as everything else is shown: they may quote what a server sent.

    When a bug ends the program, they are still shown so: that is what this is for.
    """

    def show(kind: Any, error: Any, trace: Any) -> None:
        output.note("".join(traceback.format_exception(kind, error, trace)).rstrip("\n"))

    def show_of_thread(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_type is not SystemExit:
            show(failed.exc_type, failed.exc_value, failed.exc_traceback)

    before, before_of_threads = sys.excepthook, threading.excepthook
    sys.excepthook, threading.excepthook = show, show_of_thread
    yield
    sys.excepthook, threading.excepthook = before, before_of_threads


@contextmanager
def _show_log(verbose: bool) -> Iterator[None]:
    """Show what the library logs, if that was asked for, and what other packages warn of.

    Of the embedded server its owner is told in any case, such as of a full disk, in a line.
    """
    logger = logging.getLogger("hugchat_sync" if verbose else "hugchat_sync.local")
    level, last_resort = logger.level, logging.lastResort
    logging.lastResort = output.Log(output.note)
    handler = output.Log(output.note if verbose else output.complain)
    if verbose:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        handler.setLevel(logging.DEBUG)
        logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logging.lastResort = last_resort
        logger.removeHandler(handler)
        logger.setLevel(level)
