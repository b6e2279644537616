"""What an answer of a million pieces, or of nothing but keep-alives, costs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Iterator

import pytest
from sampling import ALL_CUTS
from wireserver import WireServer, chunk

KEEP_ALIVE = chunk(b'{"type":"status","status":"keepAlive"}\n')
TOKEN = chunk(b'{"type":"stream","token":"word \\u0000\\u0000\\u0000\\u0000\\u0000\\u0000"}\n')
END = (
    chunk(b'{"type":"finalAnswer","text":"done","interrupted":false}\n')
    + chunk(b'{"type":"status","status":"finished"}\n')
    + b"0\r\n\r\n"
)
TOKENS = 1_000_000 if ALL_CUTS else 200_000

READER = """
import json, sys, time
from hugchat_sync import Client
url = sys.argv[1]

def peak():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1])

sys.setrecursionlimit(200)  # a stack that grows with the answer would end here
client = Client(url, dialect="v2-2025")
# the first answer loads what is loaded once
root = "11111111-1111-4111-8111-111111111111"
message = client.chat("hi", "6b02a3ec554756adfb4f3181", parent_id=root)
first = next(iter(message))
with open("/proc/self/clear_refs", "w") as clear:
    clear.write("5")  # the peak begins anew
before = peak()
began = time.process_time()
text = message.text()
count = sum(1 for _ in message)
print(json.dumps({
    "kilobytes": peak() - before,
    "seconds": time.process_time() - began,
    "events": count,
    "text": text,
}))
"""

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the peak of a process's memory is read in /proc"
)


def measured(body: Iterator[bytes]) -> dict[str, float]:
    with WireServer(lambda: body) as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", READER, server.url],
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.stderr == ""
    found: dict[str, float] = json.loads(done.stdout)
    assert found["text"] == "done"
    return found


def started() -> bytes:
    return chunk(b'{"type":"status","status":"started"}\n')


def test_keep_alives_cost_nothing() -> None:
    def body() -> Iterator[bytes]:
        yield started()
        for _ in range(100):
            yield KEEP_ALIVE * 1000
        yield END

    found = measured(body())
    assert found["events"] == 3
    assert found["kilobytes"] < 2048
    assert found["seconds"] < 20


def test_tokens_cost_what_replaying_them_needs(told: object) -> None:
    def body() -> Iterator[bytes]:
        yield started()
        for _ in range(TOKENS // 1000):
            yield TOKEN * 1000
        yield END

    found = measured(body())
    assert found["events"] == TOKENS + 3
    each = found["kilobytes"] * 1024 / TOKENS
    assert callable(told)
    told(
        f"an answer of {TOKENS} tokens: {found['kilobytes'] / 1024:.0f} MB more,"
        f" {each:.0f} bytes and {found['seconds'] / TOKENS * 1e6:.1f} µs of CPU a token"
    )
    assert each < 250
    assert found["seconds"] / TOKENS < 100e-6


def test_long_line_costs_no_more_than_its_length() -> None:
    text = b"x" * 1000

    def body() -> Iterator[bytes]:
        yield started()
        line = b'{"type":"title","title":"' + text * 4000 + b'"}\n'
        for begin in range(0, len(line), 500):
            piece = line[begin : begin + 500]
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield END

    found = measured(body())
    assert found["kilobytes"] < 8 * 4096
    assert found["seconds"] < 10
