"""The README is true: its code runs, its table is that of the dialects, its markup is sound."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.rst").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"\.\. code-block:: {language}\n\n((?:   .*\n|\n)+)", README)
    return [textwrap.dedent(block).strip() for block in found]


def commands(block: str) -> list[str]:
    lines = re.sub(r"\\\n\s*", "", block).splitlines()
    return [line[2:] for line in lines if line.startswith("$ ")]


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {
        **os.environ,
        "PATH": path,
        "XDG_CONFIG_HOME": str(tmp_path),
        "PYTHONIOENCODING": "utf-8",
        **more,
    }


@pytest.mark.parametrize("block", blocks("python"))
def test_python_block_runs(block: str, server: Any, tmp_path: Path) -> None:
    (tmp_path / "cookies.json").write_text('{"hf-chat": "made-up-for-the-readme"}')
    (tmp_path / "block.py").write_text(block, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-W", "error", "block.py"],
        cwd=tmp_path,
        env=environment(tmp_path, HUGCHAT_SYNC_BASE_URL=server.url),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("block", blocks("console")[2:])
def test_console_block_runs(block: str, tmp_path: Path) -> None:
    for command in commands(block):
        done = subprocess.run(
            command,
            shell=True,
            cwd=ROOT,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert done.stdout.strip()


def test_first_command_is_one_line_and_its_last_part_answers(tmp_path: Path) -> None:
    (line,) = commands(blocks("console")[0])
    program = line.rpartition("&& ")[2].replace(".venv/bin/", "")

    done = subprocess.run(
        program,
        shell=True,
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )

    assert line.startswith("python3 -m venv .venv && .venv/bin/pip install")
    assert program == 'hugchat-sync --local ask -w "How do I set a system prompt?"'
    assert done.returncode == 0, done.stderr
    assert "set_system_prompt" in done.stdout


def test_second_command_is_one_line_that_runs_the_tests() -> None:
    (line,) = commands(blocks("console")[1])

    assert line.startswith("python3 -m venv .venv && ")
    assert line.endswith(" .venv/bin/python -m pytest")
    assert 'bash -c "$(block 1)"' in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_table_of_eras_is_that_of_the_dialects() -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    from era_table import table

    written = README.partition(".. eras\n")[2].partition(".. eras end")[0].strip()

    assert written == table()


@pytest.mark.parametrize("name", ["README.rst", "CHANGELOG.rst", "CONTRIBUTING.rst"])
def test_markup_is_sound(name: str) -> None:
    from docutils.core import publish_doctree

    text = (ROOT / name).read_text(encoding="utf-8")

    publish_doctree(text, settings_overrides={"report_level": 1, "halt_level": 2})
