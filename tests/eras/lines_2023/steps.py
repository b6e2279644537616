"""The steps that only this server has words for: those of its own web search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from hugchat_sync.local.responder import Turn


@dataclass(frozen=True)
class SearchTurn(Turn):
    """What a responder is asked, with the switch for a web search."""

    web_search: bool = False


@dataclass(frozen=True)
class SearchStep:
    """The search tells what it is doing."""

    message: str
    args: Sequence[str] = ()


@dataclass(frozen=True)
class SearchSource:
    """One source that a search found, told in a line of its own."""

    title: str
    link: str
    hostname: str


@dataclass(frozen=True)
class SearchFailure:
    """The search failed; the answer goes on without it."""

    reason: str
