"""Events per second of ``for event in message`` against a raw socket, and a 10 MB final answer."""

from __future__ import annotations

import time

from common import client_for, median, message_of, raw_objects, stream_server

RUNS = 7


#: what is streamed: lines an HTTP chunk, different words among the tokens, tokens
STREAMS = (
    (1, 1000, 10_000),
    (1, 1000, 100_000),
    (1, 1_000_000, 100_000),
    (50, 1000, 10_000),
    (50, 1000, 100_000),
)


def raw_seconds(port: int, **options: int) -> float:
    started = time.perf_counter()
    seen = sum(1 for _ in raw_objects(port, **options))
    assert seen == options["n"] + 3
    return time.perf_counter() - started


def message_seconds(port: int, **options: int) -> float:
    with client_for(port, **options) as client:
        started = time.perf_counter()
        message = message_of(client)
        seen = sum(1 for _ in message)
        spent = time.perf_counter() - started
    assert seen == options["n"] + 3, seen
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
        for lines, words, count in STREAMS:
            raw, ours = [], []
            for run in range(RUNS + 1):
                options = {"n": count, "lines": lines, "words": words}
                a, b = raw_seconds(port, **options), message_seconds(port, **options)
                if run:  # the first is a warm-up
                    raw.append(a)
                    ours.append(b)
            ratio = median([a / b for a, b in zip(raw, ours)])
            print(
                f"{count:>7} tokens, {min(words, count):>6} different, {lines:>2} a chunk: "
                f"raw {count / median(raw):>9,.0f}/s, message {count / median(ours):>9,.0f}/s, "
                f"ratio {ratio:.2f}, {median(ours) / count * 1e6:.2f} us an event"
            )
        final_seconds(port)
        spent = median([final_seconds(port) for _ in range(3)])
        print(f"10 MB final answer in 512-byte chunks: {spent:.2f} s CPU")


if __name__ == "__main__":
    main()
