"""The SQLite connection and its migrations."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, Iterator, Sequence


def _create_conversations(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE conversations (id TEXT PRIMARY KEY, era TEXT NOT NULL, owner TEXT NOT NULL,"
        " updated_at TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL)"
    )
    connection.execute("CREATE INDEX conversations_of ON conversations (owner, era, updated_at)")


def _create_messages(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE messages (conversation TEXT NOT NULL, position INTEGER NOT NULL,"
        " id TEXT NOT NULL, parent TEXT, body TEXT NOT NULL,"
        " PRIMARY KEY (conversation, position)) WITHOUT ROWID"
    )


def _create_settings(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE settings (owner TEXT NOT NULL, era TEXT NOT NULL, body TEXT NOT NULL,"
        " PRIMARY KEY (owner, era)) WITHOUT ROWID"
    )


def _create_generations(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE generations (id TEXT PRIMARY KEY, conversation TEXT NOT NULL,"
        " message TEXT NOT NULL, owner TEXT NOT NULL, status TEXT NOT NULL)"
    )
    connection.execute(
        "CREATE TABLE generation_events (generation TEXT NOT NULL, seq INTEGER NOT NULL,"
        " body TEXT NOT NULL, PRIMARY KEY (generation, seq)) WITHOUT ROWID"
    )


def _create_files(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE files (conversation TEXT NOT NULL, sha TEXT NOT NULL, name TEXT NOT NULL,"
        " mime TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (conversation, sha))"
    )


def _create_shares(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE shares (id TEXT PRIMARY KEY, era TEXT NOT NULL, conversation TEXT NOT NULL,"
        " digest TEXT NOT NULL, body TEXT NOT NULL)"
    )
    connection.execute(
        "CREATE TABLE imports (owner TEXT NOT NULL, share TEXT NOT NULL,"
        " conversation TEXT NOT NULL, PRIMARY KEY (owner, share)) WITHOUT ROWID"
    )


def _migrations() -> Sequence[Callable[[sqlite3.Connection], None]]:
    """Return the steps from an empty file to today's tables; new ones go to the end."""
    return (
        _create_conversations,
        _create_messages,
        _create_settings,
        _create_generations,
        _create_files,
        _create_shares,
    )


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


class Database:
    """One SQLite connection that any thread may use, one at a time.

    A lock around one connection is as safe in memory as on disk; shared-cache connections to a
    database in memory refuse each other's locks instead of waiting.

    :param path: the file; in memory when ``None``. Only its owner can read it.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        if path is not None:
            _keep_to_its_owner(str(path))
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            ":memory:" if path is None else str(path),
            check_same_thread=False,
            isolation_level=None,
            timeout=10.0,
        )
        if path is not None:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
        self._migrate()

    def _migrate(self) -> None:
        with self.writing() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            steps = _migrations()
            for step in steps[version:]:
                step(connection)
            connection.execute(f"PRAGMA user_version = {len(steps)}")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for queries."""
        with self._lock:
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection inside a transaction, kept only if the block ends well."""
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    def close(self) -> None:
        """Close the connection; later use raises ``sqlite3.ProgrammingError``."""
        with self._lock:
            self._connection.close()
