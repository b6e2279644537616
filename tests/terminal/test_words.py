"""Errors as the terminal tells them: in the names of its own options and commands."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from sampling import each

import hugchat_sync
from hugchat_sync.terminal.exits import reword

PACKAGE = Path(hugchat_sync.__file__).parent

#: what a sentence for Python has in it
PYTHON = re.compile(
    r"\b[a-z_]+=(?!\s)|\w\(\w*\)|base_url|allow_insecure|\.partial"
    r"|pass (?:the )?(?:new )?(?:cookies|ones)"
)

#: (file, beginning) → why no command leads there, or why Python is meant
ELSEWHERE = {
    ("map.py", ""): "map is of Python only; the program reads its prompts from a file",
    ("prompt.py", "custom_data"): "custom_data is of Python only",
    ("bot.py", ""): "HuggingChat is of Python only",
    ("options.py", "retries is"): "there is no option for retries",
    ("files.py", "files is a list"): "files are checked before",
    ("errors.py", "a gateway before"): "says itself that Python is wanted",
    ("sign.py", "there is no password"): "a Sign is used once",
    ("prompt.py", "mcp_servers"): "the name of a field of batch",
    ("forms.py", "the text holds no cookie of the form"): "name=value is how a cookie is written",
    ("errors.py", "(?i)oauth|"): "a pattern",
    ("message.py", "<Message"): "a repr",
}


def sentences():
    """Yield (file, text) for what the errors of the client say."""
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE)
        if place.parts[0] in ("local", "terminal", "compat") or place.name == "terminal_cli.py":
            continue
        tree = ast.parse(path.read_text("utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        skipped = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                skipped.update(id(part) for part in node.values)
                parts = (getattr(part, "value", "X") for part in node.values)
                yield place, "".join(part if isinstance(part, str) else "X" for part in parts)
            elif isinstance(getattr(node, "value", None), str) and id(node) not in skipped:
                yield place, node.value


def leads_there(place, text):
    """Return whether a command of the terminal may come to a sentence."""
    return not any(place.endswith(file) and text.startswith(begin) for file, begin in ELSEWHERE)


def test_no_parameter_of_python_is_named():
    told = sorted({(str(place), text) for place, text in sentences() if text.count(" ") > 3})
    pythonic = [one for one in told if PYTHON.search(one[1]) and leads_there(*one)]

    assert len(told) > 100 and len(pythonic) > 10
    in_words = [(place, reword(text)) for place, text in pythonic]
    assert [one for one in in_words if PYTHON.search(one[1])] == []


@pytest.mark.parametrize(
    ("words", "expected", "unwanted"),
    [
        (["--base-url", "http://chat.example/chat", "ls"], "--allow-insecure", "allow_insecure"),
        (["--base-url", "ftp://chat.example", "ls"], "base URL", "base_url"),
        (["batch", "in", "out", "--max-per-minute", "0"], "'0' is not a number above", "seconds"),
    ],
)
def test_refusal_names_the_option(program, words, expected, unwanted):
    done = program(*words)

    assert done.code == 2
    assert expected in done.err and unwanted not in done.err


@each(
    ("said", "shown"),
    [
        ("sign in, or pass cookies", "sign in, or give cookies with --cookies FILE"),
        ("again and pass new cookies", "again and give new ones with --cookies FILE"),
        ("and export and pass the new ones", "and export and give new ones with --cookies FILE"),
    ],
)
def test_new_cookies_are_spoken_of_where_there_were_some(said, shown):
    assert reword(said) == shown


def test_text_of_a_server_is_left_alone():
    assert reword("the server answered 400: x = 1 (check)") == (
        "the server answered 400: x = 1 (check)"
    )
