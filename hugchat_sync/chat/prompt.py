"""A prompt checked before anything is sent: its text, the data of 2023, files, tool servers."""

from __future__ import annotations

import os
from typing import Any, Callable, Iterable, Mapping, Sequence, Tuple, Union

from ..dialects import Dialect, Prompt
from ..errors import FeatureUnavailable, UsageError, warn_of_change
from ..list_bots import Prompt as WikiPrompt
from ..options import check_name
from ..records import Model, RequestData
from ..transport.retry import Patience
from . import Server
from .files import FileArgument, read_uploads

Listed = Sequence[Mapping[str, Any]]
ServerArgument = Union[str, Mapping[str, Any]]
#: the tool server to search with, the names of the server's own to offer, and the caller's own
ToolChoice = Tuple[Union[str, None], Tuple[str, ...], Tuple[Mapping[str, Any], ...]]


def new_uuid() -> str:
    """Return a random UUID of version 4; the module of that name takes long to import."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def draft(
    text: object,
    files: Sequence[FileArgument] = (),
    custom_data: RequestData | Mapping[str, Any] | None = None,
    *,
    web_search: bool | str = False,
    parent_id: str | None = None,
) -> Prompt:
    """Return a prompt without a conversation, checked as far as no server is needed for it.

    :raises UsageError: the text or a file is empty, or a parameter cannot be right.
    """
    custom = {} if custom_data is None else read_custom_data(custom_data)
    text = text or custom.get("inputs")
    if isinstance(text, WikiPrompt):
        text = text.toText()
    if not isinstance(text, str) or not text.strip():
        raise UsageError("a message is a text that is not empty")
    if parent_id is not None:
        check_name(parent_id, "the id of the message to append to")
    return Prompt(
        "",
        text,
        message_id=new_uuid(),
        generation_id=new_uuid(),
        parent_id=parent_id,
        files=() if files == () else read_uploads(files),
        web_search=bool(web_search or custom.get("web_search")),
        custom=custom,
    )


def draft_retry(message_id: str) -> Prompt:
    """Return a prompt without a conversation that has an answer made again.

    :raises UsageError: no answer can have this id.
    """
    check_name(message_id, "the id of the answer")
    return Prompt(
        "", "", new_uuid(), new_uuid(), parent_id=message_id, replaced_id=message_id, action="retry"
    )


def equip(
    prompt: Prompt,
    server: Server,
    dialect: Dialect,
    patience: Patience,
    *,
    new_model: str | None = None,
    web_search: bool | str = False,
    servers: Sequence[ServerArgument] | None = None,
) -> Prompt:
    """Return *prompt* with its tool servers; its server and its model can do all that it wants.

    ==================  =========================  ================================================
    it wants            the server must have       the model, if it is known and no router
    ==================  =========================  ================================================
    a retry, an edit    that
    a place in a tree   trees
    files               files
    images              files                      must see them: ``UsageError``
    a search            a switch for it, or a tool must call tools, where the search is one
                        server that searches
    tool servers        tool servers               must call tools
    fields of 2023      them, or warns of them
    ==================  =========================  ================================================

    :param prompt: its conversation is ``""`` where it begins a new one.
    :param new_model: the model of a new one; the account's active one when ``None``.
    :raises FeatureUnavailable: it cannot; nothing was sent.
    :raises UsageError: the model cannot see an image, or no tool server has such a name.
    """
    if prompt.action != "new":
        dialect.require(prompt.action)
    elif prompt.parent_id is not None:
        dialect.require("trees", "a message is appended to the newest")
    search, names, own_servers = choose_tools(
        dialect,
        web_search or prompt.web_search,
        servers,
        lambda: server.transport.send(dialect.tool_servers(), patience),
    )
    if prompt.files:
        dialect.require("files")
    images = [file.name for file in prompt.files if file.mime.lower().startswith("image/")]
    model = None
    if images or names or own_servers:
        model = _find_model(prompt.conversation_id, new_model, server, dialect, patience)
    if model is not None and not model.is_router:
        if images and not model.multimodal:
            raise UsageError(
                f"the model {model.id!r} cannot see {images[0]}: choose one that is multimodal, "
                "see models()"
            )
        if (names or own_servers) and not model.supports_tools:  # they would be passed over
            what = "the web search of this server is a tool" if search else "nothing was sent"
            raise FeatureUnavailable(
                f"the model {model.id!r} calls no tools ({what}); choose another one, see models()",
                feature="web_search" if search else "tool_servers",
                dialect=dialect.name,
            )
    ignored = dialect.find_ignored(prompt.custom) if prompt.custom else ()
    if ignored:
        warn_of_change(
            f"a {dialect.name} server does not take {', '.join(ignored)} of custom_data; "
            "the message is sent without"
        )
    return prompt._replace(
        web_search=prompt.web_search and search is None,
        search_server=search,
        tool_servers=names,
        own_servers=own_servers,
    )


def _find_model(
    conversation_id: str, name: str | None, server: Server, dialect: Dialect, patience: Patience
) -> Model | None:
    """Return the model that is to answer, as the account has set it; ``None`` if unknown."""
    send = server.transport.send
    if conversation_id:
        name = send(dialect.conversation(conversation_id), patience).model
    settings = send(dialect.settings(), patience)
    offered = send(dialect.models(), patience)
    name = name or settings.active_model or (offered[0].id if offered else "")
    return next((settings.applied_to(one) for one in offered if one.id == name), None)


def read_custom_data(data: RequestData | Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of *data* that were set.

    :raises UsageError: it is neither a :class:`RequestData` nor a dict of its fields.
    """
    if isinstance(data, Mapping):
        unknown = sorted(set(data) - set(RequestData().__dict__))
        if unknown:
            raise UsageError(f"custom_data has no field {', '.join(map(repr, unknown))}")
        data = RequestData(**data)
    if not isinstance(data, RequestData):
        raise UsageError("custom_data is a RequestData, or a dict of its fields")
    return data.given()


