"""What a type checker makes of classes that users derive; it is checked by mypy and never run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace

from hugchat_sync import Timeout
from hugchat_sync.events import Event, Token
from hugchat_sync.records import Record


class InSeconds(Timeout):
    """With an ``__init__`` of its own, and annotations that are no fields."""

    unit: str

    def __init__(self, seconds: float) -> None:
        super().__init__(total=seconds)


@dataclass(frozen=True)
class Counted(Token):
    """A frozen dataclass with one field more."""

    n: int = 0


@dataclass
class Progress(Event):
    """A dataclass that can be changed."""

    done: int = 0


@dataclass
class Row(Record):
    """A record that can be changed."""

    done: int = 0


class Plain(Event):
    """No dataclass at all."""

    def __init__(self, x: int) -> None:
        self.x = x


def use() -> None:
    """Use them as their authors would."""
    progress, row, plain = Progress(1), Row(done=1), Plain(1)
    progress.done, row.done, plain.x = 2, 3, 4
    counted = replace(Counted("a", n=2), n=3)
    print(InSeconds(3).total, counted.text, asdict(counted), fields(Timeout))
