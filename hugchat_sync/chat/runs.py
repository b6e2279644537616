"""One run at a time in each conversation, whoever began it.

Two runs in one conversation destroy each other on real servers: the later one to end rewrites the
whole conversation, and a rename is undone by the end of a run. So whoever reads or writes one waits
here, first for the runs of this client, then for those of other threads, clients and processes.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Callable, Iterator

from ..dialects import Dialect, Look, Prompt, Unfinished
from ..errors import HugChatError, NotFound, ProtocolError, TimedOut, UsageError
from ..futures import SLICE, renew_locks_after_fork
from ..rate_limit import Pace
from ..records import ConversationTree
from ..transport.retry import Patience
from . import Server
from .message import TAIL, Message
from .recovery import GOES_ON, Recovery
from .run import OpenReply, Run

_TAIL_SECONDS = 0.1  # seconds for what follows an answer, after which its connection is given up


class Activity:
    """What goes on in one conversation: the run that is on, and those that are known to be over."""

    def __init__(self, conversation_id: str) -> None:
        self.conversation_id = conversation_id
        self.lock = threading.Lock()
        #: set where this call made it: nobody else can know it yet
        self.made: ConversationTree | None = None
        self.run: Run | None = None  # the last one, until it is known to be over
        self.message: Message | None = None  # its answer; none, if nobody knows whether it was sent
        #: the ids of the last run of ours that is over, until a look at the conversation has shown
        #: them; ``None`` before there was one
        self.unseen: frozenset[str] | None = None
        #: names of logs that ended, and answers that no longer change
        self.over: set[str | Unfinished] = set()

    def find_running(self, look: Look) -> tuple[Unfinished, ...]:
        """Return the answers of *look* that may still be coming, the newest last."""
        for answer in look.unfinished:
            if not {answer.id, answer.generation_id}.isdisjoint(self.unseen or ()):
                self.over.add(answer)
                self.unseen = frozenset()  # an id may be used again
        return tuple(
            answer
            for answer in look.unfinished
            if answer not in self.over and answer.generation_id not in self.over
        )

    def close(self, tail: float = 0.0) -> None:
        """Close what is open, once what follows a whole answer was read for *tail* seconds."""
        run, message = self.run, self.message
        if message is not None and tail:
            message.finish(tail)
        elif message is not None:
            message.close()
        elif run is not None:
            run.close()

    def read_title(self) -> None:
        """Read on behind an answer whose title the server keeps only while it is read."""
        run, message = self.run, self.message
        if run is not None and message is not None and run.needs_a_reader:
            message.drain(time.monotonic() + TAIL)

    def timed_out(self, partial: str | None = None, why: str = GOES_ON) -> TimedOut:
        """Return the error of a call whose time was spent waiting for an earlier answer."""
        if partial is None:
            partial = "" if self.message is None else self.message.partial
        return TimedOut(why, phase="total", partial=partial, is_earlier=True)


class Runs:
    """The runs in all conversations of one client.

    :param keep_title: takes (conversation id, title) that an answer brought.
    """

    def __init__(self, server: Server, pace: Pace, keep_title: Callable[[str, str], None]) -> None:
        self.pace = pace
        self.keep_title = keep_title
        self._server = server
        self._transport = server.transport
        self._activities: dict[str, Activity] = {}
        renew_locks_after_fork(self)

    def renew_locks(self) -> None:
        """Take new locks; the runs of a parent are runs that somebody else reads."""
        self._map = threading.Lock()
        for activity in self._activities.values():
            activity.lock = threading.Lock()

    def activity(self, conversation_id: str) -> Activity:
        """Return what goes on in a conversation."""
        with self._map:
            if conversation_id not in self._activities:
                self._activities[conversation_id] = Activity(conversation_id)
            return self._activities[conversation_id]

    def forget_ended(self, run: Run) -> None:
        """Forget *run*, if it is over."""
        with self._map:
            activity = self._activities.get(run.prompt.conversation_id)
            if activity is not None and activity.run is run and run.is_over:
                activity.run = activity.message = None
                activity.unseen = run.ids

    def forget(self, conversation_id: str) -> None:
        """Close what is open in a conversation that is to be removed, and forget it."""
        with self._map:
            activity = self._activities.pop(conversation_id, None)
        if activity is not None:
            activity.close(_TAIL_SECONDS)

    def close(self) -> None:
        """Close every open answer; one that has only a title to come is read to its end."""
        with self._map:
            activities = list(self._activities.values())
        for activity in activities:
            activity.read_title()
            activity.close()

    # one at a time ---------------------------------------------------------------------------

    @contextmanager
    def hold(self, conversation_id: str, patience: Patience) -> Iterator[ConversationTree]:
        """Hold a conversation in which no run is on, and none begins meanwhile; yields it.

        :raises TimedOut: the time of this call was spent waiting.
        """
        dialect = self._server.ready(patience)
        with self._take_turn(conversation_id, patience) as activity:
            yield self._await_idle(dialect, activity, patience).read()

    def send(
        self, dialect: Dialect, prompt: Prompt, patience: Patience, *, resume: bool = True
    ) -> Message:
        """Return the answer to *prompt*, whose request was sent and accepted."""
        with self._take_turn(prompt.conversation_id, patience) as activity:
            run = Run(
                self._transport,
                dialect,
                self._attach(dialect, prompt, activity, patience),
                patience,
                resume=resume,
                pace=self.pace,
                owner=self,
            )
            # also if this is interrupted: the server may be at it all the same
            activity.run, activity.message = run, None
            try:
                run.send()
            except HugChatError:
                self.forget_ended(run)
                raise
            if run.dialect is not dialect:
                self._server.keep(run.dialect)
            activity.message = Message(
                run,
                run.record,
                conversation_id=prompt.conversation_id,
                generation_id=run.prompt.generation_id,
                web_search=prompt.web_search or prompt.search_server is not None,
            )
            return activity.message

    @contextmanager
    def _take_turn(self, conversation_id: str, patience: Patience) -> Iterator[Activity]:
        """Hold a conversation in which no run of ours is on."""
        activity = self.activity(conversation_id)
        while not activity.lock.acquire(timeout=SLICE):
            if time.monotonic() >= patience.deadline:
                why = "another call in this conversation did not end in time"
                raise activity.timed_out(why=why)
        try:
            if activity.run is not None:
                self._await_end(activity, activity.run, patience)
            yield activity
        finally:
            activity.lock.release()

    def _await_end(self, activity: Activity, run: Run, patience: Patience) -> None:
        """Wait for the end of the last run; how it ended is its own message's business."""
        message = activity.message
        if message is None:  # its send was interrupted, or nobody knows whether it arrived
            run.close()
        elif not message.drain(patience.deadline):
            raise activity.timed_out(message.partial)
        if not run.is_over:
            try:
                run.await_end(patience)
            except TimedOut as error:
                raise activity.timed_out() from error
        self.forget_ended(run)

    def _attach(
        self, dialect: Dialect, prompt: Prompt, activity: Activity, patience: Patience
    ) -> Prompt:
        """Return *prompt* with the message that it follows, once no run is on there."""
        made, activity.made = activity.made, None
        if made is not None and (made.leaf is not None or not dialect.manners.needs_parent):
            leaf, is_first = made.leaf, True
        else:
            try:
                look = self._await_idle(dialect, activity, patience)
            except ProtocolError:  # nothing there tells whether a run is on
                if prompt.parent_id is None:
                    raise
                return prompt
            if prompt.action != "new":
                prompt = _find_target(prompt, look.read(), dialect.manners.needs_parent)
            leaf, is_first = look.leaf_id, look.is_empty
        if dialect.manners.needs_parent and prompt.parent_id is None:
            prompt = prompt._replace(parent_id=leaf)
        return prompt._replace(is_first=is_first)

    # runs that anybody began -----------------------------------------------------------------

    def _await_idle(self, dialect: Dialect, activity: Activity, patience: Patience) -> Look:
        """Return a look at a conversation, once no run is on in it.

        The log of a run says when it has ended; where there is none, what is stored does. An answer
        that neither ends nor changes for ``progress`` is taken for dead.

        :raises TimedOut: it goes on at the end of the call's time; ``partial`` is its text so far.
        """
        call = dialect.look(activity.conversation_id)
        look = self._transport.send(call, patience)
        if not look.unfinished:
            return look
        seen: tuple[Unfinished, ...] = ()
        moved, text = time.monotonic(), ""
        pauses = self._transport.looks(patience, first=0.1, longest=2.0)
        next(pauses)  # the look that the caller made was the first
        while True:
            running = activity.find_running(look)
            if not running:
                return look
            answer, is_new = running[-1], running != seen
            text = answer.text or text
            if is_new:
                seen, moved = running, time.monotonic()
            try:
                if not (is_new and self._follow(dialect, activity, patience, answer)):
                    silence = max(answer.unchanged_seconds, time.monotonic() - moved)
                    if silence >= patience.timeout.progress:
                        activity.over.update(running)
                        return look
                    if next(pauses, None) is None:  # the time of the call is over
                        raise activity.timed_out(text)
                look = self._transport.send(call, patience)
            except TimedOut as error:
                if error.phase != "total":
                    raise
                raise activity.timed_out(error.partial or text) from error

    def _follow(
        self, dialect: Dialect, activity: Activity, patience: Patience, answer: Unfinished
    ) -> bool:
        """Return whether the log of an answer told that its run is over, or must be.

        :raises TimedOut: it goes on; ``partial`` is its text so far.
        """
        if not answer.generation_id or "reattach" not in dialect.features:
            return False
        prompt = Prompt(activity.conversation_id, "", "", answer.generation_id)
        log = Recovery(self._transport, dialect, prompt, OpenReply(self._transport, patience))
        is_over = log.read_log()
        if is_over is None:
            activity.over.add(answer)
        elif is_over or answer.has_whole_text:  # then the log can hold no more than a title
            activity.over.add(answer.generation_id)
        else:
            return False
        return True

    # stopping --------------------------------------------------------------------------------

    def stop(self, conversation_id: str, patience: Patience, *, is_ours: bool) -> None:
        """Stop the answer that is coming, whoever asked for it; where none is, nothing is sent.

        :param is_ours: the last run of ours is meant, also where it is over.
        :raises FeatureUnavailable: only whoever holds its connection can.
        """
        dialect = self._server.ready(patience, session_for="stop an answer")
        activity = self.activity(conversation_id)
        message = activity.message
        if message is not None and not message.is_over:
            message.stop()
            return
        if is_ours and (message is not None or activity.unseen is not None):
            return
        look = self._transport.send(dialect.look(conversation_id), patience)
        running = activity.find_running(look)
        if all(answer.has_whole_text for answer in running) and not dialect.manners.stores_at_end:
            return
        call = dialect.stop_elsewhere(conversation_id)
        if call is None:
            dialect.lacks("stop", "close the answer where it was begun")
        self._transport.send(call, patience)


def _find_target(prompt: Prompt, tree: ConversationTree, has_branches: bool) -> Prompt:
    """Return a retry or an edit of a message that is there, and is what can be made anew.

    Servers without branches are told the question of a retry, and know no other message from a new
    one; those with branches make an answer again that is to be edited, and drop the text.

    :raises NotFound: there is no such message; nothing was sent.
    :raises UsageError: it is a question that is to be made again, or an answer to be edited.
    """
    name, is_retry = prompt.parent_id, prompt.action == "retry"
    target = next((one for one in tree.messages if one.id == name), None)
    if target is None:
        raise NotFound(f"conversation {tree.id} has no message {name!r}; history() has their ids")
    if (target.role == "assistant") != is_retry:
        raise UsageError(
            f"message {name!r} is a question; the answer to it is what can be made again"
            if is_retry
            else f"message {name!r} is an answer; the question before it is what can be edited"
        )
    if has_branches or not is_retry:
        return prompt
    questions = [one for one in tree.path(name) if one.role == "user"]
    if not questions:
        raise UsageError(f"message {name!r} answers no question")
    return prompt._replace(parent_id=questions[-1].id, text=questions[-1].text)
