"""``hugchat-sync batch``: many prompts from a file, many answers into another."""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import sys
import threading
import time
from concurrent.futures import Executor
from contextlib import ExitStack, closing, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Generator, Iterator, cast

from .. import Client
from ..batch import Map
from ..errors import (
    ConnectionFailed,
    ConversationNotExistError,
    FeatureUnavailable,
    HugChatError,
    UsageError,
)
from ..records import Result
from . import exits, output
from .batch_input import Line, read_prompts
from .batch_output import Target
from .commands import TOTAL
from .connection import open_client
from .interrupts import END_SIGNALS, EndHandler, EndRequested, handle_signals
from .progress import Progress

_CONNECTING = 10  # seconds that a cluster has
_SLICE = 0.2  # seconds between two looks, at the results and after Ctrl-C at what still runs
_END_SECONDS = 15.0  # seconds that runs have to end after Ctrl-C
_STOP_SECONDS = 5.0  # seconds that the server has to stop one of them


def batch(arguments: argparse.Namespace) -> int:
    """Ask what OUT does not have yet; each answer is in the file as soon as it is there.

    :returns: the code of what stopped it, else of the worst that stands in OUT.
    """
    prompts = read_prompts(arguments.source, arguments.format, arguments.column)
    arguments.timeout = arguments.timeout or TOTAL  # rate limits are waited for
    with ExitStack() as stack:
        target = Target(arguments.target, prompts, stack)
        left = target.left(retry_failed=arguments.retry_failed)
        there = len(prompts.lines) - len(left)
        stopped = _ask(left, there, target, arguments) if left else None
        if not left:
            output.note(f"0 answered, 0 failed, {there} there before")
        return exits.worst_code(target.failures) if stopped is None else exits.exit_code(stopped)


def _ask(
    lines: list[Line], there: int, target: Target, arguments: argparse.Namespace
) -> HugChatError | None:
    """Ask the prompts, and return the error after which no more were.

    :raises KeyboardInterrupt: Ctrl-C, behind what was finished by then; what was running on the
        server is stopped.
    """
    with ExitStack() as stack:
        client = stack.enter_context(open_client(arguments, model=arguments.model))
        executor = _executor(arguments, stack)
        notes = _open_notes(client, target, arguments)
        if notes is not None:
            stack.callback(notes.end)
        given = {"system_prompt": arguments.system, "web_search": arguments.web_search or None}
        answers = Map(
            client,
            [{"prompt": line.prompt, **line.options} for line in lines],
            workers=arguments.workers,
            max_per_minute=arguments.max_per_minute,
            ordered=False,
            executor=executor,
            keep_going=arguments.keep_going,
            noted=None if notes is None else notes.note,
            options={name: value for name, value in given.items() if value is not None},
        )
        work = _Work(client, lines, answers)
        target.begin()
        progress = stack.enter_context(Progress(len(lines)))
        try:
            _write_all(work, lines, target, progress)
        finally:
            stack.close()
            counts = [f"{progress.answered} answered", f"{progress.failed} failed"]
            counts.append(f"{there} there before")
            if progress.left:
                counts.append(f"{progress.left} left")
            output.note(", ".join(counts))
    if work.signal is not None:
        raise EndRequested(work.signal)
    if work.error is not None:
        raise work.error
    if answers.stopped is None or not progress.left:
        return None
    output.complain(
        f"stopped, since the others would fail as well: {exits.describe(answers.stopped)}"
    )
    return answers.stopped


def _write_all(work: _Work, lines: list[Line], target: Target, progress: Progress) -> None:
    with handle_signals((signal.SIGINT, *END_SIGNALS), EndHandler(first=work.tell)):
        work.start()
        try:
            for result in work.results():
                if result is None:
                    target.save(after=1.0)
                    progress.show()
                elif result.asked or isinstance(result.error, UsageError):
                    line = lines[result.index]
                    target.write(line, result)
                    if result.error is not None:
                        progress.complain(f"prompt {line.index}: {exits.describe(result.error)}")
                    progress.count(failed=result.error is not None)
        finally:  # also where whoever writes the results cannot go on
            work.give_up()


