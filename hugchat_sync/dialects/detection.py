"""Which era a server belongs to, found out with the fewest harmless requests.

A newer server costs one request, one of 2024 two, one of 2023 three. Nothing is created, and no
sign-in is needed unless the server wants one for everything. What an answer holds decides, never
its status: the servers around the turn of 2025 put 200 on every page they render.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, Union

from ..calls import Call, Reply
from ..errors import ProtocolError, UnknownDialect
from . import Dialect
from .errors import find_interception, read_error, refuse_redirect
from .fields import dicts_of, field_of, text_of
from .verbs import PAGE_DATA, get, path_of
from .wire import read_json, sveltekit_nodes

#: An era, ready to use, or the next question to ask.
Verdict = Union[Dialect, "Call[Any]"]

_NOBODY = "000000000000000000000000"  # no conversation has this id


def first_probe() -> Call[Verdict]:
    """Return the first question; its answer is the era, or the next question.

    Source: GET /api/v2/feature-flags, chat-ui 2025-06 … 2026-08; what older servers answer was
    measured on those of 2023-09, 2023-10, 2024-04, 2024-06, 2024-08 and 2024-12.
    """
    return get("/api/v2/feature-flags", _read_flags, error=find_interception)


def probe_within(dialect: Dialect) -> Call[Verdict]:
    """Return the first question about a server whose era is known."""
    if "trees" not in dialect.features:  # all that it has to say is in the data of a page
        return _ask_for_page_data(hidden=False)
    return first_probe()


def _probe(path: str, read: Callable[[Reply], Verdict]) -> Call[Verdict]:
    """Return a question whose answer is given to *read*, if it is one."""

    def understand(reply: Reply) -> Verdict:
        _refuse_trouble(reply, _json(reply))
        return read(reply)

    return get(path, understand, error=find_interception)


# the questions, in their order ---------------------------------------------------------------


def _read_flags(reply: Reply) -> Verdict:
    """Read the feature flags, which only the newest era has.

    Source: GET /api/v2/feature-flags, chat-ui 2025-06 … 2026-08 (measured); hidden API: 2024-01 …
    2025-02.
    """
    if reply.status == 403 and "API is disabled" in reply.text:
        return _ask_for_page_data(hidden=True)
    flags = _json(reply)
    if isinstance(flags, dict) and isinstance(flags.get("json"), dict):
        return _v2(flags["json"])
    _refuse_trouble(reply, flags)
    return _ask_for_page_data(hidden=False)


def _ask_for_page_data(hidden: bool) -> Call[Verdict]:
    """Ask for the data of the start page; its keys came and went on known dates.

    Source: GET /__data.json, chat-ui 2023-04 … 2025-06 (measured).
    """

    def read(reply: Reply) -> Verdict:
        try:
            nodes = sveltekit_nodes(reply.body, reply.url)
        except ProtocolError:  # this address has no page data: perhaps only the API is let through
            nodes = []
        for node in nodes:
            if isinstance(node, dict) and "conversations" in node:
                return _date(node, hidden)
        if nodes and not any(nodes):
            return _v2({})  # pages have carried no data since v2 came
        return _probe("/api/models", _read_models)

    return _probe(PAGE_DATA, read)


def _date(layout: Mapping[str, Any], hidden: bool) -> Verdict:
    """Tell the era by the keys of a page's data, or ask on where two eras share them."""
    if "enableAssistantsRAG" in layout or "tools" in layout:
        return _tree(layout, hidden)
    if "enableAssistants" in layout:
        return _ask_for_trees(layout, hidden)
    # stop sequences came three weeks after the update lines (2023-10-11)
    parameters = [field_of(model, "parameters", dict, {}) for model in dicts_of(layout, "models")]
    if "loginRequired" in layout or any("stop_sequences" in one for one in parameters):
        return _lines(layout)
    return _ask_for_titles(layout)


def _ask_for_trees(layout: Mapping[str, Any], hidden: bool) -> Verdict:
    """Assistants came three weeks before trees: a conversation shows which it is.

    Where there is none, the page of the models does: it came on 2024-02-21, days after the trees.

    Source: GET /conversation/{id}/__data.json and GET /models/__data.json, chat-ui 2024-02-09 and
    2024-04 (measured).
    """

    def read_models_page(reply: Reply) -> Verdict:
        try:
            sveltekit_nodes(reply.body, reply.url)
        except ProtocolError:
            return _lines(layout)
        return _tree(layout, hidden)

    def read_conversation(reply: Reply) -> Verdict:
        for node in sveltekit_nodes(reply.body, reply.url):
            if isinstance(node, dict) and "messages" in node and "rootMessageId" not in node:
                return _lines(layout)
        return _tree(layout, hidden)

    for listed in dicts_of(layout, "conversations"):
        if text_of(listed, "id"):
            return _probe(path_of(text_of(listed, "id"), PAGE_DATA), read_conversation)
    return _probe(f"/models{PAGE_DATA}", read_models_page)


