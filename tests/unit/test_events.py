"""Events are plain frozen values with the fields of the contract."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields

import pytest
from sampling import each

from hugchat_sync import events

FIELDS = {
    "Token": ["text"],
    "Reasoning": ["text"],
    "WebSearchStep": ["message", "args"],
    "WebSearchSources": ["sources"],
    "WebSearchError": ["message", "args"],
    "ToolCall": ["uuid", "name", "parameters"],
    "ToolProgress": ["uuid", "progress", "total", "message"],
    "ToolResult": ["uuid", "status", "outputs"],
    "ToolError": ["uuid", "message"],
    "FileCreated": ["name", "sha", "mime"],
    "TitleChanged": ["title"],
    "Route": ["route", "model", "provider"],
    "Status": ["status", "message", "status_code"],
    "ElicitationRequest": [
        "elicitation_id",
        "server",
        "mode",
        "message",
        "fields",
        "url",
        "expires_at",
    ],
    "ElicitationResolved": ["elicitation_id", "action", "resolution", "content"],
    "FinalAnswer": ["text", "interrupted"],
    "Unknown": ["raw"],
}


def one(name):
    kind = getattr(events, name)
    return kind(*[f"value of {field}" for field in FIELDS[name]])


@each(("name", "expected"), FIELDS.items())
def test_event_has_the_fields_of_the_contract(name, expected):
    assert [field.name for field in fields(getattr(events, name))] == expected


@each("name", FIELDS)
def test_event_is_frozen(name):
    event = one(name)

    with pytest.raises((FrozenInstanceError, AttributeError)):
        setattr(event, FIELDS[name][0], "other")


@each("name", FIELDS)
@each("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_event_pickles(name, protocol):
    event = one(name)

    assert pickle.loads(pickle.dumps(event, protocol)) == event


@each("name", FIELDS)
def test_event_copies(name):
    event = one(name)

    assert copy.deepcopy(event) == event


@pytest.mark.parametrize("name", ["WebSearchStep", "WebSearchSources", "WebSearchError"])
def test_search_events_share_a_base(name):
    assert isinstance(one(name), events.WebSearch)


@each("name", FIELDS)
def test_all_events_share_a_base(name):
    assert isinstance(one(name), events.Event)


@pytest.mark.parametrize("kind", [events.Token, events.Reasoning])
def test_str_of_a_piece_is_its_text(kind):
    assert str(kind("x\ny")) == "x\ny"


def test_repr_names_class_and_fields():
    assert repr(events.Token("x")) == "Token(text='x')"


def test_fast_token_is_a_token():
    token = events.new_event(events.Token)
    events.set_text(token, "x")

    assert (token, type(token), hash(token)) == (
        events.Token("x"),
        events.Token,
        hash(events.Token("x")),
    )
