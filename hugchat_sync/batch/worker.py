"""What happens to a prompt of a map where it is asked: here, or in a worker of an executor."""

from __future__ import annotations

import pickle
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, Optional, Protocol, Tuple, cast

from ..errors import HugChatError, IncompleteAnswer, UsageError, WorkerLost
from ..futures import renew_locks_after_fork
from ..rate_limit import Pace
from ..records import ConversationTree, Result

if TYPE_CHECKING:
    from requests.cookies import RequestsCookieJar

_AT_ONCE = 16  # threads of one task
_TITLE = 10.0  # seconds for what a kept conversation still gets behind an answer
_TAIL_SECONDS = 0.1  # seconds for what follows an answer, after which its connection is given up
_MAPS = 8  # whose clients a worker keeps


class MapClient(Protocol):
    """What a map needs of a client."""

    @property
    def pace(self) -> Pace: ...  # noqa: D102
    @property
    def cookies(self) -> RequestsCookieJar: ...  # noqa: D102
    @property
    def chat(self) -> Callable[..., Any]: ...  # noqa: D102
    def begin_conversation(self, model: str | None, system_prompt: str | None) -> str: ...  # noqa: D102
    def conversation(self, conversation_id: str) -> ConversationTree: ...  # noqa: D102
    def remove_quietly(self, conversation_id: str) -> bool: ...  # noqa: D102
    def read_files(self, files: Any) -> list[tuple[str, bytes, str]]: ...  # noqa: D102
    def for_map(self) -> MapClient: ...  # noqa: D102
    def for_worker(self, *, ship_cookies: bool) -> MapClient: ...  # noqa: D102
    def take_cookies(self, cookies: RequestsCookieJar) -> None: ...  # noqa: D102


class Job:
    """One prompt on its way, with its options; as it was given, until it has a conversation."""

    is_ours = False  # the conversation was made for it
    is_temporary = False  # the conversation is removed afterwards
    earlier: tuple[str, ...] = ()  # the ids of the messages that the conversation had before
    began = 0.0

    def __init__(self, index: int, given: Any) -> None:
        fields = dict(given) if isinstance(given, Mapping) else {"prompt": given}
        text = fields.pop("prompt", "")
        self.is_text = isinstance(text, str)
        self.prompt: str = text if self.is_text else repr(text)[:200]
        self.index, self.id = index, fields.pop("id", None)
        self.options: Mapping[str, Any] = fields
        self.conversation_id = ""
        self.meets_the_same = not {"model", "conversation_id"}.intersection(fields)  # as the others

    def result(self, text: str | None, error: HugChatError | None, *, asked: bool = True) -> Result:
        """Return what became of it."""
        asked = asked and not isinstance(error, UsageError)
        seconds = round(time.monotonic() - self.began, 3)
        where = self.conversation_id or None
        return Result(self.index, self.id, self.prompt, text, error, seconds, where, asked)


#: the text, the error, and whether the answer was cut short, by whomever
Outcome = Tuple[Optional[str], Optional[HugChatError], bool]


def answer(client: MapClient, job: Job) -> Outcome:
    """Ask a prompt, and return what became of it."""
    try:
        message = client.chat(job.prompt, job.conversation_id, **job.options)
        text = message.text()
        if message.stopped and message.interrupted:  # nobody else may take it for a whole one
            raise IncompleteAnswer("the answer was stopped before its end", partial=text)
        if job.is_temporary:
            message.finish(_TAIL_SECONDS)
        else:
            message.drain(time.monotonic() + _TITLE)  # some servers make titles only for readers
        return text, None, bool(message.interrupted)
    except HugChatError as error:
        return getattr(error, "partial", None) or None, error, False


def values_of(cookies: Iterable[Any]) -> dict[str, str]:
    """Return the cookies, name → value."""
    return {cookie.name: cookie.value for cookie in cookies}


class Packed:
    """What goes to a worker and back; whoever shows or logs it shows nothing of it.

    :param key: of the map.
    :param version: of its client.
    """

    def __init__(self, key: str, content: bytes, version: int = 0) -> None:
        self.key = key
        self.version = version
        self._content = content

    def unpack(self) -> Any:
        """Return what is in it."""
        return pickle.loads(self._content)  # noqa: S301  # as the executor itself does

    def __repr__(self) -> str:
        return "<Packed>"


class ClientCache:
    """The clients of this process, one for each map that it works for."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, tuple[int, Any]] = OrderedDict()
        renew_locks_after_fork(self)

    def renew_locks(self) -> None:
        """Take a new lock."""
        self._lock = threading.Lock()

    def client(self, packed: Packed) -> MapClient:
        """Return the client of a map, the newest that came."""
        with self._lock:
            version, client = self._clients.get(packed.key, (-1, None))
            if version < packed.version:
                version, client = packed.version, packed.unpack()
            self._clients[packed.key] = version, client
            while len(self._clients) > _MAPS:
                self._clients.popitem(last=False)
            return cast(MapClient, client)

    def drop(self, key: str) -> None:
        """Close the client of a map that is over."""
        with self._lock:
            _, client = self._clients.pop(key, (0, None))
        if client is not None:
            client.close()


CLIENTS = ClientCache()  # a worker has no other place that outlives a task


def answer_packed(shipment: Packed, packed: Packed) -> Packed:
    """Answer prompts in a worker, at once; a module's function, so that any executor can have it.

    :returns: an :data:`Outcome` for each, and cookies that were renewed.
    """
    jobs: list[Job] = packed.unpack()
    try:
        client = CLIENTS.client(shipment)
    except HugChatError as error:
        return Packed(shipment.key, pickle.dumps(([(None, error, False)] * len(jobs), None)))
    before = values_of(client.cookies)
    with ThreadPoolExecutor(min(len(jobs), _AT_ONCE)) as pool:
        outcomes = list(pool.map(lambda job: _answer_once(client, job), jobs))
    cookies = client.cookies
    renewed = cookies if values_of(cookies) != before else None
    return Packed(shipment.key, pickle.dumps((outcomes, renewed)))


def _answer_once(client: MapClient, job: Job) -> Outcome:
    try:
        # another worker may have had this very task, and died
        found = find_answer(client.conversation(job.conversation_id), job)
    except HugChatError as error:
        return None, error, False
    return answer(client, job) if found is None else (*found, False)


def find_answer(tree: ConversationTree, job: Job) -> tuple[str | None, HugChatError | None] | None:
    """Return what a conversation keeps of a prompt, ``None`` if it was not sent.

    In a new conversation any question is ours; in another one, a new one with our text.
    """
    asked = [one for one in tree.messages if one.role == "user" and one.id not in job.earlier]
    if not job.is_ours:
        asked = [one for one in asked if one.text.split() == job.prompt.split()]
    if not asked:
        return None
    behind = tree.messages[tree.messages.index(asked[0]) + 1 :]
    answers = [one for one in behind if one.role == "assistant"]
    replies = [one for one in answers if one.parent_id == asked[0].id] or answers[:1]
    text = replies[-1].text if replies else ""
    if text and replies[-1].interrupted is False:
        return text, None
    lost = WorkerLost(
        "the worker was lost, and the server keeps no whole answer of this prompt", partial=text
    )
    return text or None, lost
