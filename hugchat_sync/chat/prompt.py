"""A prompt checked before anything is sent: its text, the data of 2023, files, tool servers."""

from __future__ import annotations

import os
from typing import Any, Callable, Mapping, Protocol, Sequence, TypeVar, Union

from ..calls import Call
from ..dialects import Dialect, Prompt
from ..errors import FeatureUnavailable, UsageError, warn_of_change
from ..list_bots import Prompt as WikiPrompt
from ..records import Model, RequestData
from ..transport.retry import Patience
from ..values import Value
from .files import FileArgument, check_files, read_uploads

T = TypeVar("T")
Listed = Sequence[Mapping[str, Any]]
ServerArgument = Union[str, Mapping[str, Any]]


def new_uuid() -> str:
    """Return a random UUID of version 4; the module of that name takes long to import."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


class Sender(Protocol):
    """Whoever can send a call."""

    def send(self, call: Call[T], patience: Patience | None = None) -> T: ...  # noqa: D102


def drafted(
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
    custom = {} if custom_data is None else custom_fields(custom_data)
    text = text or custom.get("inputs")
    if isinstance(text, WikiPrompt):
        text = text.toText()
    if not isinstance(text, str) or not text.strip():
        raise UsageError("a message is a text that is not empty")
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


def redone(message_id: str) -> Prompt:
    """Return a prompt without a conversation that has an answer made again."""
    return Prompt(
        "",
        "",
        message_id=new_uuid(),
        generation_id=new_uuid(),
        parent_id=message_id,
        replaced_id=message_id,
        action="retry",
    )


class Asking(Value):
    """What has to be asked before some messages: what there is, and what can be done with it.

    :param conversation_id: where the message goes; ``None`` for a new conversation.
    :param name: of the model of a new one; the account's active one when ``None``.
    """

    sender: Sender
    dialect: Dialect
    patience: Patience
    conversation_id: str | None = None
    name: str | None = None

    def tool_servers(self) -> Listed:
        """Return the server's own tool servers."""
        return self.sender.send(self.dialect.tool_servers(), self.patience)

    def model(self) -> Model | None:
        """Return the model that is to answer, as the account has set it; ``None`` if unknown."""
        name, send = self.name, self.sender.send
        if self.conversation_id is not None:
            name = send(self.dialect.conversation(self.conversation_id), self.patience).model
        settings = send(self.dialect.settings(), self.patience)
        offered = send(self.dialect.models(), self.patience)
        name = name or settings.active_model or (offered[0].id if offered else "")
        return next((settings.applied_to(one) for one in offered if one.id == name), None)


def equipped(
    prompt: Prompt,
    web_search: bool | str,
    servers: Sequence[ServerArgument] | None,
    asking: Asking,
) -> Prompt:
    """Return *prompt* with its tool servers; its server and its model can do all that it wants.

    :raises FeatureUnavailable: they cannot; nothing was sent.
    :raises UsageError: the model cannot see an image, or no tool server has such a name.
    """
    dialect = asking.dialect
    if prompt.parent_id is not None and "trees" not in dialect.features:
        dialect.lacks("trees", "a message is appended to the newest")
    tools = tool_choice(dialect, web_search or prompt.web_search, servers, asking.tool_servers)
    check_files(dialect, prompt.files, asking.model)
    check_tools(dialect, tools, asking.model)
    warn_of_ignored(dialect, prompt.custom)
    return prompt._replace(
        web_search=prompt.web_search and tools.search is None,
        search_server=tools.search,
        tool_servers=tools.names,
        own_servers=tools.own,
    )


