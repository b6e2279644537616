"""Old path of :class:`hugchat_sync.Sign`."""

from ..sign import Sign

__all__ = ["Sign"]
