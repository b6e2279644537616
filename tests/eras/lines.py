"""October 2023 to February 2024: JSON lines, a row of messages, most replies without an end."""

from __future__ import annotations

import json
from typing import Any, Iterator
from urllib.parse import parse_qs
from uuid import uuid4

from .devalue import UNDEFINED, page_data
from .keeping import Conversation, KeepingServer, new_id, now
from .lines_run import LinesRun
from .listening import Asked, Told, as_json, error
from .playing import Play, Turn

_ID = "([^/?]+)"
_MODELS = ("meta-llama/Llama-2-70b-chat-hf", "tiiuae/falcon-180B-chat")


class LinesServer(KeepingServer):
    """chat-ui of 2023-11-20 (2311), 2024-01-09 (2401) and 2024-02-09 (2402).

    Source: as recorded (2311, 2401, 2402).
    """

    routes: tuple[tuple[str, str, str], ...] = (
        ("GET", "/__data.json", "home"),
        ("GET", f"/conversation/{_ID}/__data.json", "page"),
        ("POST", "/conversation", "create"),
        ("POST", f"/conversation/{_ID}", "message"),
        ("PATCH", f"/conversation/{_ID}", "rename"),
        ("DELETE", f"/conversation/{_ID}", "remove"),
        ("POST", f"/conversation/{_ID}/stop-generating", "stop"),
        ("POST", f"/conversation/{_ID}/share", "share"),
        ("POST", "/conversations", "remove_all"),
        ("POST", "/settings", "save_settings"),
    )

    def __init__(
        self, *plays: Play, version: str = "2402", messages_per_minute: int | None = None
    ) -> None:
        super().__init__(*plays, messages_per_minute=messages_per_minute)
        self.version = version
        self._open: list[LinesRun] = []
        unlisted = {"unlisted": False} if version >= "2401" else {}
        self.models = tuple(
            {
                "id": name,
                "name": name,
                "websiteUrl": "",
                "displayName": name,
                "description": "A model.",
                "promptExamples": [],
                "parameters": {"temperature": 0.1, "stop_sequences": UNDEFINED},
                "preprompt": " ",
                "multimodal": False,
                **unlisted,
            }
            for name in _MODELS
        )
        if version >= "2402":
            self.routes = (
                *self.routes,
                ("GET", "/api/models", "list_models"),
                ("GET", "/api/conversations", "list_conversations"),
                ("GET", "/api/user", "user"),
            )

    def after(self, asked: Asked, told: Told) -> None:
        """Hand out the cookie: with every reply in 2023, since then with those to a POST."""
        if asked.method == "POST" or self.version < "2401":
            self.hand_out_cookie(asked, told, "Secure; SameSite=None")

    # reading ---------------------------------------------------------------------------------

    def home(self, asked: Asked) -> Told:
        """Tell what every page has; the page itself has nothing."""
        self._settle()
        skip = asked.query.get("x-sveltekit-invalidated") == ["_1"]
        return self._data({"type": "skip"} if skip else self._layout(asked), None)

    def _data(self, *nodes: Any) -> Told:
        return Told(200, page_data(*nodes).encode(), "application/json")

    def _layout(self, asked: Asked) -> dict[str, Any]:
        found: dict[str, Any] = {
            "conversations": [
                {"id": one.id, "title": one.title, "model": one.model} for one in self.own(asked)
            ],
            "settings": self._settings_of(asked),
            "models": list(self.models),
            "oldModels": [],
            "user": UNDEFINED,
            "loginRequired": False,
            "loginEnabled": False,
            "guestMode": False,
        }
        if self.version >= "2402":
            found.update(assistant=None, enableAssistants=False)
        return found

    def _settings_of(self, asked: Asked) -> dict[str, Any]:
        return {**self._default_settings(), **self.settings.get(self.session(asked), {})}

    def _default_settings(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "searchEnabled": True,
            "ethicsModalAcceptedAt": None,
            "activeModel": self.models[0]["id"],
            "hideEmojiOnSidebar": False,
            "shareConversationsWithModelAuthors": True,
            "customPrompts": {},
        }
        if self.version >= "2401":
            found["ethicsModalAccepted"] = False
        if self.version >= "2402":
            found["assistants"] = []
        return found

    def page(self, asked: Asked, conversation_id: str) -> Told:
        """Tell a conversation; what is wrong with it comes with status 200."""
        self._settle()
        whole = asked.query.get("x-sveltekit-invalidated") != ["_1"]
        first = self._layout(asked) if whole else {"type": "skip"}
        found = self.conversations.get(conversation_id)
        if found is not None and found.owner == self.session(asked):
            return self._data(
                first,
                {
                    "messages": found.messages,
                    "title": found.title,
                    "model": found.model,
                    "preprompt": found.preprompt,
                    "shared": False,
                },
            )
        status, text = 404, "Conversation not found."
        if found is not None:
            status, text = 403, "You don't have access to this conversation."
        return self._data(first, {"type": "error", "error": {"message": text}, "status": status})

    def list_models(self, asked: Asked) -> Told:
        """Tell the models, which this server did already under the later address."""
        return as_json([{"id": one["id"], "name": one["name"]} for one in self.models])

    def list_conversations(self, asked: Asked) -> Told:
        """Tell the conversations under the later address."""
        return as_json(
            [
                {"id": one.id, "title": one.title, "updatedAt": one.updated, "modelId": one.model}
                for one in self.own(asked)
            ]
        )

    def user(self, asked: Asked) -> Told:
        """Tell under the later address that nobody is signed in."""
        return error(401, "Must be signed in")

    # writing ---------------------------------------------------------------------------------

    def create(self, asked: Asked) -> Told:
        """Start a conversation."""
        body = self.body_of(asked)
        if body.get("model") not in _MODELS:
            return self.failed()
        shared = self.shares.get(body.get("fromShare", ""))
        if "fromShare" in body and shared is None:
            return error(404, "Conversation not found")
        made = Conversation(
            new_id(),
            self.session(asked),
            shared.title if shared else "New Chat",
            shared.model if shared else body["model"],
            shared.preprompt if shared else body.get("preprompt", " "),
            [dict(one) for one in shared.messages] if shared else [],
        )
        self.conversations[made.id] = made
        return as_json({"conversationId": made.id})

    def rename(self, asked: Asked, conversation_id: str) -> Told:
        """Give a conversation another title, which a run that is on undoes."""
        self._settle()
        return super().rename(asked, conversation_id)

    def share(self, asked: Asked, conversation_id: str) -> Told:
        """Publish a conversation as it is."""
        self._settle()
        return super().share(asked, conversation_id)

    def save_settings(self, asked: Asked) -> Told:
        """Replace the settings, by a form or (since December 2023) by JSON."""
        if self.version >= "2401":
            body = self.body_of(asked)
            known = self._default_settings()
            self.settings[self.session(asked)] = {key: body[key] for key in body if key in known}
            return Told()
        if asked.kind != "application/x-www-form-urlencoded":
            return as_json({"type": "error", "error": {"message": self.failure}}, 500)
        form = {key: values[0] for key, values in parse_qs(asked.body.decode()).items()}
        self.settings[self.session(asked)] = {
            "shareConversationsWithModelAuthors": "shareConversationsWithModelAuthors" in form,
            "activeModel": form.get("activeModel", self.models[0]["id"]),
            "customPrompts": json.loads(form.get("customPrompts", "{}")),
        }
        return self.form_done(asked.headers.get("referer", ""))

    def stop(self, asked: Asked, conversation_id: str) -> Told:
        """Take the wish to stop, which stops nothing."""
        self.mine(asked, conversation_id)
        return Told()

    # answering -------------------------------------------------------------------------------

    def message(self, asked: Asked, conversation_id: str) -> Told:
        """Take a message and answer with lines."""
        self._settle()
        found = self.mine(asked, conversation_id)
        self.count_message()
        body = self.body_of(asked)
        again = body.get("is_retry") is True
        text = body.get("inputs")
        if text == "" or not isinstance(text, (str, type(None))) or (text is None and not again):
            return self.failed()
        if text is None and self.version < "2402":
            return self.failed()
        question_id = body.get("id") or str(uuid4())
        found.messages = self._with_question(found, question_id, (text or "").strip(), again)
        play = self.next_play()
        links = tuple(link for _, link in play.sources) if body.get("web_search") else ()
        *earlier, question = found.messages
        said = tuple(one["content"] for one in earlier)
        self.turns.append(
            Turn(question["content"], found.preprompt.strip(), said, links, dict(body))
        )
        # the answer's id was the caller's choice until January 2024
        answer_id = body.get("response_id") if self.version < "2402" else None
        searches = bool(body.get("web_search"))
        run = LinesRun(self, found, play, asked, answer_id or str(uuid4()), searches)
        self._open.append(run)
        kind = "text/event-stream" if self.version >= "2402" else ""
        return Told(200, self._lines(run), kind)

    def _with_question(
        self, found: Conversation, question_id: str, text: str, again: bool
    ) -> list[dict[str, Any]]:
        """Return the messages up to the question; a retry drops what stood behind it.

        In February 2024 a retry asked the old text again, whatever text came with it.
        """
        ids = [one["id"] for one in found.messages]
        if again and question_id in ids:
            place = ids.index(question_id)
            if self.version >= "2402":
                return found.messages[: place + 1]
            kept = found.messages[:place]
        else:
            kept = found.messages
        question = {"content": text, "from": "user", "id": question_id, "createdAt": now()}
        return [*kept, question]

    def _lines(self, run: LinesRun) -> Iterator[bytes]:
        lines = run.lines()
        try:
            for line in lines:
                yield json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
                if line["type"] == "finalAnswer" and self.version >= "2401":
                    yield b" " * 4096
        finally:
            lines.close()
            self._open.remove(run)
            run.written.set()

    def _settle(self) -> None:
        """Wait for what runs still write whose reader has left: the server is never late here."""
        for run in list(self._open):
            if run.asked.gone:
                run.written.wait(1.0)
