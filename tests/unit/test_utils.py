"""The small display functions of the old package."""

from __future__ import annotations

import re
import uuid

import pytest

from hugchat_sync import utils

HISTORY = [
    {"conversation_id": "6" * 24, "is_user": 1, "text": "hi", "text_id": "a"},
    {"conversation_id": "6" * 24, "is_user": 0, "text": "hello", "text_id": "b"},
]
CONVERSATIONS = {"1" * 24: "First", "2" * 24: "Second"}


def test_history_is_a_line_a_message():
    text = utils.formatHistory(HISTORY)

    assert re.sub("\033\\[[0-9]+m", "", text).split("\n")[1:4] == [
        "====== Histories of <666666666666666666666666> ======",
        "(user): hi",
        "(bot): hello",
    ]


def test_empty_history_is_only_its_head():
    assert utils.formatHistory([]) == "\n====== Histories of <> ======\n"


def test_conversations_are_numbered():
    lines = utils.formatConversations(CONVERSATIONS).split("\n")

    assert [line.strip() for line in lines[2:4]] == [
        f"0. [{'1' * 24}] - First",
        f"1. [{'2' * 24}] - Second",
    ]


@pytest.mark.parametrize(("index", "expected"), [(0, "1" * 24), (1, "2" * 24)])
def test_id_by_its_number(index, expected):
    assert utils.getIdByIndex(CONVERSATIONS, index) == expected


@pytest.mark.parametrize("index", [2, -1])
def test_number_of_no_conversation_is_an_index_error(index):
    with pytest.raises(IndexError):
        utils.getIdByIndex(CONVERSATIONS, index)


def test_input_is_asked_for_again_while_it_is_empty(monkeypatch):
    typed = iter(["", "", "hi"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))

    assert utils.getTextFromInput("c") == "hi"


def test_time_is_text():
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d", utils.getTime())


def test_uuid_is_a_new_one_each_time():
    first, second = uuid.UUID(utils.getUUID()), uuid.UUID(utils.getUUID())

    assert first != second


def test_colour_begins_and_ends():
    assert utils.color("x", "red") == "\033[31mx\033[0m"


def test_dict_becomes_a_cookie_header():
    assert utils.dictToString({"a": "1", "b": "2"}) == "a=1; b=2; "
