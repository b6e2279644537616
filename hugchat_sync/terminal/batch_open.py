"""OUT.open: the conversations that a batch has begun and not removed yet.

A run that is killed leaves them; the next one removes them, if it is of the same account there.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import Client
from ..errors import ConversationNotExistError, HugChatError
from . import exits, output


class OpenOnes:
    """The notes of one run.

    :param target: the name of OUT.
    :param base_url: of the server, as it is called from one run to the next.
    :param account: whose conversations these are; ``None`` for those of nobody.
    """

    def __init__(self, target: str, base_url: str, account: str | None) -> None:
        self._path = Path(f"{target}.open")
        self._of = {"base_url": base_url, "account": account}
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._left: list[dict[str, Any]] = []  # by others, or by runs before
        self._open: set[str] = set()

    def begin(self, client: Client) -> None:
        """Remove what a killed run of the same account left, and note what this one begins."""
        for note in _read(self._path):
            is_ours = {name: note.get(name) for name in self._of} == self._of
            if not is_ours or not _removed(client, str(note["id"])):
                self._left.append(note)
        try:
            self._descriptor = self._written_again()
        except OSError as error:
            output.complain(
                f"warning: {self._path} cannot be written ({error.strerror}): "
                "conversations that a killed run leaves will not be removed"
            )

    def note(self, conversation_id: str, begun: bool) -> None:
        """Note that a conversation was begun, or removed again; called from several threads."""
        line = {**self._of, "id": conversation_id} if begun else {"removed": conversation_id}
        with self._lock:
            (self._open.add if begun else self._open.discard)(conversation_id)
            if self._descriptor is not None:
                with suppress(OSError):  # a full disk: the answers are what counts
                    os.write(self._descriptor, f"{json.dumps(line)}\n".encode("ascii"))

    def end(self) -> None:
        """Leave notes of what is left, and no file where nothing is."""
        with self._lock, suppress(OSError):
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
                if self._open or self._left:
                    os.close(self._written_again())
                else:
                    self._path.unlink()

    def _written_again(self) -> int:
        """Write what is left, and return where more can be written."""
        how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        notes = [*self._left, *({**self._of, "id": one} for one in sorted(self._open))]
        descriptor = os.open(self._path, how, 0o600)
        for note in notes:
            os.write(descriptor, f"{json.dumps(note)}\n".encode("ascii"))
        return descriptor


def _read(path: Path) -> list[dict[str, Any]]:
    """Return the notes of conversations that are still there."""
    found: dict[str, dict[str, Any]] = {}
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return []
    for line in lines:
        try:
            note = json.loads(line)
        except ValueError:  # the end of a killed run
            continue
        if isinstance(note, dict) and isinstance(note.get("id"), str):
            found[note["id"]] = note
        elif isinstance(note, dict):
            found.pop(str(note.get("removed")), None)
    return list(found.values())


def _removed(client: Client, conversation_id: str) -> bool:
    try:
        client.remove_conversation(conversation_id)
    except ConversationNotExistError:
        return True
    except HugChatError as error:
        output.complain(f"{conversation_id} was left by an earlier run: {exits.sentence(error)}")
        return False
    return True
