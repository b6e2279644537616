"""The prompts of a batch: JSON lines, plain text, or a table."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any, Mapping

from ..errors import UsageError
from ..values import Value, with_fields
from .input import decode, read_stdin

_FORMATS = ("jsonl", "txt", "csv")

#: what a line may say besides ``prompt`` and ``id``, and what it may be
_OPTIONS: Mapping[str, tuple[type, ...]] = {
    "conversation_id": (str,),
    "files": (list,),
    "max_tries": (int,),
    "mcp_servers": (list,),
    "model": (str,),
    "parent_id": (str,),
    "resume": (bool,),
    "system_prompt": (str,),
    "web_search": (bool, str),
}

csv.field_size_limit(2**31 - 1)  # an answer may be longer than what the module thinks enough


@with_fields
class Line(Value):
    """One prompt of IN; ``row`` is what a table has of it."""

    index: int
    id: Any
    prompt: str
    options: Mapping[str, Any]
    row: tuple[str, ...]


@with_fields
class Prompts(Value):
    """All of them, and the names of the columns of ``row``."""

    lines: list[Line]
    columns: tuple[str, ...] = ("id", "prompt")


def read_prompts(source: str, stated: str | None = None, column: str | None = None) -> Prompts:
    """Return the prompts of IN, all of them checked before the first one is asked.

    :param source: a path, or ``"-"`` for stdin.
    :param stated: the format, if the name of the file does not tell it.
    :param column: of a table, the one that holds the prompts.
    :raises UsageError: a line is wrong; the sentence has its number.
    """
    ending = Path(source).suffix.lower().lstrip(".")
    kind = stated or (ending if ending in _FORMATS else "jsonl")
    if column is not None and kind != "csv":
        raise UsageError("--column is for a table: give --format csv, or a file that ends in .csv")
    text = _read_text(source)
    if kind == "csv":
        return _parse_table(text, source, column)
    lines: list[Line] = []
    for number, raw in enumerate(text.split("\n"), 1):
        if raw.strip() and kind == "txt":
            prompt = raw.rstrip("\r")
            lines.append(Line(len(lines), None, prompt, {}, ("", prompt)))
        elif raw.strip():
            lines.append(_parse_line(raw, len(lines), f"{source}, line {number}"))
    return Prompts(lines)


def _read_text(source: str) -> str:
    if source == "-":
        return read_stdin()
    try:
        return decode(Path(source).read_bytes(), source)
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {source}") from error
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}") from error


def _parse_line(raw: str, index: int, where: str) -> Line:
    try:
        value = json.loads(raw)
    except ValueError as error:
        advice = "plain text is read with --format txt, a table with --format csv"
        raise UsageError(f"{where}: this is not JSON ({error}); {advice}") from error
    if isinstance(value, str):
        value = {"prompt": value}
    if not isinstance(value, dict) or not isinstance(value.get("prompt"), str):
        raise UsageError(f'{where}: a line is a JSON text, or an object with a text "prompt"')
    options = {name: inner for name, inner in value.items() if name not in ("prompt", "id")}
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise UsageError(f"{where}: unknown {', '.join(unknown)}; there are {', '.join(_OPTIONS)}")
    for name, inner in options.items():
        if not isinstance(inner, _OPTIONS[name]):
            kinds = " or ".join(kind.__name__ for kind in _OPTIONS[name])
            raise UsageError(f"{where}: {name} must be {kinds}")
    given, prompt = value.get("id"), _check(value["prompt"], where)
    shown = given if isinstance(given, str) else "" if given is None else json.dumps(given)
    return Line(index, given, prompt, options, (shown, prompt))


def _parse_table(text: str, source: str, column: str | None) -> Prompts:
    reader = csv.reader(io.StringIO(text, newline=""))
    lines: list[Line] = []
    head: list[str] = []
    try:
        for row in filter(None, reader):
            where = f"{source}, line {reader.line_num}"
            if not head:
                head = row
                place = _find_column(head, column, source)
                own_id = head.index("id") if "id" in head else None
                continue
            if len(row) != len(head):
                raise UsageError(f"{where}: {len(row)} fields where the table has {len(head)}")
            given = row[own_id] or None if own_id is not None else None
            prompt = _check(row[place], where)
            lines.append(Line(len(lines), given, prompt, {}, tuple(row)))
    except csv.Error as error:
        raise UsageError(f"{source}, line {reader.line_num}: {error}") from error
    return Prompts(lines, tuple(head))


def _find_column(head: list[str], column: str | None, source: str) -> int:
    """Return which column holds the prompts."""
    if column is None and len(head) == 1 and re.search(r"[;\t]", head[0]):
        raise UsageError(
            f"the columns of a table are parted by commas, and {source} has none in its first line,"
            f" {head[0]!r}: --column with that name takes whole lines for prompts"
        )
    wanted = column or ("prompt" if len(head) > 1 else head[0])
    if head.count(wanted) != 1:
        problem = f"{source} has no one column {wanted!r}; it has {', '.join(map(repr, head))}"
        raise UsageError(f"{problem}: name one with --column")
    return head.index(wanted)


def _check(prompt: str, where: str) -> str:
    if not prompt.strip():
        raise UsageError(f"{where}: the prompt is empty")
    return prompt
