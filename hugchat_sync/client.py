"""The synchronous surface in PEP 8: one short method per action."""

from __future__ import annotations

import logging
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    TypeVar,
    Union,
)

from .auth.identity import Identity
from .calls import Call
from .chat.conversations import Conversations, check_id
from .chat.creation import SettingsOnce
from .chat.files import (
    FileArgument,
    PathArgument,
    as_chat_file,
    check_path,
    read_uploads,
    write_file,
)
from .chat.message import Message
from .chat.prompt import ServerArgument, check_server, draft, draft_retry, equip
from .dialects import Dialect, Prompt
from .errors import ConversationNotExistError, HugChatError, TransportError, UsageError
from .events import FileCreated
from .options import (
    CLIENTS_TRIES,
    LeftOut,
    Retry,
    Timeout,
    check_base_url,
    check_name,
    check_retry,
    check_timeout,
    is_positive,
)
from .rate_limit import Pace
from .records import (
    ChatFile,
    Check,
    Conversation,
    ConversationTree,
    HistoryEntry,
    Model,
    RequestData,
    Result,
    Settings,
    User,
)
from .secret import Secret, safe_repr
from .transport.retry import Patience

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import requests

    from .batch import PromptArgument
    from .list_bots import Prompt as WikiPrompt

T = TypeVar("T")
Self = TypeVar("Self", bound="Client")
Seconds = Union[None, float, Timeout]

_TIDYING = 10.0  # seconds

logger = logging.getLogger("hugchat_sync")


