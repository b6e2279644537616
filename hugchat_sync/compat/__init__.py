"""The names of the package ``hugchat``, for the scripts that were written for it.

In their import lines ``hugchat`` becomes ``hugchat_sync.compat``; nothing else is edited.
"""

from __future__ import annotations

import sys
from importlib import import_module

from ..errors import UsageError

__all__ = ["install"]

_OLD = "hugchat"
_MODULES = (
    "hugchat",
    "login",
    "message",
    "exceptions",
    "cli",
    "types",
    "types.assistant",
    "types.file",
    "types.message",
    "types.model",
    "types.tool",
)


def install() -> None:
    """Put these modules under the name ``hugchat``, for a plugin that nobody edits.

    :raises UsageError: the package of that name is imported already, so somebody uses it.
    """
    ours = {_OLD: sys.modules[__name__]}
    ours.update({f"{_OLD}.{name}": import_module(f"{__name__}.{name}") for name in _MODULES})
    taken = [
        name
        for name, module in sys.modules.items()
        if name.partition(".")[0] == _OLD and ours.get(name) is not module
    ]
    if taken:
        raise UsageError(
            f"{taken[0]} is imported already: call hugchat_sync.compat.install() before anything "
            "imports it"
        )
    sys.modules.update(ours)
