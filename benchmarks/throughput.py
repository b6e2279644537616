"""Events per second of ``for event in message`` against a raw socket, and a 10 MB final answer."""

from __future__ import annotations

import time

from common import client_for, median, message_of, raw_objects, stream_server

RUNS = 7


def raw_seconds(port: int, count: int) -> float:
    started = time.perf_counter()
    seen = sum(1 for _ in raw_objects(port, n=count))
    assert seen == count + 3
    return time.perf_counter() - started


def message_seconds(port: int, count: int) -> float:
    with client_for(port, n=count) as client:
        started = time.perf_counter()
        message = message_of(client)
        seen = sum(1 for _ in message)
        spent = time.perf_counter() - started
    assert seen == count + 3, seen
    assert message.text() == "done"
    return spent


def final_seconds(port: int) -> float:
    """Return the CPU seconds of reading a final answer of 10 MB in chunks of 512 bytes."""
    with client_for(port, final=10_000_000, piece=512) as client:
        message = message_of(client)
        started = time.process_time()
        assert len(message.text()) == 10_000_000
        return time.process_time() - started


def main() -> None:
    with stream_server() as port:
        costs = {}
        for count in (10_000, 100_000):
            raw, ours = [], []
            for run in range(RUNS + 1):
                a, b = raw_seconds(port, count), message_seconds(port, count)
                if run:  # the first is a warm-up
                    raw.append(a)
                    ours.append(b)
            ratio = median([a / b for a, b in zip(raw, ours)])
            costs[count] = median(ours) / count
            print(
                f"{count:>7} tokens: raw {count / median(raw):>9,.0f}/s, "
                f"message {count / median(ours):>9,.0f}/s, ratio {ratio:.2f}, "
                f"{costs[count] * 1e6:.2f} us an event"
            )
        print(f"cost at 100,000 / cost at 10,000: {costs[100_000] / costs[10_000]:.2f}")
        final_seconds(port)
        spent = median([final_seconds(port) for _ in range(3)])
        print(f"10 MB final answer in 512-byte chunks: {spent:.2f} s CPU")


if __name__ == "__main__":
    main()
