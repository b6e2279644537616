"""How far a batch is, as a bar; needs the extra ``cli``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from . import output
from .batch_progress import Progress

_REFRESH = 5  # times a second


class _BarProgress(Progress):
    def __init__(self, total: int, bar: Bar) -> None:
        super().__init__(total)
        self._bar = bar
        self._task = bar.add_task("", total=total, told=self.line())

    def show(self) -> None:
        self._bar.update(self._task, completed=self.answered + self.failed, told=self.line())

    def complain(self, text: str) -> None:
        words = output.shown(" ".join(text.split()))
        self._bar.console.print(Text(f"hugchat-sync: {words}"))


@contextmanager
def bar(total: int) -> Iterator[Progress]:
    """Show a bar on stderr, which is gone afterwards."""
    columns = (BarColumn(), TextColumn("{task.fields[told]}", markup=False))
    console = Console(stderr=True)
    with Bar(*columns, console=console, transient=True, refresh_per_second=_REFRESH) as shown:
        yield _BarProgress(total, shown)
