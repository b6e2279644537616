"""The eras of chat-ui servers: what each can be asked for, and all of them by name.

A dialect describes requests and reads replies; it performs nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import AbstractSet, Any, Mapping, NamedTuple, NoReturn

from ..calls import Call, StreamCall
from ..errors import FeatureUnavailable, UsageError
from ..events import Event
from ..options import is_hub
from ..records import ConversationTree, Model, Settings, User
from .records import Logged, Look, Page, Prompt, Stored, Unfinished, Upload

__all__ = [
    "ERAS",
    "FEATURES",
    "Dialect",
    "Logged",
    "Look",
    "Manners",
    "Page",
    "Prompt",
    "Stored",
    "Unfinished",
    "Upload",
    "load_dialect",
    "eras_with",
    "find_known_era",
]

#: name → (module, class), the oldest era first; each is loaded when it is first met
ERAS: dict[str, tuple[str, str]] = {
    "tgi-2023": ("tgi_2023", "Tgi2023"),
    "lines-2023": ("lines_2023", "Lines2023"),
    "tree-2024": ("tree_2024", "Tree2024"),
    "v2-2025": ("v2_2025", "V22025"),
}

#: The features that an era may have, in the order in which tables show them.
FEATURES: tuple[str, ...] = (
    "web_search",  # by a switch of the server's own
    "tool_servers",  # MCP servers to choose from; the web search is one of them
    "system_prompts",  # kept for a model, in the settings
    "conversation_prompts",  # one for each conversation
    "trees",
    "retry",
    "edit",
    "stop",
    "files",
    "reattach",
    "parameters",  # generation parameters of the caller's choice
    "titles",
    "share",
    "import_share",
    "remove_message",
    "elicitation",
    "transcribe",
)


def load_dialect(name: str) -> Dialect:
    """Return the dialect of an era.

    :raises UsageError: no era has this name.
    """
    if not isinstance(name, str) or name not in ERAS:
        raise UsageError(f"unknown dialect {name!r}; known are {', '.join(ERAS)}")
    module, kind = ERAS[name]
    found: Dialect = getattr(import_module(f"{__name__}.{module}"), kind)()
    return found


def find_known_era(base_url: str) -> str | None:
    """Return the name of the era of a server that need not be asked, else ``None``."""
    return "v2-2025" if is_hub(base_url) else None


def eras_with(feature: str) -> tuple[str, ...]:
    """Return the names of the eras that have *feature*, the oldest first."""
    return tuple(name for name in ERAS if feature in load_dialect(name).features)


class Manners(NamedTuple):
    """How the servers of an era behave, as far as those who speak with them must mind.

    :param takes_token: a token stands for the cookies. Before 2025-06 it is ignored, or taken for
        three reading requests if the deployment says so (measured on servers of 2023-10, 2024-04
        and 2024-12).
    :param survives_disconnect: a run goes on after its connection was closed.
    :param stops_by_closing: stopping means closing the connection, whatever is sent besides.
    :param stores_at_end: a message is stored together with its answer: until then nothing tells of
        it.
    :param needs_parent: a message names its parent.
    :param prompts_from_settings: the prompts in the settings reach the model, with every message;
        a conversation has none.
    :param counts_removed: the reply to deleting everything tells how much it was.
    :param imports_shares: a share has a route of its own to be copied by.
    :param takes_custom: the fields of a ``RequestData`` that have a meaning here.
    :param differs_in: features that some servers of the era have and others lack; only detection
        tells which.
    """

    takes_token: bool = True
    survives_disconnect: bool = True
    stops_by_closing: bool = False
    stores_at_end: bool = False
    needs_parent: bool = True
    prompts_from_settings: bool = False
    counts_removed: bool = False
    imports_shares: bool = False
    takes_custom: tuple[str, ...] = ("inputs", "web_search")
    differs_in: frozenset[str] = frozenset()


class Dialect(ABC):
    """How one era spells requests and replies.

    Every method returns a description of a request. What an era lacks raises
    :class:`~hugchat_sync.errors.FeatureUnavailable`.

    :param features: what this server has, where that is not what its era has.
    :param manners: how this server behaves, where it is not as its era does.
    """

    name = ""
    features = frozenset(
        {"system_prompts", "retry", "edit", "stop", "titles", "share", "import_share"}
    )
    manners = Manners()

    def __init__(
        self, features: AbstractSet[str] | None = None, manners: Manners | None = None
    ) -> None:
        self.features = self.features if features is None else frozenset(features)
        self.manners = manners or self.manners

    # conversations ---------------------------------------------------------------------------

    @abstractmethod
    def list_conversations(self, page: int = 0) -> Call[Page]:
        """Describe reading one page of the list, from 0, the newest first."""

    @abstractmethod
    def create_conversation(self, model: str, system_prompt: str) -> Call[ConversationTree]:
        """Describe starting a conversation; it has a leaf where the era tells one."""

    @abstractmethod
    def create_from_share(self, share_id: str, model: str) -> Call[ConversationTree]:
        """Describe starting a conversation as the copy of a shared one; each time it is a new one.

        :param model: must be one that is offered; that of the share counts.
        """

    def import_share(self, share_id: str) -> Call[str | None] | None:
        """Describe copying a shared conversation; reads as the new id.

        ``None``, described or read: this server copies by :meth:`create_from_share`.
        """
        return None

    @abstractmethod
    def remove_conversation(self, conversation_id: str) -> Call[None]:
        """Describe deleting a conversation."""

    @abstractmethod
    def remove_all_conversations(self) -> tuple[Call[int | None], ...]:
        """Describe the ways of deleting all conversations, each for where the one before is not.

        The reply may tell how many there were. A way that a server lacks reads as
        :class:`~hugchat_sync.errors.FeatureUnavailable`; behind the last one each conversation can
        still be deleted by itself.
        """

    @abstractmethod
    def rename_conversation(self, conversation_id: str, title: str) -> Call[None]:
        """Describe renaming a conversation."""

    @abstractmethod
    def conversation(self, conversation_id: str) -> Call[ConversationTree]:
        """Describe reading a conversation with all its messages."""

    @abstractmethod
    def look(self, conversation_id: str) -> Call[Look]:
        """Describe reading a conversation together with what tells that a run is on in it."""

    def make_title(self, conversation_id: str) -> Call[str] | None:
        """Describe asking the server for a title; ``None`` where it makes one unasked."""
        return None

    @abstractmethod
    def share(self, conversation_id: str) -> Call[str]:
        """Describe publishing a conversation; reads as a URL, or as a path below the base URL."""

    # account ---------------------------------------------------------------------------------

    @abstractmethod
    def settings(self) -> Call[Settings]:
        """Describe reading the settings."""

    @abstractmethod
    def save_settings(self, settings: Settings) -> Call[None]:
        """Describe replacing all settings; what is left out goes back to its default."""

    @abstractmethod
    def models(self) -> Call[tuple[Model, ...]]:
        """Describe reading the models, the default first."""

    @abstractmethod
    def user(self) -> Call[User | None]:
        """Describe asking who is signed in."""

    @abstractmethod
    def login_required(self) -> Call[bool]:
        """Describe asking whether this server has a sign-in at all."""

    @abstractmethod
    def sign_out(self) -> Call[bool]:
        """Describe ending the session; reads as whether there was one to end."""

    # answers ---------------------------------------------------------------------------------

    @abstractmethod
    def chat(self, prompt: Prompt) -> StreamCall[Event]:
        """Describe sending a message; the stream reads as events.

        A final answer comes as the server sent it; error lines raise
        :class:`~hugchat_sync.errors.GenerationError` or a subclass.
        """

    def find_ignored(self, custom: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names in *custom* that this era cannot take."""
        return tuple(name for name in custom if name not in self.manners.takes_custom)

    def search(self, conversation_id: str, text: str) -> StreamCall[Event | str] | None:
        """Describe a search of its own before the message; ``None`` where it is part of it.

        Behind its events comes the id for ``Prompt.search_id``, if the search came to its end.
        """
        return None

    @abstractmethod
    def stop(self, conversation_id: str) -> Call[None] | None:
        """Describe stopping the run; the answer so far stays as it is stored.

        ``None`` where closing the connection does it.
        """

    def stop_elsewhere(self, conversation_id: str) -> Call[None] | None:
        """Describe stopping a run whose connection somebody else holds."""
        return self.stop(conversation_id)

    def log_reader(self, prompt: Prompt) -> Any:
        """Return what the calls that read one log share: half a tag may end one of them."""
        self.lacks("reattach")

    def reattach(
        self, conversation_id: str, generation_id: str, after: int = 0, reader: Any = None
    ) -> StreamCall[Logged]:
        """Describe reading the log of a run from behind position *after*.

        :param reader: a :meth:`log_reader` that has read the log up to there.
        """
        self.lacks("reattach")

    @abstractmethod
    def stored(self, conversation_id: str, prompt: Prompt) -> Call[Stored | None]:
        """Describe looking for what became of *prompt*; ``None`` when it never arrived."""

    def other_body_form(self) -> Dialect | None:
        """Return the dialect to try once when a message is refused with 500; ``None`` for none.

        For months no probe tells which of two bodies a server takes; the wrong one stores nothing.
        """
        return None

    # what came later -------------------------------------------------------------------------

    def remove_message(self, conversation_id: str, message_id: str) -> Call[None]:
        """Describe deleting a message and all that follows it."""
        self.lacks("remove_message")

    def download(self, conversation_id: str, sha: str) -> Call[bytes]:
        """Describe fetching a file of a conversation."""
        self.lacks("files")

    def tool_servers(self) -> Call[tuple[dict[str, Any], ...]]:
        """Describe listing the server's own tool servers: ``{"name", "url", ...}`` each."""
        self.lacks("tool_servers")

    def tool_server_health(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> Call[dict[str, Any]]:
        """Describe asking whether a tool server answers, and with which tools."""
        self.lacks("tool_servers")

    def answer_elicitation(
        self,
        conversation_id: str,
        elicitation_id: str,
        action: str,
        content: Mapping[str, Any] | None = None,
    ) -> Call[None]:
        """Describe answering the question of a tool server."""
        self.lacks("elicitation")

    def transcribe(self, audio: bytes, mime: str) -> Call[str]:
        """Describe turning speech into text."""
        self.lacks("transcribe")

    def require(self, feature: str, advice: str = "") -> None:
        """Refuse what this server lacks; see :meth:`lacks`."""
        if feature not in self.features:
            self.lacks(feature, advice)

    def lacks(self, feature: str, advice: str = "") -> NoReturn:
        """Raise the error which says that this server has no *feature*, and which eras have.

        :param advice: what to do instead here.
        """
        eras = eras_with(feature)
        others = [era for era in eras if era != self.name]
        raise FeatureUnavailable(
            f"{feature.replace('_', ' ')} is not available on this {self.name} server"
            + (f"; it is on {', '.join(others)}" if others else "")
            + (f" ({advice})" if advice else ""),
            feature=feature,
            dialect=self.name,
            available=eras,
        )
