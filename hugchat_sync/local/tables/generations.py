"""The log of the runs: who ran, how it ended, and every event with its sequence number."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Mapping

from hugchat_sync.local.database import Database

_RUNS_KEPT = 1000


@dataclass(frozen=True)
class Generation:
    """One run.

    :param status: ``running``, ``completed``, ``interrupted`` or ``error``.
    """

    id: str
    conversation: str
    message: str
    owner: str
    status: str


class Generations:
    """The append-only log; re-attaching is reading behind a sequence number.

    Source: chat-ui c100c162, measured 2026-08 (l03 to l15).
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, generation: Generation) -> bool:
        """Note a new run; ``False`` when the id was used before, and then it gets no log."""
        with self._database.writing() as connection:
            added = connection.execute(
                "INSERT OR IGNORE INTO generations VALUES (?, ?, ?, ?, ?)",
                (
                    generation.id,
                    generation.conversation,
                    generation.message,
                    generation.owner,
                    generation.status,
                ),
            ).rowcount
            connection.execute(
                "DELETE FROM generation_events WHERE generation IN (SELECT id FROM generations"
                " WHERE rowid <= (SELECT MAX(rowid) FROM generations) - ?)",
                (_RUNS_KEPT,),
            )
        return bool(added)

    def append(self, generation_id: str, seq: int, event: Mapping[str, Any]) -> None:
        """Add one event."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO generation_events VALUES (?, ?, ?)",
                (generation_id, seq, json.dumps(event)),
            )

    def end(self, generation_id: str, status: str) -> None:
        """Note how the run ended."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE generations SET status = ? WHERE id = ?", (status, generation_id)
            )

    def get(self, conversation_id: str, generation_id: str | None) -> Generation | None:
        """Return a run of this conversation; the newest one when no id is given."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT id, conversation, message, owner, status FROM generations"
                " WHERE conversation = ? AND (? IS NULL OR id = ?) ORDER BY rowid DESC LIMIT 1",
                (conversation_id, generation_id, generation_id),
            ).fetchone()
        return None if row is None else Generation(*row)

    def events_after(self, generation_id: str, seq: int) -> list[tuple[int, dict[str, Any]]]:
        """Return the events behind a sequence number."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT seq, body FROM generation_events"
                " WHERE generation = ? AND seq > ? ORDER BY seq",
                (generation_id, seq),
            ).fetchall()
        return [(number, json.loads(body)) for number, body in rows]

    def with_status(self, status: str, owner: str | None = None) -> list[Generation]:
        """Return the runs in that state, of everybody or of one owner."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, conversation, message, owner, status FROM generations"
                " WHERE status = ? AND (? IS NULL OR owner = ?) ORDER BY rowid",
                (status, owner, owner),
            ).fetchall()
        return [Generation(*row) for row in rows]
