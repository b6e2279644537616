"""``hugchat-sync batch``: many prompts from a file, many answers into another."""

from __future__ import annotations

import argparse
import queue
import threading
import time
from contextlib import closing
from typing import Generator, Iterator, cast

from .. import Client
from ..batch import Map
from ..errors import ConversationNotExistError, FeatureUnavailable, HugChatError
from ..records import Result
from . import exits, output
from .batch_lines import Line, read_prompts
from .batch_target import opened_target
from .opening import opened
from .signals import Ended, noted

_SLICE = 0.2  # seconds between two looks, at the results and after Ctrl-C at what still runs
_ENDING = 15.0  # seconds that runs have to end after Ctrl-C
_STOPPING = 5.0  # seconds that the server has to stop one of them


def batch(arguments: argparse.Namespace) -> int:
    """Ask what OUT does not have yet; each answer is in the file as soon as it is there.

    :returns: the worst that stands in OUT, whoever wrote it.
    """
    lines = read_prompts(arguments.source)
    arguments.timeout = arguments.timeout or arguments.total  # rate limits are waited for
    with opened_target(arguments.target) as target:
        left = [
            line
            for line in lines
            if line.identity not in target.outcomes
            or (arguments.retry_failed and target.outcomes[line.identity])
        ]
        answered = failed = 0
        with closing(_results(left, arguments)) as results:
            try:
                for line, result in results:
                    target.write(line, result)
                    if result.error is None:
                        answered += 1
                    else:
                        failed += 1
                        output.complain(f"prompt {line.index}: {exits.sentence(result.error)}")
            finally:
                told = [f"{answered} answered", f"{failed} failed"]
                told.append(f"{len(lines) - len(left)} there before")
                if answered + failed < len(left):
                    told.append(f"{len(left) - answered - failed} left")
                output.note(", ".join(told))
        return exits.worst(filter(None, target.outcomes.values()))


def _results(
    lines: list[Line], arguments: argparse.Namespace
) -> Generator[tuple[Line, Result], None, None]:
    """Yield the results as they are ready.

    :raises KeyboardInterrupt: Ctrl-C, behind what was finished by then; what was running on the
        server is stopped.
    """
    if not lines:
        return
    with opened(arguments) as client:
        work = _Work(client, lines, arguments)
        with noted(work.tell):
            work.start()
            try:
                for result in work.results():
                    yield lines[result.index], result
            finally:  # also where whoever writes the results cannot go on
                work.give_up()
        if work.signal is not None:
            raise Ended(work.signal)
        if work.error is not None:
            raise work.error
        if not work.is_whole:
            raise RuntimeError("the batch failed")  # its traceback has been shown


class _Work(threading.Thread):
    """The asking: in a thread, so that a signal does not land inside it and wait for its pool."""

    def __init__(self, client: Client, lines: list[Line], arguments: argparse.Namespace) -> None:
        super().__init__(name="hugchat-sync batch", daemon=True)
        self.signal: int | None = None
        self.error: HugChatError | None = None
        self.is_whole = False
        # results, signals, and ``None`` behind the last; a signal handler may put into it
        self._news: queue.SimpleQueue[Result | int | None] = queue.SimpleQueue()
        self._client = client
        self._lines = lines
        self._map = Map(
            client,
            [{"prompt": line.prompt, **line.options} for line in lines],
            workers=arguments.workers,
            max_per_minute=arguments.max_per_minute,
            ordered=False,
        )
        self._ended = threading.Event()

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

    def results(self) -> Iterator[Result]:
        """Yield what is finished, until all is, or after a signal until nothing runs any more."""
        stopping: threading.Thread | None = None
        end = float("inf")
        while time.monotonic() < end:
            try:
                news = self._news.get(timeout=_SLICE)
            except queue.Empty:
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
