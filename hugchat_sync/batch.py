"""Many prompts: over a pool of threads, or over anybody's executor."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, Mapping, Tuple, Union

from .errors import HugChatError, UsageError
from .pace import Pace
from .records import Result

if TYPE_CHECKING:
    from .client import Client

PromptArgument = Union[str, Mapping[str, Any]]
_Task = Tuple[int, Any, Dict[str, Any]]

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
    **chat_options: Any,
) -> Iterator[Result]:
    """Return a :class:`Result` for each prompt; the parameters are those of ``Client.map``.

    :raises UsageError: an option cannot be right. A prompt that cannot is a result like the others.
    """
    if not isinstance(workers, int) or workers < 1:
        raise UsageError("workers is 1 or more")
    if isinstance(prompts, (str, Mapping)):
        raise UsageError("prompts is a list of prompts; write [prompt] for a single one")
    _check_names(chat_options)
    tasks = ((index, prompt, chat_options) for index, prompt in enumerate(prompts))
    return _answers(client, tasks, Pace(max_per_minute), workers, executor, temporary, ordered)


def _answers(
    client: Client,
    tasks: Iterable[_Task],
    pace: Pace,
    workers: int,
    executor: Executor | None,
    temporary: bool,
    ordered: bool,
) -> Iterator[Result]:
    pool = executor or ThreadPoolExecutor(workers, thread_name_prefix="hugchat-sync map")
    under_way: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            pace.wait()
            under_way.append(pool.submit(answer_one, client, task, temporary))
            # what is ready is handed out, lest it be lost with us; and a source without end must
            # not fill the memory
            while under_way and (len(under_way) >= 2 * workers or _is_ready(under_way, ordered)):
                yield _next(under_way, ordered)
        while under_way:
            yield _next(under_way, ordered)
    finally:
        for future in under_way:
            future.cancel()
        if executor is None:
            pool.shutdown(wait=True)


def _is_ready(under_way: deque[Future[Result]], ordered: bool) -> bool:
    return under_way[0].done() if ordered else any(future.done() for future in under_way)


def _next(under_way: deque[Future[Result]], ordered: bool) -> Result:
    if ordered:
        return under_way.popleft().result()
    future = next(as_completed(list(under_way)))
    under_way.remove(future)
    return future.result()


def answer_one(client: Client, task: _Task, temporary: bool) -> Result:
    """Return the result of one prompt; a module's function, so that a process pool can have it."""
    index, prompt, options = task
    asked = str(prompt.get("prompt", "") if isinstance(prompt, Mapping) else prompt)
    started = time.monotonic()
    text: str | None = None
    error: HugChatError | None = None
    try:
        text = _answer(client, *_parted(prompt, options), temporary)
    except HugChatError as failure:
        error = failure
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


def _answer(client: Client, prompt: str, options: dict[str, Any], temporary: bool) -> str:
    model, system_prompt = options.pop("model", None), options.pop("system_prompt", None)
    if options.get("conversation_id") is not None:
        return client.ask(prompt, **options)
    options.pop("conversation_id", None)
    made = client._begin(model, system_prompt)
    try:
        return client.ask(prompt, made, **options)
    finally:
        if temporary:
            client._remove_quietly(made)  # the answer must not be lost over it
