"""Where the prompts of a batch are answered, if not in threads of the program itself."""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module
from typing import Iterator

from ..errors import ConnectionFailed, HugChatError, UsageError

_CONNECTING = 10  # seconds


@contextmanager
def opened_executor(arguments: argparse.Namespace) -> Iterator[Executor | None]:
    """Give the executor that was named, ``None`` for threads, and leave it afterwards.

    :raises HugChatError: it cannot be had.
    """
    if arguments.dask:
        with _dask(arguments.dask) as executor:
            yield executor
    elif arguments.executor:
        with _made(arguments.executor) as executor:
            yield executor
    else:
        yield None


@contextmanager
def _dask(address: str) -> Iterator[Executor]:
    try:
        distributed = import_module("distributed")  # only whoever wants it pays for it
    except ImportError as error:
        raise HugChatError(
            'Dask needs one more package: pip install "hugchat-sync[dask]"'
        ) from error
    try:
        client = distributed.Client(address, timeout=_CONNECTING, set_as_default=False)
    except (OSError, ValueError, distributed.TimeoutError) as error:
        raise ConnectionFailed(f"there is no Dask scheduler at {address}: {error}") from error
    try:
        yield client.get_executor(pure=False)
    finally:
        client.close(timeout=2)


def _made(name: str) -> Executor:
    """Return what the function that was named returns."""
    module, _, factory = name.partition(":")
    if not module or not factory:
        raise UsageError(f"--executor {name}: write MODULE:FACTORY")
    sys.path.insert(0, os.getcwd())  # as ``python -m`` has it
    try:
        executor = getattr(import_module(module), factory)()
    except (ImportError, AttributeError, TypeError) as error:
        raise UsageError(f"--executor {name}: {error}") from error
    finally:
        sys.path.pop(0)
    if not isinstance(executor, Executor):
        raise UsageError(f"--executor {name}: this gives no concurrent.futures.Executor")
    return executor
