"""``client.map`` against a loop over requests and threads written by hand, and over Dask.

``python many_prompts.py`` runs all; the server is a process of its own. Quote the ratios.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator
from uuid import uuid4

import requests
from common import median
from requests.adapters import HTTPAdapter

from hugchat_sync import Client

RUNS = 3
SLOW = "slow"  # a prompt that takes ten times as long

# the server ------------------------------------------------------------------------------------


def reply(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def lines(*values: object) -> bytes:
    body = b"".join(json.dumps(value).encode() + b"\n" for value in values)
    return b"%x\r\n%s\r\n" % (len(body), body)


class Server:
    """Answers with the tokens and after the seconds in its path: ``/20/0.1/…``.

    It keeps what was asked.
    """

    def __init__(self) -> None:
        self.asked: dict[str, bool] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, path, _ = head.split(b" ", 2)
                length = 0
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                body = await reader.readexactly(length)
                await self.answer(method, path.decode(), body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def answer(
        self, method: bytes, path: str, body: bytes, writer: asyncio.StreamWriter
    ) -> None:
        _, tokens, seconds, rest = path.split("/", 3)
        name = rest.rpartition("/")[2]
        if method == b"POST" and rest == "conversation":
            inside = {"title": "T", "rootMessageId": str(uuid4()), "messages": []}
            made = {
                "conversationId": uuid4().hex[:24],
                "conversation": json.dumps({"json": inside}),
            }
            writer.write(reply(json.dumps(made).encode()))
        elif method == b"POST":
            slowness = 10 if SLOW.encode() in body else 1
            await self.stream(int(tokens), float(seconds) * slowness, writer)
            self.asked[name] = True
        elif method == b"GET" and "conversations/" in rest:
            writer.write(reply(json.dumps({"json": self.conversation(name)}).encode()))
        elif method == b"GET":
            writer.write(reply(b'{"json":{"activeModel":"m","customPrompts":{}}}'))
        else:
            self.asked.pop(name, None)
            writer.write(reply(b'{"json":{"success":true}}'))

    async def stream(self, tokens: int, seconds: float, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\n"
        writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
        writer.write(lines({"type": "status", "status": "started"}))
        await asyncio.sleep(seconds)
        for _ in range(tokens):
            writer.write(lines({"type": "stream", "token": "word" + "\0" * 12}))
        writer.write(lines({"type": "finalAnswer", "text": "word" * tokens, "interrupted": False}))
        await asyncio.sleep(0)
        writer.write(lines({"type": "status", "status": "finished"}) + b"0\r\n\r\n")

    def conversation(self, name: str) -> dict[str, object]:
        return {"id": name, "title": "T", "model": "m", "rootMessageId": "r", "messages": []}


async def run_server() -> None:
    server = await asyncio.start_server(Server().serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


@contextmanager
def running() -> Iterator[int]:
    """Start the server; yields its port."""
    command = [sys.executable, str(Path(__file__)), "serve"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


# two ways --------------------------------------------------------------------------------------


def by_hand(url: str, count: int, workers: int) -> None:
    """Ask as somebody would who has requests, threads and no library."""
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=workers))
    origin = {"Origin": "/".join(url.split("/")[:3])}

    def ask(prompt: str) -> str:
        made = session.post(f"{url}/conversation", json={"model": "m", "preprompt": ""}).json()
        where, text = made["conversationId"], ""
        root = json.loads(made["conversation"])["json"]["rootMessageId"]
        data = {"inputs": prompt, "id": root, "is_retry": False}
        with session.post(
            f"{url}/conversation/{where}",
            files={"data": (None, json.dumps(data))},
            headers=origin,
            stream=True,
        ) as answer:
            for line in answer.iter_lines():
                event = json.loads(line)
                if event["type"] == "finalAnswer":
                    text = event["text"]
        session.delete(f"{url}/api/v2/conversations/{where}")
        return text

    with session, ThreadPoolExecutor(workers) as pool:
        assert all(pool.map(ask, [f"prompt {number}" for number in range(count)]))


def by_map(url: str, count: int, workers: int) -> None:
    with Client(url, dialect="v2-2025") as client:
        found = client.map([f"prompt {number}" for number in range(count)], workers=workers)
        assert all(one.text for one in found)


def cost(call: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds of the clock, and of this process."""
    began, spent = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - began, time.process_time() - spent


def compare(port: int, seconds: float, count: int, workers: int) -> None:
    url = f"http://127.0.0.1:{port}/20/{seconds:g}"
    clocks, processes, rates = [], [], []
    for run in range(RUNS + 1):
        hand = cost(lambda: by_hand(url, count, workers))
        ours = cost(lambda: by_map(url, count, workers))
        if run:  # the first is a warm-up
            clocks.append(hand[0] / ours[0])
            processes.append(ours[1] / hand[1])
            rates.append(count / ours[0])
    print(
        f"{workers:>4} workers, answers of {seconds:g} s: {median(rates):7.1f} prompts/s, "
        f"map / loop {median(clocks):.2f}, CPU a prompt {median(processes):.2f} of the loop's"
    )


def one_slow_in_ten(port: int) -> None:
    url = f"http://127.0.0.1:{port}/20/0.1"
    prompts = [SLOW if number % 10 == 0 else f"prompt {number}" for number in range(100)]
    spent = {True: [], False: []}
    for _ in range(RUNS):
        for ordered, found in spent.items():
            with Client(url, dialect="v2-2025") as client:
                began = time.perf_counter()
                assert all(one.text for one in client.map(prompts, ordered=ordered))
                found.append(time.perf_counter() - began)
    ratio = median([a / b for a, b in zip(spent[True], spent[False])])
    print(f"one slow in ten, 4 workers: ordered / unordered {ratio:.2f}")


# Dask ------------------------------------------------------------------------------------------


def partition(prompts: list[str], url: str) -> list[str]:
    with Client(url, dialect="v2-2025") as client:
        return [one.text or "" for one in client.map(prompts)]


def on_dask(port: int) -> None:
    try:
        from dask.bag import from_sequence
        from distributed import Client as Dask
        from distributed import LocalCluster
    except ImportError:
        print("Dask: not installed")
        return
    url = f"http://127.0.0.1:{port}/20/0.1"
    prompts = [f"prompt {number}" for number in range(120)]
    ratios = []
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Dask(
        cluster
    ) as dask:
        for run in range(RUNS + 1):
            began = time.perf_counter()
            bag = from_sequence(prompts, npartitions=2).map_partitions(partition, url)
            assert len(bag.compute()) == 120
            theirs = time.perf_counter() - began
            with Client(url, dialect="v2-2025") as client:
                began = time.perf_counter()
                found = client.map(prompts, executor=dask.get_executor(), chunk=15)
                assert all(one.text for one in found)
                ours = time.perf_counter() - began
            if run:
                ratios.append(ours / theirs)
    print(f"Dask, 2 workers of 1 thread: map / map_partitions {median(ratios):.2f}")


def main() -> None:
    with running() as port:
        compare(port, 1, 96, 16)
        compare(port, 1, 512, 128)
        compare(port, 0, 400, 16)
        one_slow_in_ten(port)
        on_dask(port)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(run_server())
    else:
        main()
