"""Old path of :class:`hugchat_sync.Message`."""

from ..chat.message import Message

__all__ = ["Message"]
