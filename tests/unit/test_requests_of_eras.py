"""What the requests of all eras have in common."""

from __future__ import annotations

from typing import Any

from sampling import each

from hugchat_sync.calls import Call, Reply
from hugchat_sync.dialects import ERAS, Dialect, load_dialect
from hugchat_sync.errors import FeatureUnavailable
from hugchat_sync.records import Settings

ID = "6b02a3ec554756adfb4f3181"

#: every question that is answered by a whole reply, and what it is about
QUESTIONS: dict[str, tuple[Any, ...]] = {
    "list_conversations": (),
    "create_conversation": ("model", ""),
    "create_from_share": ("abcdefg", "model"),
    "remove_conversation": (ID,),
    "remove_all_conversations": (),
    "rename_conversation": (ID, "title"),
    "conversation": (ID,),
    "look": (ID,),
    "make_title": (ID,),
    "settings": (),
    "save_settings": (Settings(),),
    "models": (),
    "user": (),
    "login_required": (),
    "sign_out": (),
    "stop": (ID,),
    "stop_elsewhere": (ID,),
    "remove_message": (ID, "message"),
    "share": (ID,),
    "import_share": ("abcdefg",),
    "download": (ID, "0" * 64),
    "tool_servers": (),
    "tool_server_health": ("https://example.org/mcp",),
    "answer_elicitation": (ID, "question", "accept"),
    "transcribe": (b"", "audio/wav"),
}


def calls_of(dialect: Dialect, question: str) -> list[Call[Any]]:
    try:
        asked = getattr(dialect, question)(*QUESTIONS[question])
    except FeatureUnavailable:
        return []
    return [call for call in (asked if isinstance(asked, tuple) else (asked,)) if call is not None]


@each("question", QUESTIONS)
@each("era", ERAS)
def test_good_reply_is_no_bad_news(era: str, question: str) -> None:
    for call in calls_of(load_dialect(era), question):
        assert call.request.error(Reply(200, {"content-type": "application/json"}, b"{}")) is None


@each("status", [200, 401, 403, 404, 500])
@each("question", QUESTIONS)
@each("era", ERAS)
def test_firewall_is_bad_news_to_every_request_but_the_sign_out(
    era: str, question: str, status: int
) -> None:
    # which looks for itself: a way to the sign-in is how things go well there
    said = b"Conversation not found"  # an answer to some, where the server itself says it
    guarded = Reply(status, {"cf-mitigated": "challenge"}, said, "https://chat.example/x")
    for call in calls_of(load_dialect(era), question):
        assert (call.request.error(guarded) is None) == (question == "sign_out")
