"""Shared conversations: frozen copies that anybody may read."""

from __future__ import annotations

import json
from typing import Any, Mapping

from hugchat_sync.local.database import Database


class Shares:
    """Copies by share id, and who imported which."""

    def __init__(self, database: Database, era: str) -> None:
        self._database = database
        self._era = era

    def find(self, conversation_id: str, digest: str) -> str | None:
        """Return the id of a share of exactly this content."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT id FROM shares WHERE conversation = ? AND digest = ? AND era = ?",
                (conversation_id, digest, self._era),
            ).fetchone()
        return None if row is None else str(row[0])

    def put(
        self, share_id: str, conversation_id: str, digest: str, body: Mapping[str, Any]
    ) -> None:
        """Store a share."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO shares VALUES (?, ?, ?, ?, ?)",
                (share_id, self._era, conversation_id, digest, json.dumps(dict(body))),
            )

    def get(self, share_id: str) -> dict[str, Any] | None:
        """Return the copy, if there is such a share."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT body FROM shares WHERE id = ? AND era = ?", (share_id, self._era)
            ).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def imported(self, owner: str, share_id: str) -> str | None:
        """Return the conversation this owner made of the share before."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT imports.conversation FROM imports JOIN conversations"
                " ON conversations.id = imports.conversation"
                " WHERE imports.owner = ? AND imports.share = ?",
                (owner, share_id),
            ).fetchone()
        return None if row is None else str(row[0])

    def note_import(self, owner: str, share_id: str, conversation_id: str) -> None:
        """Remember which conversation the owner made of the share."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO imports VALUES (?, ?, ?)",
                (owner, share_id, conversation_id),
            )
