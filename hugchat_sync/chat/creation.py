"""Starting a conversation: its model, its system prompt, made once, and what a refusal means."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from copy import copy
from typing import Callable, Container, ContextManager, Iterator, Protocol, TypeVar

from ..calls import Call
from ..dialects import Created, Dialect
from ..errors import (
    BadRequest,
    ConversationNotExistError,
    HugChatError,
    ModelNotFound,
    ProtocolError,
    ServerError,
    TimedOut,
    Unavailable,
    UsageError,
    nearest_names,
)
from ..futures import begin
from ..list_bots import RETIRED, warn_of_retired
from ..records import Conversation, ConversationTree, Settings
from ..transport.http import Transport
from ..transport.retry import Patience, held, is_unsure

T = TypeVar("T")

_PAUSES = (0.0, 0.5, 1.0)  # seconds before each look at the list
_CLOCKS_DIFFER = 300.0  # seconds between our clock and the server's, at most
_SLICE = 0.5  # seconds; Windows delivers Ctrl-C only between waits


class Server(Protocol):
    """What is needed of the way to a server, and of who we are there."""

    transport: Transport

    @property
    def is_nobody(self) -> bool: ...  # noqa: D102

    def require_session(self, what: str) -> None: ...  # noqa: D102

    def dialect(self, patience: Patience | None = None) -> Dialect: ...  # noqa: D102

    def send(self, call: Call[T], patience: Patience | None = None) -> T: ...  # noqa: D102

    def first_visit(self, patience: Patience) -> ContextManager[None]: ...  # noqa: D102


class Creation:
    """Starts the conversations of one client.

    :param known: gives the conversations that are known already.
    """

    def __init__(self, server: Server, known: Callable[[], Container[str]] = tuple) -> None:
        self._server = server
        self._lost = LostCreations(server, known)
        self._retired: set[str] = set()  # the old constants that were warned of
        self._first: threading.Lock | None = None  # of those whose settings are read once
        self._is_sure = False  # one was begun with those settings
        self._settings_read: Settings | None = None

    def with_settings_once(self) -> Creation:
        """Return one for many conversations in a row, which reads the settings once.

        What a lapsed session reads is nobody's: the settings are kept once a conversation was begun
        with them.
        """
        other = copy(self)
        other._first, other._is_sure, other._settings_read = threading.Lock(), False, None
        return other

    def begin(self, model: str | None, system_prompt: str | None, patience: Patience) -> Created:
        """Return a new conversation.

        :param model: the account's active one when ``None``.
        :param system_prompt: the one stored for the model when ``None``.
        :raises ModelNotFound: the server does not offer the model; a retired constant of
            :class:`ListBots` is replaced instead, with a warning.
        """
        _check_names(model, system_prompt)
        self._server.require_session("create a conversation")
        if self._first is not None and not self._is_sure:
            with held(self._first, patience.deadline, "the settings could not be read in time"):
                if not self._is_sure:
                    made = self._begun(model, system_prompt, patience)
                    self._is_sure = True
                    return made
        return self._begun(model, system_prompt, patience)

    def _begun(self, model: str | None, system_prompt: str | None, patience: Patience) -> Created:
        if model and model not in self._retired:
            text = self._prompt(model, system_prompt, patience)
            try:
                return self._made(model, text, patience)
            except ModelNotFound:
                if model not in RETIRED:
                    raise
            warn_of_retired(model)
            self._retired.add(model)
        return self._with_default(model, system_prompt, patience)

    def from_share(self, share_id: str, model: str | None, patience: Patience) -> Created:
        """Return a conversation that is the copy of a shared one.

        :param model: for servers that want one named, as :meth:`begin` takes it; that of the share
            counts.
        """
        found = self._imported(share_id, patience)
        if found is not None:
            return found

        def copy(name: str) -> Created:
            call = self._server.dialect(patience).create_from_share(share_id, name)
            with self._server.first_visit(patience):
                made = self._server.send(call, patience)
            return self._as_stored(made.id, patience)

        if model and model not in self._retired:
            try:
                return self._with_reason(model, lambda: copy(model), patience)
            except ModelNotFound:
                if model not in RETIRED:
                    raise
            warn_of_retired(model)
            self._retired.add(model)
        return copy(self._settings(patience).active_model or self._first_offered(patience))

    def _imported(self, share_id: str, patience: Patience) -> Created | None:
        """Return the copy that the server makes by itself, ``None`` where it makes none.

        The copy that 0.9.6 makes for somebody without a cookie is that of a session which nobody
        is told; asked again, now with a cookie, it makes one for us.

        Source: POST /api/v2/conversations/import-share, chat-ui 0.9.6, 2026-01 (measured).
        """
        call = self._server.dialect(patience).import_share(share_id)
        while call is not None:
            is_new = self._server.is_nobody
            with self._server.first_visit(patience):
                found = self._server.send(call, patience)
            if found is None:
                break
            try:
                return self._as_stored(found, patience)
            except ConversationNotExistError:
                if not is_new or self._server.is_nobody:
                    raise
        return None

    def _as_stored(self, conversation_id: str, patience: Patience) -> Created:
        call = self._server.dialect(patience).conversation(conversation_id)
        tree = self._server.send(call, patience)
        leaf = tree.messages[-1].id if tree.messages else tree.root_id
        return Created(conversation_id, tree.title, leaf)

    def _with_default(
        self, retired: str | None, system_prompt: str | None, patience: Patience
    ) -> Created:
        """Return a conversation with the account's model; what an old script set is still meant."""
        settings = self._settings(patience)
        model = settings.active_model or self._first_offered(patience)
        text = system_prompt
        if text is None:
            text = settings.stored_prompt(retired or model) or settings.stored_prompt(model)
        elif self._server.dialect(patience).manners.prompts_from_settings:
            self._require_stored(text, settings.stored_prompt(model))
        return self._made(model, text, patience)

    def _prompt(self, model: str, wanted: str | None, patience: Patience) -> str:
        """Return the system prompt of a new conversation.

        :raises FeatureUnavailable: the server would use another one than is *wanted*.
        """
        everywhere = self._server.dialect(patience).manners.prompts_from_settings
        if wanted is None:
            # what is stored reaches the model there without our help
            return "" if everywhere else self._settings(patience).stored_prompt(model)
        if everywhere:
            self._require_stored(wanted, self._settings(patience).stored_prompt(model))
        return wanted

    def _require_stored(self, wanted: str, stored: str) -> None:
        """Refuse a prompt that the server would not use.

        Written to the settings it would act on all conversations at once, those under way too;
        that is for the caller to say.
        """
        if wanted != stored:
            dialect = self._server.dialect()
            advice = "set_system_prompt(model, prompt) sets one for all conversations with a model"
            dialect.lacks(
                "conversation_prompts", advice if "system_prompts" in dialect.features else ""
            )

    def _settings(self, patience: Patience) -> Settings:
        if self._is_sure and self._settings_read is not None:
            return self._settings_read
        call = self._server.dialect(patience).settings()
        self._settings_read = self._server.send(call, patience)
        return self._settings_read

    def _offered(self, patience: Patience) -> list[str]:
        models = self._server.send(self._server.dialect(patience).models(), patience)
        return [model.id for model in models]

    def _first_offered(self, patience: Patience) -> str:
        offered = self._offered(patience)
        if not offered:
            raise UsageError("the server offers no model; name one with model=")
        return offered[0]

    def _made(self, model: str, system_prompt: str, patience: Patience) -> Created:
        dialect = self._server.dialect(patience)
        call = dialect.create_conversation(model, system_prompt)

        def create() -> Created:
            with self._server.first_visit(patience):
                return self._server.send(call, patience)

        stored = None if dialect.manners.prompts_from_settings else system_prompt
        return self._with_reason(
            model,
            lambda: self._lost.made_once(create, model, stored, patience),
            patience,
        )

    def _with_reason(
        self, model: str, create: Callable[[], Created], patience: Patience
    ) -> Created:
        """Return what *create* makes, or raise what its refusal means."""
        try:
            return create()
        except (BadRequest, Unavailable) as error:
            meant = self._meant(model, error, patience)
            if meant is None:
                raise
            raise meant from error

    def _meant(self, model: str, error: ServerError, patience: Patience) -> ServerError | None:
        """Return what a refusal means that does not say itself whether there is such a model."""
        try:
            names = self._offered(patience)
        except HugChatError:
            return None  # the list cannot be had either, so the refusal itself says more
        if model in names and isinstance(error, ModelNotFound):
            return BadRequest(
                f"the server answered {error.status}: it offers the model {model!r}, so it is the "
                "system prompt that it does not take",
                status=error.status,
                url=error.url,
                body=error.body,
            )
        if model in names or not names:
            return None
        nearest = nearest_names(model, names)
        return ModelNotFound(
            f"the server does not offer the model {model!r}; near are {', '.join(nearest)}",
            status=error.status,
            url=error.url,
            body=error.body,
            model=model,
            nearest=nearest,
        )


def _check_names(model: object, system_prompt: object) -> None:
    if model is not None and not isinstance(model, str):
        raise UsageError("a model is the name of one, as models() gives them")
    if system_prompt is not None and not isinstance(system_prompt, str):
        raise UsageError('a system prompt is a text; None is the stored one, "" is none')


class LostCreations:
    """Creates conversations, and looks for the new one where the reply was lost.

    An empty conversation of the same model and system prompt that was not known before is it. While
    one is looked for no other is created: it would be taken for the lost one.

    :param known: gives the conversations that are known already.
    """

    def __init__(self, server: Server, known: Callable[[], Container[str]]) -> None:
        self._server = server
        self._known = known
        self._made: set[str] = set()
        begin(self)

    def begin_anew(self) -> None:
        """Take a new lock; what is under way is so in another process."""
        self._changed = threading.Condition()
        self._under_way = 0
        self._looking = False

    def made_once(
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
                self._server.transport.sleep(pause)
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
        transport, dialect = self._server.transport, self._server.dialect(patience)
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
