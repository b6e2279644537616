"""Real workers: processes of this machine, and a Dask scheduler with its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from prompts import prompts

import hugchat_sync

TOP = str(Path(hugchat_sync.__file__).parent.parent)


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


class Cluster:
    """A Dask scheduler and its workers, a process each."""

    def __init__(self, place: Path, workers: int, threads: int) -> None:
        self._file = place / "scheduler.json"
        self._log = (place / "log").open("wb")  # noqa: SIM115  # closed below
        self.environment = {**os.environ, "PYTHONPATH": TOP}
        self.scheduler = self._start(
            "scheduler", "--port", "0", "--scheduler-file", str(self._file), "--no-dashboard"
        )
        wait_for(lambda: self._file.exists() and self._file.read_text())
        self.address: str = json.loads(self._file.read_text())["address"]
        # without nannies: a worker that was killed stays so
        self.workers = [
            self._start("worker", self.address, "--nthreads", str(threads), "--no-nanny",
                        "--no-dashboard", "--local-directory", str(place))
            for _ in range(workers)
        ]  # fmt: skip

    def _start(self, kind: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--host", "127.0.0.1"]
        return subprocess.Popen(
            [*command, *words], env=self.environment, stdout=self._log, stderr=self._log
        )

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self._log.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Callable[..., tuple[Cluster, Any]]]:
    """Return a function that starts a cluster; gives it and a client of Dask's."""
    distributed = pytest.importorskip("distributed", reason="needs the extra cluster-test")
    with ExitStack() as stack:

        def start(workers: int = 2, threads: int = 1) -> tuple[Cluster, Any]:
            made = Cluster(tmp_path, workers, threads)
            stack.callback(made.close)
            client = distributed.Client(made.address, set_as_default=False, timeout=30)
            stack.callback(_close, client)
            client.wait_for_workers(workers, timeout=60)
            return made, client

        yield start


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Return a function that starts ``batch`` in a process of its own, over ``in.txt``."""
    (tmp_path / "in.txt").write_text("\n".join(prompts(12)), "utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    running = []

    def begin(server: Any, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "hugchat_sync", "batch", "in.txt", "out.jsonl", *words]
        process = subprocess.Popen(
            [*command, "--base-url", server.url], cwd=tmp_path, stderr=subprocess.PIPE,
            env=environment, start_new_session=True,
        )  # fmt: skip
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def _close(client: Any) -> None:
    with suppress(Exception):  # its scheduler may be gone
        client.close(timeout=2)
