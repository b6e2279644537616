from __future__ import annotations

import json
from typing import Any

import pytest
from exchanges import BASE, WIRE, exchange, reply_of
from sampling import each

from hugchat_sync.calls import Call, Reply
from hugchat_sync.dialects import Dialect, find_known_era
from hugchat_sync.dialects.detection import first_probe
from hugchat_sync.errors import (
    AuthError,
    FeatureUnavailable,
    HugChatError,
    RateLimited,
    Unavailable,
    UnknownDialect,
    UsageError,
)
from hugchat_sync.records import Settings

HTML_404 = Reply(404, {"content-type": "text/html"}, b"<!doctype html><title>x</title>")
FLAGS = "/api/v2/feature-flags"
DATA = "/__data.json"
MODELS = "/api/models"
SUMMARIZE = "/conversation/000000000000000000000000/summarize"


def recorded(*names: str, flags: str = "") -> dict[str, Reply]:
    """Return the replies whose files begin with *names*, by path; *flags* is put in that place."""
    found: dict[str, Reply] = {}
    for name in names:
        record = probe(name)
        assert record["request"]["method"] == "GET"
        found[record["request"]["path"].partition("?")[0][len(BASE) :]] = reply_of(record)
    if flags:
        found[FLAGS] = reply_of(probe(flags))
    return found


def probe(name: str) -> dict[str, Any]:
    (path,) = (WIRE / "probes").glob(f"{name}-*.json")
    return exchange("probes", path.stem)


def detect(replies: dict[str, Reply]) -> tuple[Dialect, list[str]]:
    """Return the verdict about a server that gives *replies*, and what was asked."""
    asked: list[str] = []
    step: Any = first_probe()
    while isinstance(step, Call):
        assert step.request.method == "GET"
        assert step.request.headers["Accept"] == "application/json"
        assert step.request.error(HTML_404) is None  # a bad status is an answer, too
        assert step.request.repeatable
        asked.append(step.request.path)
        assert len(asked) < 6
        step = step.read(replies.get(step.request.path, HTML_404))
    return step, asked


SERVERS = {
    "2023-09": (recorded("ta08", "ta03", "ta28"), "tgi-2023", 3),
    "2023-09, guests": (recorded("ta08", "tf01", "ta28"), "tgi-2023", 3),
    "2023-10": (recorded("la13", "la05", "la28"), "lines-2023", 2),
    "2023-10, login": (recorded("la13", "lk02", "lk40"), "lines-2023", 2),
    "2023-10, disclaimer": (recorded("la13", "lm01", "la28"), "lines-2023", 2),
    "2305": (recorded("2305-02", "ta28"), "tgi-2023", 3),
    "2402, no conversation": (recorded("2402-02", "2402-06"), "lines-2023", 3),
    "0.8, no conversation": (recorded("0.8-02", "0.8-03"), "tree-2024", 2),
    "0.9.5": (recorded("0.9.5-01", "0.9.5-02"), "tree-2024", 2),
    "2510": (recorded("2510-01"), "v2-2025", 1),
    "0.9.6": (recorded("0.9.6-01"), "v2-2025", 1),
    "2404": (recorded("2404-z01", "2404-z03"), "tree-2024", 2),
    "2404, guests": (recorded("2404-z01", "2404-n02"), "tree-2024", 2),
    "2404, hidden, disclaimer": (recorded("2404-o02", "2404-o04"), "tree-2024", 2),
    "2406": (recorded("2406-z01", "2406-z03"), "tree-2024", 2),
    "2408": (recorded("2408-z01", "2408-z03"), "tree-2024", 2),
    "2412": (recorded("2412-z01", "2412-z03"), "tree-2024", 2),
    "2412, login": (recorded("2412-z01", "2412-n02"), "tree-2024", 2),
    "2412, hidden, disclaimer": (recorded("2412-o02", "2412-o04"), "tree-2024", 2),
    "2507": (recorded("2507-z01"), "v2-2025", 1),
    "2507, login": (recorded("2507-n06"), "v2-2025", 1),
    "2507, no flags": (recorded("2507-z03"), "v2-2025", 2),
    "2026": (recorded("a09"), "v2-2025", 1),
    "2026, login": (recorded("p02"), "v2-2025", 1),
}


@each("server", SERVERS)
def test_recorded_servers_are_told_apart(server: str) -> None:
    replies, era, requests = SERVERS[server]
    dialect, asked = detect(replies)
    assert (dialect.name, len(asked)) == (era, requests), asked


