"""The era of autumn 2023: JSON lines that never end, and a web search inside the message.

It began on 2023-09-20, when the web search moved into the message, and ended with the trees of
2024-02-15; what changed in between is read all the same.
"""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from ..calls import Call, Reply, StreamCall
from ..events import Event
from ..records import Settings
from ..values import replace
from .account import save_as_json
from .base import Look, Manners, Prompt, Stored
from .errors import read_nothing
from .fields import dicts_of, kind_of, need, text_of
from .forms_2023 import Forms2023, page_of, path_of
from .page_data import layout, page
from .records import look_of, read_row
from .stored import answer_in, unanswered
from .text import split_thinking
from .updates import Updates
from .verbs import message_to, post

#: what of a ``RequestData`` this era takes; the generation parameters had just gone
_TAKEN = ("inputs", "id", "response_id", "is_retry", "web_search")


class LinesUpdates(Updates):
    """Lines of a reply that the server never ends.

    Reading stops at the final answer: the connection must be closed then, before anything else is
    written to the conversation, because closing it writes the conversation as it was before.
    """

    trims_start = True
    ends_at_answer = True


class StayingLines(LinesUpdates):
    """Lines behind whose final answer the title may still come, which ends what is of use.

    Source: POST /conversation/{id}, chat-ui 2024-01 (measured).
    """

    ends_at_answer = False

    def on_title(self, value: dict[str, Any]) -> Iterator[Event]:
        """Return the new title; behind the answer nothing follows it."""
        self.ends_at_answer = True
        return super().on_title(value)


class Lines2023(Forms2023):
    """The servers of autumn 2023, the ones that the first clients were written for.

    A retry or an edit names the *question*, repeats its text or brings a new one, and removes
    everything behind it.
    """

    name = "lines-2023"
    features = frozenset(
        {
            "web_search",
            "system_prompts",
            "conversation_prompts",
            "retry",
            "edit",
            "stop",
            "titles",
            "share",
            "import_share",
        }
    )
    manners = Manners(
        takes_token=False,
        survives_disconnect=False,
        stops_by_closing=True,
        needs_parent=False,
        differs_in=frozenset({"edit"}),
    )

    def __init__(self, settings_as_json: bool = False) -> None:
        self._settings_as_json = settings_as_json  # since 2023-12-07; the settings themselves tell

    def settings(self) -> Call[Settings]:
        """Describe reading the settings.

        Source: GET /__data.json, chat-ui 2023-10 … 2024-02 (measured).
        """
        call = super().settings()

        def read(reply: Reply) -> Settings:
            self._settings_as_json = "ethicsModalAccepted" in need(layout(reply), "settings", dict)
            return call.read(reply)

        return replace(call, read=read)

    def save_settings(self, settings: Settings) -> Call[None]:
        """Describe replacing all settings; what is left out goes back to its default.

        Source: POST /settings, chat-ui 2023-10 (measured), 2023-12 (history), 2024-04 (measured).
        """
        return save_as_json(settings) if self._settings_as_json else super().save_settings(settings)

    def chat(self, prompt: Prompt) -> StreamCall[Event]:
        """Describe sending a message: all ids are ours, the answer's too.

        Since the winter the title of a first message is made beside its answer, and is lost if the
        reader leaves before it comes.

        Source: POST /conversation/{id}, chat-ui 2023-10 and 2024-01 (measured).
        """
        request = message_to(prompt.conversation_id, json=_body(prompt))
        stays = self._settings_as_json and prompt.is_first
        return StreamCall(
            request,
            lambda chunks: (StayingLines() if stays else LinesUpdates()).read(chunks),
            closes_at_answer=True,
            stays_for_title=stays,
            keep_alives=False,
        )

    def ignored(self, custom: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names in *custom* that this era cannot take."""
        return tuple(name for name in custom if name not in _TAKEN)

    def stop(self, conversation_id: str, generation_id: str) -> None:
        """Describe nothing: only closing the connection ends a run.

        Source: POST /conversation/{id}/stop-generating, which does not, chat-ui 2023-10 (measured).
        """

    def stop_elsewhere(self, conversation_id: str) -> Call[None]:
        """Describe stopping a run whose connection somebody else holds.

        Its reader is sent a final answer, and closes at it.

        Source: POST /conversation/{id}/stop-generating, chat-ui 2023-10 (measured).
        """
        return post(f"{path_of(conversation_id)}/stop-generating", read_nothing)

    def look(self, conversation_id: str) -> Call[Look]:
        """Describe reading a conversation together with what tells that a run is on in it.

        Source: GET /conversation/{id}/__data.json, chat-ui 2023-10 (measured).
        """

        def read(reply: Reply) -> Look:
            value = page(reply)
            return look_of(read_row(value, conversation_id), unanswered(value, reply))

        return page_of(conversation_id, read)

    def stored(self, conversation_id: str, prompt: Prompt) -> Call[Stored | None]:
        """Describe looking for what became of *prompt*, by the ids that we gave.

        Source: GET /conversation/{id}/__data.json, chat-ui 2023-10 (measured).
        """

        def read(reply: Reply) -> Stored | None:
            return _find(dicts_of(page(reply), "messages"), prompt)

        return page_of(conversation_id, read)


def _body(prompt: Prompt) -> dict[str, Any]:
    custom = prompt.custom
    again = prompt.action in ("retry", "edit")
    question = prompt.parent_id if again and prompt.parent_id else prompt.message_id
    return {
        "inputs": prompt.text,
        "id": custom.get("id", question),
        "response_id": custom.get("response_id", prompt.generation_id),
        "is_retry": custom.get("is_retry", again),
        "web_search": prompt.web_search or custom.get("web_search", False),
    }


def _find(messages: list[dict[str, Any]], prompt: Prompt) -> Stored | None:
    """Return what is kept of *prompt*: its answer, else its question."""
    sent = _body(prompt)
    answer = answer_in(messages, sent["id"], sent["response_id"], prompt)
    if answer is not None:
        index = messages.index(answer)
        before = messages[index - 1] if index else {}
        return _answer(answer, text_of(before, "id") or None)
    last = messages[-1] if messages else {}
    if last.get("id") == sent["id"] and last.get("from") == "user":
        return Stored(sent["id"], None)
    return None


def _answer(message: dict[str, Any], question_id: str | None) -> Stored:
    text, thought = split_thinking(text_of(message, "content").lstrip())
    # the line of the final answer is written only when the connection closes
    kinds = {text_of(item, "type") for item in dicts_of(message, "updates")}
    mark = kind_of(message, "interrupted", bool, None)  # since 2024-01-22, in place of that line
    state = "done" if "finalAnswer" in kinds or mark is False else "unknown"
    state = "interrupted" if mark else state
    return Stored(question_id, text_of(message, "id"), text, thought, state)


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
