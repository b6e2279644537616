"""``hugchat-sync chat``: the interactive program, and its commands."""

from __future__ import annotations

import argparse
from functools import partial
from textwrap import fill
from typing import Callable, Sequence

from .. import Client, Message
from ..errors import HugChatError, UsageError
from ..records import HistoryEntry
from ..values import Value, with_fields
from . import exits, output
from .ask import enter_conversation
from .connection import open_client
from .conversations import FORMATS, find_conversation, write_export
from .input import (
    Completions,
    best_keyboard,
    confirm,
    parse_path,
    require_text,
    stdin_is_terminal,
)
from .interrupts import EndRequested, call_in_thread, stop
from .models import find_model
from .screen import best_screen

_TITLE = 30  # characters of a title in the prompt
_WIDE = 72  # columns that the help needs to stand in two columns
_LEAVING = ("exit", "quit", ":q")  # as other programs are left


def chat(arguments: argparse.Namespace) -> int:
    """Talk until /q or Ctrl-D.

    :returns: 0 for a human, who has seen what failed; for a pipe the code of the last failure.
    """
    with open_client(arguments, model=arguments.model) as client:
        client.fetch_conversations()
        # another conversation has its own model; who begins one wants to know at once if it is none
        if arguments.model and not arguments.latest and not arguments.conversation:
            client.model = arguments.model = find_model(client, arguments.model)
        enter_conversation(client, arguments)
        return _Chat(client, web_search=arguments.web_search).run()


