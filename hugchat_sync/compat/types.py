"""The old package's records; it had a module for each kind, and all of those are this one."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from ..core.config import BASE_CONVERSATION
from ..records import ChatFile
from ..values import Value, with_fields


@with_fields(frozen=False)
class Assistant(Value):
    """A model with a name and a system prompt, as users used to publish them."""

    assistant_id: str
    author: str
    name: str
    model_name: str
    pre_prompt: str
    description: str


@with_fields(frozen=False)
class Tool(Value):
    """The result of one call of a tool."""

    uuid: str
    result: str

    def __str__(self) -> str:
        return self.result


@with_fields(frozen=False)
class Model(Value):
    """A model that the server offers; what is not known is ``None``.

    ``str()`` is its id, and it equals its id: the oldest scripts got no more than that.
    """

    id: str | None = None
    name: str | None = None
    displayName: str | None = None
    preprompt: str | None = None
    promptExamples: list[Any] | None = None
    websiteUrl: str | None = None
    description: str | None = None
    datasetName: str | None = None
    datasetUrl: str | None = None
    modelUrl: str | None = None
    parameters: dict[str, Any] | None = None
    unlisted: bool | None = None
    logoUrl: str | None = None
    reasoning: bool | None = None
    multimodal: bool | None = None
    tools: bool | None = None
    hasInferenceAPI: bool | None = None

    def __str__(self) -> str:
        return str(self.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (str, Model)) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


@with_fields(frozen=False)
class MessageNode(Value):
    """A message; ``role`` is "user" or "assistant", times are in Unix seconds."""

    id: str
    role: str
    content: str
    ancestors: list[str]
    children: list[str]
    created_at: float | None
    updated_at: float | None

    def __str__(self) -> str:
        return self.content


class Conversation(str):
    """A conversation. It is its id, because the oldest scripts got no more than that.

    Where they are not known yet, ``title``, ``model``, ``system_prompt`` are ``None`` and
    ``history`` is empty: ``get_conversation_info`` fills them in.
    """

    id: str
    title: Any  # hides a method of str
    model: Model | None
    system_prompt: str | None
    history: list[MessageNode]

    def __new__(
        cls,
        id: str = "",
        title: str | None = None,
        model: Model | None = None,
        system_prompt: str | None = None,
        history: list[MessageNode] | None = None,
    ) -> Conversation:
        """Return the conversation with an id."""
        made = str.__new__(cls, id or "")
        made.id, made.title = str(made), title
        made.model, made.system_prompt = model, system_prompt
        made.history = list(history or ())
        return made


@with_fields(frozen=False)
class File(Value):
    """A file of a conversation."""

    sha: str
    name: str
    mime: str
    conversation: Conversation

    @property
    def url(self) -> str:
        """Where it is, for a conversation of huggingface.co; the sign-in is needed to read it."""
        return f"{BASE_CONVERSATION}/{self.conversation}/output/{self.sha}"

    def get_url(self) -> str:
        """Return :attr:`url`."""
        return self.url

    def download_file(self, chatBot: Any) -> bytes:
        """Return the content; *chatBot* is the bot whose conversation it is of.

        :raises HugChatError: it cannot be had.
        """
        file = ChatFile(self.name, self.sha, self.mime, str(self.conversation))
        with tempfile.TemporaryDirectory() as folder:
            path: Path = chatBot._client.download(file, Path(folder) / "content")
            return path.read_bytes()


assistant = file = message = model = tool = sys.modules[__name__]
for _name in ("assistant", "file", "message", "model", "tool"):
    sys.modules[f"{__name__}.{_name}"] = sys.modules[__name__]
