"""The era of autumn 2023: JSON lines that never end, and a web search inside the message.

It began on 2023-09-20, when the web search moved into the message, and ended with the trees of
2024-02-15; what changed in between is read all the same.
"""

from __future__ import annotations

from typing import Any, Iterator

from ..calls import Call, StreamCall
from ..events import Event
from ..records import Settings
from . import Dialect, Manners
from .common import read_settings, save_as_json
from .fields import need
from .forms_2023 import Forms2023, get_layout
from .records import Prompt
from .updates import Updates
from .verbs import message_to


class LinesUpdates(Updates):
    """Lines of a reply that the server never ends.

    Reading stops at the final answer: the connection must be closed then, before anything else is
    written to the conversation, because closing it writes the conversation as it was before.

    :param ends: the server ends the reply.
    :param stays: behind the final answer the title may still come, which ends what is of use
        (measured on a server of 2024-01).
    """

    trims_start = True

    def __init__(self, ends: bool, stays: bool) -> None:
        super().__init__()
        self.ends_at_answer = not ends and not stays
        self._stays = stays

    def on_title(self, value: dict[str, Any]) -> Iterator[Event]:
        """Return the new title; where one stayed for it, nothing follows it behind the answer."""
        self.ends_at_answer = self.ends_at_answer or self._stays
        return super().on_title(value)


class Lines2023(Forms2023):
    """The servers of autumn 2023, the ones that the first clients were written for.

    A retry or an edit names the *question*, repeats its text or brings a new one, and removes
    everything behind it.

    :param settings_as_json: the settings are no form any more (since 2023-12-07); they tell it
        themselves.
    :param ends: a reply ends by itself, as with the last servers without trees, 2024-01-24 …
        2024-02-15. Behind the answer comes nothing but a title, which is told there and stored
        nowhere if it is late. An edit asks the old text again, whatever the new one is.

    Source: POST /conversation/{id}, chat-ui 2023-10 and 2024-02-09 (measured).
    """

    name = "lines-2023"
    features = Dialect.features | {"web_search", "conversation_prompts"}
    manners = Manners(
        takes_token=False,
        survives_disconnect=False,
        stops_by_closing=True,
        needs_parent=False,
        # the generation parameters had just gone
        takes_custom=("inputs", "id", "response_id", "is_retry", "web_search"),
        differs_in=frozenset({"edit"}),
    )

    def __init__(self, settings_as_json: bool = False, ends: bool = False) -> None:
        super().__init__(self.features - {"edit"} if ends else None)
        self._settings_as_json = settings_as_json
        self._ends = ends

    def settings(self) -> Call[Settings]:
        """Source: GET /__data.json, chat-ui 2023-10 … 2024-02 (measured)."""

        def read(layout: dict[str, Any]) -> Settings:
            settings = need(layout, "settings", dict)
            self._settings_as_json = "ethicsModalAccepted" in settings
            return read_settings(settings)

        return get_layout(read)

    def save_settings(self, settings: Settings) -> Call[None]:
        """Source: POST /settings, chat-ui 2023-10, 2024-04 (measured) and 2023-12 (history)."""
        return save_as_json(settings) if self._settings_as_json else super().save_settings(settings)

    def chat(self, prompt: Prompt) -> StreamCall[Event]:
        """Describe sending a message: all ids are ours, the answer's too.

        Since the winter the title of a first message is made beside its answer, and is lost if the
        reader leaves before it comes.

        Source: POST /conversation/{id}, chat-ui 2023-10 and 2024-01 (measured).
        """
        body = {
            "inputs": prompt.text,
            **self.sent_ids(prompt),
            "web_search": prompt.web_search or prompt.custom.get("web_search", False),
        }
        stays = self._settings_as_json and prompt.is_first and not self._ends
        return StreamCall(
            message_to(prompt.conversation_id, json=body),
            lambda chunks: LinesUpdates(self._ends, stays).read(chunks),
            closes_at_answer=not self._ends,
            stays_for_title=stays,
            keep_alives=False,
        )

    def stop(self, conversation_id: str) -> None:
        """Describe nothing: only closing the connection ends a run.

        Source: POST /conversation/{id}/stop-generating, which does not, chat-ui 2023-10 (measured).
        """

    def stop_elsewhere(self, conversation_id: str) -> Call[None] | None:
        """Describe stopping a run whose connection somebody else holds.

        Its reader is sent a final answer, and closes at it.

        Source: POST /conversation/{id}/stop-generating, chat-ui 2023-10 (measured).
        """
        return super().stop(conversation_id)
