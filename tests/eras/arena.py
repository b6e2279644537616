"""One way to start a server of any era, to let it answer, and to see what it was asked."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from sampling import drawn

from hugchat_sync.local import LocalServer
from hugchat_sync.local.responder import (
    Failure,
    Final,
    Pause,
    Step,
    Text,
    Title,
    ToolCall,
    ToolError,
    ToolResult,
)
from hugchat_sync.local.testing import Faults

from .lines import LinesServer
from .lines_2023 import OctoberServer, SearchFailure, SearchSource, SearchStep
from .listening import BASE, Asked, Told
from .playing import Play, Turn
from .tgi import TgiServer
from .tree import TreeServer
from .v2 import V2Server

if TYPE_CHECKING:
    from hugchat_sync.local.responder import Turn as LocalTurn

#: name of a server → its era, and the version of the small server that plays it
SERVERS = {
    "tgi-2023 of May": ("tgi-2023", "2305"),
    "tgi-2023": ("tgi-2023", "2309"),
    "lines-2023": ("lines-2023", ""),
    "lines-2023 of November": ("lines-2023", "2311"),
    "lines-2023 of January": ("lines-2023", "2401"),
    "lines-2023 of February": ("lines-2023", "2402"),
    "tree-2024 of April": ("tree-2024", "2404"),
    "tree-2024 of June": ("tree-2024", "2406"),
    "tree-2024 of August": ("tree-2024", "2408"),
    "tree-2024 of December": ("tree-2024", "2412"),
    "tree-2024 of June 2025": ("tree-2024", "2506"),
    "v2-2025 of August": ("v2-2025", "2507"),
    "v2-2025 of October": ("v2-2025", "2510"),
    "v2-2025 of January": ("v2-2025", "2601"),
    "v2-2025": ("v2-2025", ""),
}


def some_servers(seed: str, more: int = 2) -> Sequence[str]:
    """Return names of a server of each era and *more*, drawn by a seed; all with ``ALL_CUTS``."""
    chosen = set(drawn(SERVERS, more, seed))
    for era in sorted({era for era, _ in SERVERS.values()}):
        chosen.update(drawn([name for name in SERVERS if SERVERS[name][0] == era], 1, seed))
    return [name for name in SERVERS if name in chosen]


#: one of each way of storing what is being made; the oldest era stores all of it at the end
MANNERS = [
    "lines-2023",
    "lines-2023 of January",
    "tree-2024 of April",
    "tree-2024 of December",
    "v2-2025 of August",
    "v2-2025 of January",
    "v2-2025",
]
_SMALL = {
    "tgi-2023": TgiServer,
    "lines-2023": LinesServer,
    "tree-2024": TreeServer,
    "v2-2025": V2Server,
}
#: the servers whose answers come from a responder
EMBEDDED = {"v2-2025": LocalServer, "lines-2023": OctoberServer}
_MESSAGE = re.compile(r"/conversation/[0-9a-f]{24}$")


class Arena:
    """A running server of some era.

    :param url: its base URL.
    """

    def __init__(self, name: str, *plays: Play, messages_per_minute: int | None = None) -> None:
        self.era, self.version = SERVERS[name]
        if self.version:
            self.server: Any = _SMALL[self.era](
                *plays, version=self.version, messages_per_minute=messages_per_minute
            )
        else:
            self.model = Playing(plays or (Play(),))
            limits = {"messages_per_minute": messages_per_minute} if messages_per_minute else {}
            self.server = EMBEDDED[self.era](responder=self.model, limits=limits)
            self.server.faults = self._doctor = Doctor()

    def __enter__(self) -> Arena:
        self.server.__enter__()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.server.__exit__(*exc_info)

    @property
    def url(self) -> str:
        """The base URL."""
        return str(self.server.url)

    @property
    def turns(self) -> list[Turn]:
        """What the model was asked, the latest last."""
        if isinstance(self.server, LocalServer):
            return self.model.turns
        turns: list[Turn] = self.server.turns
        return turns

    @property
    def asked(self) -> list[str]:
        """The requests so far, as "METHOD /path" below the base path, without queries."""
        found = []
        for request in self.server.requests:
            path = urlsplit(request.path).path
            found.append(f"{request.method} {path[len(BASE) :] if path.startswith(BASE) else path}")
        return found

    @property
    def sent(self) -> list[str]:
        """The requests so far that may have changed something."""
        return [one for one in self.asked if not one.startswith("GET ")]

    def instead(self, status: int, body: str, kind: str, path: str) -> None:
        """Let every request for *path* (an expression) be answered like this."""
        if isinstance(self.server, LocalServer):
            self._doctor.instead = (status, body, kind, path)
            return

        def reply(asked: Asked) -> Told | None:
            if re.search(path, asked.path) is None:
                return None
            return Told(status, body.encode(), kind)

        self.server.instead = reply

    def strange(self, line: Mapping[str, Any]) -> None:
        """Put *line* into every answer, and unknown fields into every other."""
        if isinstance(self.server, LocalServer):
            self._doctor.line = line
        else:
            plain = self.server.told

            def told(asked: Asked) -> Told:
                reply: Told = plain(asked)
                return Told(
                    reply.status,
                    odd_body(reply.body, reply.kind, line),
                    reply.kind,
                    reply.headers,
                    reply.cut,
                )

            self.server.told = told


class Playing:
    """A source of answers for the embedded server."""

    def __init__(self, plays: Iterable[Play]) -> None:
        self._plays = list(plays)
        self.turns: list[Turn] = []
        self.steps: Callable[[Play], Iterable[Step]] = lambda play: ()

    def _play(self, done: int) -> Play:
        return self._plays[min(done, len(self._plays) - 1)]

    def answer(self, turn: LocalTurn) -> Iterator[Step]:
        """Return the steps of the next play."""
        play = self._play(len(self.turns))
        switch = getattr(turn, "web_search", False)
        searched = switch or bool(turn.tools)
        found = tuple(link for _, link in play.sources) if searched else ()
        history = tuple(said.text for said in turn.history)
        self.turns.append(Turn(turn.prompt, turn.system_prompt, history, found))
        return self._steps(play, searched, switch)

    def _steps(self, play: Play, searched: bool, switch: bool) -> Iterator[Step]:
        yield from self.steps(play)
        if searched:
            yield from _switched(play) if switch else _called(play)
        for index, token in enumerate(play.tokens):
            while index == 1 and play.hold is not None and not play.hold.is_set():
                yield Pause(0.01)
            yield Text(token)
        yield Failure(play.error) if play.error else Final(play.final)

    def title(self, turn: LocalTurn) -> Title | None:
        """Return the title of the play that is under way."""
        play = self._play(max(0, len(self.turns) - 1))
        return Title(play.title, play.late) if play.title else None


def _switched(play: Play) -> Iterator[Step]:
    yield SearchStep("Searching Google", ["the query"])
    if play.search_error:
        yield SearchFailure(play.search_error)
        return
    for title, link in play.sources:
        yield SearchSource(title, link, str(urlsplit(link).hostname))


def _called(play: Play) -> Iterator[Step]:
    call = ToolCall("web_search", {"query": "the query"})
    yield call
    if play.search_error:
        yield ToolError(call.uuid, play.search_error)
        return
    text = "\n\n".join(f"Title: {title}\nURL: {link}\nText." for title, link in play.sources)
    yield ToolResult(call.uuid, text)


class Doctor(Faults):
    """Misbehaviour that the embedded server has no fault for: odd lines and odd fields."""

    line: Mapping[str, Any] | None = None
    instead: tuple[int, str, str, str] | None = None

    def around(self, application: Any) -> Any:
        """Return the application with this in front of it."""
        plain = super().around(application)

        def doctored(environ: Any, start_response: Any) -> Iterable[bytes]:
            path = environ["PATH_INFO"]
            if self.instead is not None and re.search(self.instead[3], path):
                status, body, kind, _ = self.instead
                start_response(f"{status} ", [("Content-Type", kind)])
                return [body.encode()]
            if self.line is None:
                found: Iterable[bytes] = plain(environ, start_response)
                return found
            environ.pop("HTTP_ACCEPT_ENCODING", None)  # to read what it says
            head: list[Any] = []

            def later(status: str, headers: Any, exc_info: Any = None) -> Any:
                head[:] = [status, headers]
                return lambda data: None

            pieces = plain(environ, later)
            streams = environ["REQUEST_METHOD"] == "POST" and _MESSAGE.search(path)
            if streams:
                start_response(*head)
                return _with_line(pieces, self.line)
            kind = dict(head[1]).get("Content-Type", "")
            whole = odd_body(b"".join(pieces), kind, self.line)
            assert isinstance(whole, bytes)
            headers = [item for item in head[1] if item[0].lower() != "content-length"]
            start_response(head[0], [*headers, ("Content-Length", str(len(whole)))])
            return [whole]

        return doctored


# unknown fields ------------------------------------------------------------------------------

_MAPS = ("customPrompts", "customPromptsEnabled", "hidePromptExamples", "tools", "meta", "searches")


def odd_body(
    body: bytes | Iterable[bytes], kind: str, line: Mapping[str, Any]
) -> bytes | Iterable[bytes]:
    """Return a body with an unknown update, or with unknown fields."""
    if not isinstance(body, bytes):
        if kind in ("text/event-stream", "application/jsonl", ""):
            return _with_line(body, line)
        return body
    if "json" not in kind:
        return body
    value = json.loads(body)
    if isinstance(value, dict) and "nodes" in value:
        for node in value["nodes"]:
            if isinstance(node, dict) and isinstance(node.get("data"), list):
                place = len(node["data"])
                node["data"] = [*(_odd_row(row, place) for row in node["data"]), "tomorrow"]
    else:
        value = odd(value)
    return json.dumps(value).encode()


def odd(value: Any) -> Any:
    """Return *value* with a field more in every object that is no map."""
    if isinstance(value, list):
        return [odd(item) for item in value]
    if not isinstance(value, dict):
        return value
    maps = {key for key in value if key in _MAPS or key.endswith("Overrides")}
    kept = {key: item if key in maps else odd(item) for key, item in value.items()}
    return {**kept, "invented": {"by": "tomorrow"}}


def _odd_row(row: Any, place: int) -> Any:
    return {**row, "invented": place} if isinstance(row, dict) and len(row) > 3 else row


def _with_line(pieces: Iterable[bytes], line: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield the pieces of an answer, the odd line behind the first of them."""
    text = json.dumps(line)
    try:
        for index, piece in enumerate(pieces):
            yield piece
            if index == 0:
                yield (f"data:{text}\n\n" if piece.startswith(b":") else f"{text}\n").encode()
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
