"""Messages and their answers, and the conversations in which they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, ContextManager, Protocol, TypeVar

if TYPE_CHECKING:
    from ..calls import Call
    from ..dialects import Dialect
    from ..transport.http import Transport
    from ..transport.retry import Patience

T = TypeVar("T")


class Server(Protocol):
    """What this package needs of the way to a server, and of who we are there."""

    base_url: str
    transport: Transport

    @property
    def is_nobody(self) -> bool: ...  # noqa: D102

    def require_open(self) -> None: ...  # noqa: D102

    def ready(self, patience: Patience, *, wanted: str = "", session_for: str = "") -> Dialect: ...  # noqa: D102

    def keep(self, dialect: Dialect) -> None: ...  # noqa: D102

    def ask(self, describe: Callable[[Dialect], Call[T]], patience: Patience) -> T: ...  # noqa: D102

    def in_one_session(self, operation: Callable[[Patience], T], patience: Patience) -> T: ...  # noqa: D102

    def first_visit(self, patience: Patience) -> ContextManager[None]: ...  # noqa: D102
