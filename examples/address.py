"""Where the examples talk to: the embedded server with ``--local``, else the real one."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import Iterator


@contextmanager
def address() -> Iterator[str | None]:
    """Yield a base URL; ``None`` means huggingface.co, with the cookies of the environment."""
    if "--local" not in sys.argv and not os.environ.get("HUGCHAT_SYNC_LOCAL"):
        yield None
        return
    from hugchat_sync.local import LocalServer

    with LocalServer() as server:
        yield server.url
