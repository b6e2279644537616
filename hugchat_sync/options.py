"""How long to wait and how often to try: frozen values with their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


def is_positive(value: Any) -> bool:
    """Return whether *value* is a number above 0; ``True`` is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


class LeftOut(int):
    """A default that shows its value and yet is told apart, by its class, from that value given."""


#: the default of ``max_tries``: it shows as 3, and means :attr:`Retry.tries` of the client
CLIENTS_TRIES = LeftOut(3)


@dataclass(frozen=True)
class Timeout:
    """Four clocks, in seconds.

    :param connect: until the connection stands.
    :param idle: without a single byte.
    :param progress: without an event other than a keep-alive.
    :param total: the whole call, or the whole answer.
    """

    connect: float = 10
    idle: float = 60
    progress: float = 300
    total: float = 3600

    @classmethod
    def of(cls, value: None | float | Timeout) -> Timeout:
        """Return *value* as clocks; a number is the total."""
        if value is None:
            return cls()
        if isinstance(value, Timeout):
            return value
        return cls(total=float(value))

    @property
    def read(self) -> float:
        """The longest silence that the socket may show: the smallest clock."""
        return min(self.idle, self.progress, self.total)


@dataclass(frozen=True)
class Retry:
    """How often and how patiently a request is repeated.

    :param tries: requests in all, the first one included.
    :param first_delay: seconds before the second try; doubled for each further one.
    :param longest_delay: seconds, the ceiling of that doubling.
    :param longest_retry_after: seconds; a server that asks for more is not waited for.
    """

    tries: int = 3
    first_delay: float = 0.5
    longest_delay: float = 8.0
    longest_retry_after: float = 120

    def delay(self, tried: int, jitter: float) -> float:
        """Return the seconds to wait after *tried* requests; *jitter* is 0 to 1."""
        ceiling = min(self.longest_delay, self.first_delay * float(2 ** (tried - 1)))
        return ceiling * (0.5 + 0.5 * jitter)

    def with_tries(self, tries: int | None) -> Retry:
        """Return the same patience with another number of tries."""
        if tries is None or tries == self.tries:
            return self
        return Retry(tries, self.first_delay, self.longest_delay, self.longest_retry_after)
