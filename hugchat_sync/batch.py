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
_Task = Tuple[int, str, Dict[str, Any]]


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
    """Yield a :class:`Result` for each prompt; one that fails does not end the others.

    :param prompts: texts, or dicts ``{"prompt": text, "id"?: any, **chat options}``.
    :param max_per_minute: prompts begun a minute.
    :param executor: whose work can be pickled: a pool of processes, or a cluster's.
    :param temporary: each prompt in a conversation of its own, removed afterwards.
    :param ordered: in the order of the prompts; otherwise as they are ready.
    """
    if workers < 1:
        raise UsageError("workers is 1 or more")
    tasks = (_task(index, prompt, chat_options) for index, prompt in enumerate(prompts))
    pool = executor or ThreadPoolExecutor(workers, thread_name_prefix="hugchat-sync map")
    pace = Pace(max_per_minute)
    under_way: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            pace.wait()
            under_way.append(pool.submit(answer_one, client, task, temporary))
            if len(under_way) >= 2 * workers:  # a source without end must not fill the memory
                yield _next(under_way, ordered)
        while under_way:
            yield _next(under_way, ordered)
    finally:
        for future in under_way:
            future.cancel()
        if executor is None:
            pool.shutdown(wait=True)


def _task(index: int, prompt: PromptArgument, options: Mapping[str, Any]) -> _Task:
    if isinstance(prompt, str):
        return index, prompt, dict(options)
    if not isinstance(prompt, Mapping) or not isinstance(prompt.get("prompt"), str):
        raise UsageError('a prompt is a text, or a dict {"prompt": text, ...}')
    own = {name: value for name, value in prompt.items() if name not in ("prompt", "id")}
    return index, prompt["prompt"], {**options, **own}


def _next(under_way: deque[Future[Result]], ordered: bool) -> Result:
    if ordered:
        return under_way.popleft().result()
    future = next(as_completed(list(under_way)))
    under_way.remove(future)
    return future.result()


def answer_one(client: Client, task: _Task, temporary: bool) -> Result:
    """Return the result of one prompt; a module's function, so that a process pool can have it."""
    index, prompt, options = task
    started = time.monotonic()
    text: str | None = None
    error: HugChatError | None = None
    try:
        text = _answer(client, prompt, dict(options), temporary)
    except HugChatError as failure:
        error = failure
        text = getattr(failure, "partial", None) or None
    return Result(index, prompt, text, error, round(time.monotonic() - started, 3))


def _answer(client: Client, prompt: str, options: dict[str, Any], temporary: bool) -> str:
    model, system_prompt = options.pop("model", None), options.pop("system_prompt", None)
    if "conversation_id" in options:
        return client.ask(prompt, **options)
    made = client._begin(model, system_prompt)
    try:
        return client.ask(prompt, made, **options)
    finally:
        if temporary:
            client.remove_conversation(made)
