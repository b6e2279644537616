"""One answer being made in a thread of its own, and what stays of it.

Source: chat-ui c100c162, measured 2026-08 (c01 to c33, k01 to k09, l01 to l16, v02, w03 to w14, w40
to w48, x10 to x13).
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Callable, Generator, Iterator, Mapping
from uuid import uuid4

from . import responder as steps
from . import wire
from .storage import Conversation, Storage, StoredMessage, now

Steps = Generator[steps.Step, None, None]

_log = logging.getLogger(__name__)

_KEEP_ALIVE_SECONDS = 0.1
_FLUSH_SECONDS, _SAVE_SECONDS = 0.2, 3.0
_BLANKS = b" " * 4096
_SLICE = 0.05
_QUESTION_SECONDS = 3600
_NO_OUTPUT = steps.Failure("No output was generated. Something went wrong.")


@dataclass
class Log:
    """What a run told, its tokens joined, for those who come later.

    :param id: the generation's.
    :param run: as long as it is under way.
    :param status: ``running``, ``completed``, ``interrupted`` or ``error``.
    :param questions: what its tools asked the user, by its id.
    """

    id: str
    conversation: str
    run: Run | None = None
    status: str = "running"
    is_stopped: bool = False
    updates: list[Mapping[str, Any]] = field(default_factory=list)
    questions: dict[str, steps.Question] = field(default_factory=dict)


class Run:
    """Tells what a responder does and writes it down, whether or not somebody listens.

    It keeps the conversation as it was when the run began and writes it back whole: two runs at
    a time, or a rename during a run, undo each other as they do on the real server.

    :param is_closing: set when the server is about to end.
    :param answer: the message to be written.
    :param gone: tells whether the reader has left.
    """

    def __init__(
        self,
        storage: Storage,
        is_closing: threading.Event,
        conversation: Conversation,
        answer: StoredMessage,
        gone: Callable[[], bool],
    ) -> None:
        self.log = Log(answer["generationId"], conversation.id, self)
        self._gone, self._was_left = gone, False
        self._pieces: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock = threading.RLock()  # what there is may be stored by whoever asks for it
        self._storage, self._closing = storage, is_closing
        self._conversation, self._answer = conversation, answer
        self._title: steps.Title | None = None
        self._calls: dict[str, steps.ToolCall] = {}
        self._tokens: list[str] = []
        self._unlogged: list[str] = []  # those that are not in the log yet
        self._updates: list[Mapping[str, Any]] = []
        self._final: str | None = None
        self._interrupted = False
        self._began = self._unlogged_since = self._saved_at = time.monotonic()

    def start(self, answer: Steps, title: Callable[[], steps.Title | None]) -> None:
        """Note that there is a run, tell it, and let the answer be made in a thread of its own."""
        self._storage.begin_run(self._conversation.id, self._answer["id"])
        self._tell({"type": "status", "status": "started"})
        self._pieces.put(wire.KEEP_ALIVE)
        threading.Thread(target=self._work, args=(answer, title), daemon=True).start()

    def pieces(self) -> Iterator[bytes]:
        """Yield the body of the answer. Closing this iterator means that the reader has left.

        Source: chat-ui c100c162, measured 2026-08 (c01, c18, c19, c32): one chunk per update, a
        keep-alive about every 100 ms while text is being made and none afterwards.
        """
        piece: bytes | None = b""
        due = time.monotonic() + _KEEP_ALIVE_SECONDS
        try:
            while True:
                try:
                    piece = self._pieces.get(timeout=max(0.0, due - time.monotonic()))
                except queue.Empty:
                    if self._gone():
                        return
                    if self._final is None and self.log.status == "running":
                        yield wire.KEEP_ALIVE
                    due = time.monotonic() + _KEEP_ALIVE_SECONDS
                    continue
                if piece is None:
                    return
                yield piece
        finally:
            if piece is not None:
                self.settle(has_left=True)

    def settle(self, has_left: bool = False) -> None:
        """Store what there is when the reader leaves; the run goes on without one (l02)."""
        with self._lock:
            runs = self.log.status == "running" and not self._closing.is_set()
            if runs and not self._was_left and (has_left or self._gone()):
                self._was_left = True
                self._save()

    def _work(self, answer: Steps, title: Callable[[], steps.Title | None]) -> None:
        """Make the answer from beginning to end; whatever goes wrong is told to its reader."""
        try:
            self._make(answer, title)
        except sqlite3.Error as error:
            self._break_off(f"the server cannot keep its conversations: {error}")
        except Exception as error:  # noqa: BLE001 - a responder is code of the user's
            self._break_off(f"the responder failed: {type(error).__name__}")
        finally:
            self._pieces.put(None)
            self.log.run = None

    def _make(self, answer: Steps, title: Callable[[], steps.Title | None]) -> None:
        if self._conversation.title == "New Chat":
            try:
                self._title = title()
            except Exception:  # noqa: BLE001 - as above; the answer is worth more than its title
                _log.exception("the responder has no title")
        self._tick()
        with closing(answer):  # an upstream is let go at once
            for step in answer:
                if self._is_halted():
                    break
                self._take(step)
                self._tick()
                if self.log.status == "error":
                    return
        if self._closing.is_set():
            return  # as when a real server goes down: the next one finds the run and marks it
        if self._final is None and self.log.is_stopped:
            self._interrupted = True
            self._finish_text(self._text)
        elif self._final is None and not self._text:
            self._take(_NO_OUTPUT)
            return
        while self._title is not None and not self._closing.is_set():
            self._wait(_SLICE)
        how = "interrupted" if self._interrupted else "completed"
        self._tell({"type": "status", "status": "finished"}, how)

    def _break_off(self, reason: str) -> None:
        """End with an error line at once, stored or not."""
        if self._closing.is_set():
            return  # the database is closed already
        _log.error("%s", reason, exc_info=True)
        update = wire.write_failure(steps.Failure(reason))
        try:
            self._tell(update, "error")
        except sqlite3.Error:  # what could not be stored just now most likely cannot be now
            self.log.status = "error"
            self._pieces.put(wire.line(update))

    def _is_halted(self) -> bool:
        return self._closing.is_set() or (self._final is None and self.log.is_stopped)

    # what the responder does ------------------------------------------------------------------

    def _take(self, step: steps.Step) -> None:
        if isinstance(step, steps.Pause):
            self._wait(step.seconds)
        elif isinstance(step, steps.Text):
            if step.token:
                self._tell_token(step.token)
        elif isinstance(step, steps.Final):
            text = self._text if step.text is None else wire.join_halves(step.text)
            if text or self._tokens:
                self._finish_text(text.rstrip())
        elif isinstance(step, steps.Failure):
            self._tell(wire.write_failure(step), "error")
        elif isinstance(step, steps.Question):
            self._ask(step)
        elif isinstance(step, steps.FileMade):
            sha = self._storage.put_file(self._conversation.id, step)
            self._tell({"type": "file", "name": step.name, "sha": sha, "mime": step.mime})
        else:
            if isinstance(step, steps.ToolCall):
                self._calls[step.uuid] = step
            for update in wire.write_step(step, self._calls):
                self._tell(update)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._is_halted() and time.monotonic() < end:
            time.sleep(max(0.0, min(end - time.monotonic(), _SLICE)))
            self._tick()

    def _ask(self, step: steps.Question) -> None:
        """Put a question of a tool to the user and wait for the answer."""
        elicitation_id = str(uuid4())
        step.action = step.content = None  # a script may be used again
        self.log.questions[elicitation_id] = step
        deadline = time.time() + _QUESTION_SECONDS
        self._tell(wire.write_question(step, elicitation_id, int(deadline * 1000)))
        while step.action is None and not self._is_halted() and time.time() < deadline:
            self._wait(_SLICE)
        resolution = "user"
        if step.action is None:
            step.action = "cancel"
            resolution = "aborted" if self._is_halted() else "expired"
        self._tell(wire.write_resolution(step, elicitation_id, resolution))

    def _tick(self) -> None:
        """Do what is due besides: the title, the log after 200 ms, the stored text after 3 s."""
        moment, title = time.monotonic(), self._title
        if self._unlogged and moment - self._unlogged_since >= _FLUSH_SECONDS:
            self._log_tokens()
        if moment - self._saved_at >= _SAVE_SECONDS:
            self._save()
        if title is not None and moment - self._began >= title.seconds:
            self._title = None
            self._conversation.title = plain = wire.plain_title(title.text)
            self._storage.change(self._conversation.id, title=plain)  # at once (w41)
            self._tell({"type": "title", "title": title.text})

    # what is told and kept --------------------------------------------------------------------

    @property
    def _text(self) -> str:
        return wire.join_halves("".join(self._tokens))

    def _tell(self, update: Mapping[str, Any], how: str | None = None) -> None:
        """Tell an update; by the time the last one is read, the message is stored (w08)."""
        piece = wire.line(update)  # first, since it fails for what is not JSON
        with self._lock:
            self._log_tokens()
            self._updates.append(update)
            self.log.updates.append(update)
            if how is not None:
                self._save(how)
        self._pieces.put(piece)

    def _tell_token(self, token: str) -> None:
        """Tell a token: the message keeps its length, the log joins those of about 200 ms."""
        piece = wire.line(wire.write_token(token))  # first, since it fails for what is not text
        with self._lock:
            self._tokens.append(token)
            self._updates.append({"type": "stream", "token": "", "len": wire.utf16_length(token)})
            if not self._unlogged:
                self._unlogged_since = time.monotonic()
            self._unlogged.append(token)
        self._pieces.put(piece)

    def _finish_text(self, text: str) -> None:
        """Tell the end of the text; after tools it is kept together with what was streamed.

        Source: chat-ui c100c162 (read there).
        """
        streamed, kept = self._text, text
        if self._calls and not self._interrupted:
            if streamed.rstrip().endswith(text):
                kept = streamed.rstrip()
            elif not text.startswith(streamed):
                kept = streamed + ("" if streamed.endswith("\n\n") else "\n\n") + text
        self._final = kept
        self._tell({"type": "finalAnswer", "text": text, "interrupted": self._interrupted})
        self._pieces.put(_BLANKS)

    def _log_tokens(self) -> None:
        with self._lock:
            if self._unlogged:
                token = wire.replace_halves("".join(self._unlogged))
                self._unlogged.clear()
                self.log.updates.append({"type": "stream", "token": token})

    def _save(self, how: str = "running") -> None:
        """Store the message and everything else as this run knows it, and only then its end."""
        with self._lock:
            self._log_tokens()
            answer = self._answer
            answer["content"] = self._text if self._final is None else self._final
            if self._final is not None:
                answer["interrupted"] = self._interrupted
            answer["updatedAt"] = self._conversation.updated_at = now()
            answer["updates"] = self._updates
            self._storage.save(self._conversation)
            if how != "running":
                self._storage.end_run(answer["id"])
            self.log.status = how
            self._saved_at = time.monotonic()
