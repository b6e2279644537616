"""Makes ``docs/answer.svg``, the picture in the README: a real answer in a terminal of 88 columns.

Run it in the folder of the project: ``python docs/picture.py``. Needs Linux or macOS, and the
extras ``cli`` and ``local``.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 88
QUESTION = "What happens when the connection breaks?"
COMMAND = ["-m", "hugchat_sync", "--local", "ask", "--no-stream", QUESTION]


def output() -> str:
    """Return what the terminal gets."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(COLUMNS=str(COLUMNS), TERM="xterm-256color", LANG="C.UTF-8")
        os.environ["COLORTERM"] = "truecolor"
        with tempfile.TemporaryDirectory() as home:  # nothing of the user's is touched
            os.environ.update(XDG_CONFIG_HOME=home, XDG_DATA_HOME=home)
            once = [sys.executable, "-m", "hugchat_sync", "--local", "ls"]
            subprocess.run(once, check=True, capture_output=True)  # noqa: S603 - told once
            os.execv(sys.executable, [sys.executable, *COMMAND])  # noqa: S606
    pieces = []
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux says so that the other side is closed
            piece = b""
        if not piece:
            break
        pieces.append(piece)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    if status:
        raise SystemExit("the command failed: " + b"".join(pieces).decode())
    return b"".join(pieces).decode().replace("\r\n", "\n")


def main() -> None:
    """Draw the command and its answer."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(Text(f'$ hugchat-sync --local ask "{QUESTION}"', style="bold"))
    console.print(Text.from_ansi(output().rstrip("\n")))
    drawn = console.export_svg(title="hugchat-sync", unique_id="answer")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.S)  # a picture fetches nothing
    Path(__file__).with_name("answer.svg").write_text(drawn, "utf-8")


if __name__ == "__main__":
    main()
