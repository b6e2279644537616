"""Messages and their answers: send, stop, re-attach."""

from __future__ import annotations

import base64
import json
from typing import Any, Iterable, Iterator, Mapping

from ...calls import Call, Part, StreamCall
from ...errors import HugChatError, ProtocolError
from ...events import Event
from ..base import Dialect, Logged, Prompt
from ..errors import read_nothing
from ..fields import need
from ..updates import Updates
from ..verbs import in_path, log_of, message_to, post
from ..wire import read_json, sse_frames
from .search import search_updates
from .tools import header_list

#: what of a ``RequestData`` has a meaning here; the rest is of 2023
_TAKEN = ("inputs", "web_search")


class Answers(Dialect):
    """What can be done with an answer."""

    def ignored(self, custom: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names in *custom* that this era cannot take."""
        return tuple(name for name in custom if name not in _TAKEN)

    def chat(self, prompt: Prompt) -> StreamCall[Event]:
        """Describe sending a message.

        The prompt is a plain field of a multipart body, and each file a part whose *content* is
        base64 text; the prefix of its filename says so.

        Source: POST /conversation/{id}, chat-ui 2025-06 … 2026-08 (measured).
        """
        parts = [("data", Part(json.dumps(_data(prompt))))]
        for upload in prompt.files:
            content = base64.b64encode(upload.content).decode("ascii")
            parts.append(("files", Part(content, f"base64;{upload.name}", upload.mime)))
        request = message_to(prompt.conversation_id, parts=tuple(parts))
        return StreamCall(request, lambda chunks: self.log_reader(prompt).read(chunks))

    def stop(self, conversation_id: str, generation_id: str) -> Call[None]:
        """Describe stopping the run; the answer so far stays as it is stored.

        Source: POST /conversation/{id}/stop-generating, chat-ui 2025-06 … 2026-08 (measured).
        """
        # a stop that comes twice would interrupt the next message, so it is not repeatable
        return post(f"/conversation/{in_path(conversation_id)}/stop-generating", read_nothing)

    def log_reader(self, prompt: Prompt) -> Updates:
        """Return what reads the log of this message's answer."""
        return Updates() if prompt.search_server is None else search_updates(prompt)

    def reattach(
        self, conversation_id: str, generation_id: str, after: int = 0, reader: Any = None
    ) -> StreamCall[Logged]:
        """Describe reading the log of a run from behind position *after*.

        :param reader: has read the log up to there.

        Source: GET /conversation/{id}/stream, chat-ui 2026-07 … 2026-08 (measured).
        """
        params = {"generationId": generation_id, "fromSeq": str(after)}
        request = log_of(conversation_id, params=params)
        return StreamCall(request, lambda chunks: _log(chunks, after, reader or Updates()))


def _data(prompt: Prompt) -> dict[str, Any]:
    again = prompt.action in ("retry", "edit")
    data: dict[str, Any] = {"is_retry": again, "generationId": prompt.generation_id}
    if prompt.action != "retry":  # which names the answer to redo, and takes no text
        data["inputs"] = prompt.text
    if prompt.parent_id is not None:
        data["id"] = prompt.parent_id
    if prompt.web_search and prompt.search_server is None:
        data["web_search"] = True  # the switch of 2025-06 … 2025-09; later servers ignore it
    own = [_own_server(server) for server in prompt.own_servers]
    names = [*prompt.tool_servers, *(server["name"] for server in own)]
    if prompt.search_server is not None:
        names.append(prompt.search_server)
    # always sent: without it the server offers all tools it has
    data["selectedMcpServerNames"] = list(dict.fromkeys(names))
    if own:
        data["selectedMcpServers"] = own
    return data


def _own_server(server: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": server["name"], "url": server["url"]}
    if server.get("headers"):
        found["headers"] = header_list(server["headers"])
    return found


def _log(chunks: Iterable[bytes], position: int, updates: Updates) -> Iterator[list[Logged]]:
    for frames in sse_frames(chunks):
        steps: list[Logged] = []
        trouble: HugChatError | None = None
        for event, data, number in frames:
            position = int(number) if number.isascii() and number.isdigit() else position
            events: list[Event] = []
            end = ""
            try:
                if event == "update":
                    for found in updates.line(_object(data)):
                        events.append(found)  # one by one: an error takes none of them along
                elif event == "end":
                    end = need(_object(data), "status", str)
                    events.extend(updates.flush())
                else:
                    continue
            except ProtocolError as error:
                trouble = error  # another try may still bring what is held back
                break
            except HugChatError as error:
                trouble = error
                events.extend(updates.flush())
                if not events:
                    break
            steps.append(Logged(position, tuple(events), end))
            if trouble is not None or end:
                break
        if steps:
            yield steps
        if trouble is not None:
            raise trouble
        if steps and steps[-1].end:
            return


def _object(data: str) -> dict[str, Any]:
    value = read_json(data.encode("utf-8", "surrogatepass"))
    return need({"data": value}, "data", dict)
