"""The era since 2025-06: ``api/v2``, message trees, JSON lines, and a log to re-attach to."""

from __future__ import annotations

from typing import Any, Mapping

from ...calls import Call, StreamCall
from ...events import Event
from ...records import ConversationTree, Model, Settings, User
from ..base import Created, Dialect, Logged, Look, Page, Prompt, Stored
from ..updates import Updates
from . import account, answer, conversations, tools
from .search import updates_of
from .stored import look, stored


class V22025(Dialect):
    """Today's chat-ui, and its servers since June 2025.

    What came later than that is tried all the same: a server without it answers 404, a field that
    it does not know it passes over, and what it cannot tell is ``None``.
    """

    name = "v2-2025"
    features = frozenset(
        {
            "tool_servers",
            "system_prompts",
            "conversation_prompts",
            "trees",
            "retry",
            "edit",
            "stop",
            "files",
            "reattach",
            "titles",
            "share",
            "import_share",
            "remove_message",
            "elicitation",
            "transcribe",
        }
    )
    counts_removed = True
    differs_in = frozenset({"web_search"})

    # conversations

    def list_conversations(self, page: int = 0) -> Call[Page]:
        """Describe reading one page of the list."""
        return conversations.list_conversations(page)

    def create_conversation(self, model: str, system_prompt: str) -> Call[Created]:
        """Describe starting a conversation."""
        return conversations.create_conversation(model, system_prompt)

    def remove_conversation(self, conversation_id: str) -> Call[None]:
        """Describe deleting a conversation."""
        return conversations.remove_conversation(conversation_id)

    def remove_all_conversations(self) -> tuple[Call[int | None], ...]:
        """Describe deleting all conversations."""
        return (conversations.remove_all_conversations(),)

    def rename_conversation(self, conversation_id: str, title: str) -> Call[None]:
        """Describe renaming a conversation."""
        return conversations.rename_conversation(conversation_id, title)

    def conversation(self, conversation_id: str) -> Call[ConversationTree]:
        """Describe reading a conversation with all its messages."""
        return conversations.conversation(conversation_id)

    def look(self, conversation_id: str) -> Call[Look]:
        """Describe reading a conversation together with what tells that a run is on in it."""
        return look(conversation_id, self.survives_disconnect)

    # account

    def settings(self) -> Call[Settings]:
        """Describe reading the settings."""
        return account.settings()

    def save_settings(self, settings: Settings) -> Call[None]:
        """Describe replacing all settings."""
        return account.save_settings(settings)

    def models(self) -> Call[tuple[Model, ...]]:
        """Describe reading the models."""
        return account.models()

    def user(self) -> Call[User | None]:
        """Describe asking who is signed in."""
        return account.user()

    def login_required(self) -> Call[bool]:
        """Describe asking whether this server has a sign-in at all."""
        return account.login_required()

    # answers

    def chat(self, prompt: Prompt) -> StreamCall[Event]:
        """Describe sending a message."""
        return answer.chat(prompt)

    def ignored(self, custom: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names in *custom* that this era cannot take."""
        return answer.ignored(custom)

    def stop(self, conversation_id: str, generation_id: str) -> Call[None]:
        """Describe stopping the run."""
        return answer.stop(conversation_id)

    def log_reader(self, prompt: Prompt) -> Updates:
        """Return what reads the log of this message's answer."""
        return updates_of(prompt)

    def reattach(
        self, conversation_id: str, generation_id: str, after: int = 0, reader: Any = None
    ) -> StreamCall[Logged]:
        """Describe reading the log of a run."""
        return answer.reattach(conversation_id, generation_id, after, reader or Updates())

    def stored(self, conversation_id: str, prompt: Prompt) -> Call[Stored | None]:
        """Describe looking for what became of *prompt*."""
        return stored(conversation_id, prompt)

    # extras

    def remove_message(self, conversation_id: str, message_id: str) -> Call[None]:
        """Describe deleting a message and all that follows it."""
        return conversations.remove_message(conversation_id, message_id)

    def share(self, conversation_id: str) -> Call[str]:
        """Describe publishing a conversation."""
        return conversations.share(conversation_id)

    def import_share(self, share_id: str) -> Call[str | None] | None:
        """Describe copying a shared conversation."""
        return conversations.import_share(share_id)

    def create_from_share(self, share_id: str, model: str) -> Call[Created]:
        """Describe starting a conversation as the copy of a shared one, without its files."""
        return conversations.create_from_share(share_id, model)

    def download(self, conversation_id: str, sha: str) -> Call[bytes]:
        """Describe fetching a file of a conversation."""
        return tools.download(conversation_id, sha)

    def tool_servers(self) -> Call[tuple[dict[str, Any], ...]]:
        """Describe listing the server's own tool servers."""
        return tools.tool_servers()

    def tool_server_health(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> Call[dict[str, Any]]:
        """Describe asking whether a tool server answers."""
        return tools.tool_server_health(url, headers)

    def answer_elicitation(
        self,
        conversation_id: str,
        elicitation_id: str,
        action: str,
        content: Mapping[str, Any] | None = None,
    ) -> Call[None]:
        """Describe answering the question of a tool server."""
        return tools.answer_elicitation(conversation_id, elicitation_id, action, content)

    def transcribe(self, audio: bytes, mime: str) -> Call[str]:
        """Describe turning speech into text."""
        return tools.transcribe(audio, mime)
