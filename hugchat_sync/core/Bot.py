"""Old path of :class:`hugchat_sync.Bot`."""

from ..bot import Bot

__all__ = ["Bot"]
