"""The runs under way, and the stops that came when nothing ran.

Source: chat-ui c100c162, measured 2026-08 (k01 to k09, w40 to w48).
"""

from __future__ import annotations

import threading
import time
from typing import Any, Mapping

from hugchat_sync.local.eras.v2_2025.questions import Questions
from hugchat_sync.local.eras.v2_2025.run import Run
from hugchat_sync.local.site import Site

_EARLY_STOP_COUNTS = 5.0
_EARLY_STOP_HITS_AFTER = 0.3


class Runs:
    """Begins runs and stops them."""

    def __init__(self, site: Site) -> None:
        self.questions = Questions()
        self._site = site
        self._lock = threading.Lock()
        self._running: dict[str, list[Run]] = {}
        self._early_stops: dict[str, float] = {}
        self._mark_the_dead()

    def stop_waiting_for(self, conversation_id: str) -> float | None:
        """Return when the next run is hit by a stop that came too early, and forget the stop."""
        with self._lock:
            came = self._early_stops.pop(conversation_id, None)
        if came is None or time.monotonic() - came > _EARLY_STOP_COUNTS:
            return None
        return _EARLY_STOP_HITS_AFTER

    def start(self, run: Run) -> None:
        """Let a run begin in a thread of its own."""
        with self._lock:
            self._running.setdefault(run.conversation_id, []).append(run)
        threading.Thread(target=self._work, args=(run,), name="local-run", daemon=True).start()

    def stop(self, conversation_id: str, body: Mapping[str, Any]) -> None:
        """Stop what runs in the conversation, or else what will run within the next 5 s."""
        with self._lock:
            runs = list(self._running.get(conversation_id, ()))
            if not runs:
                self._early_stops[conversation_id] = time.monotonic()
        for run in runs:
            run.stop(body.get("generationId"), body.get("seenContentLength"))

    def settle(self, conversation_id: str) -> None:
        """Let the runs of a conversation whose reader has gone store what they have (l02)."""
        with self._lock:
            runs = list(self._running.get(conversation_id, ()))
        for run in runs:
            run.outlet.settle()

    def _work(self, run: Run) -> None:
        try:
            with self._site.activities.one():
                run.work()
        finally:
            run.outlet.end()
            with self._lock:
                runs = self._running[run.conversation_id]
                runs.remove(run)
                if not runs:
                    del self._running[run.conversation_id]

    def _mark_the_dead(self) -> None:
        """Mark runs of an earlier process that ended without a word as interrupted."""
        store = self._site.store
        for generation in store.generations.with_status("running"):
            store.generations.end(generation.id, "interrupted")
            conversation = store.conversations.get(generation.conversation)
            message = conversation and conversation.message(generation.message)
            if conversation is not None and message:
                message["interrupted"] = True
                store.conversations.save(conversation)
