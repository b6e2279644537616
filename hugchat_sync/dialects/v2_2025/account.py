"""Settings, models and who is signed in, on the servers with ``api/v2``."""

from __future__ import annotations

from ...calls import Call, Reply
from ...records import Model, Settings, User
from ..account import read_models, read_settings, read_user, save_as_json
from ..base import Dialect
from ..errors import read_superjson
from ..fields import kind_of, need
from ..verbs import get

_SETTINGS = "/api/v2/user/settings"


class Account(Dialect):
    """What can be asked about the account."""

    def settings(self) -> Call[Settings]:
        """Describe reading the settings.

        Source: GET /api/v2/user/settings, chat-ui 2025-06 … 2026-08 (measured).
        """
        return get(_SETTINGS, lambda reply: read_settings(read_superjson(reply)))

    def save_settings(self, settings: Settings) -> Call[None]:
        """Describe replacing all settings.

        Source: POST /api/v2/user/settings, chat-ui 2025-06 … 2026-08 (measured).
        """
        return save_as_json(settings, _SETTINGS)

    def models(self) -> Call[tuple[Model, ...]]:
        """Describe reading the models; the default comes first.

        Source: GET /api/v2/models, chat-ui 2025-06 … 2026-08 (measured).
        """
        return get("/api/v2/models", lambda reply: read_models(read_superjson(reply)))

    def user(self) -> Call[User | None]:
        """Describe asking who is signed in; the one question whose answer always tells.

        Source: GET /api/v2/user, chat-ui 2025-06 … 2026-08 (measured).
        """
        return get("/api/v2/user", lambda reply: read_user(read_superjson(reply)))

    def login_required(self) -> Call[bool]:
        """Describe asking whether this server has a sign-in.

        Source: GET /api/v2/feature-flags, chat-ui 2025-06 … 2026-08 (measured).
        """

        def read(reply: Reply) -> bool:
            flags = read_superjson(reply)
            if kind_of(flags, "loginRequired", bool, False):
                return True
            return need(flags, "loginEnabled", bool)

        return get("/api/v2/feature-flags", read)
