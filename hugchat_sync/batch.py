"""Many prompts: over a pool of threads, or over anybody's executor."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, Mapping, Tuple, Union

from .errors import HugChatError, IncompleteAnswer, UsageError
from .pace import Pace
from .records import Result

if TYPE_CHECKING:
    from .client import Client
    from .message import Message

PromptArgument = Union[str, Mapping[str, Any]]
_Task = Tuple[int, Any, Dict[str, Any]]

_HELD = 1000  # results that wait behind a slow answer, where the order counts

_OPTIONS = frozenset(
    (
        "conversation_id",
        "web_search",
        "max_tries",
        "custom_data",
        "files",
        "mcp_servers",
        "parent_id",
        "resume",
        "model",
        "system_prompt",
        "timeout",
    )
)


def answers(
    client: Client,
    prompts: Iterable[PromptArgument],
    *,
    workers: int = 4,
    max_per_minute: float | None = None,
    executor: Executor | None = None,
    temporary: bool = True,
    ordered: bool = True,
    ended: threading.Event | None = None,
    **chat_options: Any,
) -> Iterator[Result]:
    """Return a :class:`Result` for each prompt; the parameters are those of ``Client.map``.

    :param ended: once it is set, nothing more is begun; what is under way still yields its results.
    :raises UsageError: an option cannot be right. A prompt that cannot is a result like the others.
    """
    if not isinstance(workers, int) or workers < 1:
        raise UsageError("workers is 1 or more")
    if isinstance(prompts, (str, Mapping)):
        raise UsageError("prompts is a list of prompts; write [prompt] for a single one")
    _check_names(chat_options)
    tasks = ((index, prompt, chat_options) for index, prompt in enumerate(prompts))
    pace, ended = Pace(max_per_minute), ended or threading.Event()
    return _answers(client, tasks, pace, workers, executor, temporary, ordered, ended)


def _answers(
    client: Client,
    tasks: Iterable[_Task],
    pace: Pace,
    workers: int,
    executor: Executor | None,
    temporary: bool,
    ordered: bool,
    ended: threading.Event,
) -> Iterator[Result]:
    pool = executor or ThreadPoolExecutor(workers, thread_name_prefix="hugchat-sync map")
    # our own threads have no use for prompts that wait in a queue: those would still be begun
    # after the caller has said that nothing more is wanted
    room = workers if executor is None else 2 * workers
    under_way: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            moment = time.monotonic() + pace.delay()
            while True:
                while _is_ready(under_way, ordered):  # lest it be lost with us
                    yield _next(under_way, ordered)
                open_ones = [future for future in under_way if not future.done()]
                # a slow answer holds nobody up; a source without end must not fill the memory
                has_room = len(open_ones) < room and len(under_way) < _HELD
                left = moment - time.monotonic()
                if ended.is_set() or (has_room and left <= 0):
                    break
                if open_ones:
                    wait(open_ones, left if has_room else None, FIRST_COMPLETED)
                else:
                    ended.wait(left)
            if ended.is_set():
                break
            more = (ended,) if executor is None else ()  # an event stays in its process
            under_way.append(pool.submit(answer_one, client, task, temporary, *more))
        while under_way:
            yield _next(under_way, ordered)
    finally:
        for future in under_way:
            future.cancel()
        if executor is None:
            pool.shutdown(wait=True)


def _is_ready(under_way: deque[Future[Result]], ordered: bool) -> bool:
    looked_at = list(under_way)[:1] if ordered else under_way
    return any(future.done() for future in looked_at)


def _next(under_way: deque[Future[Result]], ordered: bool) -> Result:
    if ordered:
        return under_way.popleft().result()
    future = next(as_completed(list(under_way)))
    under_way.remove(future)
    return future.result()


def answer_one(
    client: Client, task: _Task, temporary: bool, ended: threading.Event | None = None
) -> Result:
    """Return the result of one prompt; a module's function, so that a process pool can have it.

    :param ended: from when it is set on, an answer that is cut short was stopped.
    """
    index, prompt, options = task
    asked = str(prompt.get("prompt", "") if isinstance(prompt, Mapping) else prompt)
    started = time.monotonic()
    text: str | None = None
    error: HugChatError | None = None
    try:
        text = _answer(client, *_parted(prompt, options), temporary, ended)
    except HugChatError as failure:
        error = failure
        if not getattr(failure, "is_earlier", False):  # then it is the text of another answer
            text = getattr(failure, "partial", None) or None
    return Result(index, asked, text, error, round(time.monotonic() - started, 3))


def _parted(prompt: Any, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the text of a prompt and the options that go with it."""
    if isinstance(prompt, str):
        return prompt, dict(options)
    if not isinstance(prompt, Mapping) or not isinstance(prompt.get("prompt"), str):
        raise UsageError('a prompt is a text, or a dict {"prompt": text, ...}')
    own = {name: value for name, value in prompt.items() if name not in ("prompt", "id")}
    _check_names(own)
    return prompt["prompt"], {**options, **own}


def _check_names(options: Mapping[str, Any]) -> None:
    unknown = sorted(str(name) for name in options if name not in _OPTIONS)
    if unknown:
        raise UsageError(
            f"unknown: {', '.join(unknown)}; options are {', '.join(sorted(_OPTIONS))}"
        )


def _answer(
    client: Client,
    prompt: str,
    options: dict[str, Any],
    temporary: bool,
    ended: threading.Event | None,
) -> str:
    model, system_prompt = options.pop("model", None), options.pop("system_prompt", None)
    if options.get("conversation_id") is not None:
        return _whole(client.chat(prompt, **options), ended)
    options.pop("conversation_id", None)
    made = client._begin(model, system_prompt)
    try:
        return _whole(client.chat(prompt, made, **options), ended)
    finally:
        if temporary:
            client._remove_quietly(made)  # the answer must not be lost over it


def _whole(message: Message, ended: threading.Event | None) -> str:
    """Return the answer.

    :raises IncompleteAnswer: somebody stopped it; nobody else may take it for a whole one.
    """
    text = message.text()
    if message.interrupted and (message.stopped or (ended is not None and ended.is_set())):
        raise IncompleteAnswer("the answer was stopped before its end", partial=text)
    return text
