"""The servers between two eras: those of one era that kept or already had a habit of the other."""

from __future__ import annotations

from dataclasses import replace

from ..calls import StreamCall
from ..events import Event
from .base import Dialect, Prompt
from .lines_2023 import Lines2023, LinesUpdates
from .tgi_2023 import Tgi2023
from .v2_2025 import V22025


class FebruaryLines(Lines2023):
    """The last servers without trees, 2024-01-24 … 2024-02-15: a reply ends by itself.

    Behind the answer comes nothing but a title, which is told there and stored nowhere if it is
    late. An edit asks the old text again, whatever the new one is.

    Source: POST /conversation/{id}, chat-ui 2024-02-09 (measured).
    """

    features = Lines2023.features - {"edit"}

    def chat(self, prompt: Prompt) -> StreamCall[Event]:
        """Describe sending a message."""
        call = super().chat(prompt)
        return replace(
            call,
            read=lambda chunks: EndingLines().read(chunks),
            closes_at_answer=False,
            stays_for_title=False,
        )


class EndingLines(LinesUpdates):
    """Lines of a reply that ends."""

    ends_at_answer = False


class EarlyTgi(Tgi2023):
    """The servers before 2023-08-21: their settings hold no prompts.

    :param searches: there is a web search already (since 2023-06-02).
    """

    def __init__(self, searches: bool) -> None:
        came_later = {"system_prompts"} if searches else {"system_prompts", "web_search"}
        self.features = Tgi2023.features - came_later


class Autumn2025(V22025):
    """The servers of 2025-09-24 … 2025-12-04, which copy a share by creating.

    Source: POST /conversation, chat-ui 2025-10 (measured).
    """

    import_share = Dialect.import_share


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

    # nor had this: a share is copied by creating
    import_share = Dialect.import_share
