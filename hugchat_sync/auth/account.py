"""What is asked of the account and the server, apart from conversations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Callable, Mapping, TypeVar

from ..calls import Call
from ..dialects import Dialect
from ..records import Check, Model, Settings, User
from ..transport.retry import Patience
from .connection import Connection

T = TypeVar("T")


class Account(ABC):
    """The methods of a client for settings, models and who is signed in."""

    _connection: Connection

    @abstractmethod
    def _patience(self, tries: int | None = None) -> Patience:
        """Return the patience for one call that begins now."""

    @abstractmethod
    def _dialect(self, patience: Patience | None = None, wanted: str = "") -> Dialect:
        """Return the words of the server's era, once we may ask for something."""

    @abstractmethod
    def _ask(self, describe: Callable[[Dialect], Call[T]]) -> T:
        """Send one request within the time of one call."""

    def settings(self) -> Settings:
        """Return the settings of the account."""
        patience = self._patience()
        return self._connection.send_as_user(self._dialect(patience).settings(), patience)

    def update_settings(self, **changes: Any) -> Settings:
        """Change settings by their names in :class:`Settings`, and return them all.

        :raises UsageError: a name is unknown; nothing was sent.
        """
        Settings.check_names(changes)
        if changes.get("custom_prompts"):
            self._require_prompts()
        return self._rewrite(lambda settings: settings.changed(changes))

    def set_system_prompt(self, model: str, prompt: str) -> None:
        """Store the system prompt of a model, for all conversations begun from now on.

        :param prompt: ``""`` removes it.
        """
        self.set_system_prompts({model: prompt})

    def set_system_prompts(self, prompts: Mapping[str, str]) -> None:
        """Store the system prompts of several models, ``{model: prompt}``, in one request.

        The server only keeps them; :meth:`create_conversation` applies them. Before 2023-10 the
        server itself applies them to every message, in conversations under way too.

        :raises FeatureUnavailable: a server of before 2023-08-21, which keeps none; nothing was
            sent.
        """
        Settings.check_prompts(prompts)
        self._require_prompts()
        self._rewrite(lambda settings: settings.with_prompts(prompts))

    def _require_prompts(self) -> None:
        dialect = self._dialect(wanted="system_prompts")
        if "system_prompts" not in dialect.features:
            dialect.lacks("system_prompts", "this server is from before 2023-08-21")

    def _rewrite(self, change: Callable[[Settings], Settings]) -> Settings:
        """Read, change and write the settings; a write that is unsure begins with reading again."""
        patience = self._patience()
        dialect = self._dialect(patience)

        def rewrite(steady: Patience) -> Settings:
            once = steady.once()

            def attempt() -> Settings:
                wanted = change(self._connection.send_as_user(dialect.settings(), once))
                self._connection.send(dialect.save_settings(wanted), once)
                return wanted

            return self._connection.transport.repeated(attempt, steady)

        with self._connection.first_visit(patience):
            return self._connection.in_one_session(rewrite, patience)

    def models(self) -> list[Model]:
        """Return the models that the server offers, the default first."""
        offered = self._ask(lambda dialect: dialect.models())
        return list(offered)

    def whoami(self) -> User | None:
        """Return who is signed in; ``None`` for nobody."""
        patience = self._patience()
        self._connection.require_complete(patience)
        return self._connection.user(patience)

    def has_accounts(self) -> bool:
        """Return whether there is a sign-in at this server at all."""
        self._connection.require_complete()
        return self._connection.has_accounts()

    def sign_out(self) -> bool:
        """End the session at the server, and return whether there was one.

        Whoever has the same cookies is signed out as well; a file that holds them stays as it is.
        """
        return self._connection.sign_out()

    def check(self) -> Check:
        """Return who is signed in, which cookies are missing, and what this server can do.

        Costs no message. Incomplete cookies are told, not raised.
        """
        patience = self._patience()
        dialect = self._connection.dialect(patience)
        user = self._connection.user(patience)
        missing = self._connection.credentials.store.missing()
        return Check(user, missing, dialect.name, tuple(sorted(dialect.features)))