def choose_tools(
    dialect: Dialect,
    web_search: bool | str,
    servers: Sequence[ServerArgument] | None,
    listed: Callable[[], Listed],
) -> ToolChoice:
    """Return the tool servers of one message.

    :param web_search: whether to search, or the name of the server to search with.
    :param servers: names of listed servers, or ``{"name", "url", "headers"?}`` of others.
    :param listed: asks for the server's own list; called only where it matters.
    :raises FeatureUnavailable: a search is wanted where nothing can search, or with a tool server
        where the search is a switch.
    :raises UsageError: a name is not listed.
    """
    if "web_search" in dialect.features:
        if isinstance(web_search, str):
            advice = "the web search of this server is its own: web_search=True uses it"
            dialect.lacks("tool_servers", advice)
        web_search = False  # a switch in the message
    if not web_search and not servers:
        return None, (), ()
    if "tool_servers" not in dialect.features:  # a search is one of them
        dialect.lacks("tool_servers" if servers else "web_search")
    if servers and (isinstance(servers, (str, Mapping)) or not isinstance(servers, Iterable)):
        raise UsageError("mcp_servers is a list of names, or of dicts with name and url")
    listed_servers = listed()
    names: list[str] = []
    own_servers: list[Mapping[str, Any]] = []
    for server in servers or ():
        if isinstance(server, str):
            names.append(_check_name(server, listed_servers))
        else:
            own_servers.append(check_server(server))
    if not web_search:
        return None, tuple(names), tuple(own_servers)
    if isinstance(web_search, str):
        search = _check_name(web_search, (*listed_servers, *own_servers))
    else:
        search = _find_search(dialect, listed_servers)
    if search not in names and all(server["name"] != search for server in own_servers):
        names.append(search)
    return search, tuple(names), tuple(own_servers)


def check_server(server: object) -> Mapping[str, Any]:
    """Return a tool server of the caller's own, if it can be one.

    :raises UsageError: it cannot.
    """
    if isinstance(server, Mapping):
        names = (server.get("name"), server.get("url"))
        headers = {} if server.get("headers") is None else server["headers"]
        if all(isinstance(one, str) and one.strip() for one in names) and (
            isinstance(headers, Mapping)
            and all(isinstance(text, str) for pair in headers.items() for text in pair)
        ):
            return server
    raise UsageError(  # which is not shown: there are secrets in headers
        'a tool server is a name, or a dict with the texts "name" and "url", and perhaps "headers"'
    )


def _check_name(name: str, listed: Listed) -> str:
    names = [str(server.get("name", "")) for server in listed]
    if name not in names:
        there = ", ".join(names) or "none"
        raise UsageError(f"no tool server is called {name!r}; there are {there}")
    return name


def _find_search(dialect: Dialect, listed: Listed) -> str:
    """Return the first listed server whose name or address speaks of search."""
    for server in listed:
        if "search" in f"{server.get('name', '')} {server.get('url', '')}".lower():
            return str(server["name"])
    names = ", ".join(str(server.get("name")) for server in listed)
    raise FeatureUnavailable(
        "this server lists no tool server that searches the web; give the name of one as "
        f"web_search= (there are {names or 'none'})",
        feature="web_search",
        dialect=dialect.name,
    )
