"""What the readers of bodies yield for each piece, one by one."""

from __future__ import annotations

from itertools import chain
from typing import Any, Iterable, Iterator

from hugchat_sync.dialects import wire


def lines(
    chunks: Iterable[bytes], longest: int = wire.LONGEST_LINE
) -> Iterator[tuple[bytes, bool]]:
    for joined, finished in wire.lines(chunks, longest):
        for line in joined.split(b"\n"):
            yield line, finished


def objects_together(
    chunks: Iterable[bytes], longest: int = wire.LONGEST_LINE
) -> Iterator[list[dict[str, Any]]]:
    splitter = wire.LineSplitter(longest)
    for chunk in chain(chunks, (None,)):
        found, error = splitter.objects(chunk)
        if found:
            yield found
        if error is not None:
            raise error


def objects(chunks: Iterable[bytes], longest: int = wire.LONGEST_LINE) -> Iterator[dict[str, Any]]:
    return chain.from_iterable(objects_together(chunks, longest))


def sse_frames(chunks: Iterable[bytes]) -> Iterator[tuple[str, str, str]]:
    return chain.from_iterable(wire.sse_frames(chunks))
