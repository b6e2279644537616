"""What all routes of one server share."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Iterator, Mapping

from hugchat_sync.local.identifiers import ObjectIds
from hugchat_sync.local.responder import Responder
from hugchat_sync.local.store import Store


class Activities:
    """Counts what must not be cut off when the database is closed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._number = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count the block as one activity."""
        with self._changed:
            self._number += 1
        try:
            yield
        finally:
            with self._changed:
                self._number -= 1
                self._changed.notify_all()

    def await_none(self, seconds: float) -> bool:
        """Return whether all have ended, at the latest after so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._number == 0, seconds)


@dataclass
class Site:
    """One server's parts and options.

    :param base_path: where the chat lives, for example ``/chat``.
    :param token: the access token; everybody is welcome when ``None``.
    :param closing: set when the server is about to end, so that waiting threads leave.
    :param limits: ``messages_per_minute``, ``conversations`` and ``messages``, each optional.
    :param body_limit: the largest request body in bytes.
    """

    store: Store
    responder: Responder
    era: str
    base_path: str = "/chat"
    token: str | None = None
    closing: threading.Event = field(default_factory=threading.Event)
    activities: Activities = field(default_factory=Activities)
    ids: ObjectIds = field(default_factory=ObjectIds)
    limits: Mapping[str, int] = field(default_factory=dict)
    body_limit: int = 15 * 1024 * 1024