@each(
    ("server", "body", "tools", "hidden", "flag_searches", "keep_alives"),
    [
        ("2404", "json", "none", False, True, False),
        ("2404, hidden, disclaimer", "json", "none", True, True, False),
        ("2406", "json", "object", False, False, False),
        ("2408", "multipart", "object", False, False, False),
        ("2412", "multipart", "array", False, True, True),
        ("2412, hidden, disclaimer", "multipart", "array", True, True, True),
    ],
)
def test_what_the_keys_tell_about_a_tree_server(
    server: str, body: str, tools: str, hidden: bool, flag_searches: bool, keep_alives: bool
) -> None:
    dialect: Any = detect(SERVERS[server][0])[0]
    facts = dialect.facts
    assert (facts.body, facts.tools, facts.hidden) == (body, tools, hidden)
    assert (facts.flag_searches, facts.keep_alives) == (flag_searches, keep_alives)


def test_the_servers_of_may_2023_keep_no_prompts_and_search_nothing() -> None:
    early = detect(SERVERS["2305"][0])[0]
    assert {"system_prompts", "web_search"} & early.features == set()
    assert {"system_prompts", "web_search"} <= detect(SERVERS["2023-09"][0])[0].features


def test_an_edit_of_february_2024_would_ask_the_old_text() -> None:
    assert "edit" not in detect(SERVERS["2402, no conversation"][0])[0].features


def test_a_page_of_models_tells_trees_without_a_conversation() -> None:
    table = [{"conversations": 1, "enableAssistants": 2}, [], True]
    page = {"type": "data", "nodes": [{"type": "data", "data": table}]}
    home = Reply(200, {"content-type": "application/json"}, json.dumps(page).encode())
    tree, asked = detect({DATA: home, **recorded("0.8-02")})
    assert (tree.name, asked) == ("tree-2024", [FLAGS, DATA, "/models/__data.json"])


def test_a_share_is_copied_by_creating_until_there_is_a_route_for_it() -> None:
    assert detect(SERVERS["2507"][0])[0].import_share("x") is None
    assert detect(SERVERS["2510"][0])[0].import_share("x") is None
    assert detect(SERVERS["0.9.6"][0])[0].import_share("x") is not None


def test_the_tools_of_june_2024_are_known_by_name() -> None:
    dialect: Any = detect(SERVERS["2406"][0])[0]
    assert "query_calculator" in dialect.facts.tool_names


def layout(**keys: Any) -> Reply:
    """Return page data with these keys; values are flat."""
    table: list[Any] = [{}]
    for key, value in keys.items():
        table[0][key] = len(table)
        table.append(value)
    page = {"type": "data", "nodes": [{"type": "data", "data": table}, None]}
    return Reply(200, {"content-type": "application/json"}, json.dumps(page).encode())


def test_a_server_of_february_2024_is_read_by_one_of_its_conversations() -> None:
    table = [{"conversations": 1, "enableAssistants": 4}, [2], {"id": 3}, "a" * 24, True]
    page = {"type": "data", "nodes": [{"type": "data", "data": table}]}
    home = Reply(200, {"content-type": "application/json"}, json.dumps(page).encode())
    path = f"/conversation/{'a' * 24}/__data.json"
    lines = detect({DATA: home, path: layout(messages=[], title="x")})
    tree = detect({DATA: home, path: layout(messages=[], rootMessageId="r")})
    assert lines[0].name == "lines-2023"
    assert tree[0].name == "tree-2024"
    assert len(lines[1]) == len(tree[1]) == 3


def test_a_server_of_november_2023_needs_no_third_question() -> None:
    dialect, asked = detect({DATA: layout(conversations=[], loginRequired=False)})
    assert (dialect.name, len(asked)) == ("lines-2023", 2)


@pytest.mark.parametrize(
    ("models", "body", "tools"),
    [
        ("2404-z02", "json", "none"),
        ("2406-z02", "json", "none"),
        ("2408-z02", "multipart", "object"),
        ("2412-z02", "multipart", "array"),
    ],
)
def test_a_server_without_page_data_is_dated_by_its_models(
    models: str, body: str, tools: str
) -> None:
    found, asked = detect(recorded(models))
    dialect: Any = found
    assert (dialect.name, asked) == ("tree-2024", [FLAGS, DATA, MODELS])
    assert (dialect.facts.body, dialect.facts.tools) == (body, tools)


SIGN_IN = [
    recorded(flags="t02"),
    recorded(flags="t08"),
    {FLAGS: Reply(401, {"content-type": "application/json"}, b'{"error":"no"}')},
    {
        **recorded("2404-z01"),
        DATA: Reply(302, {"location": "http://x/oauth/authorize?client_id=y"}, b""),
    },
    {DATA: Reply(200, {}, b'{"type":"redirect","status":302,"location":"http://x/login"}')},
]


@each("replies", SIGN_IN)
def test_a_server_that_wants_a_sign_in_first_says_so(replies: dict[str, Reply]) -> None:
    with pytest.raises(AuthError, match="sign in"):
        detect(replies)


