"""Old path of :class:`hugchat_sync.Message`."""

from ..message import Message

__all__ = ["Message"]
