"""Recorded bytes in, and the same events, texts and errors out as ever, however the bytes arrive.

A change here is a change of what users see: ``python tests/golden/record.py`` writes the files
anew, and the difference is to be read.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Iterator

import pytest
from replaying import Stage, as_recorded, byte_by_byte, stage, whole
from sampling import bundles, some
from scenes import ERAS, scenes

HERE = Path(__file__).parent
_SMALL = 800  # bytes of a body that is cheap to send one by one
SCENES = [(era, name) for era in ERAS for name in scenes(era)]


@lru_cache(maxsize=None)
def golden(era: str) -> dict[str, Any]:
    """Return what the answers of an era came to."""
    found: dict[str, Any] = json.loads((HERE / f"{era}.json").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def stages() -> Iterator[dict[str, Stage]]:
    """Stages that were set up already, by era; each is used for all its answers."""
    opened: dict[str, Any] = {}
    managers: list[Any] = []

    class Stages(dict):  # type: ignore[type-arg]
        def __missing__(self, era: str) -> Stage:
            managers.append(stage(era))
            opened[era] = self[era] = managers[-1].__enter__()
            return opened[era]

    yield Stages()
    for manager in managers:
        manager.__exit__(None, None, None)


@pytest.mark.parametrize("bundle", bundles(SCENES))
def test_recorded_answer_comes_to_what_it_always_did(stages, bundle):
    for number, (era, name) in enumerate(bundle):
        replies, options = scenes(era)[name]
        expected = golden(era)[name]
        splits = [whole, as_recorded]
        if sum(len(reply.body) for _, reply in replies) < _SMALL:
            splits.append(byte_by_byte)
        for split in some(splits, [splits[number % len(splits)]]):  # in turn
            shown = stages[era].play(*replies, split=split, **options)
            assert (era, name, shown) == (era, name, expected), split.__name__


@pytest.mark.parametrize("era", ERAS)
def test_golden_files_are_of_all_recorded_answers(era):
    assert list(golden(era)) == list(scenes(era))
    assert len(scenes(era)) >= {"tgi-2023": 40, "lines-2023": 100, "tree-2024": 300}.get(era, 140)


@pytest.mark.parametrize("era", ERAS)
def test_golden_files_hold_what_a_reader_must_not_lose(era):
    found = golden(era).values()
    kinds = {event[0] for shown in found for event in shown.get("events", [])}
    errors = {shown["error"]["class"] for shown in found if "error" in shown}

    assert {"Token", "FinalAnswer", "WebSearchStep", "WebSearchError"} <= kinds
    assert "IncompleteAnswer" in errors
    if era != "lines-2023":
        assert "GenerationError" in errors
