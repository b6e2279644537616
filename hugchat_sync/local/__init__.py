"""A chat-ui server for this machine: no account, no network, no model.

Needs the extra ``local``: ``pip install "hugchat-sync[local]"``. What tests need besides is in
:mod:`hugchat_sync.local.testing`.
"""

from __future__ import annotations

try:
    import flask as _flask  # noqa: F401
except ImportError as error:
    raise ImportError(
        'the embedded server needs Flask: pip install "hugchat-sync[local]"'
    ) from error

from .server import LocalServer

__all__ = ["LocalServer"]
