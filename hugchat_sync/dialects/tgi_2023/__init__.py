"""The era before 2023-09-20: the model server's own events, passed on; a search of its own."""

from __future__ import annotations

from typing import Any, Mapping

from ...calls import Call, Reply, Request, StreamCall
from ...events import Event
from ...records import Settings
from ..account import read_settings
from ..base import Created, Prompt, Stored
from ..errors import read_error, read_nothing, read_value, refusal
from ..fields import dicts_of, need, text_of
from ..forms_2023 import Forms2023, in_path, layout_of_home, page_of
from ..headers import MESSAGE, READ, WRITE
from ..messages import answer_in
from ..page_data import layout, page
from .answer import ModelEvents, message_error
from .search import read_search

#: what of a ``RequestData`` this era takes: all of it
_TAKEN = (
    "inputs",
    "id",
    "response_id",
    "is_retry",
    "web_search",
    "parameters",
    "options",
    "stream",
)


class Tgi2023(Forms2023):
    """The servers that were a thin layer over text-generation-inference.

    A retry or an edit names the *question*, repeats its text or brings a new one, and removes
    everything behind it. A message is stored together with its answer, after the answer's end.
    """

    name = "tgi-2023"
    stores_at_end = True
    differs_in = frozenset({"system_prompts", "web_search"})
    prompts_from_settings = True
    features = frozenset(
        {
            "web_search",
            "system_prompts",
            "retry",
            "edit",
            "stop",
            "parameters",
            "titles",
            "share",
            "import_share",
        }
    )

    # conversations

    def create_conversation(self, model: str, system_prompt: str) -> Call[Created]:
        """Describe starting a conversation; its system prompt is the one in the settings.

        Source: POST /conversation, chat-ui 0.6.0, 2023-09 (measured).
        """
        return self._create({"model": model})

    def make_title(self, conversation_id: str) -> Call[str]:
        """Describe asking the server for a title, which it keeps; ``""`` when the model has none.

        Source: POST /conversation/{id}/summarize, chat-ui 0.6.0, 2023-09 (measured).
        """
        request = Request(
            "POST", f"{in_path(conversation_id)}/summarize", headers=WRITE, error=refusal
        )
        return Call(request, lambda reply: text_of(read_value(reply), "title"))

    def settings(self) -> Call[Settings]:
        """Describe reading the settings; before 2023-08-21 they held no prompts.

        Source: GET /__data.json, chat-ui 0.6.0, 2023-09 (measured).
        """

        def read(reply: Reply) -> Settings:
            return read_settings({"customPrompts": {}, **need(layout(reply), "settings", dict)})

        return Call(layout_of_home(), read)

    # answers

    def chat(self, prompt: Prompt) -> StreamCall[Event]:
        """Describe sending a message: all ids are ours, and the parameters are the caller's.

        Source: POST /conversation/{id}, chat-ui 0.6.0, 2023-09 (measured).
        """
        body: dict[str, Any] = {
            "inputs": prompt.text,
            "stream": True,  # else the answer is no stream, and is not stored
            "options": _options(prompt),
        }
        parameters = prompt.custom.get("parameters")
        if parameters is not None:
            body["parameters"] = parameters
        request = Request(
            "POST",
            in_path(prompt.conversation_id),
            json=body,
            headers=MESSAGE,
            error=message_error,
        )
        stops = _stops(parameters)
        return StreamCall(
            request, lambda chunks: ModelEvents(stops).read(chunks), keep_alives=False
        )

    def ignored(self, custom: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names in *custom* that this era cannot take."""
        # an answer that does not stream would not be stored either
        return tuple(
            name
            for name, value in custom.items()
            if name not in _TAKEN or (name == "stream" and value is False)
        )

    def search(self, conversation_id: str, text: str) -> StreamCall[Event]:
        """Describe searching the web before the message; nothing ends this reply but closing it.

        Source: GET /conversation/{id}/web-search, chat-ui 0.6.0, 2023-09 (measured).
        """
        request = Request(
            "GET",
            f"{in_path(conversation_id)}/web-search",
            params={"prompt": text},
            headers={**READ, "Accept-Encoding": "identity"},
            error=read_error,
        )
        return StreamCall(request, read_search, closes_at_answer=True, keep_alives=False)

    def stop(self, conversation_id: str, generation_id: str) -> Call[None]:
        """Describe stopping the run: the server cuts the answer and keeps what there is of it.

        Source: POST /conversation/{id}/stop-generating, chat-ui 0.6.0, 2023-09 (measured).
        """
        path = f"{in_path(conversation_id)}/stop-generating"
        return Call(Request("POST", path, headers=WRITE, error=refusal), read_nothing)

    def stored(self, conversation_id: str, prompt: Prompt) -> Call[Stored | None]:
        """Describe looking for what became of *prompt*, by the ids that we gave.

        Source: GET /conversation/{id}/__data.json, chat-ui 2023-05 and 0.6.0, 2023-09 (measured).
        """

        def read(reply: Reply) -> Stored | None:
            sent = _options(prompt)
            answer = answer_in(
                dicts_of(page(reply), "messages"), sent["id"], sent["response_id"], prompt
            )
            if answer is None:
                return None
            # it is not there before its run is over
            text = text_of(answer, "content").strip()
            return Stored(sent["id"], text_of(answer, "id"), text, state="done")

        return Call(page_of(conversation_id), read)


def _options(prompt: Prompt) -> dict[str, Any]:
    """Return what the server itself reads of a message; the rest goes on to the model server."""
    custom, again = prompt.custom, prompt.action in ("retry", "edit")
    options: dict[str, Any] = {
        "id": prompt.parent_id if again and prompt.parent_id else prompt.message_id,
        "response_id": prompt.generation_id,
        "is_retry": again,
        "use_cache": False,
        "web_search_id": "",
    }
    given = custom.get("options")
    options.update(given if isinstance(given, Mapping) else {})
    for name in ("id", "response_id", "is_retry"):
        if custom.get(name) is not None:
            options[name] = custom[name]
    if prompt.search_id is not None:
        options["web_search_id"] = prompt.search_id
    return options


def _stops(parameters: Any) -> tuple[str, ...]:
    stops = parameters.get("stop") if isinstance(parameters, Mapping) else None
    if isinstance(stops, str):
        return (stops,)
    return tuple(stop for stop in stops if isinstance(stop, str)) if isinstance(stops, list) else ()
