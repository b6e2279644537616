"""The era before 2023-09-20: the model server's own events, passed on; a search of its own."""

from __future__ import annotations

from typing import Any, Mapping

from ...calls import Call, Reply, StreamCall
from ...events import Event
from ...records import Settings
from ..account import read_settings
from ..base import Created, Manners, Prompt, Stored
from ..errors import read_nothing, read_value
from ..fields import dicts_of, need, text_of
from ..forms_2023 import Forms2023, layout_of_home, page_of, path_of
from ..page_data import layout, page
from ..stored import answer_in
from ..verbs import message_to, post, search_in
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
    manners = Manners(
        takes_token=False,
        stores_at_end=True,
        needs_parent=False,
        prompts_from_settings=True,
        differs_in=frozenset({"system_prompts", "web_search"}),
    )
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
        path = f"{path_of(conversation_id)}/summarize"
        return post(path, lambda reply: text_of(read_value(reply), "title"))

    def settings(self) -> Call[Settings]:
        """Describe reading the settings; before 2023-08-21 they held no prompts.

        Source: GET /__data.json, chat-ui 0.6.0, 2023-09 (measured).
        """

        def read(reply: Reply) -> Settings:
            return read_settings({"customPrompts": {}, **need(layout(reply), "settings", dict)})

        return layout_of_home(read)

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
        request = message_to(prompt.conversation_id, json=body, error=message_error)
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
        request = search_in(conversation_id, params={"prompt": text})
        return StreamCall(request, read_search, closes_at_answer=True, keep_alives=False)

    def stop(self, conversation_id: str, generation_id: str) -> Call[None]:
        """Describe stopping the run: the server cuts the answer and keeps what there is of it.

        Source: POST /conversation/{id}/stop-generating, chat-ui 0.6.0, 2023-09 (measured).
        """
        return post(f"{path_of(conversation_id)}/stop-generating", read_nothing)

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

        return page_of(conversation_id, read)


class EarlyTgi(Tgi2023):
    """The servers before 2023-08-21: their settings hold no prompts.

    :param searches: there is a web search already (since 2023-06-02).
    """

    def __init__(self, searches: bool) -> None:
        came_later = {"system_prompts"} if searches else {"system_prompts", "web_search"}
        self.features = Tgi2023.features - came_later


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
