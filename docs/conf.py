"""The website of the guide and of the docstrings: ``sphinx-build -W docs site``."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from hugchat_sync import __version__  # noqa: E402

project = "hugchat_sync"
author = "the hugchat_sync authors"
copyright = f"2026, {author}"  # noqa: A001
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["site"]
html_theme = "furo"
html_title = "hugchat_sync"
myst_heading_anchors = 2
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "separated"

# The pages of the guide are in the package, where the embedded server quotes them. Sphinx wants its
# sources below this folder, so each page is included by a file that is written here anew.
_guide = Path(__file__).with_name("guide")
_guide.mkdir(exist_ok=True)
for _page in (ROOT / "hugchat_sync" / "local" / "documents").glob("*.md"):
    _source = f"../../{_page.relative_to(ROOT).as_posix()}"
    (_guide / _page.name).write_text(f"```{{include}} {_source}\n```\n", encoding="utf-8")
