"""What became of a conversation when nobody knows whether its creation reached the server."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Callable, Container, Iterator

from ..auth.connection import Connection
from ..dialects import Created
from ..errors import HugChatError, ProtocolError, TimedOut
from ..futures import begin
from ..records import Conversation, ConversationTree
from ..transport.retry import Patience, is_unsure

_PAUSES = (0.0, 0.5, 1.0)  # seconds before each look at the list
_CLOCKS_DIFFER = 300.0  # seconds between our clock and the server's, at most
_SLICE = 0.5  # seconds; Windows delivers Ctrl-C only between waits


class Doubt:
    """Creates conversations, and looks for the new one where the reply was lost.

    An empty conversation of the same model and system prompt that was not known before is it. While
    one is looked for no other is created: it would be taken for the lost one.

    :param known: gives the conversations that are known already.
    """

    def __init__(self, connection: Connection, known: Callable[[], Container[str]]) -> None:
        self._connection = connection
        self._known = known
        self._made: set[str] = set()
        begin(self)

    def begin_anew(self) -> None:
        """Take a new lock; what is under way is so in another process."""
        self._changed = threading.Condition()
        self._under_way = 0
        self._looking = False

    def surely(
        self, create: Callable[[], Created], model: str, prompt: str | None, patience: Patience
    ) -> Created:
        """Return the conversation that *create* makes, made once.

        :param prompt: its system prompt; ``None`` where conversations have none of their own.
        :raises HugChatError: it was not made, or nobody can tell.
        """
        began = time.time()
        try:
            with self._one_more(patience):
                made = create()
                self._made.add(made.id)
                return made
        except HugChatError as error:
            # a page or an empty body came from somebody on the way, or was cut
            if not (is_unsure(error) or isinstance(error, ProtocolError)):
                raise
            found = self._found(model, prompt, began, patience, error)
            if found is None:
                raise  # it may still be on its way: a second one would be one too many
            return found

    @contextmanager
    def _one_more(self, patience: Patience) -> Iterator[None]:
        with self._changed:
            self._wait(lambda: not self._looking, patience)
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    @contextmanager
    def _alone(self, patience: Patience) -> Iterator[None]:
        with self._changed:
            self._wait(lambda: not self._looking, patience)
            self._looking = True
        try:
            with self._changed:
                self._wait(lambda: not self._under_way, patience)
            yield
        finally:
            with self._changed:
                self._looking = False
                self._changed.notify_all()

    def _wait(self, until: Callable[[], bool], patience: Patience) -> None:
        while not until():
            if time.monotonic() >= patience.deadline:
                raise TimedOut("another conversation was being created too long", phase="total")
            self._changed.wait(_SLICE)

    def _found(
        self,
        model: str,
        prompt: str | None,
        began: float,
        patience: Patience,
        error: HugChatError,
    ) -> Created | None:
        """Return the lost conversation, ``None`` if there is none.

        :raises HugChatError: *error*, when the server cannot be asked, or its list does not tell.
        """
        with self._alone(patience):
            for pause in _PAUSES:
                if time.monotonic() + pause >= patience.deadline:
                    raise error
                self._connection.transport.sleep(pause)
                try:
                    found = self._fitting(model, prompt, began, patience)
                except HugChatError as trouble:
                    raise error from trouble
                if len(found) > 1:
                    raise error
                for tree in found:
                    self._made.add(tree.id)
                    return Created(tree.id, tree.title, tree.leaf)
        return None

    def _fitting(
        self, model: str, prompt: str | None, began: float, patience: Patience
    ) -> list[ConversationTree]:
        transport, dialect = self._connection.transport, self._connection.dialect(patience)
        page = transport.send(dialect.list_conversations(0), patience)
        trees = [
            transport.send(dialect.conversation(one.id), patience)
            for one in page.conversations
            if self._is_new(one, began)
        ]
        return [
            tree
            for tree in trees
            if tree.model == model
            and (prompt is None or tree.system_prompt == prompt)
            and all(message.role == "system" for message in tree.messages)
        ]

    def _is_new(self, one: Conversation, began: float) -> bool:
        try:
            made = int(one.id[:8], 16)  # the first digits of an object id are its time of creation
        except ValueError:
            return False  # no server of ours made that
        fresh = made >= began - _CLOCKS_DIFFER
        return fresh and one.id not in self._made and one.id not in self._known()