class _Chat:
    """Reads lines: those with a slash are commands, all others are questions.

    :param web_search: whether questions are sent with a web search.
    """

    def __init__(self, client: Client, *, web_search: bool = False) -> None:
        self._client = client
        self._web_search: bool | str = web_search
        self._files: list[str] = []
        self._models: list[str] = []  # as they were listed last
        self._listed: list[str] = []  # what the numbers of the last list mean
        self._ended = False
        self._code = exits.OK
        self._screen = best_screen()
        self._commands = {name: one for one in _COMMANDS for name in one.names.split()}
        completions: Completions = {
            name: one.words and partial(one.words, self) for name, one in self._commands.items()
        }
        self._keyboard = best_keyboard(completions)

    def run(self) -> int:
        """Read and do until the end, and return the exit code."""
        if stdin_is_terminal():
            output.note(f"{self._client.base_url} · /help lists the commands, Ctrl-D leaves")
        while not self._ended:
            try:
                line = self._keyboard.read(self._prompt())
            except EOFError:
                break
            except EndRequested:
                raise
            except KeyboardInterrupt:
                output.note("(Ctrl-D or /q leaves)")
                continue
            self._run_line(line.strip())
        return exits.OK if stdin_is_terminal() else self._code

    def _prompt(self) -> str:
        current = self._client.current_conversation
        title = "new" if current is None else self._client.conversations.get(current, current)
        name = " ".join(title.split())[:_TITLE]
        return f"{name}{' +web' if self._web_search else ''}> "

    def _run_line(self, line: str) -> None:
        """Do what a line says; what fails is told, and the talk goes on."""
        try:
            self._execute(line)
        except EndRequested:
            raise
        except KeyboardInterrupt:
            output.note("(interrupted)")
        except EOFError:
            output.note("(nothing was changed)")
        except (HugChatError, OSError) as error:
            if not isinstance(error, HugChatError) and error.filename is None:
                raise  # no file of the user's: our own streams are gone
            self._code = exits.exit_code(error)
            output.complain(exits.describe(error))

    def _execute(self, line: str) -> None:
        if not line:
            return
        if line.lower() in _LEAVING:
            self._ended = True
            return
        require_text(line)
        if not line.startswith("/") or line.startswith("//"):
            self.ask(line[1:] if line.startswith("//") else line)
            return
        name, _, words = line[1:].partition(" ")
        command = self._commands.get(name.lower())
        if command is None:
            raise UsageError(
                f"there is no command /{name}; /help lists them, and a question that begins with "
                "a slash is typed with two"
            )
        command.do(self, words.strip())

    # the commands; each takes the words behind it

    def leave(self, words: str) -> None:
        self._ended = True

    def help(self, words: str) -> None:
        narrow = output.on_terminal() and output.columns() < _WIDE
        for command in _COMMANDS:
            usage = f"/{' /'.join(command.names.split())} {command.usage}".rstrip()
            rows = (usage, f"  {command.text}") if narrow else (f"{usage:30} {command.text}",)
            output.write_rows(rows)
        keys = "Alt-Enter begins another line of the same text, Tab completes commands, models, "
        keys += "conversations and files."
        if not self._keyboard.edits:
            keys = 'With pip install "hugchat-sync[cli]" Tab completes, Alt-Enter begins a line.'
        text = (
            "Everything else is a question; // begins one with a slash. Ctrl-C stops an answer, "
            f"Ctrl-D leaves, as exit, quit and :q do. {keys}"
        )
        output.write_line(fill(text, output.columns() - 1) if output.on_terminal() else text)

    # asking

    def ask(self, text: str) -> None:
        files = tuple(self._files)
        self._show(lambda: self._client.chat(text, web_search=self._web_search, files=files))

    def retry(self, words: str) -> None:
        answer = self._find_last(is_user=False)
        self._show(lambda: self._client.retry(answer.text_id, answer.conversation_id))

    def edit(self, text: str) -> None:
        question = self._find_last(is_user=True)
        if not text and self._keyboard.edits:
            text = self._keyboard.read("edit> ", question.text)
        if not text:
            raise UsageError("/edit TEXT asks the last question again in these words")
        self._show(lambda: self._client.edit(question.text_id, text, question.conversation_id))

    def _show(self, send: Callable[[], Message]) -> None:
        message = call_in_thread(send, stop)
        self._files = []
        try:
            self._screen.answer(message)
        except HugChatError:
            raise
        except (EndRequested, OSError):
            stop(message)
            raise
        except KeyboardInterrupt:
            stop(message)
            output.note("(stopped)")

    def _find_last(self, *, is_user: bool) -> HistoryEntry:
        for entry in reversed(self._client.history(self._require_current())):
            if entry.is_user == is_user:
                return entry
        raise UsageError("nothing has been said in this conversation yet")

    def stop(self, words: str) -> None:
        self._client.stop(self._require_current())
        output.note("nothing runs any more; Ctrl-C stops an answer while it comes")

    # conversations

    def _require_current(self) -> str:
        """Return the id of the current conversation.

        :raises UsageError: there is none yet.
        """
        if self._client.current_conversation is None:
            raise UsageError("no conversation is open: ask something, or choose one with /cd N")
        return self._client.current_conversation

    def _find(self, word: str) -> str:
        """Return the id of a conversation that is meant by its number, its id, or ``last``."""
        if not word:
            raise UsageError("which conversation? Give its number in /ls, or its id")
        newest = list(self._client.conversations)
        return find_conversation(word, newest if word == "last" else self._listed or newest)

    def complete_id(self) -> list[tuple[str, str]]:
        conversations = self._client.conversations
        listed = self._listed or list(conversations)
        known = ((at, conversations.get(one)) for at, one in enumerate(listed))
        return [(str(at), title) for at, title in known if title is not None]  # not the deleted

    def list_conversations(self, words: str, *, with_ids: bool = False) -> None:
        """Print the conversations with their numbers; the current one has a star."""
        conversations = self._client.conversations
        self._listed = list(conversations)
        rows = []
        for number, (conversation_id, title) in enumerate(conversations.items()):
            star = "*" if conversation_id == self._client.current_conversation else " "
            shown = f"{conversation_id}  {title}" if with_ids else title
            rows.append(f"{star}{number:3}  {shown}")
        output.write_rows(rows)
        if not rows:
            output.note("there is no conversation yet")

    def reload(self, words: str) -> None:
        self._client.fetch_conversations()
        self.list_conversations(words)

    def switch(self, word: str) -> None:
        tree = self._client.conversation(self._find(word))
        self._client.current_conversation = tree.id
        output.note(f"in {tree.title!r} ({tree.model})")

    def start_new(self, words: str) -> None:
        self._client.create_conversation()
        output.note("a new conversation")

    def remove(self, word: str) -> None:
        """Delete a conversation, once somebody who types has said that it is meant."""
        conversation_id = self._find(word)
        title = self._client.conversations.get(conversation_id, conversation_id)
        shown = " ".join(title.split())
        if stdin_is_terminal() and not confirm(f"Delete {shown!r}?"):
            output.note("(nothing was changed)")
            return
        self._client.remove_conversation(conversation_id)
        output.note("deleted")

    def show(self, word: str) -> None:
        conversation_id = self._find(word) if word else self._require_current()
        self._screen.history(self._client.history(conversation_id))

    def title(self, text: str) -> None:
        """Print the title of the current conversation, or give it another one."""
        if text:
            self._client.rename_conversation(self._require_current(), text)
        else:
            output.write_line(self._client.update_title(self._require_current()))

    def share(self, words: str) -> None:
        output.write_line(self._client.share(self._require_current()))

    def export(self, words: str) -> None:
        form, _, directory = words.partition(" ")
        form = form or "md"
        if form not in FORMATS:
            raise UsageError(f"there is no format {form}: {', '.join(FORMATS)}")
        place = parse_path(directory.strip() or ".")
        output.write_line(str(write_export(self._client, self._require_current(), form, place)))

    # models, prompts, files

    def list_models(self, words: str) -> None:
        """Print the models with their numbers; the chosen one has a star."""
        self._models = [model.id for model in self._client.models()]
        chosen = self._client.model
        output.write_rows(
            f"{'*' if name == chosen else ' '}{number:3}  {name}"
            for number, name in enumerate(self._models)
        )

    def complete_model(self) -> list[tuple[str, str]]:
        """Return the names of the models, which are asked for once; none if that fails."""
        if not self._models:
            try:
                self._models = [model.id for model in self._client.models()]
            except HugChatError:  # no answer to the Tab key is no reason to end the line
                return []
        return [(name, "") for name in self._models]

    def take_model(self, word: str) -> None:
        """Take another model, which needs a new conversation; without a word, list them."""
        if not word:
            self.list_models(word)
            return
        if word.isdecimal() and int(word) < len(self._models):
            word = self._models[int(word)]
        self._client.model = find_model(self._client, word)
        self._client.current_conversation = None
        output.note(f"the next question begins a conversation with {self._client.model}")

    def system_prompt(self, text: str) -> None:
        settings = self._client.settings()
        model = self._client.model or settings.active_model or self._client.models()[0].id
        kept = settings.stored_prompt(model)
        if not text and self._keyboard.edits:
            text = self._keyboard.read(f"system prompt of {model}> ", kept) or '""'
        if not text:
            output.write_line(kept or f"(no system prompt is kept for {model})")
            return
        self._client.set_system_prompt(model, "" if text in ('""', "''") else text)
        output.note(f"kept for new conversations with {model}")

    def switch_web_search(self, word: str) -> None:
        named = {"": not self._web_search, "on": True, "off": False}
        self._web_search = named.get(word, word)
        how = self._web_search if isinstance(self._web_search, str) else "on"
        output.note(f"web search is {how if self._web_search else 'off'}")

    def attach(self, word: str) -> None:
        if word == "-":
            self._files = []
        elif word:
            path = parse_path(word)
            if not path.is_file():
                raise UsageError(f"there is no file {path}")
            self._files.append(str(path))
        output.note(f"with the next question: {', '.join(self._files) or 'no file'}")


