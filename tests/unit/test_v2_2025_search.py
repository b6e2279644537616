from __future__ import annotations

import json
from typing import Any

from answers import played
from sampling import each

from hugchat_sync.chat.answer import Answer, fold
from hugchat_sync.dialects.v2_2025.search import find_sources
from hugchat_sync.events import (
    Event,
    FinalAnswer,
    ToolCall,
    ToolResult,
    WebSearchError,
    WebSearchSources,
    WebSearchStep,
)
from hugchat_sync.records import Source

ERA = "v2-2025"
A = Source("Alpha", "https://alpha.example/a", "alpha.example")
B = Source("Beta", "https://beta.example/b", "beta.example")


def line(subtype: str, uuid: str, **more: Any) -> bytes:
    value = {"type": "tool", "subtype": subtype, "uuid": uuid, **more}
    return json.dumps(value).encode() + b"\n"


def call(uuid: str, name: str, **parameters: Any) -> bytes:
    return line("call", uuid, call={"name": name, "parameters": parameters})


def result(uuid: str, text: str) -> bytes:
    return line("result", uuid, result={"status": "success", "outputs": [{"text": text}]})


def told(*lines: bytes, others: tuple[str, ...] = ()) -> list[Event]:
    return played(ERA, lines, search_server="Exa", tool_servers=("Exa", *others)).events


FOUND = "[Alpha](https://alpha.example/a) and [Beta](https://beta.example/b)."


def test_a_search_is_told_once_as_search_and_not_as_tool() -> None:
    events = told(
        call("1", "web_search_exa", query="weather", numResults=3),
        line("progress", "1", progress=1, total=2, message="asking"),
        line("progress", "1", progress=2, total=2),
        result("1", FOUND),
    )
    assert events == [
        WebSearchStep("Searching the web", ("weather",)),
        WebSearchStep("asking", ("weather",)),
        WebSearchStep("Searching the web", ("weather",)),
        WebSearchSources((A, B)),
    ]


def test_the_tools_of_other_servers_stay_tools() -> None:
    events = told(
        call("1", "web_search_exa", query="x"),
        call("2", "add", a=2),
        result("2", "4"),
        others=("Sums",),
    )
    assert events == [
        WebSearchStep("Searching the web", ("x",)),
        ToolCall("2", "add", {"a": 2}),
        ToolResult("2", "success", ({"text": "4"},)),
    ]


def test_text_in_front_of_a_search_is_part_of_the_answer() -> None:
    lines = (
        b'{"type":"stream","token":"Let me look."}\n',
        call("1", "search", query="x"),
        result("1", FOUND),
        b'{"type":"stream","token":"It rains."}\n',
        b'{"type":"finalAnswer","text":"It rains.","interrupted":false}\n',
    )
    answer = Answer()
    final = [fold(answer, event) for event in told(*lines)][-1]
    assert final == FinalAnswer("Let me look.It rains.", False)


def test_sources_add_up() -> None:
    events = told(
        call("1", "search", query="x"),
        result("1", "[Alpha](https://alpha.example/a)"),
        call("2", "search", query="y"),
        result("2", "[Alpha again](https://alpha.example/a), [Beta](https://beta.example/b)"),
        call("3", "search", query="z"),
        result("3", "[Alpha](https://alpha.example/a)"),
    )
    found = [event for event in events if isinstance(event, WebSearchSources)]
    assert found == [WebSearchSources((A,)), WebSearchSources((A, B))]


def test_a_failed_search() -> None:
    events = told(call("1", "search", query="x"), line("error", "1", message="no luck"))
    assert events[1:] == [WebSearchError("no luck", ("x",))]


def test_a_look_at_a_page() -> None:
    events = told(call("1", "crawl", urls=["https://alpha.example/a"]))
    assert events[0] == WebSearchStep("Browsing webpage", ("https://alpha.example/a",))


def test_every_call_is_the_search_where_its_server_is_the_only_one() -> None:
    assert told(call("1", "ask", text="weather"))[0] == WebSearchStep(
        "Searching the web", ("weather",)
    )
    assert told(call("1", "ask", depth=3))[0] == WebSearchStep("Searching the web", ())


@each(
    ("name", "parameters", "searches"),
    [
        ("web_search_exa", {}, True),
        ("fetch", {"url": "https://alpha.example/a"}, True),
        ("find", {"query": "x"}, True),
        ("look", {"searchTerm": "x"}, True),
        ("add", {"a": 2}, False),
        ("write", {"text": "about web search"}, False),
    ],
)
def test_among_other_servers_names_decide(
    name: str, parameters: dict[str, Any], searches: bool
) -> None:
    events = told(call("1", name, **parameters), result("1", FOUND), others=("Sums",))
    assert any(isinstance(event, WebSearchStep) for event in events) is searches
    assert any(isinstance(event, WebSearchSources) for event in events) is searches


def test_tools_are_no_search_where_none_was_asked_for() -> None:
    events = played(ERA, [call("1", "search", query="x"), result("1", FOUND)]).events
    assert [type(event) for event in events] == [ToolCall, ToolResult]


EXA = """Title: Alpha
URL: https://alpha.example/a
Published Date: 2026-01-01
Text: A long text with a [link](https://elsewhere.example/) in it.

Title: Beta
Author: N/A
URL: https://beta.example/b
"""
STRUCTURED = {"results": [{"title": "Alpha", "url": A.link}, {"name": "Beta", "link": B.link}]}
RESOURCES = [
    {"type": "resource_link", "uri": A.link, "title": "Alpha"},
    {"type": "resource", "resource": {"uri": B.link, "name": "Beta"}},
]

OUTPUTS: list[dict[str, Any]] = [
    {"text": FOUND},
    {"text": EXA},
    {"text": json.dumps(STRUCTURED)},
    {"text": json.dumps(STRUCTURED["results"], indent=1)},
    {"text": "two pages", "structured": STRUCTURED},
    {"text": FOUND, "structured": {}},
    {"text": "", "content": [{"type": "text", "text": EXA}]},
    {"text": "two pages", "content": RESOURCES},
    {
        "text": "* **Title:** Alpha\n* **URL:** https://alpha.example/a\n# Title: Beta\nlink: https://beta.example/b"
    },
    {"text": "[not json] " + FOUND},
]


@each("output", OUTPUTS)
def test_sources_in_what_a_tool_returns(output: dict[str, Any]) -> None:
    assert find_sources([output]) == (A, B)


@each(
    "output",
    [
        {},
        {"text": "nothing found"},
        {"text": "{broken"},
        {"structured": {"url": "ftp://x", "link": 7}},
        {"structured": {"url": "file:///etc/passwd"}},
        {"content": [{"type": "image", "data": "eA=="}, 7]},
        "text",
        None,
    ],
)
def test_outputs_without_sources(output: Any) -> None:
    assert find_sources([output]) == ()


def test_a_title_does_not_end_at_a_line_separator_inside_it() -> None:
    text = f"Title: One\u2028title\r\nURL: {A.link}\r\n"

    assert [one.title for one in find_sources([{"text": text}])] == ["One\u2028title"]


def test_a_source_without_a_title_has_its_host_for_one() -> None:
    assert find_sources([{"structured": [{"url": A.link}]}]) == (
        Source("alpha.example", A.link, "alpha.example"),
    )


def test_deep_and_broken_results_do_no_harm() -> None:
    deep: Any = {"url": A.link}
    for _ in range(500):
        deep = [deep]
    assert find_sources([{"structured": deep}]) == ()
    assert find_sources([{"text": '{"url": "https://[oops"}'}]) == (
        Source("https://[oops", "https://[oops", ""),
    )
