"""Changing settings as values."""

from __future__ import annotations

import pytest
from sampling import each

from hugchat_sync.errors import UsageError
from hugchat_sync.records import Settings

STORED = Settings("m", {"m": "old", "other": "kept"}, streaming_mode="smooth", extra={"new": 1})


def test_change_keeps_the_rest():
    assert STORED.changed({"streaming_mode": "raw"}) == Settings(
        "m", {"m": "old", "other": "kept"}, streaming_mode="raw", extra={"new": 1}
    )


@pytest.mark.parametrize("name", ["nonsense", "streamingMode", "extra"])
def test_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(UsageError, match=f"{name}.*streaming_mode"):
        Settings().changed({name: 1, "streaming_mode": "raw"})


def test_prompts_are_changed_one_by_one():
    found = STORED.with_prompts({"m": "new", "third": "more"})

    assert found.custom_prompts == {"other": "kept", "m": "new", "third": "more"}
    assert found.extra == {"new": 1}


def test_empty_prompt_removes():
    assert STORED.with_prompts({"m": ""}).custom_prompts == {"other": "kept"}


def test_prompt_that_was_switched_off_is_switched_on():
    off = Settings(custom_prompts={"m": "p"}, custom_prompts_enabled={"m": False, "x": False})

    found = off.with_prompts({"m": "new"})

    assert found.custom_prompts_enabled == {"m": True, "x": False}


def test_server_without_switches_gets_none():
    assert STORED.with_prompts({"m": "new"}).custom_prompts_enabled is None


@each("prompts", [None, "be nice", [("m", "p")], {"m": None}, {"m": 5}, {"": "p"}, {5: "p"}])
def test_what_is_no_prompt_is_refused(prompts):
    with pytest.raises(UsageError):
        Settings().with_prompts(prompts)