@with_fields
class _Command(Value):
    """What one command does with the words behind it, and what Tab completes there."""

    names: str
    usage: str
    text: str
    do: Callable[[_Chat, str], None]
    words: Callable[[_Chat], Sequence[tuple[str, str]]] | None = lambda chat: ()  # ``None``: a path


_COMMANDS = (
    _Command("q exit", "", "leave", _Chat.leave),
    _Command("help", "", "this list", _Chat.help),
    _Command("ls", "", "the conversations, by number", _Chat.list_conversations),
    _Command(
        "ids", "", "the same with their ids", partial(_Chat.list_conversations, with_ids=True)
    ),
    _Command("cd switch", "N|ID", "go to a conversation", _Chat.switch, _Chat.complete_id),
    _Command("new", "", "begin a conversation", _Chat.start_new),
    _Command("rm del", "N|ID", "delete a conversation", _Chat.remove, _Chat.complete_id),
    _Command("old show", "[N|ID]", "what was said in it", _Chat.show, _Chat.complete_id),
    _Command("reload", "", "fetch the conversations again", _Chat.reload),
    _Command(
        "web", "[on|off]", "search the web before answers", _Chat.switch_web_search,
        lambda chat: (("on", ""), ("off", "")),
    ),
    _Command(
        "pro system", "[TEXT]", 'system prompt of new conversations; "" removes it',
        _Chat.system_prompt,
    ),
    _Command("models", "", "the models, by number", _Chat.list_models),
    _Command("model llm", "[N|NAME]", "take another model", _Chat.take_model, _Chat.complete_model),
    _Command("file", "[PATH|-]", "attach a file to the next question", _Chat.attach, None),
    _Command("retry", "", "have the last answer made again", _Chat.retry),
    _Command("edit", "[TEXT]", "ask the last question in other words", _Chat.edit),
    _Command("stop", "", "stop what runs in this conversation", _Chat.stop),
    _Command("title", "[TEXT]", "print or change the title", _Chat.title),
    _Command("share", "", "publish this conversation", _Chat.share),
    _Command(
        "export", "[md|json|html|txt] [DIR]", "write this conversation to a file", _Chat.export,
        lambda chat: [(name, "") for name in FORMATS],
    ),
)  # fmt: skip
