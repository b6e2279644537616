"""The era before 2023-09-20: the model server's own events, passed on; a search of its own."""

from __future__ import annotations

from codecs import getincrementaldecoder
from json import JSONDecoder
from typing import Any, Iterable, Iterator, Mapping

from ..calls import Call, Reply, Request, StreamCall
from ..errors import HugChatError, IncompleteAnswer, ProtocolError
from ..events import Event, FinalAnswer, Unknown, WebSearchError
from ..records import ConversationTree, Settings
from . import Dialect, Manners
from .common import read_settings
from .errors import generation_error, read_error
from .fields import make_encodable, need, text_of
from .forms_2023 import Forms2023, get_layout
from .records import Prompt
from .updates import Updates, read_search_line
from .verbs import AT_ONCE, READ, message_to, path_of, post, read_value
from .wire import read_json, sse_frames

#: What the server itself takes off the end, whatever the model.
_ALWAYS_STOPS = ("<|endoftext|>", "</s>")

_LONGEST = 16 * 1024 * 1024  # characters of a step of a search; one of that size is a mistake

_raw_decode = JSONDecoder(strict=False).raw_decode


class Tgi2023(Forms2023):
    """The servers that were a thin layer over text-generation-inference.

    A retry or an edit names the *question*, repeats its text or brings a new one, and removes
    everything behind it. A message is stored together with its answer, after the answer's end.
    """

    name = "tgi-2023"
    features = Dialect.features | {"web_search", "parameters"}
    manners = Manners(
        takes_token=False,
        stores_at_end=True,
        needs_parent=False,
        prompts_from_settings=True,
        takes_custom=(
            *("inputs", "id", "response_id", "is_retry", "web_search"),
            *("parameters", "options", "stream"),
        ),
        differs_in=frozenset({"system_prompts", "web_search"}),
    )

    def create_conversation(self, model: str, system_prompt: str) -> Call[ConversationTree]:
        """Describe starting a conversation; its system prompt is the one in the settings.

        Source: POST /conversation, chat-ui 0.6.0, 2023-09 (measured).
        """
        return self.create({"model": model})

    def make_title(self, conversation_id: str) -> Call[str]:
        """Describe asking the server for a title, which it keeps; ``""`` when the model has none.

        Source: POST /conversation/{id}/summarize, chat-ui 0.6.0, 2023-09 (measured).
        """
        path = path_of(conversation_id, "/summarize")
        return post(path, lambda reply: text_of(read_value(reply), "title"))

    def settings(self) -> Call[Settings]:
        """Describe reading the settings; before 2023-08-21 they held no prompts.

        Source: GET /__data.json, chat-ui 0.6.0, 2023-09 (measured).
        """
        return get_layout(
            lambda layout: read_settings({"customPrompts": {}, **need(layout, "settings", dict)})
        )

    def chat(self, prompt: Prompt) -> StreamCall[Event]:
        """Describe sending a message: all ids are ours, and the parameters are the caller's.

        What the server itself reads of a message is in its options; the rest goes on to the model
        server.

        Source: POST /conversation/{id}, chat-ui 0.6.0, 2023-09 (measured).
        """
        defaults: dict[str, Any] = {"use_cache": False, "web_search_id": ""}
        options = {**defaults, **_options(prompt), **self.sent_ids(prompt)}
        if prompt.search_id is not None:
            options["web_search_id"] = prompt.search_id
        # an answer that is no stream would not be stored
        body: dict[str, Any] = {"inputs": prompt.text, "stream": True, "options": options}
        parameters = prompt.custom.get("parameters")
        if parameters is not None:
            body["parameters"] = parameters
        request = message_to(prompt.conversation_id, json=body, error=message_error)
        stops = _stops(parameters)
        return StreamCall(
            request, lambda chunks: ModelEvents(stops).read(chunks), keep_alives=False
        )

    def sent_ids(self, prompt: Prompt) -> dict[str, Any]:
        """Return what names a message and its answer; the caller may also choose by the options."""
        sent, given = super().sent_ids(prompt), _options(prompt)
        free = {name for name in sent if prompt.custom.get(name) is None}
        return {**sent, **{name: given[name] for name in free if name in given}}

    def find_ignored(self, custom: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names in *custom* that this era cannot take."""
        # an answer that does not stream would not be stored either
        return super().find_ignored(custom) + (("stream",) if custom.get("stream") is False else ())

    def search(self, conversation_id: str, text: str) -> StreamCall[Event | str]:
        """Describe searching the web before the message; nothing ends this reply but closing it.

        Source: GET /conversation/{id}/web-search, chat-ui 0.6.0, 2023-09 (measured).
        """
        request = Request(
            "GET",
            path_of(conversation_id, "/web-search"),
            params={"prompt": text},
            headers={**READ, **AT_ONCE},
            error=read_error,
        )
        return StreamCall(request, read_search, closes_at_answer=True, keep_alives=False)


def _options(prompt: Prompt) -> Mapping[str, Any]:
    given = prompt.custom.get("options")
    return given if isinstance(given, Mapping) else {}


def _stops(parameters: Any) -> tuple[str, ...]:
    stops = parameters.get("stop") if isinstance(parameters, Mapping) else None
    stops = [stops] if isinstance(stops, str) else stops
    return tuple(stop for stop in stops if isinstance(stop, str)) if isinstance(stops, list) else ()


class ModelEvents(Updates):
    """The model server's events on their way to ours; an object reads one answer.

    :param stops: the stop sequences that were asked for; they are no part of the text.
    """

    trims_start = True

    def __init__(self, stops: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._stops = stops
        self._texts: list[str] = []

    def read(self, chunks: Iterable[bytes]) -> Iterator[list[Event]]:
        """Yield the pieces of an answer, and the whole text at its last event.

        :raises GenerationError: the model server sent an error, or stopped sending.
        :raises ProtocolError: an event is not in a shape we know.

        Source: POST /conversation/{id}, chat-ui 0.6.0, 2023-09 (measured).
        """
        lines = ("".join(f"{data}\n" for _, data, _ in frames) for frames in sse_frames(chunks))
        return super().read(line.encode("utf-8", "surrogatepass") for line in lines)

    def ended(self) -> list[Event]:
        """Return what is left when the body is over."""
        return list(self.flush())

    def require_good(self) -> None:
        """Raise unless the last event came."""
        if not self._answered:
            raise IncompleteAnswer(
                "the model server stopped before its last event: nothing of this is stored, and"
                " the same message can be sent again; .partial has what came"
            )

    def line(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield what one event means."""
        if "error" in value:
            yield from self.failed(_model_error(value))
        token, text = value.get("token"), value.get("generated_text")
        if not isinstance(token, dict) and not isinstance(text, str):
            yield Unknown(value)
            return
        special = ""
        if isinstance(token, dict):
            piece = need(token, "text", str)
            if token.get("special"):
                special = piece
            else:
                self._texts.append(piece)
                yield from self.on_stream({"token": piece})
        if isinstance(text, str):
            yield from self.flush()
            self._answered = True
            yield FinalAnswer(self._stored(make_encodable(text), special), False)

    def _stored(self, text: str, special: str) -> str:
        """Return *text* as the server stores it: without what stopped the model."""
        text, joined = text.strip(), make_encodable("".join(self._texts)).strip()
        if joined and special and text.startswith(joined):
            text = joined  # what stopped the model never came as a piece
        for stop in (*self._stops, *_ALWAYS_STOPS, special):
            if stop and text.endswith(stop):
                text = text[: -len(stop)].rstrip()
        return text


def _model_error(value: Any) -> HugChatError:
    busy = text_of(value, "error_type") == "overloaded"
    return generation_error(text_of(value, "error"), 429 if busy else None)


def message_error(reply: Reply) -> HugChatError:
    """Return the error of a message that was not answered; most are the model server's own.

    Source: POST /conversation/{id}, chat-ui 0.6.0, 2023-09 (measured).
    """
    try:
        value = read_json(reply.body)
    except ProtocolError:
        return read_error(reply)
    is_models = text_of(value, "error_type") and reply.status in (500, 429)
    return _model_error(value) if is_models else read_error(reply)


def read_search(chunks: Iterable[bytes]) -> Iterator[list[Event | str]]:
    """Yield what a search tells, each piece of news once, and at last its id.

    A reply that ends without an id ends with a :class:`WebSearchError`: the question can still be
    asked, without what the search found.

    :raises ProtocolError: the body is something else.

    Source: GET /conversation/{id}/web-search, chat-ui 0.6.0, 2023-09 (measured).
    """
    shown = 0
    for value in _split_objects(chunks):
        messages = need(value, "messages", list)
        for message in messages[shown:]:  # each object repeats what the earlier ones said
            kind = need(message, "type", str)
            if kind == "result":
                yield [need(message, "id", str)]
                return  # the server never ends this reply
            if kind in ("update", "error", "sources"):
                yield [*read_search_line({**message, "messageType": kind})]
            else:
                yield [Unknown(message)]
        shown = max(shown, len(messages))
    yield [WebSearchError("The web search ended before its result came")]


def _split_objects(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a body that has them one behind the other.

    :raises ProtocolError: between two of them is something else, or one is too long.
    """
    decode = getincrementaldecoder("utf-8")("replace").decode
    text = ""
    for chunk in chunks:
        piece = decode(chunk)
        text += piece
        if len(text) > _LONGEST:
            raise ProtocolError(f"a step of the web search is longer than {_LONGEST} characters")
        may_be_complete = "}" in piece
        while text:
            text = text.lstrip()
            if text and not text.startswith("{"):
                raise ProtocolError("the web search is not made of JSON objects", line=text[:200])
            if not may_be_complete:
                break
            try:
                value, end = _raw_decode(text)
            except ValueError:
                break
            yield value
            text = text[end:]
