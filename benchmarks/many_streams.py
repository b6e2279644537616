"""128 answers at once in one process: how late a token is in the hand, and what it costs."""

from __future__ import annotations

import sys
import threading
import time
from typing import Callable, Iterator

from common import (
    client_for,
    median,
    message_of,
    percentile,
    raw_objects,
    stream_server,
    urllib3_objects,
)

from hugchat_sync.events import Token

STREAMS = 128
TOKENS = 150
GAP = 0.02  # seconds between two tokens of a stream
OPENING = 3.0  # seconds in which all streams must be open; no token comes before

#: The moments of the tokens of one stream, by its number; the first is there before any token is.
Moments = Callable[[int], Iterator[float]]


def measured(moments: Moments) -> tuple[list[float], float]:
    """Return how late each token came, and the CPU seconds from the first token to the last."""
    delays: list[float] = []
    began: list[float] = []
    all_open = threading.Barrier(STREAMS, action=lambda: began.append(time.process_time()))

    def read(number: int) -> None:
        own = []
        stream = moments(number)
        next(stream)
        all_open.wait()
        for moment in stream:
            own.append(time.perf_counter() - moment)
        delays.extend(own)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(STREAMS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(delays) == STREAMS * TOKENS
    return delays, time.process_time() - began[0]


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    options = {"n": TOKENS, "gap": GAP, "wait": OPENING}
    with stream_server() as port, client_for(port, **options) as client:

        def moments_of(objects: Iterator[dict[str, object]]) -> Iterator[float]:
            next(objects)
            yield 0.0
            for value in objects:
                if value["type"] == "stream":
                    yield float(str(value["token"]))

        def raw(number: int) -> Iterator[float]:
            return moments_of(raw_objects(port, **options))

        def below(number: int) -> Iterator[float]:
            return moments_of(urllib3_objects(port, **options))

        def ours(number: int) -> Iterator[float]:
            events = iter(message_of(client, number))
            next(events)
            yield 0.0
            for event in events:
                if isinstance(event, Token):
                    yield float(event.text)

        readers = (raw, below, ours)
        late: dict[Moments, list[float]] = {reader: [] for reader in readers}
        cost: dict[Moments, list[float]] = {reader: [] for reader in readers}
        for _ in range(runs):
            for reader in readers:
                delays, spent = measured(reader)
                late[reader].append(percentile(delays, 0.95))
                cost[reader].append(spent)
    token = median(cost[ours]) / STREAMS / TOKENS

    def ratio(reader: Moments) -> float:
        return median([a / b for a, b in zip(cost[reader], cost[raw])])

    print(
        f"{STREAMS} streams of {1 / GAP:.0f} tokens/s: 95th percentile "
        f"{median(late[ours]) * 1e3:.1f} ms, raw {median(late[raw]) * 1e3:.1f} ms; "
        f"CPU of a token {token * 1e6:.0f} us, {ratio(ours):.2f} times raw's; "
        f"urllib3 alone {ratio(below):.2f} times"
    )


if __name__ == "__main__":
    main()
