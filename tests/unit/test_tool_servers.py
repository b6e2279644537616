"""Which tool servers a message may use."""

from __future__ import annotations

import pytest
from sampling import each

from hugchat_sync.chat.prompt import choose_tools
from hugchat_sync.dialects import load_dialect
from hugchat_sync.errors import FeatureUnavailable, UsageError

LISTED = (
    {"name": "Clock", "url": "https://tools.example/clock"},
    {"name": "Exa", "url": "https://mcp.exa.example/search"},
    {"name": "Web Search", "url": "https://tools.example/web"},
)
TODAYS = load_dialect("v2-2025")
NONE = (None, (), ())
OWN = {"name": "Mine", "url": "https://mine.example/mcp", "headers": {"X-Key": "k"}}


@each(
    ("web_search", "servers", "expected"),
    [
        (False, None, NONE),
        (False, [], NONE),
        (False, ["Clock"], (None, ("Clock",), ())),
        (True, None, ("Exa", ("Exa",), ())),
        (True, ["Exa"], ("Exa", ("Exa",), ())),
        (True, ["Clock"], ("Exa", ("Clock", "Exa"), ())),
        ("Web Search", None, ("Web Search", ("Web Search",), ())),
        ("Clock", None, ("Clock", ("Clock",), ())),
        (False, [OWN], (None, (), (OWN,))),
        ("Mine", [OWN], ("Mine", (), (OWN,))),
    ],
)
def test_choice(web_search, servers, expected):
    assert choose_tools(TODAYS, web_search, servers, lambda: LISTED) == expected


@each(
    ("web_search", "servers"),
    [
        ("Nothing", None),
        (False, ["Nothing"]),
        (False, "Clock"),
        (False, {"name": "x", "url": "y"}),
        (False, [{"name": "x"}]),
        (False, [5]),
    ],
)
def test_what_cannot_be_chosen_is_refused(web_search, servers):
    with pytest.raises(UsageError):
        choose_tools(TODAYS, web_search, servers, lambda: LISTED)


def test_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(UsageError, match=r"Nothing.*Clock.*Exa"):
        choose_tools(TODAYS, "Nothing", None, lambda: LISTED)


def never():
    raise AssertionError("the list was asked for")


@pytest.mark.parametrize("era", ["tgi-2023", "lines-2023", "tree-2024", "v2-2025"])
def test_list_is_not_asked_for_where_no_tool_is_wanted(era):
    assert choose_tools(load_dialect(era), False, None, never) == NONE


def test_list_is_not_asked_for_where_the_server_has_a_switch():
    assert choose_tools(load_dialect("lines-2023"), True, None, never) == NONE


def test_search_on_todays_server_asks_for_its_list():
    found = choose_tools(TODAYS, True, None, lambda: LISTED)

    assert found[0] == "Exa"


def test_search_where_nothing_searches_names_what_there_is():
    with pytest.raises(FeatureUnavailable, match="Clock") as caught:
        choose_tools(TODAYS, True, None, lambda: LISTED[:1])

    assert (caught.value.feature, caught.value.dialect) == ("web_search", "v2-2025")


def test_search_on_a_server_without_any_tools_says_so():
    with pytest.raises(FeatureUnavailable, match="none"):
        choose_tools(TODAYS, True, None, tuple)


def test_tool_servers_of_an_era_without_them_are_unavailable():
    with pytest.raises(FeatureUnavailable) as caught:
        choose_tools(load_dialect("lines-2023"), False, ["Clock"], never)

    assert (caught.value.feature, caught.value.available) == ("tool_servers", ("v2-2025",))
