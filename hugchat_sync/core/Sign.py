"""Old path of :class:`hugchat_sync.Sign`."""

from ..auth.sign import Sign

__all__ = ["Sign"]
