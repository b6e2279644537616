"""``hugchat-sync batch``: many prompts from a file, many answers into another."""

from __future__ import annotations

import argparse
import queue
import threading
import time
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from typing import Generator, Iterator, cast

from .. import Client
from ..batch import Map
from ..errors import ConversationNotExistError, FeatureUnavailable, HugChatError, UsageError
from ..records import Result
from . import exits, output
from .batch_executor import opened_executor
from .batch_lines import Line, read_prompts
from .batch_open import OpenOnes
from .batch_progress import Progress, shown_progress
from .batch_target import Target, opened_target
from .opening import opened
from .signals import Ended, noted

_SLICE = 0.2  # seconds between two looks, at the results and after Ctrl-C at what still runs
_ENDING = 15.0  # seconds that runs have to end after Ctrl-C
_STOPPING = 5.0  # seconds that the server has to stop one of them


def batch(arguments: argparse.Namespace) -> int:
    """Ask what OUT does not have yet; each answer is in the file as soon as it is there.

    :returns: the code of what stopped it, else of the worst that stands in OUT.
    """
    prompts = read_prompts(arguments.source, arguments.format, arguments.column)
    arguments.timeout = arguments.timeout or arguments.total  # rate limits are waited for
    with opened_target(arguments.target, prompts) as target:
        left = target.left(prompts.lines, retry_failed=arguments.retry_failed)
        there = len(prompts.lines) - len(left)
        stopped = _ask(left, there, target, arguments) if left else None
        if not left:
            output.note(f"0 answered, 0 failed, {there} there before")
        return exits.worst(target.failures) if stopped is None else exits.exit_code(stopped)


def _ask(
    lines: list[Line], there: int, target: Target, arguments: argparse.Namespace
) -> HugChatError | None:
    """Ask the prompts, and return the error after which no more were.

    :raises KeyboardInterrupt: Ctrl-C, behind what was finished by then; what was running on the
        server is stopped.
    """
    with ExitStack() as stack:
        client = stack.enter_context(opened(arguments, model=arguments.model))
        executor = stack.enter_context(opened_executor(arguments))
        notes = _notes(client, target, arguments)
        if notes is not None:
            stack.callback(notes.end)
        work = _Work(client, lines, arguments, executor, notes)
        target.begin()
        progress = stack.enter_context(shown_progress(len(lines)))
        try:
            _write_all(work, lines, target, progress)
        finally:
            stack.close()
            told = [f"{progress.answered} answered", f"{progress.failed} failed"]
            told.append(f"{there} there before")
            if progress.left:
                told.append(f"{progress.left} left")
            output.note(", ".join(told))
    if work.signal is not None:
        raise Ended(work.signal)
    if work.error is not None:
        raise work.error
    if not work.is_whole:
        raise RuntimeError("the batch failed")  # its traceback has been shown
    if work.stopped is not None and progress.left:
        output.complain(
            f"stopped, since the others would fail as well: {exits.sentence(work.stopped)}"
        )
        return work.stopped
    return None


def _write_all(work: _Work, lines: list[Line], target: Target, progress: Progress) -> None:
    with noted(work.tell):
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
                        progress.complain(f"prompt {line.index}: {exits.sentence(result.error)}")
                    progress.count(failed=result.error is not None)
        finally:  # also where whoever writes the results cannot go on
            work.give_up()


def _notes(client: Client, target: Target, arguments: argparse.Namespace) -> OpenOnes | None:
    """Return where the conversations are noted that a kill would leave."""
    if not target.is_regular:
        return None
    try:
        user = client.whoami()
    except HugChatError:  # nobody can tell whose they are; the first prompt will say why
        return None
    base_url = "--local" if arguments.local else client.base_url  # its port is always another one
    notes = OpenOnes(arguments.target, base_url, None if user is None else user.id)
    notes.begin(client)
    return notes


class _Work(threading.Thread):
    """The asking: in a thread, so that a signal does not land inside it and wait for its pool."""

    def __init__(
        self,
        client: Client,
        lines: list[Line],
        arguments: argparse.Namespace,
        executor: Executor | None,
        notes: OpenOnes | None,
    ) -> None:
        super().__init__(name="hugchat-sync batch", daemon=True)
        self.signal: int | None = None
        self.error: HugChatError | None = None
        self.is_whole = False
        # results, signals, and ``None`` behind the last; a signal handler may put into it
        self._news: queue.SimpleQueue[Result | int | None] = queue.SimpleQueue()
        self._client = client
        self._lines = lines
        given = {"system_prompt": arguments.system, "web_search": arguments.web_search or None}
        options = {name: value for name, value in given.items() if value is not None}
        self._map = Map(
            client,
            [{"prompt": line.prompt, **line.options} for line in lines],
            workers=arguments.workers,
            max_per_minute=arguments.max_per_minute,
            ordered=False,
            executor=executor,
            keep_going=arguments.keep_going,
            noted=None if notes is None else notes.note,
            options=options,
        )
        self._ended = threading.Event()

    @property
    def stopped(self) -> HugChatError | None:
        """The error after which nothing more was sent."""
        return self._map.stopped

    def run(self) -> None:
        try:
            with closing(cast("Generator[Result, None, None]", self._map.results())) as found:
                for result in found:
                    self._news.put(result)
            self.is_whole = True
        except HugChatError as error:
            self.error = error
        finally:
            self._ended.set()
            self._news.put(None)

    def tell(self, number: int) -> None:
        """Take a signal; called in the middle of anything."""
        self._news.put(number)

    def results(self) -> Iterator[Result | None]:
        """Yield what is finished, until all is, or after a signal until nothing runs any more.

        Now and then, while nothing is, ``None``.
        """
        stopping: threading.Thread | None = None
        end = float("inf")
        while time.monotonic() < end:
            try:
                news = self._news.get(timeout=_SLICE)
            except queue.Empty:
                yield None
                continue
            if news is None:
                return
            if isinstance(news, int):
                self.signal, end = news, time.monotonic() + _ENDING
                self._map.end()
                stopping = threading.Thread(target=self._stop_all, daemon=True)
                stopping.start()
            elif stopping is None or news.error is None:  # else it failed because it was stopped
                yield news

    def give_up(self) -> None:
        """Begin nothing more, and stop what is running, until nothing runs any more."""
        self._map.end()
        if not self._ended.is_set() and self.signal is None:
            self._stop_all()

    def _stop_all(self) -> None:
        client, told = self._client.with_options(timeout=_STOPPING), set()
        named = {str(line.options.get("conversation_id", "")) for line in self._lines} - {""}
        end = time.monotonic() + _ENDING
        while not self._ended.is_set() and time.monotonic() < end:
            for conversation_id in {*client.conversations, *named}:
                try:
                    client.stop(conversation_id)
                except (ConversationNotExistError, FeatureUnavailable):
                    continue  # it was removed meanwhile, or ends with its connection
                except HugChatError as error:
                    if conversation_id not in told:
                        told.add(conversation_id)
                        output.complain(
                            f"the run in {conversation_id} could not be stopped: "
                            f"{exits.sentence(error)}"
                        )
            self._ended.wait(_SLICE)
