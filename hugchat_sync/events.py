"""What happens during an answer: plain frozen values, in the order they arrive."""

from __future__ import annotations

from typing import Any, Mapping

from .values import Value, with_fields


def _rebuild(kind: type[Event], values: tuple[Any, ...]) -> Event:
    return kind(*values)


class Event(Value):
    """The base of everything that a message yields."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> Any:
        # by its fields: frozen classes with slots do not unpickle by themselves
        if not self._form and not hasattr(self, "__dataclass_fields__"):
            return super().__reduce_ex__(protocol)
        from dataclasses import fields

        return _rebuild, (type(self), tuple([getattr(self, one.name) for one in fields(self)]))


@with_fields
class Token(Event):
    """A piece of the answer's text; ``str()`` of it is the piece."""

    __slots__ = ("text",)
    text: str

    def __str__(self) -> str:
        return self.text


@with_fields
class Reasoning(Event):
    """A piece of the model's thinking; not part of the text."""

    __slots__ = ("text",)
    text: str

    def __str__(self) -> str:
        return self.text


class WebSearch(Event):
    """The base of the three kinds of web search news."""

    __slots__ = ()


@with_fields
class WebSearchStep(WebSearch):
    """What the search is doing, for example ``"Browsing webpage"`` with its address."""

    message: str
    args: tuple[str, ...] = ()


@with_fields
class WebSearchSources(WebSearch):
    """What the search found so far; each source has ``title``, ``link`` and ``hostname``."""

    sources: tuple[Any, ...] = ()


@with_fields
class WebSearchError(WebSearch):
    """The search failed; the answer goes on without it."""

    message: str
    args: tuple[str, ...] = ()


@with_fields
class ToolCall(Event):
    """The model calls a tool."""

    uuid: str
    name: str
    parameters: Mapping[str, Any]


@with_fields
class ToolProgress(Event):
    """A tool tells how far it is."""

    uuid: str
    progress: float
    total: float | None = None
    message: str = ""


@with_fields
class ToolResult(Event):
    """A tool answered; ``outputs`` are dicts as the server sent them."""

    uuid: str
    status: str
    outputs: tuple[Any, ...] = ()


@with_fields
class ToolError(Event):
    """A tool failed."""

    uuid: str
    message: str


@with_fields
class FileCreated(Event):
    """The run made a file; ``Client.download`` fetches it."""

    name: str
    sha: str
    mime: str


@with_fields
class TitleChanged(Event):
    """The server named the conversation."""

    title: str


@with_fields
class Route(Event):
    """Who answers: the router's route, the model, the provider; what is unknown is ``""``."""

    route: str = ""
    model: str = ""
    provider: str = ""


@with_fields
class Status(Event):
    """A state of the run, such as ``"started"`` or ``"finished"``."""

    status: str
    message: str = ""
    status_code: int | None = None


@with_fields
class ElicitationRequest(Event):
    """A tool server asks the user; answer with ``Client.answer_elicitation``."""

    elicitation_id: str
    server: str
    mode: str
    message: str
    fields: tuple[Any, ...] = ()
    url: str | None = None
    expires_at: str | None = None


@with_fields
class ElicitationResolved(Event):
    """The question of a tool server is settled."""

    elicitation_id: str
    action: str
    resolution: str
    content: Mapping[str, Any] | None = None


@with_fields
class FinalAnswer(Event):
    """The whole text, exactly once per good answer."""

    text: str
    interrupted: bool = False


@with_fields
class Unknown(Event):
    """Something that a newer server sends; ``raw`` is the object as it came."""

    raw: dict[str, Any]


#: ``set_text(new_event(Token), text)`` makes a token at half the price of ``Token(text)``: the one
#: class that comes in hundred thousands
new_event = object.__new__
set_text = Token.__dict__["text"].__set__
