"""A file that an answer made."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ...core.config import BASE_CONVERSATION
from ...records import ChatFile
from ...values import Value
from .message import Conversation


class File(Value, frozen=False):
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
