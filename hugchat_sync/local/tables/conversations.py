"""Conversations and their messages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Dict, Sequence

from hugchat_sync.local.database import Database

StoredMessage = Dict[str, Any]


@dataclass
class Conversation:
    """One conversation as stored.

    :param messages: every branch, in the order of creation, each as the era writes it.
    :param extra: what only one era knows, such as the share a conversation was copied from.
    """

    id: str
    owner: str
    title: str
    model: str
    preprompt: str
    created_at: str
    updated_at: str
    messages: list[StoredMessage] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def message(self, message_id: str) -> StoredMessage | None:
        """Return the message with that id, if it is here."""
        return next((entry for entry in self.messages if entry["id"] == message_id), None)


class Conversations:
    """The conversations of one era.

    :param era: conversations of another era in the same file are not seen.
    """

    def __init__(self, database: Database, era: str) -> None:
        self._database = database
        self._era = era

    def add(self, conversation: Conversation) -> None:
        """Store a new conversation."""
        with self._database.writing() as connection:
            (number,) = connection.execute(
                "SELECT COALESCE(MAX(number), 0) + 1 FROM conversations"
            ).fetchone()
            connection.execute(
                "INSERT INTO conversations VALUES (?, ?, ?, ?, ?, ?)",
                (
                    conversation.id,
                    self._era,
                    conversation.owner,
                    conversation.updated_at,
                    number,
                    _body(conversation),
                ),
            )
            _write_messages(connection, conversation.id, conversation.messages)

    def get(self, conversation_id: str) -> Conversation | None:
        """Return one conversation with its messages, whoever owns it."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT id, owner, updated_at, body FROM conversations WHERE id = ? AND era = ?",
                (conversation_id, self._era),
            ).fetchone()
            rows = connection.execute(
                "SELECT body FROM messages WHERE conversation = ? ORDER BY position",
                (conversation_id,),
            ).fetchall()
        if row is None:
            return None
        found = _conversation(row)
        found.messages = [json.loads(body) for (body,) in rows]
        return found

    def of(self, owner: str, start: int = 0, limit: int = -1) -> list[Conversation]:
        """Return the owner's conversations without messages, the newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, owner, updated_at, body FROM conversations"
                " WHERE owner = ? AND era = ? ORDER BY updated_at DESC, number DESC"
                " LIMIT ? OFFSET ?",
                (owner, self._era, limit, start),
            ).fetchall()
        return [_conversation(row) for row in rows]

    def count(self, owner: str) -> int:
        """Return how many conversations the owner has."""
        with self._database.reading() as connection:
            (number,) = connection.execute(
                "SELECT COUNT(*) FROM conversations WHERE owner = ? AND era = ?",
                (owner, self._era),
            ).fetchone()
        return int(number)

    def save(self, conversation: Conversation) -> bool:
        """Write messages, title and date; ``False`` when it was deleted meanwhile.

        Whoever saves last wins: what others changed since this copy was read is lost, as it is
        on the real servers (chat-ui c100c162: l26 to l28, w01 to w03; a3b58941c: lg03 to lg10).
        """
        with self._database.writing() as connection:
            row = connection.execute(
                "SELECT body FROM conversations WHERE id = ? AND era = ?",
                (conversation.id, self._era),
            ).fetchone()
            if row is None:
                return False
            body = {**json.loads(row[0]), "title": conversation.title}
            connection.execute(
                "UPDATE conversations SET updated_at = ?, body = ? WHERE id = ?",
                (conversation.updated_at, json.dumps(body), conversation.id),
            )
            _write_messages(connection, conversation.id, conversation.messages)
        return True

    def change(self, conversation_id: str, **changes: object) -> None:
        """Set single fields (``title``, ``model``) and leave the messages alone."""
        with self._database.writing() as connection:
            row = connection.execute(
                "SELECT body FROM conversations WHERE id = ?", (conversation_id,)
            ).fetchone()
            if row is not None:
                body = {**json.loads(row[0]), **changes}
                connection.execute(
                    "UPDATE conversations SET body = ? WHERE id = ?",
                    (json.dumps(body), conversation_id),
                )

    def remove(self, conversation_id: str) -> None:
        """Delete a conversation with everything that hangs on it."""
        with self._database.writing() as connection:
            _remove(connection, conversation_id)

    def remove_all(self, owner: str) -> int:
        """Delete the owner's conversations and return their number."""
        doomed = [conversation.id for conversation in self.of(owner)]
        with self._database.writing() as connection:
            for conversation_id in doomed:
                _remove(connection, conversation_id)
        return len(doomed)


def _remove(connection: Any, conversation_id: str) -> None:
    connection.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,))
    connection.execute("DELETE FROM messages WHERE conversation = ?", (conversation_id,))
    connection.execute("DELETE FROM files WHERE conversation = ?", (conversation_id,))


def _body(conversation: Conversation) -> str:
    # ASCII escapes, because SQLite refuses text with lone surrogates.
    return json.dumps(
        {
            "title": conversation.title,
            "model": conversation.model,
            "preprompt": conversation.preprompt,
            "created_at": conversation.created_at,
            "extra": conversation.extra,
        }
    )


def _conversation(row: Sequence[str]) -> Conversation:
    conversation_id, owner, updated_at, body = row
    return Conversation(
        id=conversation_id, owner=owner, updated_at=updated_at, messages=[], **json.loads(body)
    )


def _write_messages(
    connection: Any, conversation_id: str, messages: Sequence[StoredMessage]
) -> None:
    connection.execute("DELETE FROM messages WHERE conversation = ?", (conversation_id,))
    connection.executemany(
        "INSERT INTO messages VALUES (?, ?, ?, ?, ?)",
        [
            (
                conversation_id,
                position,
                message["id"],
                (message.get("ancestors") or [None])[-1],
                json.dumps(message),
            )
            for position, message in enumerate(messages)
        ],
    )