class _Work(threading.Thread):
    """The asking: in a thread, so that a signal does not land inside it and wait for its pool."""

    def __init__(self, client: Client, lines: list[Line], answers: Map) -> None:
        super().__init__(name="hugchat-sync batch", daemon=True)
        self.signal: int | None = None
        # why there are no more results; of a bug the traceback has been shown
        self.error: Exception | None = RuntimeError("the batch failed")
        # results, signals, and ``None`` behind the last; a signal handler may put into it
        self._arrivals: queue.SimpleQueue[Result | int | None] = queue.SimpleQueue()
        self.tell = self._arrivals.put
        self._client = client
        self._others = {str(line.options.get("conversation_id", "")) for line in lines} - {""}
        self._map = answers
        self._ended = threading.Event()

    def run(self) -> None:
        try:
            with closing(cast("Generator[Result, None, None]", self._map.results())) as found:
                for result in found:
                    self._arrivals.put(result)
            self.error = None
        except HugChatError as error:
            self.error = error
        finally:
            self._ended.set()
            self._arrivals.put(None)

    def results(self) -> Iterator[Result | None]:
        """Yield what is finished, until all is, or after a signal until nothing runs any more.

        Now and then, while nothing is, ``None``.
        """
        stopping: threading.Thread | None = None
        end = float("inf")
        while time.monotonic() < end:
            try:
                arrival = self._arrivals.get(timeout=_SLICE)
            except queue.Empty:
                yield None
                continue
            if arrival is None:
                return
            if isinstance(arrival, int):
                self.signal, end = arrival, time.monotonic() + _END_SECONDS
                self._map.end()
                stopping = threading.Thread(target=self._stop_all, daemon=True)
                stopping.start()
            elif stopping is None or arrival.error is None:  # else it failed because it was stopped
                yield arrival

    def give_up(self) -> None:
        """Begin nothing more, and stop what is running, until nothing runs any more."""
        self._map.end()
        if not self._ended.is_set() and self.signal is None:
            self._stop_all()

    def _stop_all(self) -> None:
        client, reported = self._client.with_options(timeout=_STOP_SECONDS), set()
        end = time.monotonic() + _END_SECONDS
        while not self._ended.is_set() and time.monotonic() < end:
            for conversation_id in {*client.conversations, *self._others}:
                try:
                    client.stop(conversation_id)
                except (ConversationNotExistError, FeatureUnavailable):
                    continue  # it was removed meanwhile, or ends with its connection
                except HugChatError as error:
                    if conversation_id not in reported:
                        reported.add(conversation_id)
                        output.complain(
                            f"the run in {conversation_id} could not be stopped: "
                            f"{exits.describe(error)}"
                        )
            self._ended.wait(_SLICE)


# where the prompts are answered ---------------------------------------------------------------


def _executor(arguments: argparse.Namespace, stack: ExitStack) -> Executor | None:
    """Return the executor that was named, ``None`` for threads; the stack leaves it.

    :raises HugChatError: it cannot be had.
    """
    if arguments.dask:
        return _connect_to_dask(arguments.dask, stack)
    return stack.enter_context(_make_executor(arguments.executor)) if arguments.executor else None


def _connect_to_dask(address: str, stack: ExitStack) -> Executor:
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
    stack.callback(client.close, timeout=2)
    executor: Executor = client.get_executor(pure=False)
    return executor


def _make_executor(name: str) -> Executor:
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


# conversations that a kill would leave --------------------------------------------------------


def _open_notes(client: Client, target: Target, arguments: argparse.Namespace) -> _Notes | None:
    """Return the notes of this run, once those of killed ones are worked off."""
    if not target.is_regular:
        return None
    try:
        user = client.whoami()
    except HugChatError:  # nobody can tell whose they are; the first prompt will say why
        return None
    base_url = "--local" if arguments.local else client.base_url  # its port is always another one
    notes = _Notes(arguments.target, base_url, None if user is None else user.id)
    notes.begin(client)
    return notes


class _Notes:
    """OUT.open: the conversations that a batch has begun and not removed yet, a note each.

    A run that is killed leaves them; the next one removes them, if it is of the same account there.
    """

    def __init__(self, target: str, base_url: str, account: str | None) -> None:
        self._path = Path(f"{target}.open")
        self._of = {"base_url": base_url, "account": account}
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._open: dict[str, dict[str, Any]] = {}  # also those of others, and of runs before
        with suppress(OSError, UnicodeDecodeError):
            for line in self._path.read_text("utf-8").split("\n"):
                with suppress(ValueError):  # the end of a killed run
                    self._take(json.loads(line))

    def begin(self, client: Client) -> None:
        """Remove what a killed run of the same account left, and note what this one begins."""
        for conversation_id, note in list(self._open.items()):
            if {name: note.get(name) for name in self._of} != self._of:
                continue
            try:
                with suppress(ConversationNotExistError):
                    client.remove_conversation(conversation_id)
                del self._open[conversation_id]
            except HugChatError as error:
                output.complain(
                    f"{conversation_id} was left by an earlier run: {exits.describe(error)}"
                )
        try:
            how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
            self._descriptor = os.open(self._path, how, 0o600)
            for note in self._open.values():
                self._append(self._descriptor, note)
        except OSError as error:
            output.complain(
                f"warning: {self._path} cannot be written ({error.strerror}): "
                "conversations that a killed run leaves will not be removed"
            )

    def _take(self, note: Any) -> None:
        conversation_id = note.get("id") if isinstance(note, dict) else None
        if isinstance(conversation_id, str):
            self._open.pop(conversation_id, None)
            if not note.get("removed"):
                self._open[conversation_id] = note

    def _append(self, descriptor: int, note: dict[str, Any]) -> None:
        os.write(descriptor, f"{json.dumps(note)}\n".encode("ascii"))

    def note(self, conversation_id: str, begun: bool) -> None:
        """Note that a conversation was begun, or removed again; called from several threads."""
        note = {**self._of, "id": conversation_id, **({} if begun else {"removed": True})}
        with self._lock:
            self._take(note)
            if self._descriptor is not None:
                with suppress(OSError):  # a full disk: the answers are what counts
                    self._append(self._descriptor, note)

    def end(self) -> None:
        """Leave no file where no conversation is left."""
        with self._lock, suppress(OSError):
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
                if not self._open:
                    self._path.unlink()
