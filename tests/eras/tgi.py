"""May and September 2023: a thin layer over the model server, whose events are passed on."""

from __future__ import annotations

import json
import threading
from typing import Any, Iterator
from urllib.parse import parse_qs
from uuid import uuid4

from .devalue import UNDEFINED, page_data
from .keeping import Conversation, new_id, now
from .listening import Asked, Refused, Told, as_json, error
from .playing import Play, Turn
from .tgi_search import TgiSearch

_ID = "([^/?]+)"
_PROMPT = " "


def _model(name: str) -> dict[str, Any]:
    parameters = {"temperature": 0.1, "truncate": 1000, "max_new_tokens": 1024}
    return {
        "id": name,
        "name": name,
        "websiteUrl": "",
        "modelUrl": UNDEFINED,
        "datasetName": UNDEFINED,
        "displayName": name,
        "description": "A model.",
        "promptExamples": [],
        "parameters": parameters,
        "preprompt": _PROMPT,
    }


class TgiServer(TgiSearch):
    """chat-ui 0.6.0 of September 2023 (2309), or of 2023-05-12 (2305).

    Source: server-sent events of 2023-09 and 2023-05 as recorded (ta, tb, tc, td, te; 2305).

    :param wants_terms: nothing is written before the terms are accepted.
    """

    routes: tuple[tuple[str, str, str], ...] = (
        ("GET", "/__data.json", "home"),
        ("GET", f"/conversation/{_ID}/__data.json", "page"),
        ("GET", f"/r/{_ID}/__data.json", "shared"),
        ("POST", "/conversation", "create"),
        ("POST", f"/conversation/{_ID}", "message"),
        ("PATCH", f"/conversation/{_ID}", "rename"),
        ("DELETE", f"/conversation/{_ID}", "remove"),
        ("POST", f"/conversation/{_ID}/summarize", "summarize"),
        ("POST", f"/conversation/{_ID}/stop-generating", "stop"),
        ("POST", f"/conversation/{_ID}/share", "share"),
        ("GET", f"/conversation/{_ID}/web-search", "search"),
        ("POST", "/conversations", "remove_all"),
        ("POST", "/settings", "save_settings"),
    )
    models = (_model("meta-llama/Llama-2-70b-chat-hf"), _model("tiiuae/falcon-180B-chat"))

    def __init__(
        self,
        *plays: Play,
        version: str = "2309",
        wants_terms: bool = False,
        messages_per_minute: int | None = None,
    ) -> None:
        super().__init__(*plays, messages_per_minute=messages_per_minute)
        self.version = version
        self._wants_terms = wants_terms
        if version < "2309":
            later = ("search", "remove_all")
            self.routes = tuple(route for route in self.routes if route[2] not in later)
        self._stops: dict[str, threading.Event] = {}

    def after(self, asked: Asked, told: Told) -> None:
        """Hand out the cookie with every reply of a route, a GET too."""
        self.hand_out_cookie(asked, told, "Secure; SameSite=None")

    def guard(self, asked: Asked) -> None:
        """Refuse what is written before the terms are accepted, apart from accepting them."""
        super().guard(asked)
        accepted = self.settings.get(self.session(asked), {}).get("ethicsModalAcceptedAt")
        writes = asked.method != "GET" and asked.path != "/settings"
        if self._wants_terms and writes and not accepted:
            text = "You need to accept the welcome modal first"
            raise Refused(as_json({"error": text}, 405))

    # pages -----------------------------------------------------------------------------------

    def home(self, asked: Asked) -> Told:
        """Tell what every page has; the page itself has nothing."""
        skip = asked.query.get("x-sveltekit-invalidated") == ["_1"]
        return self._data({"type": "skip"} if skip else self._layout(asked), None)

    def _layout(self, asked: Asked) -> dict[str, Any]:
        found = {
            "conversations": [
                {"id": one.id, "title": one.title, "model": one.model} for one in self.own(asked)
            ],
            "settings": self._settings_of(asked),
            "models": list(self.models),
            "oldModels": [],
        }
        if self.version >= "2309":
            found.update(user=UNDEFINED, requiresLogin=False, messagesBeforeLogin=0)
        return found

    def _settings_of(self, asked: Asked) -> dict[str, Any]:
        default: dict[str, Any] = {
            "shareConversationsWithModelAuthors": True,
            "ethicsModalAcceptedAt": None,
            "activeModel": self.models[0]["id"],
        }
        if self.version >= "2309":
            default.update(searchEnabled=True, customPrompts={})
        return {**default, **self.settings.get(self.session(asked), {})}

    def _data(self, *nodes: Any) -> Told:
        return Told(200, page_data(*nodes).encode(), "application/json")

    def page(self, asked: Asked, conversation_id: str) -> Told:
        """Tell a conversation; what is wrong with it comes with status 200."""
        whole = asked.query.get("x-sveltekit-invalidated") != ["_1"]
        first = self._layout(asked) if whole else {"type": "skip"}
        found = self.conversations.get(conversation_id)
        if found is not None and found.owner == self.session(asked):
            return self._data(first, self._page_of(found))
        status, text = 404, "Conversation not found."
        if found is not None:
            status, text = 403, "You don't have access to this conversation."
        return self._data(first, {"type": "error", "error": {"message": text}, "status": status})

    def _page_of(self, found: Conversation) -> dict[str, Any]:
        searches: dict[str, list[Any]] = {
            message["webSearchId"]: [] for message in found.messages if message.get("webSearchId")
        }
        page = {"messages": found.messages, "title": found.title, "model": found.model}
        return page if self.version < "2309" else {**page, "searches": searches}

    def shared(self, asked: Asked, share_id: str) -> Told:
        """Tell a published conversation."""
        if share_id not in self.shares:
            return self._data(None, {"type": "error", "error": {"message": "Not found"}})
        return self._data({"type": "skip"}, self._page_of(self.shares[share_id]))

    # forms and conversations -----------------------------------------------------------------

    def save_settings(self, asked: Asked) -> Told:
        """Replace the settings by those of a form; what it lacks goes back to its default."""
        failed = as_json({"type": "error", "error": {"message": self.failure}}, 500)
        if asked.kind != "application/x-www-form-urlencoded":
            return failed
        form = {key: values[0] for key, values in parse_qs(asked.body.decode()).items()}
        model = form.get("activeModel", self.models[0]["id"])
        if model not in [one["id"] for one in self.models]:
            return failed
        before = self.settings.get(self.session(asked), {}).get("ethicsModalAcceptedAt")
        changed = {
            "shareConversationsWithModelAuthors": "shareConversationsWithModelAuthors" in form,
            "ethicsModalAcceptedAt": now() if "ethicsModalAccepted" in form else before,
            "activeModel": model,
        }
        if self.version >= "2309":
            changed["customPrompts"] = json.loads(form.get("customPrompts", "{}"))
        self.settings[self.session(asked)] = changed
        return self.form_done(asked.headers.get("referer", ""))

    def create(self, asked: Asked) -> Told:
        """Start a conversation; a prompt in the body is passed over."""
        body = self.body_of(asked)
        shared = self.shares.get(body.get("fromShare", ""))
        if "fromShare" in body and shared is None:
            return error(404, "Conversation not found")
        if body.get("model") not in [one["id"] for one in self.models]:
            return self.failed()
        made = Conversation(
            new_id(),
            self.session(asked),
            f"Untitled {len(self.own(asked)) + 1}",
            shared.model if shared else body["model"],
            messages=[dict(one) for one in shared.messages] if shared else [],
        )
        self.conversations[made.id] = made
        return as_json({"conversationId": made.id})

    def summarize(self, asked: Asked, conversation_id: str) -> Told:
        """Make a title of the first question, and keep it."""
        self.count_message()
        found = self.mine(asked, conversation_id)
        first = found.messages[0]["content"] if found.messages else "undefined"
        found.title = " ".join(first.split()[:4])
        return as_json({"title": found.title})

    def stop(self, asked: Asked, conversation_id: str) -> Told:
        """Cut the answer that is coming."""
        self.mine(asked, conversation_id)
        if conversation_id in self._stops:
            self._stops[conversation_id].set()
        return Told()

    # answering -------------------------------------------------------------------------------

    def message(self, asked: Asked, conversation_id: str) -> Told:
        """Pass a message on to the model server, and its answer back as it is."""
        found = self.mine(asked, conversation_id)
        self.count_message()
        body = self.body_of(asked)
        options = body.get("options")
        if not isinstance(options, dict) or not str(body.get("inputs", "")).strip():
            return self.failed()
        search_id = options.get("web_search_id", "")
        if not isinstance(search_id, str) or (search_id and len(search_id) != 24):
            return self.failed()
        play = self.next_play()
        asked_by = self._settings_of(asked)
        self.turns.append(
            Turn(
                body["inputs"],
                asked_by.get("customPrompts", {}).get(found.model, _PROMPT).strip(),
                tuple(one["content"] for one in found.messages),
                self.found.get(search_id, ()),
                body,
            )
        )
        if play.error and not play.tokens:
            busy = {"error": play.error, "error_type": "overloaded"}
            return as_json(busy, 429)
        stopped = self._stops[found.id] = threading.Event()
        answer = self._answer(asked, found, play, options, stopped)
        return Told(200, answer, "text/event-stream", {"x-compute-type": "gpu"}, stopped.is_set)

    def _answer(
        self,
        asked: Asked,
        found: Conversation,
        play: Play,
        options: dict[str, Any],
        stopped: threading.Event,
    ) -> Iterator[bytes]:
        prompt, said = self.turns[-1].prompt, ""
        before = found.messages  # it writes back what it knew when it began
        complete = False
        try:
            yield b":\n\n"
            for line in play.lines:
                yield _event(line)
            for index, token in enumerate(play.tokens):
                if index == 1 and play.hold is not None and not self._silent(play, asked, stopped):
                    break
                # the models of that time began with a blank
                token = f" {token}" if index == 0 else token
                said += token
                yield _event(_token(index, token))
            if play.error and not stopped.is_set():
                yield _event({"error": play.error, "error_type": "generation"})
                return
            complete = not stopped.is_set()
            if complete:
                text = said if play.final is None else f" {play.final}"
                said = text
                yield _event({**_token(len(play.tokens), "</s>", True), "generated_text": text})
        finally:
            # whoever leaves does not end the run: the server reads on and stores all of it
            if not stopped.is_set() and not play.error:
                complete, said = True, f" {play.text}"
            if complete or stopped.is_set():
                self._store(found, before, prompt, said, options, complete)

    def _silent(self, play: Play, asked: Asked, stopped: threading.Event) -> bool:
        assert play.hold is not None
        return self.wait_for(play.hold, asked, stopped)

    def _store(
        self,
        found: Conversation,
        before: list[dict[str, Any]],
        prompt: str,
        text: str,
        options: dict[str, Any],
        complete: bool,
    ) -> None:
        ids = [one["id"] for one in before]
        kept = before
        if options.get("is_retry") and options.get("id") in ids:
            kept = kept[: ids.index(options["id"])]
        question = {"content": prompt, "from": "user", "id": options.get("id") or str(uuid4())}
        answer = {
            "content": text.strip() if complete else text,
            "from": "assistant",
            "id": (self.version >= "2309" and options.get("response_id")) or str(uuid4()),
        }
        if self.version >= "2309":
            answer["webSearchId"] = options.get("web_search_id", "")
        found.messages = [*kept, question, answer]


def _token(index: int, text: str, special: bool = False) -> dict[str, Any]:
    token = {"id": index, "text": text, "logprob": -0.25, "special": special}
    return {"token": token, "generated_text": None, "details": None}


def _event(value: Any) -> bytes:
    """Return an event as the model server writes it: no blank behind the colon."""
    return f"data:{json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()