def _ask_for_titles(layout: Mapping[str, Any]) -> Verdict:
    """Ask for the title endpoint; it went within an hour of the update lines' coming.

    Source: GET /conversation/{id}/summarize, chat-ui 2023-04-21 … 2023-09-20 (measured).
    """

    def read(reply: Reply) -> Verdict:
        allowed = reply.headers.get("allow", "").upper()
        return _tgi(layout) if reply.status == 405 and "POST" in allowed else _lines(layout)

    return _probe(path_of(_NOBODY, "/summarize"), read)


def _read_models(reply: Reply) -> Verdict:
    """Read the list of models, on a server that shows no page data.

    Source: GET /api/models, chat-ui 2024-01 … 2025-06 (measured); ``tools`` came on 2024-07-04.
    """
    models = _json(reply)
    if not isinstance(models, list) or not all(isinstance(item, dict) for item in models):
        raise UnknownDialect(
            "this is not a chat-ui server that we know; the base URL must include the path under"
            ' which the chat is found (often "/chat"), and dialect= names an era without asking',
            url=reply.url,
            line=reply.text[:200],
        )
    from .tree_2024 import Facts, Tree2024

    keys = {key for item in models for key in item}
    tools = "array" if "hasInferenceAPI" in keys else "object" if "tools" in keys else "none"
    body = "multipart" if "tools" in keys else "json"
    return Tree2024(Facts(body=body, tools=tools, flag_searches=tools != "object"))


# the eras, with what was learned about them on the way; each is loaded when it is first met -------


def _v2(flags: Mapping[str, Any]) -> Dialect:
    from .trees import Trees
    from .v2_2025 import AUTUMN_2025, SUMMER_2025, V22025

    if "searchEnabled" in flags:
        searches = {"web_search"} if flags["searchEnabled"] is True else set()
        return V22025(Trees.features | searches, SUMMER_2025)
    if flags and "transcriptionEnabled" not in flags:
        return V22025(manners=AUTUMN_2025)
    return V22025()


def _tree(layout: Mapping[str, Any], hidden: bool) -> Dialect:
    from .tree_2024 import Facts, Tree2024

    settings = field_of(layout, "settings", dict, {})
    array = "communityToolCount" in layout or isinstance(settings.get("tools"), list)
    listed = layout.get("tools")
    names = [tool.get("name") for tool in dicts_of(layout, "tools")]
    facts = Facts(
        body="multipart" if "disableStream" in settings else "json",
        tools="none" if listed is None else "array" if array else "object",
        tool_names=tuple(name for name in names if isinstance(name, str)),
        flag_searches=listed is None or "directPaste" in settings,
        hidden=hidden,
        keep_alives="communityToolCount" in layout,
    )
    return Tree2024(facts)


def _lines(layout: Mapping[str, Any]) -> Dialect:
    from .lines_2023 import Lines2023

    settings = field_of(layout, "settings", dict, {})
    return Lines2023(
        settings_as_json="ethicsModalAccepted" in settings, ends="enableAssistants" in layout
    )


def _tgi(layout: Mapping[str, Any]) -> Dialect:
    from .tgi_2023 import Tgi2023

    settings = field_of(layout, "settings", dict, {})
    if "customPrompts" in settings:
        return Tgi2023()
    # prompts in the settings came on 2023-08-21, the web search on 2023-06-02
    to_come = (
        {"system_prompts"} if "searchEnabled" in settings else {"system_prompts", "web_search"}
    )
    return Tgi2023(Tgi2023.features - to_come)


# answers that are none -----------------------------------------------------------------------


def _json(reply: Reply) -> Any:
    """Return the value of a JSON body, and ``None`` for a page or a plain text."""
    try:
        return read_json(reply.body)
    except ProtocolError:
        return None


def _refuse_trouble(reply: Reply, value: Any) -> None:
    """Raise what keeps a server from answering at all; anything else is an answer.

    Source: hooks of chat-ui with automatic login, 2025-10 … 2026-08 (measured).
    """
    refuse_redirect(value, reply.url)
    if 300 <= reply.status < 400 or reply.status in (401, 403, 429) or reply.status >= 500:
        raise read_error(reply)
