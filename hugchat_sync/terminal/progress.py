"""How far a batch is: a bar or a line on a terminal, and nothing elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator

from . import output

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_OFTEN = 0.2  # seconds between two changes of what is shown


class Progress:
    """Nothing to see; also what the others count.

    :param total: prompts that are to be asked.
    """

    def __init__(self, total: int) -> None:
        self.answered = self.failed = 0
        self._total = total
        self._began = time.monotonic()

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

    def complain(self, text: str) -> None:
        """Write what went wrong beside it."""
        output.complain(text)

    def line(self) -> str:
        """Return it in words."""
        done, spent = self.answered + self.failed, time.monotonic() - self._began
        rate = done / spent if spent > 0 else 0.0
        parts = [f"{self.answered} done", f"{self.failed} failed", f"{self.left} left"]
        if rate:
            often = f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.1f}/min"
            parts += [often, f"{_clock(self.left / rate)} to go"]
        return ", ".join(parts)


def _clock(seconds: float) -> str:
    minutes, remainder = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{remainder:02}" if hours else f"{minutes}:{remainder:02}"


class _Line(Progress):
    """One line that is written again and again."""

    _shown = float("-inf")

    def show(self) -> None:
        now = time.monotonic()
        if now - self._shown >= _OFTEN:
            self._shown = now
            _put(f"\r{self.line()}\x1b[K")

    def complain(self, text: str) -> None:
        _put("\r\x1b[K")
        output.complain(text)


def _put(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


class _Bar(Progress):
    """A bar; needs the extra ``cli``."""

    def __init__(self, total: int, bar: Bar) -> None:
        super().__init__(total)
        self._bar = bar
        self._task = bar.add_task("", total=total, told=self.line())

    def show(self) -> None:
        self._bar.update(self._task, completed=self.answered + self.failed, told=self.line())

    def complain(self, text: str) -> None:
        from rich.text import Text

        words = output.shown(" ".join(text.split()))
        self._bar.console.print(Text(f"hugchat-sync: {words}"))


@contextmanager
def show_progress(total: int) -> Iterator[Progress]:
    """Show how far a batch is, where a human looks at stderr; what is shown is gone afterwards."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield Progress(total)
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar
    except ImportError:  # without the extra
        try:
            yield _Line(total)
        finally:
            _put("\r\x1b[K")
        return
    columns = (BarColumn(), TextColumn("{task.fields[told]}", markup=False))
    with Bar(
        *columns, console=Console(stderr=True), transient=True, refresh_per_second=1 / _OFTEN
    ) as bar:
        yield _Bar(total, bar)
