"""What a responder does, step by step; an era puts the steps into its own words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence, Union

from hugchat_sync.local.identifiers import new_uuid


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
    """The answer is complete.

    :param text: the final text; the joined tokens when ``None``.
    """

    text: str | None = None


@dataclass(frozen=True)
class Failure:
    """The model fails, which ends the answer.

    :param status: the status of the model's own server, if it is known.
    """

    message: str
    status: int | None = None


@dataclass(frozen=True)
class Route:
    """Which model answers, or which provider ran it."""

    route: str = ""
    model: str = ""
    provider: str = ""


@dataclass(frozen=True)
class FileMade:
    """The answer made a file."""

    name: str
    mime: str
    content: bytes


@dataclass(frozen=True)
class ToolCall:
    """A tool is called; the steps that follow name it by ``uuid``."""

    name: str
    parameters: Mapping[str, Any]
    uuid: str = field(default_factory=new_uuid)


@dataclass(frozen=True)
class ToolProgress:
    """A tool tells how far it is."""

    uuid: str
    progress: float
    total: float | None = None
    message: str | None = None


@dataclass(frozen=True)
class ToolResult:
    """A tool is done.

    :param structured: the machine-readable form of the output, if there is one.
    """

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


@dataclass(frozen=True)
class SearchStep:
    """The search of the 2023 server tells what it is doing."""

    message: str
    args: Sequence[str] = ()


@dataclass(frozen=True)
class SearchSource:
    """One source that a search found, told in a line of its own."""

    title: str
    link: str
    hostname: str


@dataclass(frozen=True)
class SearchFailure:
    """The search of the 2023 server failed; the answer goes on without it."""

    reason: str


Step = Union[
    Pause,
    Text,
    Final,
    Failure,
    Route,
    FileMade,
    ToolCall,
    ToolProgress,
    ToolResult,
    ToolError,
    Question,
    SearchStep,
    SearchSource,
    SearchFailure,
]
