"""How much later than a raw socket a message hands over a token, and how many it holds back."""

from __future__ import annotations

import sys
import time
from typing import Iterator

from common import client_for, median, message_of, percentile, raw_objects, stream_server

from hugchat_sync.events import Token

FRAMINGS = (("chunked", 0), ("chunked", 1), ("identity", 0), ("identity", 1))
TOKENS = 150


def raw_delays(port: int, **options: object) -> Iterator[float]:
    for value in raw_objects(port, **options):
        if value["type"] == "stream":
            yield time.perf_counter() - float(str(value["token"]))


def message_delays(port: int, **options: object) -> Iterator[float]:
    with client_for(port, **options) as client:
        for event in message_of(client):
            if isinstance(event, Token):
                yield time.perf_counter() - float(event.text)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with stream_server() as port:
        for gap in (0.001, 0.005, 0.020):
            for framing, packed in FRAMINGS:
                raw: list[float] = []
                ours: list[float] = []
                for _ in range(runs):
                    # the raw reader unpacks nothing: its figures are those of the plain body
                    raw += raw_delays(port, n=TOKENS, gap=gap, framing=framing)
                    ours += message_delays(port, n=TOKENS, gap=gap, framing=framing, gzip=packed)
                held = sum(1 for delay in ours if delay > gap + median(raw)) / len(ours)
                print(
                    f"{gap * 1000:>3.0f} ms {framing:>8}{' gzip' if packed else '     '}: "
                    f"added median {(median(ours) - median(raw)) * 1e6:>6.0f} us, "
                    f"p95 {(percentile(ours, 0.95) - percentile(raw, 0.95)) * 1e6:>6.0f} us, "
                    f"held back {held:.1%}"
                )


if __name__ == "__main__":
    main()
