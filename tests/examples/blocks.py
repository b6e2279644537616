"""The blocks of code that README, guide and docstrings show, and where each stands."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "hugchat_sync" / "local" / "documents"
PAGES = (
    ROOT / "README.rst",
    ROOT / "CONTRIBUTING.rst",
    ROOT / "benchmarks" / "README.rst",
    *sorted(GUIDE.glob("*.md")),
)
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_DIRECTIVE = re.compile(r"^\.\. code-block:: (\w+)\n\n((?:   .*\n|\n)+)", re.M)


@dataclass(frozen=True)
class Block:
    """A block of code; ``name`` is the page and the number of the block's first line."""

    page: str
    line: int
    language: str
    code: str

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file_name(self) -> str:
        stem = re.sub(r"\W", "_", self.page.rpartition(".")[0])
        return f"{stem}_{self.line}.py"

    @property
    def commands(self) -> list[str]:
        """The commands of a console block, without ``$`` and line folding."""
        lines = re.sub(r"\\\n\s*", "", self.code).splitlines()
        return [line[2:] for line in lines if line.startswith("$ ")]

    @property
    def output(self) -> list[str]:
        """What a console block says that its commands print."""
        lines = re.sub(r"\\\n\s*", "", self.code).splitlines()
        return [line.rstrip() for line in lines if line.strip() and not line.startswith("$ ")]


def blocks_of(path: Path) -> Iterator[Block]:
    """Yield the blocks of a page."""
    text = path.read_text(encoding="utf-8")
    pattern = _FENCED if path.suffix == ".md" else _DIRECTIVE
    for found in pattern.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        code = textwrap.dedent(found.group(2)).strip()
        yield Block(path.relative_to(ROOT).as_posix(), line, found.group(1), code)


def blocks(*languages: str) -> list[Block]:
    """Return all blocks of these languages."""
    every = (block for path in PAGES for block in blocks_of(path))
    return [block for block in every if block.language in languages]
