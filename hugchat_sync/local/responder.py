"""Where answers come from: what a responder is asked, and the steps in which it answers.

The routes put the steps into the words of the wire.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterator, Mapping, Protocol, Sequence, Union
from uuid import uuid4


@dataclass(frozen=True)
class EarlierMessage:
    """One earlier message; ``role`` is ``user`` or ``assistant``."""

    role: str
    text: str


@dataclass(frozen=True)
class Attachment:
    """A file: here one that came with the prompt."""

    name: str
    mime: str
    content: bytes


@dataclass(frozen=True)
class Turn:
    """All that a responder may know about the answer it is asked for.

    :param history: the earlier messages of the visible branch, oldest first.
    :param base_url: under which address the server is reached, to make links.
    :param tools: names of the tool servers that may be used.
    """

    prompt: str
    history: Sequence[EarlierMessage]
    system_prompt: str
    model: str
    base_url: str
    tools: Sequence[str] = ()
    attachments: Sequence[Attachment] = ()


@dataclass(frozen=True)
class Model:
    """A model that the server says it has; ``id`` is what the wire calls it."""

    id: str
    description: str = ""
    display_name: str = ""
    multimodal: bool = False
    supports_tools: bool = False
    supports_reasoning: bool = False
    is_router: bool = False


@dataclass(frozen=True)
class Title:
    """A title for a new conversation, and after how many seconds it is there."""

    text: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Pause:
    """Nothing happens for so many seconds; ``math.inf`` is for ever. A stop ends it."""

    seconds: float


@dataclass(frozen=True)
class Text:
    """A token of the answer. Half a surrogate pair is allowed, as models split characters."""

    token: str


@dataclass(frozen=True)
class Final:
    """The answer is complete; the joined tokens are its text when ``text`` is ``None``."""

    text: str | None = None


@dataclass(frozen=True)
class Failure:
    """The model fails, which ends the answer; ``status`` is that of the model's own server."""

    message: str
    status: int | None = None


@dataclass(frozen=True)
class Route:
    """Which model answers, or which provider ran it."""

    route: str = ""
    model: str = ""
    provider: str = ""


class FileMade(Attachment):
    """The answer made a file."""


@dataclass(frozen=True)
class ToolCall:
    """A tool is called; the steps that follow name it by ``uuid``."""

    name: str
    parameters: Mapping[str, Any]
    uuid: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True)
class ToolProgress:
    """A tool tells how far it is."""

    uuid: str
    progress: float
    total: float | None = None
    message: str | None = None


@dataclass(frozen=True)
class ToolResult:
    """A tool is done; ``structured`` is the machine-readable form of its output, if any."""

    uuid: str
    text: str
    structured: object = None


@dataclass(frozen=True)
class ToolError:
    """A tool failed; the answer goes on."""

    uuid: str
    message: str


@dataclass
class Question:
    """A tool asks the user; the server fills in the reply before the next step.

    :param fields: what is asked, each in the form of the wire (``kind``, ``name``, …).
    """

    server: str
    message: str
    fields: Sequence[Mapping[str, Any]]
    tool_uuid: str | None = None
    action: str | None = None
    content: Mapping[str, Any] | None = None


ToolStep = Union[ToolCall, ToolProgress, ToolResult, ToolError]
Step = Union[Pause, Text, Final, Failure, Route, FileMade, ToolStep, Question]


class Responder(Protocol):
    """A source of answers. One instance serves many threads at once.

    It may have ``models() -> Sequence[Model]``, the default first,
    ``title(turn) -> Optional[Title]``, the title of a new conversation (else the beginning of the
    prompt), and ``document(name) -> Optional[str]``, the page behind a link in its answers.
    """

    def answer(self, turn: Turn) -> Iterator[Step]:
        """Yield the steps of one answer. Waiting is a step too, so that a stop can end it."""
        ...
