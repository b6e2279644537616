"""``hugchat-sync batch``: many prompts from a file, many answers into another."""

from __future__ import annotations

import argparse
import queue
import threading
from contextlib import closing
from pathlib import Path
from typing import Generator, Iterator, cast

from .. import Client
from ..errors import HugChatError
from ..records import Result
from . import exits, output
from .batch_lines import Line, answer_line, answered, prompts_of, read_prompts
from .opening import opened

_SLICE = 0.2  # seconds between two looks, at the results and after Ctrl-C at what still runs
_ENDING = 15.0  # seconds that runs have to end after Ctrl-C


def batch(arguments: argparse.Namespace) -> int:
    """Ask what OUT does not have yet; each answer is in the file as soon as it is there."""
    lines, target = read_prompts(arguments.source), Path(arguments.target)
    there = answered(target, retry_failed=arguments.retry_failed)
    left = [line for line in lines if line.identity not in there]
    arguments.timeout = arguments.timeout or arguments.total  # rate limits are waited for
    count, failures = 0, []
    with open(target, "a", encoding="utf-8", newline="\n") as stream:
        for line, result in _results(left, arguments):
            stream.write(answer_line(line, result) + "\n")
            stream.flush()
            count += 1
            if result.error is not None:
                failures.append(result.error)
                output.complain(f"prompt {line.index}: {exits.sentence(result.error)}")
    before = len(lines) - len(left)
    output.note(f"{count - len(failures)} answered, {len(failures)} failed, {before} there before")
    return exits.exit_code(failures[0]) if failures else exits.OK


def _results(lines: list[Line], arguments: argparse.Namespace) -> Iterator[tuple[Line, Result]]:
    """Yield the results as they are ready.

    :raises KeyboardInterrupt: Ctrl-C; what was running on the server is stopped.
    """
    if not lines:
        return
    with opened(arguments) as client:
        yield from _asked(client, lines, arguments)


def _asked(
    client: Client, lines: list[Line], arguments: argparse.Namespace
) -> Iterator[tuple[Line, Result]]:
    work = _Work(client, lines, arguments)
    work.start()
    try:
        while True:
            try:
                item = work.results.get(timeout=_SLICE)
            except queue.Empty:
                continue
            if item is None:
                break
            yield lines[item.index], item
    except (KeyboardInterrupt, GeneratorExit):  # or whoever writes the results cannot go on
        work.give_up()
        raise
    if work.error is not None:
        raise work.error


class _Work(threading.Thread):
    """The asking: in a thread, so that Ctrl-C does not land inside it and wait for its pool."""

    def __init__(self, client: Client, lines: list[Line], arguments: argparse.Namespace) -> None:
        super().__init__(name="hugchat-sync batch", daemon=True)
        self.results: queue.Queue[Result | None] = queue.Queue()  # ``None`` behind the last
        self.error: HugChatError | None = None
        self._client = client
        self._lines = lines
        self._workers = arguments.workers
        self._max_per_minute = arguments.max_per_minute
        self._given_up = threading.Event()
        self._ended = threading.Event()

    def run(self) -> None:
        found = self._client.map(
            prompts_of(self._lines),
            workers=self._workers,
            max_per_minute=self._max_per_minute,
            ordered=False,
        )
        try:
            with closing(cast("Generator[Result, None, None]", found)):  # cancels what waits
                for result in found:
                    if self._given_up.is_set():
                        return
                    self.results.put(result)
        except HugChatError as error:
            self.error = error
        finally:
            self.results.put(None)
            self._ended.set()

    def give_up(self) -> None:
        """Stop what is running, until nothing runs any more."""
        self._given_up.set()
        for _ in range(int(_ENDING / _SLICE)):
            for conversation_id in self._client.conversations:
                self._stop(conversation_id)
            if self._ended.wait(_SLICE):
                return

    def _stop(self, conversation_id: str) -> None:
        try:
            self._client.stop(conversation_id)
        except HugChatError as error:
            output.complain(f"the run in {conversation_id} could not be stopped: {error}")
