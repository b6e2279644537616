"""What README, guide and docstrings show is true: it runs, and type checkers agree with it.

A reader follows the guide signed in to huggingface.co. Here a server that wants a sign-in stands
in, and ``$HUGCHAT_SYNC_COOKIES`` names the file with the cookies for it, as the guide advises.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import io
import json
import os
import pkgutil
import re
import runpy
import shlex
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest
from blocks import PAGES, ROOT, Block, blocks, blocks_of
from hub.small_hub import Both, Chat, Hub, Served

import hugchat_sync
from hugchat_sync.local import LocalServer

SESSION = "made-up-session"
EMAIL, PASSWORD = "you@example.org", "made-up-password"
FILES = {
    "cookies.json": json.dumps({"token": "made-up-token", "hf-chat": SESSION}),
    "password.txt": PASSWORD + "\n",
    "notes.txt": "We sell tea.\n",
    "picture.png": "\x89PNG made up",
    "prompts.txt": "What is a token?\nWhat is an event?\n",
    "prompts.jsonl": '"What is a token?"\n{"prompt": "What is an event?", "id": "e"}\n',
    "questions.csv": "id,question\n1,What is a token?\n2,What is an event?\n",
}
#: Blocks that need what is neither ours nor in an extra are read, not run.
FOREIGN = re.compile(r"^(?:from|import) (?:streamlit|langchain_core|pandas|dask)", re.M)
#: One command of the program and nothing of a shell's: it runs in this process, which is faster.
PLAIN = re.compile(r"^hugchat-sync (?!serve)[^|<>$`;&*~]*$")
#: Blocks that hold up or end the process that they run in.
APART = re.compile(r"Process|_exit|Pool|fork|__main__|signal|asyncio|logging\.basicConfig")
#: Commands that fetch something, or change the machine.
PARSED = re.compile(r"^(?:pip |python3? -m (?:pip|venv)|git clone|cd |\.venv|crontab|bash \.ci)")
#: Commands that go on until they are told to end.
ENDLESS = re.compile(r"^(?:hugchat-sync serve|python examples/(?:web_app|openai_endpoint))")
CRON = re.compile(r"^(?:[\d*/,-]+ +){5}(?=[a-z/])", re.M)
LANGUAGES = {"python", "console", "bash", "json", "text"}


def as_parameters(found: list[Block]) -> Any:
    return pytest.mark.parametrize("block", [pytest.param(one, id=one.name) for one in found])


@pytest.fixture(scope="module")
def signed_in_server() -> Iterator[LocalServer]:
    with LocalServer(token=SESSION) as running:
        yield running


@pytest.fixture(scope="module")
def sign_in_server() -> Iterator[str]:
    """A chat server and its identity provider at one origin, as huggingface.co is."""
    with Served() as origin:
        yield origin


@pytest.fixture
def place(tmp_path: Path, signed_in_server: LocalServer) -> Place:
    return Place(tmp_path, signed_in_server.url)


class Place:
    """A folder with the files that the pages speak of, and the environment of a reader."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        for name, text in FILES.items():
            (folder / name).write_text(text, encoding="utf-8")
        for name in ("examples", "docs", "benchmarks"):
            (folder / name).symlink_to(ROOT / name)
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_DATA_HOME": str(folder / "data"),
            "PYTHONIOENCODING": "utf-8",
            "HUGCHAT_SYNC_BASE_URL": url,
            "HUGCHAT_SYNC_COOKIES": "cookies.json",
            "HUGCHAT_SYNC_EMAIL": EMAIL,
            "HUGCHAT_SYNC_PASSWORD": PASSWORD,
        }

    def run(self, command: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=90,
            **options,
        )

    @contextmanager
    def entered(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Let this process stand in the folder, in the environment of a reader."""
        with monkeypatch.context() as patched:
            patched.chdir(self.folder)
            for name, value in self.environment.items():
                patched.setenv(name, value)
            for name in set(os.environ) - set(self.environment):
                patched.delenv(name)
            yield

    def run_until_ready(self, command: str) -> None:
        """Run a server until it has said where it is, and end it."""
        program = subprocess.Popen(
            shlex.split(command),
            cwd=self.folder,
            env={**self.environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        timer = threading.Timer(60, program.kill)
        timer.start()
        said = ""
        try:
            assert program.stdout is not None
            for line in program.stdout:
                said += line
                if "http://" in line:
                    break
            assert "http://" in said, said
        finally:
            timer.cancel()
            program.send_signal(signal.SIGTERM)
            try:
                program.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                program.kill()
                program.communicate()


def signs_in(block: Block) -> bool:
    return bool(re.search(r"getSign\(|Sign\(|Login\(|sync login (?!--cookies)", block.code))


def at_a_sign_in(block: Block, place: Place, origin_of: Served) -> None:
    """Put the small identity provider in the place of huggingface.co."""
    hub = Hub()
    hub.people = {EMAIL: PASSWORD}
    chat = Chat(hub)
    hub.origin = chat.origin = origin_of.origin
    origin_of.app = Both(hub, chat)
    place.environment["HUGCHAT_SYNC_BASE_URL"] = f"{origin_of.origin}/chat"
    del place.environment["HUGCHAT_SYNC_COOKIES"]


@pytest.fixture
def ready(place: Place, request: pytest.FixtureRequest) -> Iterator[Place]:
    block = request.node.callspec.params["block"]
    if not signs_in(block):
        yield place
        return
    served = Served()
    with served:
        at_a_sign_in(block, place, served)
        yield place


@as_parameters(blocks("python"))
def test_python_block_runs(
    block: Block, ready: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ast.parse(block.code, block.name, feature_version=(3, 8))
    if FOREIGN.search(block.code):
        return
    (ready.folder / "block.py").write_text(block.code + "\n", encoding="utf-8")

    if APART.search(block.code):
        done = ready.run([sys.executable, "-W", "error", "block.py"])
        code, err = done.returncode, done.stderr
    else:
        with ready.entered(monkeypatch):
            monkeypatch.setattr(sys, "stdin", io.StringIO())
            code = exit_code_of("block.py")
        err = capsys.readouterr().err

    assert code == 0, err
    assert err == "" or "stderr" in block.code


def exit_code_of(path: str) -> int:
    """Run a script in this process."""
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


@as_parameters([one for one in blocks("console") if one.commands[0][:14] != "python3 -m ven"])
def test_console_block_runs(
    block: Block, ready: Place, program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ""
    for command in block.commands:
        if ENDLESS.match(command):
            ready.run_until_ready(command)
            continue
        if PLAIN.match(command):
            with ready.entered(monkeypatch):
                here = program(*shlex.split(command, comments=True)[1:])
            said += here.out + here.err
            assert here.code == 0, f"{command}: {here.out}{here.err}"
            continue
        if PARSED.match(command):
            done = ready.run(["bash", "-n", "-c", command])
        else:
            done = ready.run(["bash", "-c", command])
            said += done.stdout + done.stderr
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    for line in block.output:
        assert line.rstrip("…") in said, said


@as_parameters(blocks("bash", "json", "text"))
def test_other_block_is_what_it_says(block: Block, place: Place) -> None:
    if block.language == "json":
        json.loads(block.code)
    elif block.language == "bash":
        assert block.code.startswith("#!/bin/bash\n")
        assert place.run(["bash", "-n", "-c", block.code]).returncode == 0
    for line in CRON.split(block.code)[1:] if block.language == "text" else []:
        assert place.run(["bash", "-n", "-c", line]).returncode == 0


def test_every_block_says_its_language() -> None:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        found = list(blocks_of(path))
        assert {one.language for one in found} <= LANGUAGES, path
        marks = len(re.findall(r"^```|^\.\. code-block::", text, re.M))
        assert marks == len(found) * (2 if path.suffix == ".md" else 1), path
        assert path.suffix == ".md" or not re.search(r"[^.]::$", text, re.M), path


def modules() -> list[str]:
    found = pkgutil.walk_packages(hugchat_sync.__path__, "hugchat_sync.")
    return ["hugchat_sync", *(one.name for one in found if "__main__" not in one.name)]


def test_docstrings_run(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.folder)
    for name in ("HUGCHAT_SYNC_BASE_URL", "HUGCHAT_SYNC_COOKIES"):
        monkeypatch.setenv(name, place.environment[name])
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for name in modules():
        for case in finder.find(importlib.import_module(name), name):
            assert all(doctest.SKIP not in one.options for one in case.examples), name
            assert runner.run(case).failed == 0, case.name

    assert runner.tries > 3


def test_types_of_blocks_and_examples_are_right(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    for block in blocks("python"):
        if not FOREIGN.search(block.code):
            (tmp_path / block.file_name).write_text(block.code + "\n", encoding="utf-8")
    programs = sorted((ROOT / "examples").glob("*.py"))
    options = ["--strict", "--no-error-summary", "--config-file=", "--cache-dir"]

    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(ROOT / ".mypy_cache" / "blocks"),
         *map(str, [*sorted(tmp_path.glob("*.py")), *programs])],
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )  # fmt: skip

    assert (done.stdout, done.returncode) == ("", 0)
