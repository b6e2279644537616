"""One answer being made in a thread of its own, and all those that are under way.

Source: chat-ui c100c162, measured 2026-08 (c01 to c33, k01 to k09, l01 to l16, w40 to w48, x10 to
x13).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from contextlib import suppress
from typing import Any, Callable, Dict, Mapping, Tuple
from uuid import uuid4

from ..app import ApiError, Site
from ..responder import (
    Failure,
    FileMade,
    Final,
    Pause,
    Question,
    Route,
    Step,
    Text,
    Title,
    ToolCall,
    Turn,
)
from . import wire
from .outlet import Outlet
from .record import Record, interrupt
from .wire import line

_log = logging.getLogger(__name__)

_BLANKS = b" " * 4096
_SLICE = 0.05
_QUESTION_SECONDS = 3600
_EARLY_STOP_COUNTS = 5.0
_EARLY_STOP_HITS_AFTER = 0.3
_NO_OUTPUT = "No output was generated. Something went wrong."


#: what tools asked, by its id: in which conversation, what, and whether it was answered
Questions = Dict[str, Tuple[str, Question, threading.Event]]


class Run:
    """Asks the responder and tells what it does, whether or not somebody listens.

    :param wants_title: the conversation has its default title still.
    :param route: what the router says first, for a router model.
    :param keep_file: stores a file that the answer made and returns its hash.
    :param gone: tells whether the reader has left.
    """

    def __init__(
        self,
        site: Site,
        turn: Turn,
        record: Record,
        conversation_id: str,
        questions: Questions,
        *,
        wants_title: bool,
        route: Route | None,
        keep_file: Callable[[FileMade], str],
        gone: Callable[[], bool],
    ) -> None:
        self.conversation_id = conversation_id
        self.record = record
        self.outlet = Outlet(gone, self._reader_left)
        self.stop_at: float | None = None
        self._questions = questions
        self._responder = site.responder
        self._closing = site.closing
        self._turn = turn
        self._wants_title = wants_title
        self._route = route
        self._keep_file = keep_file
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._title: Title | None = None
        self._began = time.monotonic()
        self._calls: dict[str, ToolCall] = {}
        self._final = self._interrupted = self._failed = self._over = False

    def stop(self) -> None:
        """Ask the run to end with what it has."""
        self._stop.set()

    def work(self) -> None:
        """Make the answer from beginning to end; whatever goes wrong is told to its reader."""
        try:
            self._work()
        except sqlite3.Error as error:
            self._break_off(f"the server cannot keep its conversations: {error}")
        except Exception as error:  # noqa: BLE001 - a responder is code of the user's
            self._break_off(f"the responder failed: {type(error).__name__}")
        finally:
            self.outlet.end()

    def _work(self) -> None:
        self._update(wire.status("started"))
        if self._wants_title:
            self._title = self._new_title()
        self._tick()
        if self._route is not None:
            self._take(self._route)
        for step in self._responder.answer(self._turn):
            if self._halted():
                break
            self._take(step)
            self._tick()
            if self._failed:
                return
        if self._closing.is_set():
            return  # as when a real server goes down: the next one finds the run and marks it
        if not self._final and self._stopped():
            self._interrupted = True
            self._finish_text(self.record.text)
        elif not self._final and not self.record.text:
            self._fail(Failure(_NO_OUTPUT))
            return
        while self._title is not None and not self._closing.wait(_SLICE / 2):
            self._tick()
        self._last(wire.status("finished"))

    def _new_title(self) -> Title | None:
        try:
            return self._responder.title(self._turn)
        except Exception:  # noqa: BLE001 - as above, and the answer is worth more than its title
            _log.exception("the responder has no title")
            return None

    def _break_off(self, reason: str) -> None:
        """End with an error line at once, stored or not."""
        self._failed = self._over = True
        if self._closing.is_set():
            return  # the database is closed already
        _log.error("%s", reason, exc_info=True)
        update = wire.failure(Failure(reason))
        # What could not be stored just now most likely cannot be stored now.
        with suppress(sqlite3.Error), self._lock:
            self.record.update(update)
            self.record.save()
            self.record.end("error")
        self.outlet.put(line(update))

    def _stopped(self) -> bool:
        late = self.stop_at is not None and time.monotonic() >= self.stop_at
        return self._stop.is_set() or late

    def _halted(self) -> bool:
        return self._closing.is_set() or (not self._final and self._stopped())

    def _take(self, step: Step) -> None:
        if isinstance(step, Pause):
            self._wait(step.seconds)
        elif isinstance(step, Text):
            self._token(step.token)
        elif isinstance(step, Final):
            text = self.record.text if step.text is None else wire.join_halves(step.text)
            if text or self.record.text:
                self._finish_text(text.rstrip())
            else:
                self._fail(Failure(_NO_OUTPUT))
        elif isinstance(step, Failure):
            self._fail(step)
        elif isinstance(step, Question):
            self._ask(step)
        elif isinstance(step, FileMade):
            sha = self._keep_file(step)
            self._update({"type": "file", "name": step.name, "sha": sha, "mime": step.mime})
        else:
            if isinstance(step, ToolCall):
                self._calls[step.uuid] = step
            for update in wire.told_step(step, self._calls):
                self._update(update)

    def _token(self, token: str) -> None:
        if token:
            piece = line(wire.padded(token))  # first, since it fails for what is no text
            with self._lock:
                self.record.token(token)
            self.outlet.put(piece)

    def _update(self, update: Mapping[str, Any]) -> None:
        piece = line(update)  # first, since it fails for what is no JSON
        with self._lock:
            self.record.update(update)
        self.outlet.put(piece)

    def _finish_text(self, text: str) -> None:
        self._final = True
        update = wire.final_answer(text, self._interrupted)
        with self._lock:
            self.record.final(text, self._interrupted, bool(self._calls))
            self.record.update(update)
        self.outlet.put(line(update), last_of_text=True)
        self.outlet.put(_BLANKS)

    def _fail(self, step: Failure) -> None:
        self._failed = True
        self._last(wire.failure(step))

    def _last(self, update: Mapping[str, Any]) -> None:
        """Tell the last update: by the time it is read, the message is stored (w08)."""
        how = "interrupted" if self._interrupted else "completed"
        with self._lock:
            self.record.update(update)
            self.record.save()
            self.record.end("error" if self._failed else how)
            self._over = True
        self.outlet.put(line(update), last_of_text=True)

    def _ask(self, step: Question) -> None:
        """Put a question of a tool to the user and wait for the answer."""
        elicitation_id, answered = str(uuid4()), threading.Event()
        step.action = step.content = None  # a script may be used again
        self._questions[elicitation_id] = (self.conversation_id, step, answered)
        deadline = time.time() + _QUESTION_SECONDS
        self._update(wire.question(step, elicitation_id, int(deadline * 1000)))
        while not answered.wait(_SLICE) and not self._halted() and time.time() < deadline:
            self._tick()
        resolution = "user"
        if step.action is None:
            step.action = "cancel"
            resolution = "aborted" if self._halted() else "expired"
        self._update(wire.resolved(step, elicitation_id, resolution))

    def _tick(self) -> None:
        """Do what is due besides the answer."""
        with self._lock:
            self.record.tick()
            title = self._title
            if title is None or time.monotonic() - self._began < title.seconds:
                return
            self._title = None
            self.record.title(title.text, wire.plain_title(title.text))
        self.outlet.put(line({"type": "title", "title": title.text}))

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._halted():
            left = end - time.monotonic()
            if left <= 0:
                return
            self._stop.wait(min(left, _SLICE))
            self._tick()

    def _reader_left(self) -> None:
        """Store what there is: the run goes on without a reader (l02)."""
        with self._lock:
            if not self._over and not self._closing.is_set():
                self.record.save()


class Runs:
    """The runs under way, and the stops that came when nothing ran."""

    def __init__(self, site: Site) -> None:
        self.questions: Questions = {}
        self._lock = threading.Lock()
        self._running: list[Run] = []
        self._early_stops: dict[str, float] = {}
        for run in site.storage.running():  # by a process that ended without a word
            interrupt(site.storage, run)

    def of(self, conversation_id: str) -> list[Run]:
        """Return what runs in a conversation."""
        with self._lock:
            return [run for run in self._running if run.conversation_id == conversation_id]

    def start(self, run: Run) -> None:
        """Let a run begin in a thread of its own."""
        with self._lock:
            self._running.append(run)
            came = self._early_stops.pop(run.conversation_id, None)
        if came is not None and time.monotonic() - came <= _EARLY_STOP_COUNTS:
            run.stop_at = time.monotonic() + _EARLY_STOP_HITS_AFTER

        def work() -> None:
            try:
                run.work()
            finally:
                with self._lock:
                    self._running.remove(run)

        try:
            run.record.begin()
            threading.Thread(target=work, name="local-run", daemon=True).start()
        except (sqlite3.Error, RuntimeError):
            with self._lock:
                self._running.remove(run)
            raise

    def stop(self, conversation_id: str) -> None:
        """Stop what runs in the conversation, or else what will run within the next 5 s."""
        runs = self.of(conversation_id)
        if not runs:
            with self._lock:
                self._early_stops[conversation_id] = time.monotonic()
        for run in runs:
            run.stop()

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


def _checked(question: Question, content: object) -> dict[str, Any]:
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
