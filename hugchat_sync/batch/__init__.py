"""Many prompts: over threads, or over anybody's executor, which may have other machines.

A map is driven by threads of the caller. Each makes a conversation, has its prompt answered and
removes the conversation again; with an executor the middle part happens in a worker, which looks
whether the message is there already before it sends it.
"""

from __future__ import annotations

import pickle
import queue
import threading
import time
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Any, Callable, Iterable, Iterator, Mapping, Union
from uuid import uuid4

from ..errors import (
    AuthError,
    ConnectionFailed,
    HugChatError,
    IncompleteAnswer,
    ModelGone,
    ModelNotFound,
    QuotaExceeded,
    Unavailable,
    UsageError,
    WorkerLost,
)
from ..futures import SLICE
from ..options import is_positive
from ..rate_limit import Pace
from ..records import Result
from .worker import (
    CLIENTS,
    Job,
    MapClient,
    Outcome,
    Packed,
    answer,
    answer_packed,
    find_answer,
    values_of,
)

PromptArgument = Union[str, Mapping[str, Any]]

_THREADS = 4  # where nobody says how many workers
_WORKERS = 8  # of an executor that does not say how many it has
_HELD = 1000  # results that wait behind a slow answer, where the order counts
_IN_A_ROW = 20  # failures of the server, after which the others would fail as well
_GRACE = 5.0  # seconds that the tasks of a broken executor have to end

_OPTIONS = {
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
}


