"""What the server keeps, in one SQLite file or in memory."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sqlite3
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Mapping
from uuid import uuid4

from .responder import Attachment

StoredMessage = Dict[str, Any]

_SETUP = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY, kind TEXT, id TEXT,"
    " owner TEXT, sort TEXT, body TEXT, UNIQUE (kind, id))",
    "CREATE INDEX IF NOT EXISTS records_of ON records (kind, owner, sort)",
    "PRAGMA user_version = 7",
)


def now() -> str:
    """Return the present moment as ISO text with milliseconds and ``Z``."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")[:-6] + "Z"


def new_object_id() -> str:
    """Return an id for a conversation: 24 hex digits that grow with time."""
    return f"{int(time.time()):08x}{os.urandom(8).hex()}"


def is_object_id(text: str) -> bool:
    """Return whether the server's database takes this as an id.

    Source: chat-ui c100c162, measured 2026-08 (g41): 24 hex digits, or any 12 bytes.
    """
    return bool(re.fullmatch("[0-9a-fA-F]{24}", text)) or len(text.encode("utf-8")) == 12


@dataclass
class Conversation:
    """One conversation; ``messages`` are those of every branch, in the order of creation.

    :param extra: what is known besides, such as the share a conversation was copied from.
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

    def add_message(
        self, parent: StoredMessage | None, sender: str, content: str, **more: Any
    ) -> StoredMessage:
        """Return a new message at the end of the array, hung under its parent (c29, d01 to d07)."""
        moment = now()
        message: StoredMessage = {
            "from": sender,
            "content": content,
            **more,
            "createdAt": moment,
            "updatedAt": moment,
            "ancestors": [] if parent is None else [*parent["ancestors"], parent["id"]],
            "id": str(uuid4()),
            "children": [],
        }
        if parent is not None:
            parent["children"].append(message["id"])
        self.messages.append(message)
        return message


class Storage:
    """Conversations, settings, files and shares, each a record in JSON.

    One connection that any thread may use, one at a time: a lock around it is as safe in memory
    as on disk. JSON is stored in ASCII, because SQLite refuses text with lone surrogates.

    :param path: the file, made when absent, that only its owner can read; in memory when ``None``.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        name = ":memory:" if path is None else str(path)
        if name != ":memory:":
            _keep_to_its_owner(name)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            name, check_same_thread=False, isolation_level=None, timeout=10.0
        )
        for statement in _SETUP:
            self._connection.execute(statement)

    def close(self) -> None:
        """Close the database; later use raises ``sqlite3.ProgrammingError``."""
        with self._lock:
            self._connection.close()

    def _execute(self, query: str, *values: object) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def _bodies(self, condition: str, *values: object) -> list[Any]:
        query = "SELECT body FROM records WHERE "
        return [json.loads(body) for (body,) in self._execute(query + condition, *values)]

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return what was put there: the ``settings`` of an owner, or a ``share``."""
        return next(iter(self._bodies("kind = ? AND id = ?", kind, key)), None)

    def put(
        self, kind: str, key: str, body: Mapping[str, Any], owner: str = "", sort: str = ""
    ) -> None:
        """Store a record in place of the one that was there."""
        self._execute(
            "INSERT INTO records (kind, id, owner, sort, body) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET"
            " owner = excluded.owner, sort = excluded.sort, body = excluded.body",
            *(kind, key, owner, sort, json.dumps(body)),
        )

    def add(self, conversation: Conversation) -> None:
        """Store a conversation."""
        body, moment = vars(conversation), conversation.updated_at
        self.put("conversation", conversation.id, body, conversation.owner, moment)

    def conversation(self, conversation_id: str) -> Conversation | None:
        """Return one conversation, whoever owns it."""
        body = self.get("conversation", conversation_id)
        return None if body is None else Conversation(**body)

    def conversations(self, owner: str, start: int = 0, limit: int = -1) -> list[Conversation]:
        """Return the owner's conversations, the newest first."""
        order = (
            "kind = 'conversation' AND owner = ? ORDER BY sort DESC, number DESC LIMIT ? OFFSET ?"
        )
        return [Conversation(**body) for body in self._bodies(order, owner, limit, start)]

    def save(self, conversation: Conversation) -> None:
        """Write messages, title and date, unless it was deleted meanwhile.

        Whoever saves last wins: what others changed since this copy was read is lost, as it is
        on the real servers (chat-ui c100c162: l26 to l28, w01 to w03).
        """
        names = ("messages", "title", "updated_at")
        self.change(conversation.id, **{name: getattr(conversation, name) for name in names})

    def change(self, conversation_id: str, **changes: object) -> None:
        """Set single fields of a conversation and leave the others alone."""
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            body = self.get("conversation", conversation_id)
            if body is not None:
                self.add(Conversation(**{**body, **changes}))

    def remove(self, *conversation_ids: str) -> None:
        """Delete conversations with their files; their shares stay."""
        for one in conversation_ids:
            self._execute("DELETE FROM records WHERE kind IN ('file', 'run') AND owner = ?", one)
            self._execute("DELETE FROM records WHERE kind = 'conversation' AND id = ?", one)

    def begin_run(self, conversation_id: str, message_id: str) -> None:
        """Note that an answer is being made, until :meth:`end_run`."""
        body = {"conversation": conversation_id, "message": message_id}
        self.put("run", message_id, body, conversation_id, "running")

    def end_run(self, message_id: str) -> None:
        """Forget that an answer is being made."""
        self._execute("DELETE FROM records WHERE kind = 'run' AND id = ?", message_id)

    def interrupt_runs(self) -> None:
        """Mark the answers that a process was making which ended without a word.

        Earlier versions kept every run, with what was said in it; those that ended go as well.
        """
        for run in self._bodies("kind = 'run' AND sort = 'running'"):
            conversation = self.conversation(run["conversation"])
            message = conversation and conversation.message(run["message"])
            if conversation is not None and message:
                message["interrupted"] = True
                self.save(conversation)
        self._execute("DELETE FROM records WHERE kind = 'run'")

    def put_file(self, conversation_id: str, file: Attachment) -> str:
        """Store a file of a conversation (or share) and return its name on the wire."""
        sha = hashlib.sha256(file.content).hexdigest()
        body = {**vars(file), "sha": sha, "content": base64.b64encode(file.content).decode()}
        self.put("file", f"{conversation_id}/{sha}", body, conversation_id)
        return sha

    def file(self, conversation_id: str, sha: str) -> Attachment | None:
        """Return a file, if that conversation (or share) has it."""
        body = self.get("file", f"{conversation_id}/{sha}")
        if body is None:
            return None
        return Attachment(body["name"], body["mime"], base64.b64decode(body["content"]))

    def copy_files(self, source: str, target: str) -> None:
        """Give the target all files of the source."""
        for body in self._bodies("kind = 'file' AND owner = ?", source):
            self.put("file", f"{target}/{body['sha']}", body, target)


def _keep_to_its_owner(path: str) -> None:
    """Make the file, or one that is there already, readable for its owner only.

    SQLite gives the files beside it the same mode. What fails here fails again when it is opened,
    with a better error; somebody else's file stays as it is.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    for each in (path, f"{path}-wal", f"{path}-shm"):
        with suppress(OSError):
            os.chmod(each, 0o600)
