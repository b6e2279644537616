"""One answer being made, in a thread of its own.

Source: chat-ui c100c162, measured 2026-08 (c01 to c33, k01 to k09, l01 to l16).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from contextlib import suppress
from typing import Any, Callable, Mapping

from hugchat_sync.local.eras.v2_2025 import updates
from hugchat_sync.local.eras.v2_2025.outlet import Outlet, line
from hugchat_sync.local.eras.v2_2025.questions import Questions
from hugchat_sync.local.eras.v2_2025.record import Record
from hugchat_sync.local.eras.v2_2025.renaming import plain_title
from hugchat_sync.local.identifiers import new_uuid
from hugchat_sync.local.jsontext import join_halves, utf16_cut
from hugchat_sync.local.responder import Responder, Title, Turn
from hugchat_sync.local.steps import (
    Failure,
    FileMade,
    Final,
    Pause,
    Question,
    Route,
    Step,
    Text,
    ToolCall,
    ToolError,
    ToolProgress,
    ToolResult,
)

_log = logging.getLogger(__name__)
_BLANKS = b" " * 4096
_SLICE = 0.05
_EXPIRES_SECONDS = 3600
_NO_OUTPUT = "No output was generated. Something went wrong."


class Run:
    """Asks the responder and tells what it does, whether or not somebody listens.

    :param wants_title: the conversation has its default title still.
    :param stop_after: a stop that came too early hits this run after so many seconds.
    :param route: what the router says first, for a router model.
    :param keep_file: stores a file that the answer made and returns its hash.
    """

    def __init__(
        self,
        responder: Responder,
        turn: Turn,
        record: Record,
        questions: Questions,
        closing: threading.Event,
        *,
        conversation_id: str,
        generation_id: str,
        wants_title: bool,
        stop_after: float | None,
        keep_file: Callable[[FileMade], str],
        route: Route | None,
        gone: Callable[[], bool],
    ) -> None:
        self.conversation_id = conversation_id
        self.generation_id = generation_id
        self.outlet = Outlet(gone, self._reader_left)
        self._responder = responder
        self._turn = turn
        self._record = record
        self._questions = questions
        self._closing = closing
        self._wants_title = wants_title
        self._keep_file = keep_file
        self._route = route
        self._stop = threading.Event()
        self._stop_at = None if stop_after is None else time.monotonic() + stop_after
        self._cut_to: int | None = None
        self._lock = threading.Lock()
        self._title: Title | None = None
        self._began = time.monotonic()
        self._calls: dict[str, ToolCall] = {}
        self._final = False
        self._interrupted = False
        self._failed = False
        self._over = False

    def stop(self, generation_id: object, seen: object) -> None:
        """Ask the run to end with what it has; cut to what was seen if it means this run."""
        if generation_id == self.generation_id and isinstance(seen, int) and seen >= 0:
            self._cut_to = seen
        self._stop.set()

    def work(self) -> None:
        """Make the answer from beginning to end; whatever goes wrong is told to its reader."""
        try:
            self._work()
        except sqlite3.Error as error:
            self._break_off(f"the server cannot keep its conversations: {error}")
        except Exception as error:  # noqa: BLE001 - a responder is code of the user's
            self._break_off(f"the responder failed: {type(error).__name__}")

    def _break_off(self, reason: str) -> None:
        """End with an error line at once, stored or not."""
        self._failed = self._over = True
        if self._closing.is_set():
            return  # the database is closed already
        _log.error("%s", reason, exc_info=True)
        update = updates.failure(Failure(reason))
        # What could not be stored just now most likely cannot be stored now.
        with suppress(sqlite3.Error), self._lock:
            self._record.update(update)
            self._record.save()
            self._record.end(self._how())
        self.outlet.put(line(update))

    def _work(self) -> None:
        self._update(updates.status("started"))
        if self._wants_title:
            self._title = self._new_title()
        self._tick()
        if self._route is not None:
            self._tell(self._route)
        for step in self._responder.answer(self._turn):
            if self._halted():
                break
            self._take(step)
            self._tick()
            if self._failed:
                break
        if self._closing.is_set():
            self._abandon()
            return
        if not self._final and not self._failed:
            self._finish_text()
        if not self._failed:
            self._await_title()
            self._last(updates.status("finished"))
        self._end(self._how())

    def _new_title(self) -> Title | None:
        try:
            return self._responder.title(self._turn)
        except Exception:  # noqa: BLE001 - as above, and the answer is worth more than its title
            _log.exception("the responder has no title")
            return None

    def _how(self) -> str:
        if self._failed:
            return "error"
        return "interrupted" if self._interrupted else "completed"

    def _stopped(self) -> bool:
        late = self._stop_at is not None and time.monotonic() >= self._stop_at
        return self._stop.is_set() or late

    def _halted(self) -> bool:
        return self._closing.is_set() or (not self._final and self._stopped())

    def _finish_text(self) -> None:
        """End without the responder's own final step: stopped, or nothing more came."""
        if self._stopped():
            self._interrupted = True
            self._final_answer(self._record.text, interrupted=True)
        elif not self._record.text:
            self._fail(Failure(_NO_OUTPUT))

    def _take(self, step: Step) -> None:
        if isinstance(step, Pause):
            self._wait(step.seconds)
        elif isinstance(step, Text):
            self._token(step.token)
        elif isinstance(step, Final):
            self._complete(step)
        elif isinstance(step, Failure):
            self._fail(step)
        elif isinstance(step, Question):
            self._ask(step)
        elif isinstance(step, FileMade):
            sha = self._keep_file(step)
            self._update({"type": "file", "name": step.name, "sha": sha, "mime": step.mime})
        else:
            self._tell(step)

    def _tell(self, step: Step) -> None:
        if isinstance(step, Route):
            update = updates.route(step)
            self._record.route(update)
            self._update(update)
        elif isinstance(step, ToolCall):
            self._calls[step.uuid] = step
            for update in updates.tool_call(step):
                self._update(update)
        elif isinstance(step, ToolProgress):
            self._update(updates.tool_progress(step))
        elif isinstance(step, ToolResult):
            self._update(updates.tool_result(step, self._calls[step.uuid]))
        elif isinstance(step, ToolError):
            self._update(updates.tool_error(step))
        # What is left are the searches of 2023, which this era has no words for.

    def _token(self, token: str) -> None:
        if token:
            piece = line(updates.padded(token))  # first, since it fails for what is no text
            with self._lock:
                self._record.token(token)
            self.outlet.put(piece)

    def _complete(self, step: Final) -> None:
        text = self._record.text if step.text is None else join_halves(step.text)
        if text or self._record.text:
            self._final_answer(text.rstrip(), interrupted=False)
        else:
            self._fail(Failure(_NO_OUTPUT))

    def _final_answer(self, text: str, interrupted: bool) -> None:
        if interrupted and self._cut_to is not None:
            text = utf16_cut(text, self._cut_to)
        self._final = True
        self.outlet.text_is_done()
        with self._lock:
            self._record.final(text, interrupted, bool(self._calls))
        self._update(updates.final_answer(text, interrupted))
        self.outlet.put(_BLANKS)

    def _fail(self, step: Failure) -> None:
        self._failed = True
        self.outlet.text_is_done()
        self._last(updates.failure(step))

    def _ask(self, step: Question) -> None:
        elicitation_id = new_uuid()
        answered = self._questions.ask(elicitation_id, self.conversation_id, step)
        deadline = time.time() + _EXPIRES_SECONDS
        self._update(updates.question(step, elicitation_id, int(deadline * 1000)))
        while not answered.wait(_SLICE) and not self._halted() and time.time() < deadline:
            self._tick()
        resolution = "user"
        if not answered.is_set():
            self._questions.withdraw(elicitation_id)
            step.action = "cancel"
            resolution = "aborted" if self._halted() else "expired"
        self._update(updates.resolved(step, elicitation_id, resolution))

    def _update(self, update: Mapping[str, Any]) -> None:
        piece = line(update)  # first, since it fails for what is no JSON
        with self._lock:
            self._record.update(update)
        self.outlet.put(piece)

    def _last(self, update: Mapping[str, Any]) -> None:
        """Tell the last update: by the time it is read, the message is stored (w08)."""
        with self._lock:
            self._record.update(update)
            self._record.save()
            self._record.end(self._how())
            self._over = True
        self.outlet.put(line(update))

    def _end(self, how: str) -> None:
        with self._lock:
            self._record.end(how)
            self._over = True
        self.outlet.end()

    def _abandon(self) -> None:
        """End with the server: the message keeps what was stored last (w40 to w42)."""
        with self._lock:
            self._record.abandon()
            self._over = True
        self.outlet.end()

    def _tick(self) -> None:
        """Do what is due besides the answer."""
        with self._lock:
            self._record.tick()
        title = self._title
        if title is not None and time.monotonic() - self._began >= title.seconds:
            self._title = None
            with self._lock:
                self._record.title(title.text, plain_title(title.text))
            self.outlet.put(line({"type": "title", "title": title.text}))

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._halted():
            left = end - time.monotonic()
            if left <= 0:
                return
            self._stop.wait(min(left, _SLICE))
            self._tick()

    def _await_title(self) -> None:
        while self._title is not None and not self._closing.wait(_SLICE / 2):
            self._tick()

    def _reader_left(self) -> None:
        """Store what there is: the run goes on without a reader (l02)."""
        with self._lock:
            if not self._over and not self._closing.is_set():
                self._record.save()
