"""How far a batch is: a line on a terminal, and nothing elsewhere."""

from __future__ import annotations

import sys
import time

from . import output

_OFTEN = 0.2  # seconds between two changes of what is shown


class Progress:
    """Counts results, and shows a human at stderr how many; the line is gone after a ``with``.

    :param total: prompts that are to be asked.
    """

    def __init__(self, total: int) -> None:
        self.answered = self.failed = 0
        self._total = total
        self._began = time.monotonic()
        self._is_seen = sys.stderr is not None and sys.stderr.isatty()
        self._shown = float("-inf")  # the moment of the last change

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._put("")

    @property
    def left(self) -> int:
        """How many have no result yet."""
        return self._total - self.answered - self.failed

    def count(self, *, failed: bool) -> None:
        """Take a result."""
        self.failed += failed
        self.answered += not failed
        self.show()

    def show(self) -> None:
        """Bring what is shown up to date."""
        now = time.monotonic()
        if now - self._shown >= _OFTEN:
            self._shown = now
            self._put(self._line(now - self._began)[: output.columns() - 1])

    def complain(self, text: str) -> None:
        """Write what went wrong above the line."""
        self._put("")
        output.complain(text)

    def _put(self, line: str) -> None:
        if self._is_seen:
            sys.stderr.write(f"\r\x1b[K{line}\r")  # what others write begins at its beginning
            sys.stderr.flush()

    def _line(self, spent: float) -> str:
        parts = [f"{self.answered} done", f"{self.failed} failed", f"{self.left} left"]
        done = self.answered + self.failed
        if done and spent > 0:
            rate = done / spent
            parts.append(f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.1f}/min")
            minutes, seconds = divmod(int(self.left / rate), 60)
            parts.append(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} to go")
        return ", ".join(parts)
