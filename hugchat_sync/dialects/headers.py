"""The headers that a request needs; ``{origin}`` and ``{base}`` are filled in by the transport."""

from __future__ import annotations

from typing import Mapping

#: Reading: anything else than this Accept makes errors, and whole endpoints, HTML pages.
READ: Mapping[str, str] = {"Accept": "application/json"}

#: Writing: until 2024-05 the server compares the Referer with its own address, since then the
#: Origin, so both are always sent.
WRITE: Mapping[str, str] = {**READ, "Origin": "{origin}", "Referer": "{base}/"}

#: A message: a proxy that compresses the answer would hold its tokens back.
MESSAGE: Mapping[str, str] = {**WRITE, "Accept-Encoding": "identity"}

#: The log of a run: the server answers this path with a page unless JSON is accepted as well.
LOG: Mapping[str, str] = {
    "Accept": "text/event-stream, application/json",
    "Accept-Encoding": "identity",
}
