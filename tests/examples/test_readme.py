"""The README is short and true: its two commands, its table, its markup."""

from __future__ import annotations

import inspect
import pydoc
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Iterator

import pytest
from blocks import ROOT, blocks_of

README = (ROOT / "README.rst").read_text(encoding="utf-8")
FOLDERS = ("hugchat_sync", "tests", "docs", "benchmarks", "examples")
ROOMS = "auth|batch|chat|compat|core|dialects|local|terminal|transport|tests|docs|benchmarks"
CONSOLE = [block for block in blocks_of(ROOT / "README.rst") if block.language == "console"]


def test_first_command_is_one_line_and_its_last_part_answers(tmp_path: Path) -> None:
    (line,) = CONSOLE[0].commands
    program = line.rpartition("&& ")[2].replace(".venv/bin/", "")

    done = subprocess.run(
        [sys.executable, "-m", "hugchat_sync", *program.replace('"', "").split(" ", 4)[1:]],
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
    (line,) = CONSOLE[1].commands

    assert line.startswith("python3 -m venv .venv && ")
    assert line.endswith(" .venv/bin/python -m pytest -n 4")
    assert 'bash -c "$(block 1)"' in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_readme_is_read_in_one_go() -> None:
    assert len(README.splitlines()) <= 250


def test_links_of_the_readme_lead_somewhere() -> None:
    named = re.findall(r"^\.\. (?:_[^:]+|image:): (\S+)$", README, re.M)

    assert named and [place for place in named if not (ROOT / place).is_file()] == []


def test_programs_that_the_readme_names_are_there() -> None:
    named = re.findall(r"``(\w+\.py)``", README)

    assert named and [one for one in named if not (ROOT / "examples" / one).is_file()] == []


def texts() -> Iterator[tuple[Path, str]]:
    """Yield what is written for people who change the library: pages, settings, and code."""
    for pattern in ("*.rst", "*.py", "*.in", "*.toml", "*.cfg"):
        for path in ROOT.rglob(pattern):
            inside = path.relative_to(ROOT).parts
            if inside[0] in FOLDERS and "wire" not in inside or len(inside) == 1:
                yield path, path.read_text(encoding="utf-8")


def test_files_that_texts_and_code_name_are_there() -> None:
    missing = {}
    for path, text in texts():
        folders = (ROOT, ROOT / "hugchat_sync", path.parent)
        named = re.findall(rf"``((?:{ROOMS})/[\w./]*)``", text)
        named += re.findall(rf"``((?:{ROOMS})/\w+(?:\.py)?)``", text)
        named += [one.rstrip("/*") for one in re.findall(r'^"([\w/.]+\*?)" = \[', text, re.M)]
        named += re.findall(r"^graft (\S+)$", text, re.M) if path.suffix == ".in" else []
        for one in named:
            places = [folder / (one + end) for folder in folders for end in ("", ".py")]
            if not any(place.exists() for place in places) and path.name != "CHANGELOG.rst":
                missing.setdefault(str(path.relative_to(ROOT)), set()).add(one)

    assert missing == {}


def test_figures_of_speed_are_those_of_the_benchmarks() -> None:
    measured = (ROOT / "benchmarks" / "README.rst").read_text(encoding="utf-8")
    rows = README.partition("\nSpeed\n")[2].partition("\nTests, changes")[0].splitlines()
    figures = [one for row in rows for one in re.findall(r"\d[\d.]*", row[57:])]

    assert len(figures) > 5
    assert [one for one in figures if not re.search(rf"(?<![\d.]){one}(?![\d.])", measured)] == []


def test_sums_of_the_faults_are_those_of_their_table() -> None:
    table = (ROOT / "tests" / "faults" / "README.rst").read_text(encoding="utf-8")
    found = re.findall(r" (\d+) +(\d+) +(\d+) +(\d+)$", table, re.M)
    answers, faults, lost, doubled = (sum(map(int, column)) for column in zip(*found))

    assert f"{answers:,} answers with {faults:,} faults" in README
    assert (lost, doubled) == (0, 0)


def test_table_of_eras_is_that_of_the_dialects() -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    table = import_module("era_table").table

    written = README.partition(".. eras\n")[2].partition(".. eras end")[0].strip()

    assert written == table()


def test_changelog_has_the_version_that_the_program_prints() -> None:
    from hugchat_sync import __version__

    first = (ROOT / "CHANGELOG.rst").read_text(encoding="utf-8").split("\n\n")[1]

    assert re.match(rf"{re.escape(__version__)} \([^)]+\)\n-+", first)


@pytest.mark.parametrize(
    "name",
    [
        "README.rst",
        "CHANGELOG.rst",
        "CONTRIBUTING.rst",
        "benchmarks/README.rst",
        "tests/faults/README.rst",
    ],
)
def test_markup_is_sound(name: str) -> None:
    from docutils.core import publish_doctree

    text = (ROOT / name).read_text(encoding="utf-8")

    publish_doctree(text, settings_overrides={"report_level": 1, "halt_level": 2})


def test_help_leads_to_the_three_classes_and_the_guide() -> None:
    import hugchat_sync

    shown = pydoc.render_doc(hugchat_sync, renderer=pydoc.plaintext)
    beginning = shown.partition("PACKAGE CONTENTS")[0]

    for name in ("Client", "Message", "HuggingChat", "guide", "hugchat-sync --local ask"):
        assert name in beginning


@pytest.mark.parametrize("method", ["ask", "chat", "map"])
def test_parameters_are_documented_where_they_are_asked_for(method: str) -> None:
    from hugchat_sync import Client

    called = getattr(Client, method)
    names = set(inspect.signature(called).parameters) - {"self", "text"}

    assert {name for name in names if f":param {name}:" not in called.__doc__} == set()