class Client:
    """A synchronous client of one chat-ui server; the constructor sends nothing.

    :param base_url: default ``$HUGCHAT_SYNC_BASE_URL``, else ``https://huggingface.co/chat``.
    :param email: whose saved cookies to use, when no others are given; default
        ``$HUGCHAT_SYNC_EMAIL``.
    :param cookies: in any form that the guide lists (``cookies.md``), or a path.
    :param token: a Hugging Face token; it can read and tidy up, not chat.
    :param model: for new conversations; default ``$HUGCHAT_SYNC_MODEL``, else the account's active
        model.
    :param session: a ``requests.Session`` of yours (proxies, adapters); it is never changed.
    :param timeout: seconds for a whole call or answer, or a :class:`Timeout`.
    :param retries: a :class:`Retry`.
    :param dialect: the server's era, if known: "tgi-2023", "lines-2023", "tree-2024", "v2-2025".
    :param max_per_minute: messages a minute at most, over all threads.
    :param allow_insecure: accept a plain http address other than this machine's.
    :raises UsageError: the base URL, the dialect or the cookies cannot be used.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        email: str | None = None,
        cookies: Any = None,
        token: str | None = None,
        model: str | None = None,
        session: requests.Session | None = None,
        timeout: Union[None, float, Timeout] = None,  # noqa: UP007
        retries: Retry | None = None,
        dialect: str | None = None,
        max_per_minute: float | None = None,
        allow_insecure: bool = False,
    ) -> None:
        secret, token = Secret(token or ""), None
        held, cookies = Secret(cookies), None
        address, base_url = Secret(base_url), None
        self.email = email
        self.model = model or os.environ.get("HUGCHAT_SYNC_MODEL") or None
        self._timeout: Timeout | None = None  # those of the identity
        self._retry: Retry | None = None
        self._identity = Identity(
            check_base_url(address, allow_insecure=allow_insecure),
            email=email,
            cookies=held,
            token=secret.as_token(),
            session=session,
            timeout=timeout,
            retries=retries,
            dialect=dialect,
        )
        self._conversations = Conversations(self._identity, Pace(max_per_minute))
        self._settings_once: SettingsOnce | None = None  # in a map

    # conversations ---------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """The address of the server, without a slash at its end."""
        return self._identity.base_url

    @property
    def conversations(self) -> dict[str, str]:
        """The conversations known so far, id → title; a copy."""
        return self._conversations.titles

    @property
    def current_conversation(self) -> str | None:
        """The conversation that is meant where none is named."""
        return self._conversations.current

    @current_conversation.setter
    def current_conversation(self, conversation_id: str | None) -> None:
        named = None if conversation_id is None else check_id(conversation_id)
        self._conversations.current = named

    @property
    def cookies(self) -> requests.cookies.RequestsCookieJar:
        """A copy of the cookies as they are now; its ``repr`` shows no values."""
        return self._identity.credentials.store.jar

    def fetch_conversations(self) -> dict[str, str]:
        """Return all conversations of the account, id → title, the newest first.

        :raises SessionExpired: credentials were given and are no longer accepted.
        :raises HugChatError: a page could not be read; the earlier map stays as it was.
        """
        return self._conversations.fetch(self._patience())

    def list_conversations(self) -> Iterator[Conversation]:
        """Yield the conversations of the account, the newest first, page by page.

        The time of a call is that of one page: whoever reads them may take long in between.

        :raises SessionExpired: credentials were given and are no longer accepted.
        """
        return self._conversations.iterate(self._patience)

    def create_conversation(
        self, model: str | None = None, system_prompt: str | None = None
    ) -> str:
        """Start a conversation, make it the current one, and return its id (24 hex digits).

        :param model: a name from :meth:`models`; default the client's, then the account's.
        :param system_prompt: ``None`` for the prompt stored for the model, ``""`` for none.
        :raises FeatureUnavailable: a server of before 2023-10, where no conversation has a prompt
            of its own, and the one stored for the model is another; see :meth:`set_system_prompt`.
        :raises ModelNotFound: the server does not offer the model; ``nearest`` has close names.
        :raises ConversationLimit: there are too many conversations.
        """
        return self._conversations.create(
            self._choose_model(model), system_prompt, self._patience()
        )

    def begin_conversation(
        self,
        model: str | None = None,
        system_prompt: str | None = None,
        patience: Patience | None = None,
    ) -> str:
        """Start a conversation for somebody who will send to it at once, and return its id.

        Unlike :meth:`create_conversation` it does not become the current one, and the first message
        need not look at it.
        """
        return self._conversations.start(
            self._choose_model(model),
            system_prompt,
            patience or self._patience(),
            self._settings_once,
        )

    def remove_conversation(self, conversation_id: str) -> None:
        """Delete a conversation; an answer that is still coming in it is closed.

        :raises ConversationNotExistError: the server does not have it.
        """
        self._conversations.remove(conversation_id, self._patience())

    def remove_all_conversations(self) -> int:
        """Delete all conversations of the account, and return how many there were."""
        return self._conversations.remove_all(self._patience())

    def rename_conversation(self, conversation_id: str, title: str) -> None:
        """Give a conversation another title, once no answer is coming in it.

        :param title: 1 to 100 characters.
        """
        self._conversations.rename(conversation_id, title, self._patience())

    def update_title(self, conversation_id: str) -> str:
        """Return the title as the server has it now; servers of 2023 are asked to make one."""
        return self._conversations.update_title(conversation_id, self._patience())

    def switch_conversation(self, conversation_id: str) -> None:
        """Make a conversation the current one; the server is asked for one that is not known here.

        :raises ConversationNotExistError: the server does not have it.
        """
        self._conversations.switch(conversation_id, self._patience())

    def history(self, conversation_id: str | None = None) -> list[HistoryEntry]:
        """Return the messages of the visible branch, oldest first, without the system message.

        :param conversation_id: the current conversation when ``None``.
        :raises UsageError: none is named and none is current.
        """
        tree = self.conversation(conversation_id)
        return [
            HistoryEntry(tree.id, message.role == "user", message.text, message.id, message.files)
            for message in tree.path()
            if message.role != "system"
        ]

    def conversation(self, conversation_id: str | None = None) -> ConversationTree:
        """Return a conversation with all its branches, once no answer is coming in it.

        :raises TimedOut: an answer, whoever asked for it, goes on; ``partial`` is its text so far.
        """
        return self._conversations.read(conversation_id, self._patience())

    @contextmanager
    def temporary_conversation(
        self, model: str | None = None, system_prompt: str | None = None
    ) -> Iterator[str]:
        """Start a conversation for the length of a ``with`` block; yields its id.

        It is the current one inside and removed at the end, also after an error.
        """
        before = self._conversations.current
        conversation_id = self.create_conversation(model, system_prompt)
        failed = True
        try:
            yield conversation_id
            failed = False
        finally:
            restore = self._conversations.current == conversation_id
            if failed:
                self.remove_quietly(conversation_id)  # what went wrong inside is what counts
            else:
                with suppress(ConversationNotExistError):  # it was removed inside
                    self.remove_conversation(conversation_id)
            if restore:
                self._conversations.current = before

    def remove_quietly(self, conversation_id: str) -> bool:
        """Delete a conversation that has served, and return whether it is gone.

        Nobody waits long for it, and no failure of it matters but as a warning in the log.
        """
        total = _TIDYING if self._timeout is None else min(_TIDYING, self._timeout.total)
        try:
            self.with_options(timeout=total).remove_conversation(conversation_id)
        except HugChatError as error:
            logger.warning("conversation %s was not removed: %s", conversation_id, error)
            return False
        return True

    # messages --------------------------------------------------------------------------------

    def chat(
        self,
        text: str | WikiPrompt,
        conversation_id: str | None = None,
        web_search: bool | str = False,
        max_tries: int = CLIENTS_TRIES,
        custom_data: RequestData | None = None,
        *,
        files: Sequence[FileArgument] = (),
        mcp_servers: Sequence[ServerArgument] | None = None,
        parent_id: str | None = None,
        resume: bool = True,
        model: str | None = None,
        system_prompt: str | None = None,
        timeout: Union[None, float, Timeout] = None,  # noqa: UP007
    ) -> Message:
        """Send a message and return its answer, which is still coming.

        :param conversation_id: default the current one, else a new one, which becomes current.
        :param web_search: search first; the name of a tool server to search with that one.
        :param max_tries: requests at most for this send; left out, the client's ``Retry.tries``.
        :param custom_data: a request body of 2023; what the server cannot take is warned about.
        :param files: paths, or ``(name, bytes, mime)``, of up to 10 MiB each.
        :param mcp_servers: tool servers to offer, by name or as ``{"name", "url", "headers"?}``.
        :param parent_id: the message to append to; default the newest.
        :param resume: make good for a lost connection.
        :param model: begin a new conversation with this model; with a *conversation_id* it must be
            the model of that conversation.
        :param system_prompt: begin a new conversation with this prompt.
        :param timeout: for this answer; default the client's.
        :raises UsageError: the text or a file is empty, the model cannot see an image, or a
            parameter cannot be right; nothing was sent.
        :raises FeatureUnavailable: this server or this model cannot search or use tools, or the
            server takes no files or knows no branches; nothing was sent.
        """
        new_model, patience = self._choose_model(model), self._patience(max_tries, timeout)
        prompt = draft(text, files, custom_data, web_search=web_search, parent_id=parent_id)
        if conversation_id is not None:
            check_id(conversation_id)
            if system_prompt is not None:
                raise UsageError("a system prompt begins a new conversation: name none with it")
        wanted = "web_search" if prompt.web_search else ""
        dialect = self._identity.ready(patience, wanted=wanted, session_for="send a message")
        is_new = model is not None or system_prompt is not None
        target = conversation_id or (None if is_new else self._conversations.current)
        prompt = equip(
            prompt._replace(conversation_id=target or ""),
            self._identity,
            dialect,
            patience,
            new_model=new_model,
            web_search=web_search,
            servers=mcp_servers,
        )
        if target is None:
            target = self.begin_conversation(model, system_prompt, patience)
            self._conversations.current = target
            prompt = prompt._replace(conversation_id=target)
        elif model is not None:
            self._conversations.require_model(target, model, patience)
        return self._conversations.runs.send(dialect, prompt, patience, resume=resume)

    def ask(
        self,
        text: str | WikiPrompt,
        conversation_id: str | None = None,
        web_search: bool | str = False,
        max_tries: int = CLIENTS_TRIES,
        custom_data: RequestData | None = None,
        *,
        files: Sequence[FileArgument] = (),
        mcp_servers: Sequence[ServerArgument] | None = None,
        parent_id: str | None = None,
        resume: bool = True,
        model: str | None = None,
        system_prompt: str | None = None,
        timeout: Union[None, float, Timeout] = None,  # noqa: UP007
        temporary: bool = False,
    ) -> str:
        """Send a message and return the whole answer.

        :param conversation_id: default the current one, else a new one, which becomes current.
        :param web_search: search first; the name of a tool server to search with that one.
        :param max_tries: requests at most for this send; left out, the client's ``Retry.tries``.
        :param custom_data: a request body of 2023; what the server cannot take is warned about.
        :param files: paths, or ``(name, bytes, mime)``, of up to 10 MiB each.
        :param mcp_servers: tool servers to offer, by name or as ``{"name", "url", "headers"?}``.
        :param parent_id: the message to append to; default the newest.
        :param resume: make good for a lost connection.
        :param model: begin a new conversation with this model.
        :param system_prompt: begin a new conversation with this prompt.
        :param timeout: seconds for this answer, or a :class:`Timeout`; default the client's.
        :param temporary: ask in a conversation of its own, which is removed afterwards, also after
            an error; the current one stays what it was.
        :raises IncompleteAnswer: the connection was lost, and the server kept no more than
            ``partial``.
        :raises UsageError: as for :meth:`chat`.
        """
        if temporary and conversation_id is not None:
            raise UsageError("a temporary conversation is a new one: name none with it")
        client = self
        if temporary:
            client = self._twin()
            client._conversations = self._conversations.without_titles()
        try:
            message = client.chat(
                text,
                conversation_id,
                web_search,
                max_tries,
                custom_data,
                files=files,
                mcp_servers=mcp_servers,
                parent_id=parent_id,
                resume=resume,
                model=model,
                system_prompt=system_prompt,
                timeout=timeout,
            )
            text = message.text()
            if not temporary:
                self._conversations.runs.activity(message.conversation_id).read_title()
            return text
        finally:
            made = client.current_conversation
            if temporary and made is not None:
                self.remove_quietly(made)  # the answer must not be lost over it

    def with_options(
        self: Self,
        *,
        timeout: Union[None, float, Timeout] = None,  # noqa: UP007
        retries: Retry | None = None,
        model: str | None = None,
    ) -> Self:
        """Return this client with another timeout, other retries or another model.

        What is ``None`` stays; all else is shared: conversations, connections, pace. Closing
        either closes both.

        :raises UsageError: a value cannot be right.
        """
        other = self._twin()
        if timeout is not None:
            other._timeout = check_timeout(timeout)
        if retries is not None:
            other._retry = check_retry(retries)
        other.model = self._choose_model(model)
        return other

    def retry(self, message_id: str, conversation_id: str | None = None) -> Message:
        """Have an answer made again, beside the old one where the server keeps branches.

        :param message_id: the answer to make again.
        :raises NotFound: there is no such message in the conversation; nothing was sent.
        :raises UsageError: it is no answer.
        """
        return self._again(draft_retry(message_id), conversation_id)

    def edit(
        self,
        message_id: str,
        text: str,
        conversation_id: str | None = None,
        files: Sequence[FileArgument] = (),
    ) -> Message:
        """Ask a question again in other words, beside the old one where there are branches.

        :param message_id: the question to replace.
        :raises NotFound: there is no such message in the conversation; nothing was sent.
        :raises UsageError: it is no question.
        """
        prompt = draft(text, files, parent_id=check_name(message_id, "the id of the question"))
        return self._again(prompt._replace(action="edit"), conversation_id)

    def _again(self, prompt: Prompt, conversation_id: str | None) -> Message:
        target = self._conversations.resolve(conversation_id)
        patience = self._patience()
        dialect = self._identity.ready(patience, wanted=prompt.action, session_for="send a message")
        prompt = prompt._replace(conversation_id=target)
        prompt = equip(prompt, self._identity, dialect, patience)
        return self._conversations.runs.send(dialect, prompt, patience)

    def stop(self, conversation_id: str | None = None) -> None:
        """Stop the answer that is coming in a conversation, whoever asked for it.

        Where none is coming nothing is stopped: a stop that comes late would interrupt the next
        message.

        :param conversation_id: the current conversation when ``None``, and there the answer to the
            last message of this client, if it sent any.
        :raises AuthError: there is a token only, which is not enough for it.
        """
        named, is_ours = self._conversations.resolve(conversation_id), conversation_id is None
        self._conversations.runs.stop(named, self._patience(), is_ours=is_ours)

    # the account ---------------------------------------------------------------------------

    def settings(self) -> Settings:
        """Return the settings of the account."""
        return self._read_settings(self._patience())

    def _read_settings(self, patience: Patience) -> Settings:
        """Return the settings, once it is sure whose they are: a lapsed session reads defaults."""
        call = self._identity.ready(patience).settings()
        return self._identity.transport.send(call, patience, is_doubtful=lambda settings: True)

    def update_settings(self, **changes: Any) -> Settings:
        """Change settings by their names in :class:`Settings`, and return them as they are then.

        A server keeps those that it has; the others stay ``None``.

        :raises UsageError: a name is unknown, or a value can be none; nothing was sent.
        """
        wanted = "system_prompts" if changes.get("custom_prompts") else ""
        patience = self._patience()
        self._rewrite(lambda settings: settings.changed(changes), wanted, patience)
        return self._read_settings(patience)

    def set_system_prompt(self, model: str, prompt: str) -> None:
        """Store the system prompt of a model, for all conversations begun from now on.

        :param prompt: ``""`` removes it.
        """
        self.set_system_prompts({check_name(model, "the name of a model"): prompt})

    def set_system_prompts(self, prompts: Mapping[str, str]) -> None:
        """Store the system prompts of several models, ``{model: prompt}``, in one request.

        The server only keeps them; :meth:`create_conversation` applies them. Before 2023-10 the
        server itself applies them to every message, in conversations under way too.

        :raises FeatureUnavailable: a server of before 2023-08-21, which keeps none; nothing was
            sent.
        """
        self._rewrite(
            lambda settings: settings.with_prompts(prompts), "system_prompts", self._patience()
        )

    def _rewrite(
        self, change: Callable[[Settings], Settings], wanted: str, patience: Patience
    ) -> None:
        """Read, change and write the settings; a write that is unsure begins with reading again.

        :param wanted: the feature that the server must have, if any.
        """
        change(Settings())  # a change that cannot be right is refused before anything is sent
        dialect = self._identity.ready(patience, wanted=wanted)
        if wanted:
            dialect.require(wanted, "this server is from before 2023-08-21")

        def rewrite(steady: Patience) -> None:
            once = steady.once()

            def attempt() -> None:
                changed = change(self._read_settings(once))
                self._identity.ask(lambda dialect: dialect.save_settings(changed), once)

            self._identity.transport.repeat(attempt, steady)

        with self._identity.first_visit(patience):
            self._identity.in_one_session(rewrite, patience)

    def models(self) -> list[Model]:
        """Return the models that the server offers, the default first."""
        return [*self._ask(lambda dialect: dialect.models())]

    def whoami(self) -> User | None:
        """Return who is signed in; ``None`` for nobody."""
        patience = self._patience()
        self._identity.ready(patience)
        return self._identity.fetch_user(patience)

    def has_accounts(self) -> bool:
        """Return whether there is a sign-in at this server at all."""
        patience = self._patience()
        self._identity.ready(patience)
        return self._identity.has_accounts(patience)

    def sign_out(self) -> bool:
        """End the session at the server, and return whether there was one.

        Whoever has the same cookies is signed out as well; a file that holds them stays as it is.
        """
        return self._identity.sign_out(self._patience())

    def check(self) -> Check:
        """Return who is signed in, which cookies are missing, and what this server can do.

        Costs no message. Incomplete cookies are told, not raised.
        """
        patience = self._patience()
        dialect = self._identity.find_dialect(patience)
        user = self._identity.fetch_user(patience)
        missing = self._identity.credentials.store.missing()
        return Check(user, missing, dialect.name, tuple(sorted(dialect.features)))

    # extras ----------------------------------------------------------------------------------

    def remove_message(self, message_id: str, conversation_id: str | None = None) -> None:
        """Delete a message and everything that follows it."""
        self._conversations.remove_message(message_id, conversation_id, self._patience())

    def share(self, conversation_id: str | None = None) -> str:
        """Publish a conversation as it is now, and return the URL."""
        return self._conversations.share(conversation_id, self._patience())

    def import_share(self, url_or_id: str) -> str:
        """Copy a shared conversation into the account, and return the new id."""
        stated = check_name(url_or_id, "a share").strip()
        share_id = re.split("[?#]", stated)[0].rstrip("/").rpartition("/")[2]
        if not share_id:
            raise UsageError("a share is a URL that ends in its id, or that id")
        return self._conversations.import_share(
            share_id, self._choose_model(None), self._patience()
        )

    def download(
        self,
        file: ChatFile | FileCreated | str,
        path: PathArgument,
        conversation_id: str | None = None,
    ) -> Path:
        """Write a file of a conversation to *path*, and return where it is.

        :param file: a :class:`ChatFile`, the event :class:`FileCreated`, or its ``sha``.
        :param path: a file, or an existing folder, which gets a safe name.
        """
        chosen_file = as_chat_file(file)
        where = check_path(path)
        target = self._conversations.resolve(conversation_id or chosen_file.conversation_id or None)
        content = self._ask(
            lambda dialect: dialect.download(target, chosen_file.sha), "download a file"
        )
        return write_file(content, chosen_file, where)

    def list_mcp_servers(self) -> list[dict[str, Any]]:
        """Return the server's own tool servers, ``{"name", "url", ...}`` each."""
        return [*self._ask(lambda dialect: dialect.tool_servers())]

    def mcp_health(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return whether a tool server answers, and its tools."""
        check_server({"name": url, "url": url, "headers": headers})
        return self._ask(lambda dialect: dialect.tool_server_health(url, headers))

    def transcribe(self, audio: bytes, mime: str | None = None) -> str:
        """Return what is said in *audio*, the bytes of a sound file of up to 25 MB."""
        if not isinstance(audio, bytes):
            raise UsageError("audio is the bytes of a sound file")
        kind = mime or "audio/wav"
        is_kind = isinstance(kind, str) and kind.isascii() and kind.isprintable()
        if not is_kind or kind != kind.strip():
            raise UsageError('mime is the kind of the sound file, for example "audio/wav"')
        return self._ask(lambda dialect: dialect.transcribe(audio, kind))

    def answer_elicitation(
        self,
        elicitation_id: str,
        action: str,
        content: Mapping[str, Any] | None = None,
        conversation_id: str | None = None,
    ) -> None:
        """Answer what a tool server asked the user.

        :param action: "accept", "decline" or "cancel".
        """
        if action not in ("accept", "decline", "cancel"):
            raise UsageError("the action is accept, decline or cancel")
        if content is not None and not isinstance(content, Mapping):
            raise UsageError("content is a dict: {name of a field: value}")
        check_name(elicitation_id, "the id of a question")
        target = self._conversations.resolve(conversation_id)
        self._ask(
            lambda dialect: dialect.answer_elicitation(target, elicitation_id, action, content),
            "answer a tool server",
        )

    def map(
        self,
        prompts: Iterable[PromptArgument],
        *,
        workers: int | None = None,
        max_per_minute: float | None = None,
        executor: Executor | None = None,
        temporary: bool = True,
        ordered: bool = True,
        chunk: int = 1,
        ship_cookies: bool = True,
        **chat_options: Any,
    ) -> Iterator[Result]:
        """Return the answers to many prompts, a :class:`Result` each, as they are asked for.

        One prompt that fails does not end the others. After :class:`QuotaExceeded`,
        :class:`AuthError`, a model that is gone, or 20 times without a server in a row, nothing
        more is sent: the rest are results with that error and ``asked=False``.

        :param prompts: texts, or dicts ``{"prompt": text, "id"?: any, **chat options}``.
        :param workers: prompts at a time, default 4; of an executor, tasks at a time, default its
            own size. As many again wait in it, unless a pace is kept.
        :param max_per_minute: prompts begun a minute.
        :param executor: whose work can be pickled: a pool of processes, or a cluster's.
        :param temporary: each prompt in a conversation of its own, removed afterwards.
        :param ordered: in the order of the prompts; otherwise as they are ready.
        :param chunk: prompts that a worker of the executor answers at once, in threads of its own.
        :param ship_cookies: send the cookies to the executor's workers; otherwise they take theirs
            from ``$HUGCHAT_SYNC_COOKIES``, of the same session.
        :param chat_options: those of :meth:`chat`, ``model`` and ``system_prompt``, for all.
        :raises UsageError: an option cannot be right. A prompt that cannot is a result like the
            others.
        """
        self._identity.require_open()
        try:
            from .batch import Map  # here: most scripts ask one prompt at a time
        except OSError as error:  # there is no file left to open
            raise TransportError(f"nothing can be asked: {error.strerror}") from error
        return Map(
            self,
            prompts,
            workers=workers,
            max_per_minute=max_per_minute,
            executor=executor,
            temporary=temporary,
            ordered=ordered,
            chunk=chunk,
            ship_cookies=ship_cookies,
            options=chat_options,
        ).results()

    def for_map(self: Self) -> Self:
        """Return this client for the length of a map: it reads the account's settings once."""
        twin = self._twin()
        twin._settings_once = SettingsOnce()
        return twin

    def for_worker(self: Self, *, ship_cookies: bool = True) -> Self:
        """Return this client to be pickled for another process.

        There it keeps no pace, which is the caller's, and writes no cookie file.

        :param ship_cookies: otherwise it finds its cookies there as a new client does.
        """
        import pickle  # here: most scripts have one process

        copied: Self = pickle.loads(pickle.dumps(self))  # noqa: S301  # of our own making
        copied._conversations = Conversations(copied._identity, Pace())
        copied._identity.prepare_for_worker(with_cookies=ship_cookies)
        return copied

    @property
    def pace(self) -> Pace:
        """The pace that ``max_per_minute`` set, over all threads."""
        return self._conversations.runs.pace

    def read_files(self, files: Sequence[FileArgument]) -> list[tuple[str, bytes, str]]:
        """Return files as they can be sent from any other machine: ``(name, bytes, mime)`` each."""
        return [(one.name, one.content, one.mime) for one in read_uploads(files)]

    def take_cookies(self, cookies: requests.cookies.RequestsCookieJar) -> None:
        """Take cookies that were renewed elsewhere, into the file as well if there is one."""
        self._identity.credentials.store.adopt(cookies)

    def require_living_cookies(self) -> None:
        """Refuse at once a client all of whose cookies have expired; a call would find it out.

        :raises SessionExpired: it names them, and their file.
        """
        self._identity.credentials.require_living()

    def close(self) -> None:
        """Close open answers and idle connections."""
        self._conversations.runs.close()
        self._identity.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @safe_repr
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.base_url}>"

    # inside ----------------------------------------------------------------------------------

    def _choose_model(self, model: str | None) -> str | None:
        """Return the model that is named, else that of the client.

        :raises UsageError: it is no name.
        """
        chosen = self.model if model in (None, "") else model
        if chosen is not None and not isinstance(chosen, str):
            raise UsageError("a model is the name of one, as models() gives them")
        return chosen

    def _twin(self: Self) -> Self:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def _patience(self, tries: int | None = None, timeout: Seconds = None) -> Patience:
        if isinstance(tries, LeftOut):
            tries = None
        if tries is not None and not is_positive(tries, int):
            raise UsageError("max_tries is 1 or more")
        clocks = self._timeout if timeout is None else check_timeout(timeout)
        return self._identity.transport.patience(tries=tries, timeout=clocks, retry=self._retry)

    def _ask(self, describe: Callable[[Dialect], Call[T]], session_for: str = "") -> T:
        """Send one request, and what has to be known before it, within the time of one call."""
        return self._identity.ask(describe, self._patience(), session_for=session_for)
