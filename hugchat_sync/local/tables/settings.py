"""The settings of a session."""

from __future__ import annotations

import json
from typing import Any, Mapping

from hugchat_sync.local.database import Database


class SettingsTable:
    """Settings by owner, as the era writes them."""

    def __init__(self, database: Database, era: str) -> None:
        self._database = database
        self._era = era

    def get(self, owner: str) -> dict[str, Any]:
        """Return what is stored; empty for a session that never stored anything."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT body FROM settings WHERE owner = ? AND era = ?", (owner, self._era)
            ).fetchone()
        return {} if row is None else dict(json.loads(row[0]))

    def put(self, owner: str, values: Mapping[str, Any]) -> None:
        """Replace everything that is stored."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO settings VALUES (?, ?, ?)",
                (owner, self._era, json.dumps(dict(values))),
            )
