"""Starting a conversation: which model, which system prompt, and what a refusal means."""

from __future__ import annotations

import threading
from copy import copy
from typing import Callable, Container

from ..auth.connection import Connection
from ..dialects import Created
from ..errors import (
    BadRequest,
    ConversationNotExistError,
    HugChatError,
    ModelNotFound,
    ServerError,
    Unavailable,
    UsageError,
    nearest_names,
)
from ..list_bots import RETIRED, warn_of_retired
from ..records import Settings
from ..transport.retry import Patience, held
from .doubt import Doubt


class Creation:
    """Starts the conversations of one client.

    :param known: gives the conversations that are known already.
    """

    def __init__(self, connection: Connection, known: Callable[[], Container[str]] = tuple) -> None:
        self._connection = connection
        self._doubt = Doubt(connection, known)
        self._retired: set[str] = set()  # the old constants that were warned of
        self._first: threading.Lock | None = None  # of those whose settings are read once
        self._is_sure = False  # one was begun with those settings
        self._known_settings: Settings | None = None

    def with_settings_once(self) -> Creation:
        """Return one for many conversations in a row, which reads the settings once.

        What a lapsed session reads is nobody's: the settings are kept once a conversation was begun
        with them.
        """
        other = copy(self)
        other._first, other._is_sure, other._known_settings = threading.Lock(), False, None
        return other

    def begin(self, model: str | None, system_prompt: str | None, patience: Patience) -> Created:
        """Return a new conversation.

        :param model: the account's active one when ``None``.
        :param system_prompt: the one stored for the model when ``None``.
        :raises ModelNotFound: the server does not offer the model; a retired constant of
            :class:`ListBots` is replaced instead, with a warning.
        """
        _check(model, system_prompt)
        self._connection.credentials.require_session("create a conversation")
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
            call = self._connection.dialect(patience).create_from_share(share_id, name)
            with self._connection.one_visitor(patience):
                made = self._connection.send(call, patience)
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
        call = self._connection.dialect(patience).import_share(share_id)
        while call is not None:
            is_new = self._connection.credentials.is_nobody
            with self._connection.one_visitor(patience):
                found = self._connection.send(call, patience)
            if found is None:
                break
            try:
                return self._as_stored(found, patience)
            except ConversationNotExistError:
                if not is_new or self._connection.credentials.is_nobody:
                    raise
        return None

    def _as_stored(self, conversation_id: str, patience: Patience) -> Created:
        call = self._connection.dialect(patience).conversation(conversation_id)
        tree = self._connection.send(call, patience)
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
        elif self._connection.dialect(patience).prompts_from_settings:
            self._require_stored(text, settings.stored_prompt(model))
        return self._made(model, text, patience)

    def _prompt(self, model: str, wanted: str | None, patience: Patience) -> str:
        """Return the system prompt of a new conversation.

        :raises FeatureUnavailable: the server would use another one than is *wanted*.
        """
        everywhere = self._connection.dialect(patience).prompts_from_settings
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
            dialect = self._connection.dialect()
            advice = "set_system_prompt(model, prompt) sets one for all conversations with a model"
            dialect.lacks(
                "conversation_prompts", advice if "system_prompts" in dialect.features else ""
            )

    def _settings(self, patience: Patience) -> Settings:
        if self._is_sure and self._known_settings is not None:
            return self._known_settings
        call = self._connection.dialect(patience).settings()
        self._known_settings = self._connection.send(call, patience)
        return self._known_settings

    def _offered(self, patience: Patience) -> list[str]:
        models = self._connection.send(self._connection.dialect(patience).models(), patience)
        return [model.id for model in models]

    def _first_offered(self, patience: Patience) -> str:
        offered = self._offered(patience)
        if not offered:
            raise UsageError("the server offers no model; name one with model=")
        return offered[0]

    def _made(self, model: str, system_prompt: str, patience: Patience) -> Created:
        dialect = self._connection.dialect(patience)
        call = dialect.create_conversation(model, system_prompt)

        def create() -> Created:
            with self._connection.one_visitor(patience):
                return self._connection.send(call, patience)

        own_prompt = None if dialect.prompts_from_settings else system_prompt
        return self._with_reason(
            model, lambda: self._doubt.surely(create, model, own_prompt, patience), patience
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


def _check(model: object, system_prompt: object) -> None:
    if model is not None and not isinstance(model, str):
        raise UsageError("a model is the name of one, as models() gives them")
    if system_prompt is not None and not isinstance(system_prompt, str):
        raise UsageError('a system prompt is a text; None is the stored one, "" is none')