class Map:
    """The answers to many prompts; the parameters are those of ``Client.map``.

    :param options: those of ``Client.chat``, for all prompts.
    :param keep_going: go on also after errors that all the others will meet as well.
    :param noted: is told each conversation that is begun, with ``True``, and once it is removed
        again, with ``False``; called from several threads.
    :raises UsageError: an option cannot be right.
    """

    def __init__(
        self,
        client: MapClient,
        prompts: Iterable[PromptArgument],
        *,
        workers: int | None = None,
        max_per_minute: float | None = None,
        executor: Executor | None = None,
        temporary: bool = True,
        ordered: bool = True,
        chunk: int = 1,
        ship_cookies: bool = True,
        keep_going: bool = False,
        noted: Callable[[str, bool], None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        for name, number in {"workers": workers, "chunk": chunk}.items():
            if not is_positive(number, int) and (name, number) != ("workers", None):
                raise UsageError(f"{name} is a number, 1 or more")
        submit = getattr(executor, "submit", None)
        if executor is not None and (isinstance(executor, type) or not callable(submit)):
            raise UsageError("executor is a concurrent.futures.Executor, or None for threads")
        self._options = dict(options or {})
        _check_names(self._options)
        self.stopped: HugChatError | None = None  # the error after which nothing more is sent
        self._prompts = _check_prompts(prompts)
        self._pace = Pace(max_per_minute)
        self._client = client
        self._executor = executor
        self._workers = workers
        self._temporary = temporary
        self._ordered = ordered
        self._ship_cookies = ship_cookies
        self._keep_going = keep_going
        self._noted = noted
        paced = self._pace.is_limited or (executor is not None and client.pace.is_limited)
        self._is_paced = paced
        self._chunk = 1 if executor is None or paced else chunk
        self._ended = threading.Event()
        self._lock = threading.Lock()
        # of conversations that others may write in
        self._conversation_locks: dict[str, threading.Lock] = {}
        self._in_a_row = 0
        self._broken: float | None = None  # the moment when the executor was found to be so
        self._shipment: Packed | None = None  # the client for the workers
        self._shipped: dict[str, str] = {}  # its cookies
        self._key = uuid4().hex
        if executor is not None:
            self._pack_client()  # what cannot be sent to anybody is better said now
        self._under_way: dict[Future[list[Result]], int] = {}  # the calls, and their turns
        self._ended_calls: queue.SimpleQueue[Future[list[Result]]] = queue.SimpleQueue()
        self._finished: dict[int, list[Result]] = {}  # turn → what is not handed out yet
        self._turn = 0  # of the results that are to be handed out next

    def end(self) -> None:
        """Begin nothing more; what is under way still yields its results."""
        self._ended.set()

    def results(self) -> Iterator[Result]:
        """Yield a result for each prompt, in their order or as they are ready."""
        self._client = self._client.for_map()
        room = self._count_tasks()
        pool = ThreadPoolExecutor(room, thread_name_prefix="hugchat-sync map")
        try:
            for turn, jobs in enumerate(self._chunks()):
                moment = time.monotonic() + self._delay()
                # a slow answer holds nobody up; a source without end must not fill the memory
                while not self._ended.is_set():
                    is_full = len(self._under_way) >= room
                    has_room = not is_full and len(self._finished) * self._chunk < _HELD
                    left = moment - time.monotonic()
                    if has_room and (left <= 0 or self.stopped is not None):
                        future = pool.submit(self._answer_all, jobs)
                        self._under_way[future] = turn
                        future.add_done_callback(self._ended_calls.put)
                        break
                    yield from self._take_results(min(left, SLICE) if has_room else SLICE)
                if self._ended.is_set():
                    break
                yield from self._take_results()  # before a source is asked that may take its time
            while self._under_way:
                yield from self._take_results(SLICE)
        finally:
            self._ended.set()
            for future in self._under_way:
                future.cancel()
            pool.shutdown(wait=True)
            CLIENTS.drop(self._key)  # where the executor's workers are threads

    def _take_results(self, seconds: float = 0.0) -> Iterator[Result]:
        """Yield the results that can be handed out now, or else within *seconds*."""
        try:
            future = self._ended_calls.get(seconds > 0, seconds)
        except queue.Empty:
            pass
        else:
            self._finished[self._under_way.pop(future)] = future.result()
        while self._finished:
            turn = self._turn if self._ordered else next(iter(self._finished))
            if turn not in self._finished:
                return
            self._turn += 1
            yield from self._finished.pop(turn)

    def _chunks(self) -> Iterator[list[Job]]:
        """Yield the prompts that go together; one with a conversation of its own goes alone."""
        chunk: list[Job] = []
        for index, prompt in enumerate(self._prompts):
            job = Job(index, prompt)
            places = (self._options.get("conversation_id"), job.options.get("conversation_id"))
            is_alone = places != (None, None)
            if is_alone and chunk:
                yield chunk
                chunk = []
            chunk.append(job)
            if is_alone or len(chunk) >= self._chunk:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def _delay(self) -> float:
        """Take the next turn, and return the seconds until it."""
        if self.stopped is not None:
            return 0.0
        # the threads of one client keep its pace themselves
        theirs = self._client.pace.delay() if self._executor is not None else 0.0
        return max(theirs, self._pace.delay())

    def _count_tasks(self) -> int:
        """Return how many tasks may be under way."""
        if self._executor is None:
            return self._workers or _THREADS
        size = self._workers or _count_workers(self._executor)
        return size if self._is_paced else 2 * size  # one that waits in a queue leaves too late

    # in a thread of ours -----------------------------------------------------------------------

    def _answer_all(self, jobs: list[Job]) -> list[Result]:
        """Return the results of prompts that go together."""
        results: dict[int, Result] = {}
        begun: list[Job] = []
        for job in jobs:
            job.began = time.monotonic()
            if self.stopped is not None:
                results[job.index] = job.result(None, self.stopped, asked=False)
                continue
            try:
                self._begin(job)
                begun.append(job)
            except HugChatError as error:
                results[job.index] = job.result(None, error)
        if begun and self._executor is not None:
            answers = self._answer_in_worker(self._executor, begun)
        else:
            answers = [self._as_result(job, answer(self._client, job)) for job in begun]
        for job, result in zip(begun, answers):
            results[job.index] = result
            # one that was never used is of no use to anybody
            if job.is_temporary or (job.is_ours and not result.asked):
                self._remove(job)
        for job in jobs:
            self._count(job, results[job.index])
        return [results[job.index] for job in jobs]

    def _begin(self, job: Job) -> None:
        """Complete a prompt with the options of all, and with a conversation if it names none.

        :raises UsageError: it cannot be right, or cannot be sent to a worker.
        """
        _check_names(job.options)
        options = {**self._options, **job.options}
        where = options.pop("conversation_id", None)
        if not job.is_text or not (job.prompt.strip() or options.get("custom_data") is not None):
            raise UsageError('a prompt is a text that is not empty, or a dict {"prompt": text, …}')
        if self._executor is not None:
            if options.get("files"):  # they are on this machine
                options["files"] = self._client.read_files(options["files"])
            _, trouble = _try(pickle.dumps, options)
            if trouble is not None:
                raise UsageError(f"this prompt cannot be sent to a worker: {trouble}")
        if where is None:
            model, system_prompt = options.pop("model", None), options.pop("system_prompt", None)
            where = self._client.begin_conversation(model, system_prompt)
            if self._noted is not None:
                self._noted(where, True)
            job.is_ours, job.is_temporary = True, self._temporary
        job.options, job.conversation_id = options, where

    def _as_result(self, job: Job, outcome: Outcome) -> Result:
        text, error, interrupted = outcome
        if interrupted and self._ended.is_set():
            error = IncompleteAnswer("the answer was stopped before its end", partial=text)
        return job.result(text, error)

    def _remove(self, job: Job) -> None:
        if self._client.remove_quietly(job.conversation_id) and self._noted is not None:
            self._noted(job.conversation_id, False)

    def _count(self, job: Job, result: Result) -> None:
        """Stop after what all the others would meet as well."""
        error = result.error
        with self._lock:
            if not result.asked:
                return
            is_down = isinstance(error, (Unavailable, ConnectionFailed))
            self._in_a_row = self._in_a_row + 1 if is_down else 0
            met_by_all = (
                isinstance(error, (QuotaExceeded, AuthError))
                or (job.meets_the_same and isinstance(error, (ModelGone, ModelNotFound)))
                or self._in_a_row >= _IN_A_ROW
            )
            if met_by_all and not self._keep_going:
                self.stopped = self.stopped or error

    # in somebody's executor --------------------------------------------------------------------

    def _answer_in_worker(self, executor: Executor, jobs: list[Job]) -> list[Result]:
        """Return the answers that a worker gets; what dies with it is looked up."""
        with self._lock_conversation(jobs[0]):
            if not jobs[0].is_ours:  # it goes alone
                try:
                    tree = self._client.conversation(jobs[0].conversation_id)
                except HugChatError as error:
                    return [jobs[0].result(None, error)]
                jobs[0].earlier = tuple(one.id for one in tree.messages)
            packed = Packed(self._key, pickle.dumps(jobs))
            future, trouble = _try(executor.submit, answer_packed, self._pack_client(), packed)
            if future is None:
                self._give_up_executor(trouble)
                return [job.result(None, _worker_lost(trouble), asked=False) for job in jobs]
            return self._await_results(future, jobs)

    def _lock_conversation(self, job: Job) -> threading.Lock:
        """Let prompts of one conversation go one after the other, so that each finds its own."""
        with self._lock:
            if job.is_ours:
                return threading.Lock()
            return self._conversation_locks.setdefault(job.conversation_id, threading.Lock())

    def _pack_client(self) -> Packed:
        """Return the client for the workers, with the cookies of now.

        :raises UsageError: it cannot be pickled, with a session of the user's for example.
        """
        with self._lock:
            now = values_of(self._client.cookies) if self._ship_cookies else {}
            before = self._shipment
            if before is not None and self._shipped == now and before.version > 0:
                return before
            copied, trouble = _try(self._client.for_worker, ship_cookies=self._ship_cookies)
            if trouble is not None:
                raise UsageError(f"this client cannot be sent to a worker: {trouble}") from trouble
            # the one of before the first conversation did not know the era yet
            version = 0 if before is None else before.version + 1
            self._shipment = Packed(self._key, pickle.dumps(copied), version)
            self._shipped = now
            return self._shipment

    def _await_results(self, future: Future[Packed], jobs: list[Job]) -> list[Result]:
        """Return what a task brings."""
        trouble: BaseException | None = None
        while not wait_for([future], SLICE).done:
            late = self._broken is not None and time.monotonic() > self._broken + _GRACE
            if (self._ended.is_set() or late) and (future.cancel() or late):
                trouble = CancelledError()
                break
        else:
            trouble = CancelledError() if future.cancelled() else future.exception()
            if isinstance(trouble, (BrokenExecutor, CancelledError)):
                self._give_up_executor(trouble)
        if trouble is not None:
            return [self._look_up(job, trouble) for job in jobs]
        outcomes, cookies = future.result().unpack()
        if cookies is not None and values_of(self._client.cookies) == self._shipped:
            self._client.take_cookies(cookies)  # there are none newer
        return [self._as_result(job, outcome) for job, outcome in zip(jobs, outcomes)]

    def _look_up(self, job: Job, trouble: BaseException) -> Result:
        """Return what the server has of a prompt whose worker is gone."""
        try:
            found = find_answer(self._client.conversation(job.conversation_id), job)
        except HugChatError as error:
            lost = _worker_lost(trouble)
            lost.__cause__ = error
            return job.result(None, lost)
        if found is None:
            return job.result(None, _worker_lost(trouble), asked=False)
        return job.result(*found)

    def _give_up_executor(self, trouble: BaseException | None) -> None:
        """Send nothing more: the executor takes no more work."""
        with self._lock:
            if self._broken is None:
                self._broken = time.monotonic()
            if not self._ended.is_set():
                self.stopped = self.stopped or _worker_lost(trouble)


def _worker_lost(trouble: BaseException | None) -> WorkerLost:
    reason = f"{type(trouble).__name__}: {trouble}".splitlines()[0].rstrip(": ")[:200]
    lost = WorkerLost(f"the worker was lost, or its executor does not work any more ({reason})")
    lost.__cause__ = trouble
    return lost


def _try(call: Callable[..., Any], *given: Any, **named: Any) -> tuple[Any, Exception | None]:
    """Return what *call* returns, or what it raises, for an executor may be anybody's."""
    try:
        return call(*given, **named), None
    except Exception as error:  # noqa: BLE001  # pickle and executors raise whatever they like
        return None, error


def _count_workers(executor: Executor) -> int:
    """Return how many tasks an executor works on at once."""
    ncores = getattr(getattr(executor, "_client", None), "ncores", None)  # as Dask has it
    cores, _ = _try(ncores) if callable(ncores) else (None, None)
    size = sum(cores.values()) if isinstance(cores, Mapping) else 0
    size = size or getattr(executor, "_max_workers", None) or 0
    return size if isinstance(size, int) and size > 0 else _WORKERS


def _check_prompts(prompts: object) -> Iterable[PromptArgument]:
    """Return the prompts, if that is what they are.

    :raises UsageError: iterating them would give something else.
    """
    if isinstance(prompts, (str, bytes)):
        raise UsageError("prompts is a list of prompts; write [prompt] for a single one")
    if isinstance(prompts, Mapping):
        advice = "write [prompt] for a single one"
        if "prompt" not in prompts:
            advice = 'write one of {"id": key, "prompt": text} for each of its items'
        raise UsageError(f"prompts is a list of prompts, not a dict; {advice}")
    if hasattr(prompts, "columns"):
        raise UsageError(
            'a table gives the names of its columns; write map(table["prompt"]), or for columns '
            'that are called prompt, id and like the options map(table.to_dict("records"))'
        )
    if not isinstance(prompts, Iterable):
        raise UsageError("prompts is a list of prompts, or anything else that gives them in turn")
    return prompts


def _check_names(options: Mapping[str, Any]) -> None:
    unknown = sorted(str(name) for name in options if name not in _OPTIONS)
    if unknown:
        raise UsageError(
            f"unknown: {', '.join(unknown)}; options are {', '.join(sorted(_OPTIONS))}"
        )
