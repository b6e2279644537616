"""What a client knows of the account's conversations: their titles, and which is current."""

from __future__ import annotations

import re
import threading
from typing import Any, Mapping

from ..errors import ConversationNotExistError, UsageError
from ..futures import begin

_ID = re.compile(r"[0-9a-fA-F]{24}\Z")


class ConversationMap:
    """id → title, the newest first, and the conversation that is meant where none is named.

    Changed only after the server has said yes. Threads may share it.
    """

    def __init__(self) -> None:
        self._titles: dict[str, str] = {}
        self._current: str | None = None
        begin(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"_titles": self.titles, "_current": self._current}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        begin(self)

    def begin_anew(self) -> None:
        """Take a new lock."""
        self._lock = threading.Lock()

    @property
    def titles(self) -> dict[str, str]:
        """A copy of the map."""
        with self._lock:
            return dict(self._titles)

    @property
    def current(self) -> str | None:
        """The current conversation."""
        return self._current

    @current.setter
    def current(self, conversation_id: str | None) -> None:
        with self._lock:
            self._current = conversation_id

    def add(self, conversation_id: str, title: str) -> None:
        """Put a new conversation in front."""
        with self._lock:
            self._titles = {conversation_id: title, **self._titles}

    def rename(self, conversation_id: str, title: str) -> None:
        """Keep a title."""
        with self._lock:
            self._titles[conversation_id] = title

    def drop(self, conversation_id: str) -> None:
        """Forget a conversation, also as the current one."""
        with self._lock:
            self._titles.pop(conversation_id, None)
            if self._current == conversation_id:
                self._current = None

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._titles, self._current = {}, None

    def replace(self, found: Mapping[str, str], before: Mapping[str, str]) -> None:
        """Take a list that was read while other threads worked.

        :param found: what the server listed.
        :param before: the map as it was when the reading began; what changed since then is newer
            than the list.
        """
        with self._lock:
            now = self._titles
            changed = {key: now[key] for key in now if before.get(key) != now[key]}
            new = {key: title for key, title in changed.items() if key not in found}
            kept = {
                key: changed.get(key, title)
                for key, title in found.items()
                if key in now or key not in before
            }
            self._titles = {**new, **kept}

    def require(self, conversation_id: str) -> None:
        """Refuse a conversation that is not known here.

        :raises ConversationNotExistError: it is not; nothing was sent.
        """
        if conversation_id not in self._titles:
            raise ConversationNotExistError(
                f"{conversation_id!r} is none of the conversations known here; "
                "fetch_conversations() reads them again"
            )

    def named(self, conversation_id: str | None) -> str:
        """Return the conversation that is meant: the one named, else the current one.

        :raises ConversationNotExistError: the name can be none; nothing was sent.
        :raises UsageError: none is named and none is current.
        """
        if conversation_id is not None:
            return checked_id(conversation_id)
        if self._current is None:
            raise UsageError("no conversation is named and none is current")
        return self._current


def checked_id(conversation_id: str) -> str:
    """Return the id, if it can be one.

    :raises ConversationNotExistError: it cannot; nothing was sent.
    """
    if not isinstance(conversation_id, str) or not _ID.match(conversation_id):
        raise ConversationNotExistError(
            f"{conversation_id!r} is no conversation id (24 hex digits)"
        )
    return conversation_id
