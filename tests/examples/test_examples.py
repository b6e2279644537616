"""Every example is a program, and is run as one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SAID = {
    "hello.py": "system prompt",
    "stream_tokens.py": "events, title:",
    "web_search.py": "- ",
    "futures.py": "0 conversations left",
    "poll_like_the_wiki.py": "[sources] sources",
    "system_prompts.py": "its system prompt: 'Answer like a pirate.'",
    "export_histories.py": "**Answer:**",
    "cron_daily_digest.py": "error",
    "save_and_load_cookies.py": "cookies: hf-chat",
    "own_session_with_proxy.py": "[cookies in my session: 0]",
}


def run(example: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / example)]
    if not environment:
        command.append("--local")
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
    )


@pytest.mark.parametrize("example", sorted(SAID))
def test_example_prints_what_its_docstring_says(example: str) -> None:
    done = run(example)

    assert (done.returncode, done.stderr if done.returncode else "") == (0, "")
    assert SAID[example].lower() in done.stdout.lower()


def test_every_example_is_in_the_table() -> None:
    others = {"address.py", "openai_endpoint.py", "web_app.py"}  # two with tests of their own
    programs = {path.name for path in EXAMPLES.glob("*.py")} - others

    assert programs == set(SAID)


def test_the_environment_can_ask_for_the_embedded_server() -> None:
    done = run("hello.py", HUGCHAT_SYNC_LOCAL="1")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("example", sorted(SAID))
def test_example_is_short(example: str) -> None:
    lines = (EXAMPLES / example).read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 45
