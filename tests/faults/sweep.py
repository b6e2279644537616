"""Asks the same question again and again, and compares what comes with an undisturbed answer."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from typing import Any, Callable, Iterable, Sequence
from urllib.parse import urlsplit

from proxy import FaultProxy, Harm
from seams import short_pauses

from hugchat_sync import Client
from hugchat_sync.chat.message import Message
from hugchat_sync.events import Event, Reasoning, TitleChanged, Token
from hugchat_sync.options import Retry

WORKERS = 16


def joined(events: Iterable[Event]) -> list[Any]:
    """Return events without what no two runs share: how the text was cut, when the title came."""
    found: list[Any] = []
    for event in events:
        if isinstance(event, TitleChanged):
            continue
        if isinstance(event, (Token, Reasoning)) and found and isinstance(found[-1], type(event)):
            event = type(event)(found.pop().text + event.text)
        found.append(event)
    return found


@dataclass(frozen=True)
class Outcome:
    """All that a caller can see of one answer, and what the server keeps of it."""

    text: str
    events: tuple[Any, ...]
    titles: tuple[str, ...]
    reasoning: str
    messages: tuple[tuple[bool, str], ...] = ()


def outcome(message: Message) -> Outcome:
    """Return what can be seen of an answer."""
    events = list(message)
    titles = tuple(event.title for event in events if isinstance(event, TitleChanged))
    return Outcome(message.text(), tuple(joined(events)), titles, message.reasoning)


@dataclass
class Tally:
    """What came of many tries."""

    tries: int = 0
    harms: int = 0
    lost: int = 0
    doubled: int = 0
    other: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[Any, Any]] = field(default_factory=list)

    def count(self, harms: Sequence[Harm], wanted: Outcome, found: Any) -> None:
        """Count one try."""
        self.tries += 1
        self.harms += len(harms)
        if found == wanted:
            return
        self.examples.append((harms, found))
        if isinstance(found, Outcome):
            questions = sum(is_user for is_user, _ in found.messages)
            self.doubled += questions > 1
            self.lost += found.text != wanted.text or questions < 1
            self.other["events"] += found.events != wanted.events
            self.other["titles"] += found.titles != wanted.titles
            self.other["reasoning"] += found.reasoning != wanted.reasoning
            self.other["messages"] += found.messages != wanted.messages
        else:
            self.lost += 1
            self.other[type(found).__name__] += 1

    def __str__(self) -> str:
        return (
            f"{self.tries} answers, {self.harms} harms: {self.lost} lost, {self.doubled} doubled,"
            f" otherwise different: {dict(+self.other) or 0}"
        )


def impatient(url: str, **options: Any) -> Client:
    """Return a client whose pauses are short."""
    quick = Retry(tries=4, first_delay=0.01, longest_delay=0.02)
    usual = {"model": "local/plain", "dialect": "v2-2025", "retries": quick}
    with short_pauses(0.02):
        return Client(url, **{**usual, **options})


class Direct:
    """The way to the server that no proxy spoils, in raw requests, because there are many."""

    def __init__(self, url: str, cookie: str) -> None:
        parts = urlsplit(url)
        self._connection = HTTPConnection(parts.netloc)
        self._path = parts.path
        self._headers = {
            "Cookie": f"hf-chat={cookie}",
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Origin": f"http://{parts.netloc}",
        }

    def __enter__(self) -> Direct:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._connection.close()

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        text = None if body is None else json.dumps(body)
        self._connection.request(method, self._path + path, text, self._headers)
        reply = self._connection.getresponse().read()
        return json.loads(reply)

    def create(self) -> tuple[str, str]:
        """Return the ids of a new conversation and of its root."""
        made = self._call("POST", "/conversation", {"model": "local/plain", "preprompt": ""})
        tree = json.loads(made["conversation"])["json"]
        return made["conversationId"], tree["rootMessageId"]

    def messages(self, conversation_id: str) -> tuple[tuple[bool, str], ...]:
        """Return what the server keeps of a conversation."""
        tree = self._call("GET", f"/api/v2/conversations/{conversation_id}")["json"]
        return tuple(
            (message["from"] == "user", message["content"])
            for message in tree["messages"]
            if message["from"] != "system"
        )


def swept(
    proxy: FaultProxy,
    url: str,
    tries: Iterable[tuple[Harm, ...]],
    plan: Callable[[FaultProxy, str, tuple[Harm, ...]], None],
    connect: Callable[..., Client] | None = None,
) -> Tally:
    """Return what came of asking once for each of *tries*, many at a time.

    :param connect: makes the client, where that is not one that knows nothing of the proxy.
    """
    connect = connect or (lambda **options: impatient(proxy.url, **options))
    tally = Tally()
    todo = [(), *tries]
    cookie = "sweep"
    with Direct(url, cookie) as direct:
        places = [direct.create() for _ in todo]
    with connect(cookies={"hf-chat": cookie}) as client, ThreadPoolExecutor(WORKERS) as pool:

        def ask(harms: tuple[Harm, ...], place: tuple[str, str]) -> Any:
            conversation_id, root = place
            plan(proxy, conversation_id, harms)
            try:
                return outcome(client.chat("hi", conversation_id, parent_id=root))
            except Exception as error:  # noqa: BLE001  any other one would be a bug to be counted
                return error

        answers = list(pool.map(ask, todo, places))
    with Direct(url, cookie) as direct:
        found = [
            replace(answer, messages=direct.messages(place[0]))
            if isinstance(answer, Outcome)
            else answer
            for answer, place in zip(answers, places)
        ]
    assert isinstance(found[0], Outcome), found[0]
    assert [is_user for is_user, _ in found[0].messages] == [True, False]
    for harms, answer in zip(todo[1:], found[1:]):
        tally.count(harms, found[0], answer)
    return tally


def of_the_answer(proxy: FaultProxy, conversation_id: str, harms: tuple[Harm, ...]) -> None:
    """Harm the reply to the message first, then those to the log of its run."""
    proxy.harm("POST", rf"/conversation/{conversation_id}$", *harms[:1])
    proxy.harm("GET", rf"/conversation/{conversation_id}/stream", *harms[1:])
