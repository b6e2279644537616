"""What a type checker makes of a user's program; it is checked by mypy and never run."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Dict, List, Union

from hugchat_sync import HuggingChat, ListBots

if TYPE_CHECKING:
    from typing_extensions import assert_type

    def values(later: bool) -> None:
        """Every method with ``wait``: a value, its future, or either."""
        bot = HuggingChat().getBot("a@example.org", {"token": "t"}, ListBots.FALCON_180B)
        assert_type(bot.createConversation(), str)
        assert_type(bot.createConversation(True), str)
        assert_type(bot.createConversation(wait=False), "Future[str]")
        assert_type(bot.createConversation(wait=later), "Union[str, Future[str]]")
        assert_type(bot.updateTitle("c"), str)
        assert_type(bot.updateTitle("c", False), "Future[str]")
        assert_type(bot.updateTitle("c", wait=later), "Union[str, Future[str]]")
        histories = List[Dict[str, Any]]
        assert_type(bot.getHistoriesByID(), histories)
        assert_type(bot.getHistoriesByID("c", True), histories)
        assert_type(bot.getHistoriesByID(wait=False), Future[List[Dict[str, Any]]])
        assert_type(bot.getHistoriesByID("c", False), Future[List[Dict[str, Any]]])
        either = bot.getHistoriesByID("c", wait=later)
        assert_type(either, Union[List[Dict[str, Any]], Future[List[Dict[str, Any]]]])
        assert_type(bot.fetchConversations(wait=False), "Future[None]")
        assert_type(bot.removeConversation("c", wait=False), "Future[None]")
        assert_type(bot.setSystemPrompt("m", "p", wait=False), "Future[None]")
        assert_type(bot.setSystemPrompts({"m": "p"}, wait=False), "Future[None]")
        bot.fetchConversations()
        bot.removeConversation("c")
        bot.setSystemPrompt("m", "p")
        bot.setSystemPrompts({"m": "p"})
        HuggingChat(4)
        HuggingChat(max_thread=4)
        assert_type(bot.with_options(timeout=3).createConversation(), str)
        assert_type(bot.ask("hi", model="m", temporary=True, timeout=3), str)
