"""One answer being made in a thread of its own, what stays of it, and all that are under way.

Source: chat-ui c100c162, measured 2026-08 (c01 to c33, k01 to k09, l01 to l16, v02, w03 to w14, w40
to w48, x10 to x13).
"""

from __future__ import annotations

import logging
import math
import queue
import sqlite3
import threading
import time
from contextlib import suppress
from typing import Any, Callable, Dict, Iterator, Mapping, Tuple
from uuid import uuid4

from . import responder as says
from . import wire
from .app import ApiError, Site, now
from .storage import Conversation, Storage, StoredMessage, StoredRun

#: what tools asked, by its id: in which conversation, what, and whether it was answered
Questions = Dict[str, Tuple[str, says.Question, threading.Event]]

_log = logging.getLogger(__name__)

_TICK = 0.1
_LONGEST_SAVE = 0.5
_FLUSH_SECONDS, _SAVE_SECONDS = 0.2, 3.0
_BLANKS = b" " * 4096
_SLICE = 0.05
_QUESTION_SECONDS = 3600
_EARLY_STOP_COUNTS, _EARLY_STOP_HITS_AFTER = 5.0, 0.3
_NO_OUTPUT = says.Failure("No output was generated. Something went wrong.")


class Outlet:
    """The body of an answer, put in by the run and taken out by the connection.

    Source: chat-ui c100c162, measured 2026-08 (c01, c18, c19, c32): one chunk per update, a
    keep-alive about every 100 ms while text is being made and none afterwards.

    :param gone: tells whether the reader has left.
    :param left: called once when the reader leaves before the end.
    """

    def __init__(self, gone: Callable[[], bool], left: Callable[[], None]) -> None:
        self._gone, self._left = gone, left
        self._pieces: queue.Queue[bytes | None] = queue.Queue()
        self._quiet = self._abandoned = False
        self._settled = threading.Event()

    def put(self, piece: bytes | None, last_of_text: bool = False) -> None:
        """Add a piece, ``None`` at the end; behind the last of the text come no keep-alives."""
        self._quiet = self._quiet or last_of_text
        if not self._abandoned:
            self._pieces.put(piece)

    def settle(self) -> None:
        """Wait until what a reader left behind is stored, if the reader has gone."""
        if self._gone():
            self._settled.wait(_LONGEST_SAVE)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body. Closing this iterator means that the reader has left."""
        piece: bytes | None = b""
        due = 0.0  # the first keep-alive follows the first update, the others come by the clock
        try:
            while True:
                try:
                    wait = _TICK if not due else max(0.0, due - time.monotonic())
                    piece = self._pieces.get(timeout=wait)
                except queue.Empty:
                    piece = b""
                if piece is None:
                    return
                if piece:
                    yield piece
                elif self._gone():
                    return
                if time.monotonic() >= due and (piece or due):
                    if not due or not self._quiet:
                        yield wire.line({"type": "status", "status": "keepAlive"})
                    due = time.monotonic() + _TICK
        finally:
            if piece is not None:
                self._abandoned = True
                self._left()
            self._settled.set()


class Record:
    """Writes one run down, for those who come later: the stored message and the log.

    It keeps the conversation as it was when the run began and writes it back whole: two runs at
    a time, or a rename during a run, undo each other as they do on the real server.
    """

    def __init__(self, storage: Storage, conversation: Conversation, answer: StoredMessage) -> None:
        self.run = StoredRun(str(answer["generationId"]), conversation.id, answer["id"])
        self._storage, self._conversation, self._answer = storage, conversation, answer
        self._lock = threading.RLock()
        self.is_logged = False
        self._pending: list[str] = []
        self._pending_since = self._saved_at = time.monotonic()
        self._tokens: list[str] = []
        self._updates: list[dict[str, Any]] = []
        self._final: str | None = None

    def begin(self) -> None:
        """Begin the log, unless a run before this one had the same id."""
        self.is_logged = self._storage.begin(self.run)

    @property
    def text(self) -> str:
        """The joined tokens so far."""
        return wire.join_halves("".join(self._tokens))

    def token(self, token: str) -> None:
        """Note a token: the message keeps its length, the log joins those of about 200 ms."""
        with self._lock:
            self._tokens.append(token)
            self._updates.append({"type": "stream", "token": "", "len": wire.utf16_length(token)})
            if not self._pending:
                self._pending_since = time.monotonic()
            self._pending.append(token)

    def update(self, update: Mapping[str, Any], how: str | None = None) -> None:
        """Note an update that is no token, and with the last one how the run ended."""
        with self._lock:
            self._updates.append(dict(update))
            self._flush()
            self.run.log.append(update)
            if update["type"] == "routerMetadata":
                route = self._answer.get("routerMetadata", {"route": "", "model": ""})
                new = {key: value for key, value in update.items() if key != "type" and value}
                self._answer["routerMetadata"] = {**route, **new}
            if how is not None:
                self._save(how)

    def title(self, title: str) -> None:
        """Let the conversation have a title at once (w41)."""
        self._conversation.title = title
        self._storage.change(self._conversation.id, title=title)

    def final(self, text: str, interrupted: bool, with_tools: bool) -> None:
        """Note the end of the text; after tools it is put together with what was streamed.

        Source: chat-ui c100c162 (read there).
        """
        streamed = self.text
        with self._lock:
            self._answer["interrupted"], self._final = interrupted, text
            if with_tools and not interrupted:
                if streamed.rstrip().endswith(text):
                    self._final = streamed.rstrip()
                elif not text.startswith(streamed):
                    self._final = streamed + ("" if streamed.endswith("\n\n") else "\n\n") + text

    def tick(self) -> None:
        """Do what is due: the log after 200 ms, the stored text after 3 s."""
        moment = time.monotonic()
        with self._lock:
            if self._pending and moment - self._pending_since >= _FLUSH_SECONDS:
                self._flush()
            if moment - self._saved_at >= _SAVE_SECONDS:
                self._save()

    def save_for_later(self) -> None:
        """Store what there is, if more is to come: the run goes on without a reader (l02)."""
        with self._lock:
            if self.run.status == "running":
                self._save()

    def _save(self, how: str = "running") -> None:
        """Store the message and everything else as this run knows it, and only then its end."""
        self._flush()
        answer, moment = self._answer, now()
        answer["content"] = self.text if self._final is None else self._final
        answer["updatedAt"] = self._conversation.updated_at = moment
        answer["updates"] = list(self._updates)
        if self.is_logged:
            answer["materializedSeq"] = len(self.run.log)
        for other in self._conversation.messages:
            other.setdefault("updates", [])
        self._storage.save(self._conversation)
        self.run.status = how
        if self.is_logged:
            self._storage.put_run(self.run)
        self._saved_at = time.monotonic()

    def _flush(self) -> None:
        if self._pending:
            token = wire.replace_halves("".join(self._pending))
            self._pending.clear()
            self.run.log.append({"type": "stream", "token": token})


class Run:
    """Asks the responder and tells what it does, whether or not somebody listens.

    :param answer: the message to be written.
    :param gone: tells whether the reader has left.
    :param questions: where those of tools wait for the user.
    """

    def __init__(
        self,
        site: Site,
        conversation: Conversation,
        answer: StoredMessage,
        turn: says.Turn,
        gone: Callable[[], bool],
        questions: Questions,
    ) -> None:
        self.record = Record(site.storage, conversation, answer)
        self.outlet = Outlet(gone, self._reader_left)
        self.stopped = threading.Event()
        self.stop_at = math.inf
        self._questions = questions
        self._site = site
        self._turn = turn
        self._wants_title = conversation.title == "New Chat"
        self._title: says.Title | None = None
        self._began = time.monotonic()
        self._calls: dict[str, says.ToolCall] = {}
        self._final = self._interrupted = False

    def work(self) -> None:
        """Make the answer from beginning to end; whatever goes wrong is told to its reader."""
        try:
            self._work()
        except sqlite3.Error as error:
            self._break_off(f"the server cannot keep its conversations: {error}")
        except Exception as error:  # noqa: BLE001 - a responder is code of the user's
            self._break_off(f"the responder failed: {type(error).__name__}")
        finally:
            self.outlet.put(None)

    def _work(self) -> None:
        site = self._site
        self._tell({"type": "status", "status": "started"})
        if self._wants_title:
            try:
                self._title = site.responder.title(self._turn)
            except Exception:  # noqa: BLE001 - as above; the answer is worth more than its title
                _log.exception("the responder has no title")
        self._tick()
        model = site.model(self._turn.model)
        if model is not None and model.is_router:
            self._take(says.Route("default", site.models()[1].id))  # told first (c25)
        for step in site.responder.answer(self._turn):
            if self._halted():
                break
            self._take(step)
            self._tick()
            if self.record.run.status == "error":
                return
        if site.closing.is_set():
            return  # as when a real server goes down: the next one finds the run and marks it
        if not self._final and self._was_stopped():
            self._interrupted = True
            self._finish_text(self.record.text)
        elif not self._final and not self.record.text:
            self._take(_NO_OUTPUT)
            return
        while self._title is not None and not site.closing.wait(_SLICE / 2):
            self._tick()
        how = "interrupted" if self._interrupted else "completed"
        self._tell({"type": "status", "status": "finished"}, how)

    def _break_off(self, reason: str) -> None:
        """End with an error line at once, stored or not."""
        if self._site.closing.is_set():
            return  # the database is closed already
        _log.error("%s", reason, exc_info=True)
        update = wire.failure(says.Failure(reason))
        # What could not be stored just now most likely cannot be stored now.
        with suppress(sqlite3.Error):
            self.record.update(update, "error")
        self.outlet.put(wire.line(update))

    def _was_stopped(self) -> bool:
        return self.stopped.is_set() or time.monotonic() >= self.stop_at

    def _halted(self) -> bool:
        return self._site.closing.is_set() or (not self._final and self._was_stopped())

    def _take(self, step: says.Step) -> None:
        if isinstance(step, says.Pause):
            self._wait(step.seconds)
        elif isinstance(step, says.Text):
            if step.token:
                piece = wire.line(wire.padded(step.token))  # first: it fails for what is no text
                self.record.token(step.token)
                self.outlet.put(piece)
        elif isinstance(step, says.Final):
            text = self.record.text if step.text is None else wire.join_halves(step.text)
            if text or self.record.text:
                self._finish_text(text.rstrip())
            else:
                self._take(_NO_OUTPUT)
        elif isinstance(step, says.Failure):
            self._tell(wire.failure(step), "error")
        elif isinstance(step, says.Question):
            self._ask(step)
        elif isinstance(step, says.FileMade):
            file = says.Attachment(step.name, step.mime, step.content)
            sha = self._site.storage.put_file(self.record.run.conversation, file)
            self._tell({"type": "file", "name": file.name, "sha": sha, "mime": file.mime})
        else:
            if isinstance(step, says.ToolCall):
                self._calls[step.uuid] = step
            for update in wire.write_step(step, self._calls):
                self._tell(update)

    def _tell(self, update: Mapping[str, Any], how: str | None = None) -> None:
        """Tell an update; by the time the last one is read, the message is stored (w08)."""
        piece = wire.line(update)  # first, since it fails for what is no JSON
        self.record.update(update, how)
        self.outlet.put(piece, last_of_text=self._final or how is not None)

    def _finish_text(self, text: str) -> None:
        self._final = True
        self.record.final(text, self._interrupted, bool(self._calls))
        self._tell({"type": "finalAnswer", "text": text, "interrupted": self._interrupted})
        self.outlet.put(_BLANKS)

    def _ask(self, step: says.Question) -> None:
        """Put a question of a tool to the user and wait for the answer."""
        elicitation_id, answered = str(uuid4()), threading.Event()
        step.action = step.content = None  # a script may be used again
        self._questions[elicitation_id] = (self.record.run.conversation, step, answered)
        deadline = time.time() + _QUESTION_SECONDS
        self._tell(wire.question(step, elicitation_id, int(deadline * 1000)))
        while not answered.wait(_SLICE) and not self._halted() and time.time() < deadline:
            self._tick()
        resolution = "user"
        if step.action is None:
            step.action = "cancel"
            resolution = "aborted" if self._halted() else "expired"
        self._tell(wire.resolved(step, elicitation_id, resolution))

    def _tick(self) -> None:
        """Do what is due besides the answer."""
        self.record.tick()
        title = self._title
        if title is not None and time.monotonic() - self._began >= title.seconds:
            self._title = None
            self.record.title(wire.plain_title(title.text))
            self._tell({"type": "title", "title": title.text})

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._halted() and time.monotonic() < end:
            self.stopped.wait(max(0.0, min(end - time.monotonic(), _SLICE)))
            self._tick()

    def _reader_left(self) -> None:
        if not self._site.closing.is_set():
            self.record.save_for_later()


class Runs:
    """The runs under way, and the stops that came when nothing ran."""

    def __init__(self, site: Site) -> None:
        self._storage = site.storage
        self.questions: Questions = {}
        self._lock = threading.Lock()
        self._running: list[Run] = []
        self._early_stops: dict[str, float] = {}
        for run in site.storage.running():  # by a process that ended without a word
            run.status = "interrupted"
            site.storage.put_run(run)
            conversation = site.storage.conversation(run.conversation)
            message = conversation and conversation.message(run.message)
            if conversation is not None and message:
                message["interrupted"] = True
                site.storage.save(conversation)

    def of(self, conversation_id: str) -> list[Run]:
        """Return what runs in a conversation."""
        with self._lock:
            return [run for run in self._running if run.record.run.conversation == conversation_id]

    def find(self, conversation_id: str, run_id: str | None) -> StoredRun | None:
        """Return a run, or the newest one when no id is given; one under way as it is now."""
        logged = [run.record.run for run in self.of(conversation_id) if run.record.is_logged]
        living = [run for run in logged if run_id in (None, run.id)]
        if living:
            return living[-1]
        found = self._storage.run(conversation_id, run_id)
        if found is not None and found.status == "running":
            found.status = "error"  # without a thread: its end could not be stored
        return found

    def start(self, run: Run) -> None:
        """Let a run begin in a thread of its own."""
        with self._lock:
            self._running.append(run)
            came = self._early_stops.pop(run.record.run.conversation, -math.inf)
        if time.monotonic() - came <= _EARLY_STOP_COUNTS:
            run.stop_at = time.monotonic() + _EARLY_STOP_HITS_AFTER
        try:
            run.record.begin()
            threading.Thread(target=self._work, args=(run,), name="local-run", daemon=True).start()
        except (sqlite3.Error, RuntimeError):
            self._running.remove(run)
            raise

    def _work(self, run: Run) -> None:
        try:
            run.work()
        finally:
            with self._lock:
                self._running.remove(run)

    def stop(self, conversation_id: str) -> None:
        """Stop what runs in the conversation, or else what will run within the next 5 s."""
        runs = self.of(conversation_id)
        for run in runs:
            run.stopped.set()
        if not runs:
            with self._lock:
                self._early_stops[conversation_id] = time.monotonic()

    def answer(self, conversation_id: str, body: Mapping[str, Any]) -> None:
        """Take the user's answer to a tool.

        :raises ApiError: 400 malformed or not what was asked, 404 unknown, 409 too late.
        """
        elicitation_id, action = body.get("elicitationId"), body.get("action")
        if not isinstance(elicitation_id, str) or action not in ("accept", "decline", "cancel"):
            raise ApiError(400, "Invalid elicitation response")
        asked_in, question, answered = self.questions.get(elicitation_id, (None, None, None))
        if asked_in != conversation_id or question is None or answered is None:
            raise ApiError(404, "Unknown elicitation.")
        with self._lock:
            if answered.is_set():
                raise ApiError(409, "Already answered.")
            if question.action is not None:
                raise ApiError(409, "This request has expired.")
            if action == "accept":
                question.content = _checked(question, body.get("content") or {})
            question.action = action
            answered.set()


def _checked(question: says.Question, content: object) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ApiError(400, "Invalid elicitation response")
    for entry in question.fields:
        name = entry["name"]
        if entry.get("required") and name not in content:
            raise ApiError(400, f'"{name}" is required.')
        allowed = [option["value"] for option in entry.get("options", ())]
        if allowed and name in content and content[name] not in allowed:
            raise ApiError(400, f'"{name}" is not one of the options.')
    return content
