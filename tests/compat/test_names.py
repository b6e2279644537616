"""The names of the other package: one table in the documents, and every name of it is there."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from functools import reduce
from pathlib import Path

import pytest
from sampling import each

import hugchat_sync
from hugchat_sync.compat import cli

DOCUMENTS = Path(hugchat_sync.__file__).parent / "local" / "documents"
(PAGE,) = (path.read_text("utf-8") for path in DOCUMENTS.glob("coming-from-hugchat.*"))


def rows():
    """Return the names of the table's first column, and their parameters if it has any."""
    found = re.findall(r"^\W*`+([a-z]+\.[\w.]+)(?:\(([^`]*)\))?`+", PAGE, re.MULTILINE)
    return [(name, re.findall(r"\w+", parameters)) for name, parameters in found]


def value_of(name):
    *modules, last = name.split(".")
    places = [place for place in range(1, len(modules) + 1)]
    for place in reversed(places):
        path = ".".join(["hugchat_sync", "compat", *modules[:place]])
        try:
            module = importlib.import_module(path)
        except ModuleNotFoundError:
            continue
        return reduce(getattr, [*modules[place:], last], module)
    raise LookupError(name)


def test_table_is_read_whole():
    assert len(rows()) > 55
    assert {"assistant", "switch_to"} <= set(dict(rows())["hugchat.ChatBot.new_conversation"])
    assert "description" in dict(rows())["types.assistant.Assistant"]


@each(("name", "parameters"), rows())
def test_name_of_the_table_is_there_with_its_parameters(name, parameters):
    value = value_of(name)
    documented = inspect.getdoc(value)
    if callable(value) and parameters:
        taken = list(inspect.signature(value).parameters)
        assert set(parameters) <= set(taken)
        if "stream" not in parameters:  # it came later, by its name only
            assert [one for one in taken if one in parameters] == parameters

    assert documented


QUIET = """
import logging, sys
import hugchat_sync
hugchat_sync.Client, hugchat_sync.Sign
assert not [name for name in sys.modules if "compat" in name and "hugchat" in name]
import hugchat_sync.compat.hugchat, hugchat_sync.compat.login
assert not logging.getLogger().handlers and "hugchat_sync.terminal" not in sys.modules
"""
INSTALLED = """
import hugchat_sync.compat
hugchat_sync.compat.install()
hugchat_sync.compat.install()
import hugchat
from hugchat import hugchat as module
from hugchat.login import Login
from hugchat.types.message import Conversation
import hugchat.exceptions as exceptions
assert hugchat.hugchat is module and module.__name__ == "hugchat_sync.compat.hugchat"
assert module.exceptions is exceptions and Conversation("a").id == "a"
"""
BESIDE = """
import sys, types
sys.modules["hugchat"] = real = types.ModuleType("hugchat")
import hugchat_sync.compat
try:
    hugchat_sync.compat.install()
except hugchat_sync.UsageError as error:
    assert "hugchat is imported already" in str(error)
    assert sys.modules["hugchat"] is real and "hugchat.login" not in sys.modules
else:
    raise AssertionError("installed beside the package itself")
"""


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        **options,
    )


@pytest.mark.parametrize(
    "program", [QUIET, INSTALLED, BESIDE], ids=["quiet", "installed", "beside"]
)
def test_modules_are_loaded_and_put_under_the_old_name_when_asked_only(program):
    done = run("-c", program)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_old_command_talks_as_the_terminal_program(stage):
    done = run("-m", "hugchat_sync.compat.cli", "-s", input="hi\n/q\n")

    assert done.returncode == 0, done.stderr
    assert "Hello, world." in done.stdout


@pytest.mark.parametrize(
    ("words", "handed"),
    [
        ("", ["chat"]),
        ("-s -c", ["chat -c"]),
        ("-u ada@example.org", ["login --email ada@example.org", "chat --email ada@example.org"]),
        ("-u ada@example.org -p -c", ["login --email ada@example.org", None]),
    ],
)
def test_old_command_hands_its_options_on(monkeypatch, words, handed):
    said, ends = [], iter([0] if None not in handed else [3])
    monkeypatch.setattr(
        "hugchat_sync.terminal.main", lambda argv: said.append(" ".join(argv)) or next(ends, 0)
    )

    assert cli.cli(words.split()) == (3 if None in handed else 0)
    assert said == [one for one in handed if one]


def test_old_command_tells_in_a_line_what_cannot_be_right():
    done = run("-m", "hugchat_sync.compat.cli", "-u", " ")

    assert (done.returncode, done.stdout) == (2, "")
    assert "e-mail" in done.stderr and "Traceback" not in done.stderr


def test_recipe_for_langchain_runs(stage, tmp_path):
    recipe = PAGE.partition("holds a client")[2].partition("```python\n")[2].partition("```")[0]
    (tmp_path / "langchain_core/language_models").mkdir(parents=True)
    (tmp_path / "langchain_core/language_models/llms.py").write_text(
        "class LLM:\n"
        "    def __init__(self, client): self.client = client\n"
        "    def invoke(self, prompt): return self._call(prompt)\n"
    )
    (tmp_path / "recipe.py").write_text(recipe)

    done = run("-W", "ignore::ResourceWarning", str(tmp_path / "recipe.py"))

    assert (done.returncode, done.stdout.strip()) == (0, "Hello, world."), done.stderr
    assert stage.turns[-1].prompt == "What is a token?"
