"""128 answers at once in one process: how late a token is in the hand, and what it costs."""

from __future__ import annotations

import sys
import threading
import time
from typing import Callable, Iterator

from common import client_for, median, message_of, percentile, raw_objects, stream_server

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

        def raw(number: int) -> Iterator[float]:
            objects = raw_objects(port, **options)
            next(objects)
            yield 0.0
            for value in objects:
                if value["type"] == "stream":
                    yield float(str(value["token"]))

        def ours(number: int) -> Iterator[float]:
            events = iter(message_of(client, number))
            next(events)
            yield 0.0
            for event in events:
                if isinstance(event, Token):
                    yield float(event.text)

        late: dict[Moments, list[float]] = {raw: [], ours: []}
        cost: dict[Moments, list[float]] = {raw: [], ours: []}
        for _ in range(runs):
            for moments in late:
                delays, spent = measured(moments)
                late[moments].append(percentile(delays, 0.95))
                cost[moments].append(spent)
    ratio = median([a / b for a, b in zip(cost[ours], cost[raw])])
    token = median(cost[ours]) / STREAMS / TOKENS
    print(
        f"{STREAMS} streams of {1 / GAP:.0f} tokens/s: 95th percentile "
        f"{median(late[ours]) * 1e3:.1f} ms, raw {median(late[raw]) * 1e3:.1f} ms; "
        f"CPU of a token {token * 1e6:.0f} us, {ratio:.2f} times raw's"
    )


if __name__ == "__main__":
    main()
