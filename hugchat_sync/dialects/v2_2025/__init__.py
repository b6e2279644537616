"""The era since 2025-06: ``api/v2``, message trees, JSON lines, and a log to re-attach to."""

from __future__ import annotations

from ..base import Dialect, Manners
from .account import Account
from .answer import Answers
from .conversations import Conversations
from .tools import Tools


class V22025(Account, Conversations, Answers, Tools):
    """Today's chat-ui, and its servers since June 2025.

    What came later than that is tried all the same: a server without it answers 404, a field that
    it does not know it passes over, and what it cannot tell is ``None``.
    """

    name = "v2-2025"
    features = frozenset(
        {
            "tool_servers",
            "system_prompts",
            "conversation_prompts",
            "trees",
            "retry",
            "edit",
            "stop",
            "files",
            "reattach",
            "titles",
            "share",
            "import_share",
            "remove_message",
            "elicitation",
            "transcribe",
        }
    )
    manners = Manners(counts_removed=True, differs_in=frozenset({"web_search"}))


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

    # between the first and the last days of this time the request to stop does not always do it
    manners = V22025.manners._replace(survives_disconnect=False, stops_by_closing=True)

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
