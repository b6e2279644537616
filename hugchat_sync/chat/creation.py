"""Starting a conversation: its model, its system prompt, made once, and what a refusal means."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Container, Iterator

from ..errors import (
    BadRequest,
    ConversationNotExistError,
    HugChatError,
    ModelNotFound,
    ProtocolError,
    TimedOut,
    Unavailable,
    UsageError,
    model_not_found,
)
from ..futures import SLICE, renew_locks_after_fork
from ..list_bots import RETIRED, warn_of_retired
from ..records import ConversationTree, Settings
from ..transport.retry import Patience, hold_within, is_unsure
from . import Server

_CLOCKS_DIFFER = 300.0  # seconds between our clock and the server's, at most
_SETTINGS_LATE = "the settings could not be read in time"
_LOOKS = 3  # at the list, for a conversation whose reply was lost


class SettingsOnce:
    """The account's settings, read once for many conversations in a row.

    What a lapsed session reads is nobody's: they are kept once a conversation was begun with them.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()  # held until they are sure
        self.is_sure = False
        self.read: Settings | None = None

    def __reduce__(self) -> tuple[type[SettingsOnce], tuple[()]]:
        return SettingsOnce, ()


class Creation:
    """Starts the conversations of one client, each of them once.

    ================================  ===========================  =================================
    the server's answer               what it means                what happens
    ================================  ===========================  =================================
    an id                             it was made                  it is returned
    refused, a retired constant       there is no such model       made with the account's model
    refused, and not in the list      there is no such model       ``ModelNotFound`` with near names
    refused, though in the list       the prompt is not taken      ``BadRequest``
    refused otherwise                 it was not made              the refusal is raised
    none, a page, a gateway's word    nobody knows                 one new empty conversation of the
                                                                   model and the prompt: that is it;
                                                                   none or more: the error is raised
    ================================  ===========================  =================================

    It is not made again: the lost one may still be on its way, and a second would be one too many.
    Those that other threads were making when it was looked for are waited for: one of them would be
    taken for it.

    :param known: the conversations that are known already.
    """

    def __init__(self, server: Server, known: Container[str]) -> None:
        self._server = server
        self._known = known
        self._retired: set[str] = set()  # the old constants that were warned of
        self._made: set[str] = set()
        renew_locks_after_fork(self)

    def renew_locks(self) -> None:
        """Take a new lock; what is under way is so in another process."""
        self._changed = threading.Condition()
        self._under_way: set[object] = set()

    def create(
        self,
        model: str | None,
        system_prompt: str | None,
        patience: Patience,
        once: SettingsOnce | None = None,
    ) -> ConversationTree:
        """Return a new conversation.

        :param model: the account's active one when ``None``.
        :param system_prompt: the one stored for the model when ``None``.
        :param once: the settings of many conversations in a row.
        :raises ModelNotFound: the server does not offer the model; a retired constant of
            :class:`ListBots` is replaced instead, with a warning.
        """
        if system_prompt is not None and not isinstance(system_prompt, str):
            raise UsageError('a system prompt is a text; None is the stored one, "" is none')
        self._server.ready(patience, session_for="create a conversation")
        settings = once or SettingsOnce()

        def make(name: str) -> ConversationTree:
            text = self._choose_prompt(name, model or name, system_prompt, settings, patience)
            with self._explain_refusal(name, patience):
                return self._create_once(name, text, patience)

        if not settings.is_sure:
            with hold_within(settings.lock, patience.deadline, _SETTINGS_LATE):
                if not settings.is_sure:
                    settings.read = None  # what an earlier call read may be nobody's
                    made = self._make_with_model(model, make, settings, patience)
                    settings.is_sure = True
                    return made
        return self._make_with_model(model, make, settings, patience)

    def from_share(self, share_id: str, model: str | None, patience: Patience) -> ConversationTree:
        """Return a conversation that is the copy of a shared one.

        The copy that 0.9.6 makes for somebody without a cookie is that of a session which nobody
        is told; asked again, now with a cookie, it makes one for us.

        Source: POST /api/v2/conversations/import-share, chat-ui 0.9.6, 2026-01 (measured).

        :param model: for servers that want one named, as :meth:`create` takes it; that of the share
            counts.
        """
        call = self._server.ready(patience).import_share(share_id)
        while call is not None:
            is_new = self._server.is_nobody
            with self._server.first_visit(patience):
                found = self._server.transport.send(call, patience)
            if found is None:
                break
            try:
                return self._read_created(found, patience)
            except ConversationNotExistError:
                if not is_new or self._server.is_nobody:
                    raise

        dialect = self._server.ready(patience, session_for="copy a share at this server")

        def copy(name: str) -> ConversationTree:
            call = dialect.create_from_share(share_id, name)
            with self._explain_refusal(name, patience), self._server.first_visit(patience):
                made = self._server.transport.send(call, patience)
            return self._read_created(made.id, patience)

        return self._make_with_model(model, copy, SettingsOnce(), patience)

    def _read_created(self, conversation_id: str, patience: Patience) -> ConversationTree:
        return self._server.ask(lambda dialect: dialect.conversation(conversation_id), patience)

    # its model and its prompt ----------------------------------------------------------------

    def _make_with_model(
        self,
        model: str | None,
        make: Callable[[str], ConversationTree],
        settings: SettingsOnce,
        patience: Patience,
    ) -> ConversationTree:
        """Return what *make* makes of the model that was named, or else of the account's."""
        if model and model not in self._retired:
            try:
                return make(model)
            except ModelNotFound:
                if model not in RETIRED:
                    raise
            warn_of_retired(model)
            self._retired.add(model)
        name = self._read_settings(settings, patience).active_model
        if not name:
            offered = self._read_models(patience)
            if not offered:
                raise UsageError("the server offers no model; name one with model=")
            name = offered[0]
        return make(name)

    def _choose_prompt(
        self, name: str, meant: str, wanted: str | None, settings: SettingsOnce, patience: Patience
    ) -> str:
        """Return the system prompt of a new conversation.

        A prompt that the server would not use is refused: written to the settings it would act on
        all conversations at once, those under way too; that is for the caller to say.

        :param meant: the model for which a script has set it: perhaps a retired one.
        :raises FeatureUnavailable: the server would use another one than is *wanted*.
        """
        dialect = self._server.ready(patience)
        if not dialect.manners.prompts_from_settings:
            if wanted is not None:
                return wanted
            stored = self._read_settings(settings, patience).stored_prompt
            return stored(meant) or stored(name)
        if wanted is None:
            return ""  # what is stored reaches the model there without our help
        if wanted != self._read_settings(settings, patience).stored_prompt(name):
            advice = "set_system_prompt(model, prompt) sets one for all conversations with a model"
            dialect.lacks(
                "conversation_prompts", advice if "system_prompts" in dialect.features else ""
            )
        return wanted

    def _read_settings(self, settings: SettingsOnce, patience: Patience) -> Settings:
        if settings.read is None:
            settings.read = self._server.ask(lambda dialect: dialect.settings(), patience)
        return settings.read

    def _read_models(self, patience: Patience) -> list[str]:
        return [one.id for one in self._server.ask(lambda dialect: dialect.models(), patience)]

    @contextmanager
    def _explain_refusal(self, model: str, patience: Patience) -> Iterator[None]:
        """Let a refusal say what it means, where it does not tell whether there is such a model."""
        try:
            yield
        except (BadRequest, Unavailable) as error:
            try:
                names = self._read_models(patience)
            except HugChatError:
                names = []  # the list cannot be had either, so the refusal itself says more
            facts: dict[str, Any] = {"status": error.status, "url": error.url, "body": error.body}
            if names and model not in names:
                raise model_not_found(model, names, **facts) from error
            if names and isinstance(error, ModelNotFound):
                raise BadRequest(
                    f"the server answered {error.status}: it offers the model {model!r}, so it is "
                    "the system prompt that it does not take",
                    **facts,
                ) from error
            raise

    # made once -------------------------------------------------------------------------------

    def _create_once(self, model: str, prompt: str, patience: Patience) -> ConversationTree:
        """Return a conversation that was made, told or found.

        :raises HugChatError: it was not made, or nobody can tell.
        """
        call = self._server.ready(patience).create_conversation(model, prompt)
        began = time.time()
        try:
            with self._note_under_way(), self._server.first_visit(patience):
                made = self._server.transport.send(call, patience)
                self._made.add(made.id)
                return made
        except HugChatError as error:
            # a page or an empty body came from somebody on the way, or was cut
            if not (is_unsure(error) or isinstance(error, ProtocolError)):
                raise
            try:
                found = self._find_lost(model, prompt, began, patience)
            except HugChatError as trouble:
                raise error from trouble
            if found is None:
                raise
            return found

    @contextmanager
    def _note_under_way(self) -> Iterator[None]:
        one = object()
        with self._changed:
            self._under_way.add(one)
        try:
            yield
        finally:
            with self._changed:
                self._under_way.discard(one)
                self._changed.notify_all()

    def _find_lost(
        self, model: str, prompt: str, began: float, patience: Patience
    ) -> ConversationTree | None:
        """Return the one new, empty conversation of this model and prompt that nobody has."""
        send, dialect = self._server.transport.send, self._server.ready(patience)
        has_prompt = not dialect.manners.prompts_from_settings
        for _ in self._server.transport.looks(patience, most=_LOOKS):
            page = send(dialect.list_conversations(), patience)
            new = [one.id for one in page.conversations if self._is_new(one.id, began)]
            fitting = [
                tree
                for tree in [send(dialect.conversation(one), patience) for one in new]
                if tree.model == model
                and (not has_prompt or tree.system_prompt == prompt)
                and all(message.role == "system" for message in tree.messages)
            ]
            with self._changed:
                others = set(self._under_way if fitting else ())  # theirs may be among these
                while others & self._under_way:
                    if time.monotonic() >= patience.deadline:
                        raise TimedOut(
                            "the time was over before another conversation of this client was made",
                            phase="total",
                        )
                    self._changed.wait(SLICE)
                free = [tree for tree in fitting if tree.id not in self._made]
                if len(free) == 1:
                    self._made.add(free[0].id)
                    return free[0]
            if free:
                return None
        return None

    def _is_new(self, conversation_id: str, began: float) -> bool:
        try:  # the first digits of an object id are its time of creation
            made = int(conversation_id[:8], 16)
        except ValueError:
            return False  # no server of ours made that
        had = conversation_id in self._made or conversation_id in self._known
        return made >= began - _CLOCKS_DIFFER and not had
