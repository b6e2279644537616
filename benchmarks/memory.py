"""How much memory reading 100,000 tokens adds, with all events kept."""

from __future__ import annotations

import gc
import resource

from common import client_for, message_of, stream_server


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kibibytes on Linux


def main() -> None:
    with stream_server() as port:
        with client_for(port, n=10) as client:
            message_of(client).text()  # everything is loaded now
        gc.collect()
        before = peak_mib()
        for words in (1000, 100_000):
            with client_for(port, n=100_000, words=words) as client:
                message = message_of(client)
                events = sum(1 for _ in message)
            more = peak_mib() - before
            print(f"{events} events kept, {words} different words: {more:.1f} MiB more at the peak")


if __name__ == "__main__":
    main()
