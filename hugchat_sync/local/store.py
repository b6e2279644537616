"""Everything the server keeps, in one SQLite file or in memory."""

from __future__ import annotations

from pathlib import Path

from hugchat_sync.local.database import Database
from hugchat_sync.local.tables.conversations import Conversations
from hugchat_sync.local.tables.files import Files
from hugchat_sync.local.tables.generations import Generations
from hugchat_sync.local.tables.settings import SettingsTable
from hugchat_sync.local.tables.shares import Shares


class Store:
    """The tables of one era.

    :param path: the database file, made when absent; ``None`` keeps everything in memory.
    :param era: the era whose conversations and settings are seen.
    """

    def __init__(self, path: str | Path | None, era: str) -> None:
        self._database = Database(path)
        self.conversations = Conversations(self._database, era)
        self.settings = SettingsTable(self._database, era)
        self.generations = Generations(self._database)
        self.files = Files(self._database)
        self.shares = Shares(self._database, era)

    def close(self) -> None:
        """Close the database."""
        self._database.close()