def test_what_the_sign_in_address_holds_is_not_shown() -> None:
    with pytest.raises(AuthError) as caught:
        detect(recorded(flags="t02"))
    assert "state" not in str(caught.value)
    assert "challenge" not in str(vars(caught.value))


STRANGERS = [
    {},
    {path: Reply(404, {}, b"Not found") for path in (FLAGS, DATA, MODELS)},
    {path: Reply(200, {"content-type": "text/html"}, b"<html>") for path in (FLAGS, DATA, MODELS)},
    {path: Reply(200, {"content-type": "application/json"}, b"[1]") for path in (FLAGS, MODELS)},
    {path: Reply(200, {}, b'{"ok":true}') for path in (FLAGS, DATA, MODELS)},
    {DATA: Reply(200, {}, b'{"type":"data","nodes":[{"type":"data","data":[{"a":9}]}]}')},
    {DATA: Reply(200, {}, b'{"type":"data","nodes":[{"type":"error","error":{},"status":500}]}')},
    {DATA: Reply(200, {}, b'{"type":"data","nodes":[]}')},
    {DATA: Reply(200, {}, b'{"nodes":[{"type":"data"}]}')},
    {DATA: Reply(200, {}, b"\xff\x00")},
]


@each("replies", STRANGERS)
def test_a_stranger_is_an_unknown_dialect_with_advice(replies: dict[str, Reply]) -> None:
    with pytest.raises(UnknownDialect, match="base URL"):
        detect(replies)


def test_the_new_address_of_a_moved_server_is_named() -> None:
    moved = Reply(308, {"location": "https://elsewhere.example/chat/?secret=1"}, b"")
    with pytest.raises(UsageError, match="https://elsewhere.example/chat: ") as caught:
        detect({FLAGS: moved})
    assert "secret" not in str(caught.value)


def test_move_that_leads_nowhere_is_a_wrong_address() -> None:
    with pytest.raises(UsageError, match="base URL"):
        detect({FLAGS: Reply(301, {}, b"")})


@each(("status", "kind"), [(500, Unavailable), (503, Unavailable), (429, RateLimited)])
@each("path", [FLAGS, DATA, MODELS])
def test_a_server_in_trouble_is_not_taken_for_an_old_one(
    path: str, status: int, kind: type[HugChatError]
) -> None:
    with pytest.raises(kind):
        detect({path: Reply(status, {"content-type": "text/plain"}, b"later")})


def test_huggingface_co_needs_no_question() -> None:
    assert find_known_era("https://huggingface.co/chat") == "v2-2025"
    assert find_known_era("https://huggingface.co.example/chat") is None
    assert find_known_era("http://127.0.0.1:3000/chat") is None


def test_the_servers_of_summer_2025_have_a_search_of_their_own() -> None:
    summer = detect(SERVERS["2507"][0])[0]
    today = detect(SERVERS["2026"][0])[0]
    assert "web_search" in summer.features
    assert "tool_servers" not in summer.features
    assert not summer.manners.survives_disconnect
    assert "web_search" not in today.features
    off = b'{"json":{"searchEnabled":false,"loginRequired":false}}'
    without = detect({FLAGS: Reply(200, {"content-type": "text/plain"}, off)})[0]
    assert "web_search" not in without.features


@pytest.mark.parametrize(
    ("question", "given"),
    [
        ("reattach", ("a", "b")),
        ("tool_servers", ()),
        ("tool_server_health", ("https://tools.example",)),
        ("answer_elicitation", ("a", "b", "accept")),
        ("transcribe", (b"", "audio/wav")),
    ],
)
def test_what_came_after_the_summer_of_2025_is_refused_there(
    question: str, given: tuple[Any, ...]
) -> None:
    summer = detect(SERVERS["2507"][0])[0]

    with pytest.raises(FeatureUnavailable, match="not available on this v2-2025 server"):
        getattr(summer, question)(*given)
    assert summer.import_share("x") is None


def test_the_last_servers_of_the_lines_take_settings_as_json() -> None:
    table = [
        {"conversations": 1, "settings": 2, "loginRequired": 3},
        [],
        {"ethicsModalAccepted": 3},
    ]
    page = {"type": "data", "nodes": [{"type": "data", "data": [*table, False]}]}
    winter = detect({DATA: Reply(200, {}, json.dumps(page).encode())})[0]
    autumn = detect(SERVERS["2023-10"][0])[0]
    wanted = Settings(active_model="m", custom_prompts={"m": "p"})
    body: Any = winter.save_settings(wanted).request.json
    assert body == {"activeModel": "m", "customPrompts": {"m": "p"}}
    assert autumn.save_settings(wanted).request.json is None
    assert winter.name == "lines-2023"
