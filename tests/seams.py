"""The one place where tests reach into a client: how long it really sleeps between two tries."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Iterator

from hugchat_sync.transport.http import Transport

_lock = threading.RLock()


@contextmanager
def short_pauses(longest: float) -> Iterator[None]:
    """Let the clients that are made in here sleep at most *longest* seconds at once."""
    defaults = Transport.__init__.__kwdefaults__
    with _lock:
        plain = defaults["sleep"]
        defaults["sleep"] = lambda seconds: time.sleep(min(seconds, longest))
        try:
            yield
        finally:
            defaults["sleep"] = plain
