"""Which recordings are played, and with which options: (era, name) → what a gate answers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Dict, Tuple

from eras.gate import LOG, MESSAGE, Reply
from replaying import SEARCH, answers_of, named

Replies = Tuple[Tuple[str, Reply], ...]
Scene = Tuple[Replies, Dict[str, Any]]
ERAS = ("tgi-2023", "lines-2023", "tree-2024", "v2-2025")

#: the searches of September 2023, which come before the message
SEARCHES = (
    "td01-search",
    "td06-search-followup",
    "td07-search-nothing",
    "td08-search-error-429",
    "td09-search-notext",
    "td10-search-missing",
    "td11-search-slow",
    "td12-query-error",
)
#: answers of today with tools, played as if the tool server were one that searches
TOOLS = ("f01-tool-echo", "f02-tool-add", "f04-tool-fail", "f07-tool-think", "x14-tool-progress")
#: (what came before the connection broke, the log of the same run)
LOGS = (
    ("l01-cut-post", "l03-stream-from-0"),
    ("l01-cut-post", "l04-stream-after-end"),
    ("l22-post", "l23-stream-beside-post"),
    ("l21-sse-kind-1-post", "l21-sse-kind-1-stream"),
    ("l21-sse-kind-2-post", "l21-sse-kind-2-stream"),
    ("l21-sse-kind-3-post", "l21-sse-kind-3-stream"),
    ("v01-surrogates-apart", "v02-surrogates-apart-stream"),
)
CUTS = (0, 1 / 3, 2 / 3)  # where the log alone tells too little, the server is asked for seconds


@lru_cache(maxsize=None)
def scenes(era: str) -> dict[str, Scene]:
    """Return the scenes of an era by their names."""
    found: dict[str, Scene] = {}
    for name, recorded in answers_of(era).items():
        options = {"web_search": True} if recorded.searches else {}
        found[name] = (((MESSAGE, recorded.reply),), options)
    if era == "tgi-2023":
        answer = named(era, "td02-message-with-search")
        for name in SEARCHES:
            replies = ((SEARCH, named(era, name)), (MESSAGE, answer))
            found[f"{name} and its answer"] = (replies, {"web_search": True})
    if era == "v2-2025":
        for name in TOOLS:
            searching = {"web_search": "Web Search (documents)"}
            found[f"{name} as search"] = (((MESSAGE, named(era, name)),), searching)
        for post, log in LOGS:
            answer = named(era, post)
            for share in CUTS if post != "v01-surrogates-apart" else CUTS[1:]:
                broken = answer.cut(int(len(answer.body) * share))
                name = f"{post} cut at {share:.0%}, then {log}"
                found[name] = (((MESSAGE, broken), (LOG, named(era, log))), {"resume": True})
    return found
