"""Files that came with messages or were made by tools."""

from __future__ import annotations

from dataclasses import dataclass

from hugchat_sync.local.database import Database


@dataclass(frozen=True)
class StoredFile:
    """One file of a conversation.

    :param sha: its name on the wire, 64 hex digits.
    """

    sha: str
    name: str
    mime: str
    content: bytes


class Files:
    """Files by conversation (or share) and hash."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, conversation_id: str, file: StoredFile) -> None:
        """Store a file; the same content twice is stored once."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
                (conversation_id, file.sha, file.name, file.mime, file.content),
            )

    def get(self, conversation_id: str, sha: str) -> StoredFile | None:
        """Return a file, if that conversation has it."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT sha, name, mime, content FROM files WHERE conversation = ? AND sha = ?",
                (conversation_id, sha),
            ).fetchone()
        return None if row is None else StoredFile(*row)

    def copy(self, source: str, target: str) -> None:
        """Give the target all files of the source."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO files"
                " SELECT ?, sha, name, mime, content FROM files WHERE conversation = ?",
                (target, source),
            )
