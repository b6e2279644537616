"""The two files of a batch: prompts in, answers out, a JSON line each."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping

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


def answered(target: Path, *, retry_failed: bool = False) -> set[str]:
    """Return what OUT has already, and mend its end if a run was killed while it wrote.

    :param retry_failed: drop the lines with an error from the file.
    :raises UsageError: the file holds something else than answers.
    """
    if not target.exists():
        return set()
    content = target.read_bytes()
    kept, found = [], set()
    for number, raw in enumerate(content.split(b"\n"), 1):
        if not raw.strip():
            continue
        line = _read_answer(raw)
        if line is None:
            if content.endswith(raw):  # cut short by the end of an earlier run
                continue
            raise UsageError(f"{target}, line {number}: this is no answer of a batch")
        if not (retry_failed and line.get("error")):
            kept.append(raw + b"\n")
            found.add(_identity(line["index"], line.get("id"), line["prompt"]))
    whole = b"".join(kept)
    if whole != content:
        beside = target.with_name(f"{target.name}.part")
        beside.write_bytes(whole)
        os.replace(beside, target)
    return found


def _read_answer(raw: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(raw.decode("utf-8"))
    except ValueError:
        return None
    whole = isinstance(line, dict) and "index" in line and isinstance(line.get("prompt"), str)
    return line if whole else None


def answer_line(line: Line, result: Result) -> str:
    """Return the line of OUT for a result."""
    error = result.error
    return json.dumps(
        {
            "index": line.index,
            "id": line.id,
            "prompt": line.prompt,
            "text": result.text,
            "error": None if error is None else f"{type(error).__name__}: {error}",
            "seconds": result.seconds,
        }
    )


def prompts_of(lines: list[Line]) -> Iterator[dict[str, Any]]:
    """Yield the lines as ``Client.map`` takes them."""
    for line in lines:
        yield {"prompt": line.prompt, **line.options}
