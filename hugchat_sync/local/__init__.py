"""A server that speaks the protocols of chat-ui, for loopback: no account, no network, no model.

Needs the extra ``local``: ``pip install "hugchat-sync[local]"``.
"""

from __future__ import annotations

try:
    import flask as _flask  # noqa: F401
except ImportError as error:
    raise ImportError(
        'the embedded server needs Flask: pip install "hugchat-sync[local]"'
    ) from error

from hugchat_sync.local.documents_responder import Documents
from hugchat_sync.local.faults import Fault, Faults
from hugchat_sync.local.scripted import Script, Scripted
from hugchat_sync.local.server import LocalServer
from hugchat_sync.local.upstream import Upstream

__all__ = ["Documents", "Fault", "Faults", "LocalServer", "Script", "Scripted", "Upstream"]
