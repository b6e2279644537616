"""The conversations of one client: their titles, the current one, and what is done with them."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any, Callable, Iterator, TypeVar

from ..calls import Call
from ..errors import ConversationNotExistError, FeatureUnavailable, UsageError
from ..futures import renew_locks_after_fork
from ..options import check_name
from ..rate_limit import Pace
from ..records import Conversation, ConversationTree
from ..transport.retry import Patience
from . import Server
from .creation import Creation, SettingsOnce
from .runs import Runs

T = TypeVar("T")

_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


class Conversations:
    """id → title, the newest first, and the conversation that is meant where none is named.

    Changed only after the server has said yes. Threads may share it.
    """

    def __init__(self, server: Server, pace: Pace) -> None:
        self.current: str | None = None
        self.runs = Runs(server, pace, self._keep)
        self._server = server
        self._titles: dict[str, str] = {}
        self._creation = Creation(server, self)
        renew_locks_after_fork(self)

    def __getstate__(self) -> tuple[Any, ...]:
        return self._server, self.runs.pace, self.titles, self.current

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        server, pace, titles, current = state
        Conversations.__init__(self, server, pace)
        self._titles, self.current = titles, current

    def renew_locks(self) -> None:
        """Take a new lock."""
        self._lock = threading.Lock()

    def without_titles(self) -> Conversations:
        """Return conversations of the same account that list no title and have no current one."""
        other = Conversations(self._server, self.runs.pace)
        other.runs, other._creation = self.runs, self._creation
        return other

    # what is known ---------------------------------------------------------------------------

    @property
    def titles(self) -> dict[str, str]:
        """A copy of the map."""
        with self._lock:
            return dict(self._titles)

    def __contains__(self, conversation_id: object) -> bool:
        return conversation_id in self._titles

    def _keep(self, conversation_id: str, title: str) -> None:
        with self._lock:
            if conversation_id in self._titles:
                self._titles[conversation_id] = title
            else:
                self._titles = {conversation_id: title, **self._titles}

    def require(self, conversation_id: str) -> None:
        """Refuse a conversation that is not known here.

        :raises ConversationNotExistError: it is not; nothing was sent.
        """
        if not isinstance(conversation_id, str) or conversation_id not in self:
            raise ConversationNotExistError(
                f"{conversation_id!r} is none of the conversations known here; "
                "fetch_conversations() reads them again"
            )

    def resolve(self, conversation_id: str | None) -> str:
        """Return the conversation that is meant: the one named, else the current one.

        :raises ConversationNotExistError: the name can be none; nothing was sent.
        :raises UsageError: none is named and none is current.
        """
        if conversation_id is not None:
            return check_id(conversation_id)
        if self.current is None:
            raise UsageError("no conversation is named and none is current")
        return self.current

    # at the server ---------------------------------------------------------------------------

    def fetch(self, patience: Patience) -> dict[str, str]:
        """Read the list anew; what changed here while it was read is newer than the list."""
        before = self.titles
        found = {one.id: one.title for one in self.iterate(lambda: patience)}
        with self._lock:
            now = self._titles
            changed = {key: now[key] for key in now if before.get(key) != now[key]}
            new = {key: title for key, title in changed.items() if key not in found}
            kept = {
                key: changed.get(key, title)
                for key, title in found.items()
                if key in now or key not in before
            }
            self._titles = {**new, **kept}
            return dict(self._titles)

    def iterate(self, patience: Callable[[], Patience]) -> Iterator[Conversation]:
        """Yield the conversations of the account, the newest first, page by page.

        :param patience: gives that of one page.
        """
        number = 0
        seen: set[str] = set()
        while True:
            within = patience()
            call = self._server.ready(within).list_conversations(number)
            # a lapsed session reads none
            page = self._server.transport.send(call, within, lambda page: not page.conversations)
            new = [one for one in page.conversations if one.id not in seen]
            seen.update(one.id for one in new)
            yield from new
            if not page.more or not new:
                return
            number += 1

    def start(
        self,
        model: str | None,
        system_prompt: str | None,
        patience: Patience,
        once: SettingsOnce | None = None,
    ) -> str:
        """Start a conversation for somebody who will send to it at once, and return its id."""
        made = self._server.in_one_session(
            lambda steady: self._creation.create(model, system_prompt, steady, once), patience
        )
        self._keep(made.id, made.title)
        self.runs.activity(made.id).made = made
        return made.id

    def create(self, model: str | None, system_prompt: str | None, patience: Patience) -> str:
        """Start a conversation, make it the current one, and return its id."""
        made = self.start(model, system_prompt, patience)
        self.runs.activity(made).made = None  # from here on others may find it
        self.current = made
        return made

    def import_share(self, share_id: str, model: str | None, patience: Patience) -> str:
        """Copy a shared conversation into the account, and return the new id."""
        made = self._server.in_one_session(
            lambda steady: self._creation.from_share(share_id, model, steady), patience
        )
        self._keep(made.id, made.title)
        return made.id

    def remove(self, conversation_id: str, patience: Patience) -> None:
        """Delete a conversation; an answer that is still coming in it is closed."""
        self.runs.forget(check_id(conversation_id))
        self._server.ask(lambda dialect: dialect.remove_conversation(conversation_id), patience)
        with self._lock:
            self._titles.pop(conversation_id, None)
            if self.current == conversation_id:
                self.current = None

    def remove_all(self, patience: Patience) -> int:
        """Delete all conversations of the account, and return how many there were."""
        dialect = self._server.ready(patience)
        for conversation_id in self.titles:
            self.runs.forget(conversation_id)
        listed = () if dialect.manners.counts_removed else tuple(self.iterate(lambda: patience))
        count: int | None = None
        for way in dialect.remove_all_conversations():
            with suppress(FeatureUnavailable):  # this server does it in another way
                count = self._server.transport.send(way, patience)
                break
        else:
            for one in listed or tuple(self.iterate(lambda: patience)):
                self._server.transport.send(dialect.remove_conversation(one.id), patience)
        with self._lock:
            self._titles, self.current = {}, None
        return len(listed) if count is None else count

    def rename(self, conversation_id: str, title: str, patience: Patience) -> None:
        """Give a conversation another title, once no answer is coming in it."""
        if not isinstance(title, str) or not 1 <= len(title.strip()) <= 100:
            raise UsageError("a title has 1 to 100 characters")
        target, title = check_id(conversation_id), title.strip()
        call = self._server.ready(patience).rename_conversation(target, title)
        self._send_when_idle(call, target, patience)
        self._keep(target, title)

    def update_title(self, conversation_id: str, patience: Patience) -> str:
        """Return the title as the server has it now; servers of 2023 are asked to make one."""
        check_id(conversation_id)
        dialect = self._server.ready(patience)
        with self.runs.hold(conversation_id, patience) as tree:
            made = dialect.make_title(conversation_id)
            send = self._server.transport.send
            title = (send(made, patience) if made is not None else "") or tree.title
        self._keep(conversation_id, title)
        return title

    def switch(self, conversation_id: str, patience: Patience) -> None:
        """Make a conversation the current one; the server is asked for one that is not known."""
        self._server.require_open()
        if check_id(conversation_id) not in self:
            self._keep(conversation_id, self._read(conversation_id, patience).title)
        self.current = conversation_id

    def read(self, conversation_id: str | None, patience: Patience) -> ConversationTree:
        """Return a conversation with all its branches, once no answer is coming in it."""
        with self.runs.hold(self.resolve(conversation_id), patience) as tree:
            return tree

    def require_model(self, conversation_id: str, model: str, patience: Patience) -> None:
        """Refuse a conversation with another model."""
        stored_model = self._read(conversation_id, patience).model
        if model != stored_model:
            raise UsageError(
                f"conversation {conversation_id} is one with "
                f"{stored_model or 'another model'}, not with {model}: "
                "name it without a model, or the model without it"
            )

    def _read(self, conversation_id: str, patience: Patience) -> ConversationTree:
        return self._server.ask(lambda dialect: dialect.conversation(conversation_id), patience)

    def remove_message(
        self, message_id: str, conversation_id: str | None, patience: Patience
    ) -> None:
        """Delete a message and everything that follows it."""
        target = self.resolve(conversation_id)
        check_name(message_id, "the id of a message")
        call = self._server.ready(patience).remove_message(target, message_id)
        self._send_when_idle(call, target, patience)

    def share(self, conversation_id: str | None, patience: Patience) -> str:
        """Publish a conversation as it is now, and return the URL."""
        target = self.resolve(conversation_id)
        call = self._server.ready(patience, session_for="share a conversation").share(target)
        url = self._send_when_idle(call, target, patience)
        return url if "://" in url else f"{self._server.base_url}/{url.lstrip('/')}"

    def _send_when_idle(self, call: Call[T], conversation_id: str, patience: Patience) -> T:
        """Send one request, once no answer is coming in the conversation."""
        with self.runs.hold(conversation_id, patience):
            return self._server.transport.send(call, patience)


def check_id(conversation_id: str) -> str:
    """Return the id, if it can be one.

    :raises ConversationNotExistError: it cannot; nothing was sent.
    """
    is_text = isinstance(conversation_id, str) and len(conversation_id) == 24
    if not is_text or not _HEX_DIGITS.issuperset(conversation_id):
        raise ConversationNotExistError(
            f"{conversation_id!r} is no conversation id (24 hex digits)"
        )
    return conversation_id
