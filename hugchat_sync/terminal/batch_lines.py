"""The two files of a batch: prompts in, answers out, a JSON line each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from ..errors import UsageError
from ..records import Result
from .reading import read_stdin

#: what a line may say besides ``prompt`` and ``id``, and what it may be
OPTIONS: Mapping[str, tuple[type, ...]] = {
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


@dataclass(frozen=True)
class Line:
    """One prompt of IN; ``identity`` tells whether OUT has it already."""

    index: int
    id: Any
    prompt: str
    options: Mapping[str, Any]

    @property
    def identity(self) -> str:
        """Return what is the same for the same prompt in both files."""
        return _identity(self.index, self.id, self.prompt)


def _identity(index: Any, given: Any, prompt: Any) -> str:
    # with an id of its own, a prompt may move inside the file
    return json.dumps([index if given is None else None, given, prompt], sort_keys=True)


def read_prompts(source: str) -> list[Line]:
    """Return the prompts of IN, all of them checked before the first one is asked.

    :param source: a path, or ``"-"`` for stdin.
    :raises UsageError: a line is wrong; the sentence has its number.
    """
    if source == "-":
        text = read_stdin()
    else:
        try:
            text = Path(source).read_bytes().decode("utf-8-sig")
        except FileNotFoundError as error:
            raise UsageError(f"there is no file {source}") from error
        except OSError as error:
            raise UsageError(f"{source} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{source} is no UTF-8 text (byte {error.start})") from error
    lines: list[Line] = []
    for number, raw in enumerate(text.split("\n"), 1):
        if raw.strip():
            lines.append(_read_prompt(raw, len(lines), f"{source}, line {number}"))
    return lines


def _read_prompt(raw: str, index: int, where: str) -> Line:
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise UsageError(f"{where}: this is no JSON ({error})") from error
    if isinstance(value, str):
        value = {"prompt": value}
    if not isinstance(value, dict) or not isinstance(value.get("prompt"), str):
        raise UsageError(f'{where}: a line is a JSON text, or an object with a text "prompt"')
    if not value["prompt"].strip():
        raise UsageError(f"{where}: the prompt is empty")
    options = {name: inner for name, inner in value.items() if name not in ("prompt", "id")}
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise UsageError(f"{where}: unknown {', '.join(unknown)}; there are {', '.join(OPTIONS)}")
    for name, inner in options.items():
        if not isinstance(inner, OPTIONS[name]):
            kinds = " or ".join(kind.__name__ for kind in OPTIONS[name])
            raise UsageError(f"{where}: {name} must be {kinds}")
    return Line(index, value.get("id"), value["prompt"], options)


def read_answer(raw: bytes) -> tuple[str, str] | None:
    """Return whose answer a line of OUT is, and its error, ``""`` for none.

    :returns: ``None`` for a line that is no answer.
    """
    try:
        line = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict) or "index" not in line or not isinstance(line.get("prompt"), str):
        return None
    return _identity(line["index"], line.get("id"), line["prompt"]), str(line.get("error") or "")


def failure(result: Result) -> str | None:
    """Return what OUT says of a failure."""
    error = result.error
    return None if error is None else f"{type(error).__name__}: {error}"


def answer_line(line: Line, result: Result) -> str:
    """Return the line of OUT for a result."""
    return json.dumps(
        {
            "index": line.index,
            "id": line.id,
            "prompt": line.prompt,
            "text": result.text,
            "error": failure(result),
            "seconds": result.seconds,
        }
    )
