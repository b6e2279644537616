"""Where a question comes from: the words, stdin, or both."""

from __future__ import annotations

import sys

from ..errors import UsageError


def stdin_is_terminal() -> bool:
    """Return whether a human would have to type what is read from stdin."""
    return sys.stdin is not None and sys.stdin.isatty()


def read_stdin() -> str:
    """Return everything on stdin.

    :raises UsageError: it is no text.
    """
    if sys.stdin is None:
        return ""
    buffer = getattr(sys.stdin, "buffer", None)
    if buffer is None:
        return sys.stdin.read()
    try:
        return str(buffer.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UsageError(f"stdin is no UTF-8 text (byte {error.start})") from error


def ask_human(question: str) -> str:
    """Return the line that a human types; the question is on stderr, for stdout has the answers.

    :raises UsageError: Ctrl-D was typed instead.
    """
    sys.stderr.write(question)
    sys.stderr.flush()
    try:
        return input()
    except EOFError as error:
        raise UsageError("nothing was typed") from error


def read_prompt(stated: str | None, *, no_input: bool = False) -> str:
    """Return the question.

    :param stated: the word of the command line; ``"-"`` is stdin.
    :param no_input: stdin is not read and nobody is asked.
    :raises UsageError: there is no question, or it is no text.
    """
    if stated == "-" and not no_input:
        return _checked(read_stdin())
    if no_input or stdin_is_terminal():
        if stated is None and not no_input:
            stated = ask_human("Question: ")
        return _checked(stated if stated != "-" else None)
    piped = read_stdin()
    if stated is None:
        return _checked(piped)
    return _checked(f"{stated}\n\n{piped}" if piped.strip() else stated)


def _checked(text: str | None) -> str:
    if text is None or not text.strip():
        raise UsageError("there is no question: give PROMPT, or pipe one into stdin")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError("the question holds bytes that are no UTF-8 text") from error
    return text


def first_code_block(text: str) -> str | None:
    """Return what is inside the first fenced code block; ``None`` where there is none.

    A fence is three or more backticks or tildes; one without an end runs to the end of the text.
    """
    fence, indent = "", 0
    inside: list[str] = []
    for line in text.split("\n"):
        bare = line.lstrip(" ")
        if not fence:
            fence, indent = _fence(bare), len(line) - len(bare)
        elif bare.startswith(fence) and not bare.rstrip().strip(fence[0]):
            return "".join(f"{kept}\n" for kept in inside)
        else:
            inside.append(line[min(indent, len(line) - len(bare)) :])
    if inside and not inside[-1]:  # the line break at the end of the text
        inside.pop()
    return "".join(f"{kept}\n" for kept in inside) if fence else None


def _fence(line: str) -> str:
    """Return the fence that a line opens; ``""`` for a line that opens none."""
    for letter in ("`", "~"):
        length = len(line) - len(line.lstrip(letter))
        if length >= 3 and not (letter == "`" and "`" in line[length:]):
            return letter * length
    return ""