def custom_fields(data: RequestData | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the fields of *data* that were set.

    :raises UsageError: it is neither a :class:`RequestData` nor a dict of its fields.
    """
    if data is None:
        return {}
    if isinstance(data, Mapping):
        unknown = sorted(set(data) - set(RequestData().__dict__))
        if unknown:
            raise UsageError(f"custom_data has no field {', '.join(map(repr, unknown))}")
        data = RequestData(**data)
    if not isinstance(data, RequestData):
        raise UsageError("custom_data is a RequestData, or a dict of its fields")
    return data.given()


def warn_of_ignored(dialect: Dialect, custom: Mapping[str, Any]) -> None:
    """Say which fields this era cannot take, instead of dropping them silently."""
    ignored = dialect.ignored(custom)
    if ignored:
        warn_of_change(
            f"a {dialect.name} server does not take {', '.join(ignored)} of custom_data; "
            "the message is sent without"
        )


class ToolChoice(Value):
    """The tool servers of one message; ``search`` is the one whose calls are the web search."""

    search: str | None = None
    names: tuple[str, ...] = ()
    own: tuple[Mapping[str, Any], ...] = ()


def tool_choice(
    dialect: Dialect,
    web_search: bool | str,
    servers: Sequence[ServerArgument] | None,
    listed: Callable[[], Listed],
) -> ToolChoice:
    """Return the tool servers of one message.

    :param listed: asks for the server's own list; called only where it matters.
    :raises FeatureUnavailable: a search is wanted where nothing can search, or with a tool server
        where the search is a switch.
    """
    own_switch = "web_search" in dialect.features
    if own_switch and isinstance(web_search, str):
        dialect.lacks(
            "tool_servers", "the web search of this server is its own: web_search=True uses it"
        )
    if (own_switch or not web_search) and not servers:
        return ToolChoice()
    if "tool_servers" not in dialect.features:
        dialect.lacks("tool_servers" if servers else "web_search")
    known = listed()
    choice = chosen(False if own_switch else web_search, servers, known)
    if choice is None:
        names = [server.get("name") for server in known]
        raise FeatureUnavailable(
            "this server lists no tool server that searches the web; give the name of one as "
            f"web_search= (there are {names or 'none'})",
            feature="web_search",
            dialect=dialect.name,
        )
    return choice


def check_tools(dialect: Dialect, choice: ToolChoice, model: Callable[[], Model | None]) -> None:
    """Refuse tool servers where the model calls no tools: the server would pass them over.

    :param model: asks which model is to answer; called only where it matters.
    :raises FeatureUnavailable: it calls none; nothing was sent.
    """
    if not choice.names and not choice.own:
        return
    found = model()
    if found is None or found.supports_tools or found.is_router:
        return
    what = "the web search of this server is a tool" if choice.search else "nothing was sent"
    raise FeatureUnavailable(
        f"the model {found.id!r} calls no tools ({what}); choose another one, see models()",
        feature="web_search" if choice.search else "tool_servers",
        dialect=dialect.name,
    )


def chosen(
    web_search: bool | str,
    mcp_servers: Sequence[ServerArgument] | None,
    listed: Listed,
) -> ToolChoice | None:
    """Return the choice, or ``None`` where a search is wanted and no listed server searches.

    :param web_search: whether to search, or the name of the server to search with.
    :param mcp_servers: names of listed servers, or ``{"name", "url", "headers"?}`` of others.
    :param listed: the server's own list, ``{"name", "url"}`` each.
    :raises UsageError: a name is not listed.
    """
    names, own = _asked_for(mcp_servers or (), listed)
    if not web_search:
        return ToolChoice(None, names, own)
    if isinstance(web_search, str):
        _check_listed(web_search, listed, own)
        search: str | None = web_search
    else:
        search = _searching(listed)
    if search is None:
        return None
    more = () if search in names or any(server["name"] == search for server in own) else (search,)
    return ToolChoice(search, (*names, *more), own)


def _asked_for(
    servers: Sequence[ServerArgument], listed: Listed
) -> tuple[tuple[str, ...], tuple[Mapping[str, Any], ...]]:
    if isinstance(servers, (str, Mapping)):
        raise UsageError("mcp_servers is a list of names, or of dicts with name and url")
    names: list[str] = []
    own: list[Mapping[str, Any]] = []
    for server in servers:
        if isinstance(server, str):
            _check_listed(server, listed, ())
            names.append(server)
        elif isinstance(server, Mapping) and server.get("name") and server.get("url"):
            own.append(server)
        else:
            raise UsageError("a tool server is a name, or a dict with name and url")
    return tuple(names), tuple(own)


def _check_listed(name: str, listed: Listed, own: Sequence[Mapping[str, Any]]) -> None:
    known = [str(server.get("name", "")) for server in (*listed, *own)]
    if name not in known:
        raise UsageError(f"no tool server is called {name!r}; there are {known or 'none'}")


def _searching(listed: Listed) -> str | None:
    """Return the first listed server whose name or address speaks of search."""
    for server in listed:
        if "search" in f"{server.get('name', '')} {server.get('url', '')}".lower():
            return str(server["name"])
    return None
