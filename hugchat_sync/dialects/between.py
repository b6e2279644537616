"""The servers between two eras: those of one era that kept or already had a habit of the other."""

from __future__ import annotations

from ..calls import Call, Request
from ..records import Settings
from .account import settings_body
from .bad_news import read_error, read_nothing
from .base import Dialect
from .headers import WRITE
from .lines_2023 import Lines2023
from .tree_2024.conversations import create_conversation
from .v2_2025 import V22025


class WinterLines(Lines2023):
    """The last servers without trees, 2023-12-07 … 2024-02-15: their settings are JSON."""

    def save_settings(self, settings: Settings) -> Call[None]:
        """Describe replacing all settings; what is left out goes back to its default.

        Source: POST /settings, chat-ui 2023-12 (history), 2024-04 (measured).
        """
        request = Request(
            "POST",
            "/settings",
            json=settings_body(settings),
            headers=WRITE,
            repeatable=True,  # it replaces everything: twice is once
            error=read_error,
        )
        return Call(request, read_nothing)


class Summer2025(V22025):
    """The first servers with ``api/v2``, 2025-06-05 … 2025-09-24, still with a search of their own.

    A run ends with its connection, and nothing of it is logged.

    Source: chat-ui 2025-08 (measured).

    :param searches: the server has a search engine.
    """

    survives_disconnect = False
    # between the first and the last days of this time the request alone does not always do it
    stops_by_closing = True

    # what had not come yet
    reattach = Dialect.reattach
    tool_servers = Dialect.tool_servers
    tool_server_health = Dialect.tool_server_health
    answer_elicitation = Dialect.answer_elicitation
    transcribe = Dialect.transcribe

    def __init__(self, searches: bool) -> None:
        came_later = {"tool_servers", "reattach", "elicitation", "transcribe"}
        switch = {"web_search"} if searches else set()
        self.features = (V22025.features - came_later) | switch

    def import_share(self, share_id: str, model: str = "") -> Call[str]:
        """Describe copying a shared conversation, as before by creating one out of it.

        Source: POST /conversation, chat-ui 2025-08 (measured).
        """
        created = create_conversation({"model": model, "fromShare": share_id})
        return Call(created.request, lambda reply: created.read(reply).id)
