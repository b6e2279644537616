"""``hugchat-sync chat``: the interactive program, and its commands."""

from __future__ import annotations

import argparse
from typing import Callable

from .. import Client
from ..errors import HugChatError, ModelNotFound, UsageError
from ..values import Value
from . import exits, output, signals
from .ask import enter, take_near_model
from .export import FORMATS
from .keyboard import Completions, Keyboard, best_keyboard
from .models import require_model
from .opening import opened
from .screen import best_screen
from .talk import Talk

_TITLE = 30  # characters of a title in the prompt
_WIDE = 72  # columns that the help needs to stand in two columns
_LEAVING = ("exit", "quit", ":q")  # as other programs are left


def chat(arguments: argparse.Namespace) -> int:
    """Talk until /q or Ctrl-D.

    :returns: 0 for a human, who has seen what failed; for a pipe the code of the last failure.
    """
    with opened(arguments, model=arguments.model) as client:
        client.fetch_conversations()
        if arguments.model:
            _take_model(client, arguments)
        enter(client, arguments)
        talk = Talk(client, best_screen(), web_search=arguments.web_search)
        return Loop(talk).run()


def _take_model(client: Client, arguments: argparse.Namespace) -> None:
    """Take the model that was named; somebody who begins a talk wants to know at once if not."""
    if arguments.latest or arguments.conversation:
        return  # that one has its own
    try:
        require_model(client, arguments.model)
    except ModelNotFound as error:
        take_near_model(client, arguments, error)


class Command(Value):
    """What one command does with the words behind it."""

    usage: str
    text: str
    do: Callable[[str], None]


class Loop:
    """Reads lines: those with a slash are commands, all others are questions."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._commands = self._table()
        self._ended = False
        self._code = exits.OK
        self._keyboard: Keyboard = best_keyboard(self._words())

    def run(self) -> int:
        """Read and do until the end, and return the exit code."""
        if self._keyboard.interactive:
            client = self._talk.client
            output.note(f"{client.base_url} · /help lists the commands, Ctrl-D leaves")
        while not self._ended:
            try:
                line = self._keyboard.read(self._prompt())
            except EOFError:
                self._leave_line()
                break
            except signals.Ended:
                raise
            except KeyboardInterrupt:
                self._leave_line()
                output.note("(Ctrl-D or /q leaves)")
                continue
            self._try(line.strip())
        return exits.OK if self._keyboard.interactive else self._code

    def _leave_line(self) -> None:
        """Go to the next line, where the keyboard has not done so itself."""
        if self._keyboard.interactive and not self._keyboard.edits:
            output.note("")

    def _prompt(self) -> str:
        client = self._talk.client
        current = client.current_conversation
        title = "new" if current is None else client.conversations.get(current, current)
        name = " ".join(title.split())[:_TITLE]
        return f"{name}{' +web' if self._talk.web_search else ''}> "

    def _try(self, line: str) -> None:
        """Do what a line says; what fails is told, and the talk goes on."""
        try:
            self._do(line)
        except signals.Ended:
            raise
        except KeyboardInterrupt:
            output.note("(interrupted)")
        except EOFError:
            output.note("(nothing was changed)")
        except HugChatError as error:
            self._code = exits.exit_code(error)
            output.complain(exits.sentence(error))
        except OSError as error:
            if error.filename is None:  # no file of the user's: our own streams are gone
                raise
            self._code = exits.OTHER
            output.complain(f"{error.strerror or error}: {error.filename}")

    def _do(self, line: str) -> None:
        if not line:
            return
        if line.lower() in _LEAVING:
            self._ended = True
            return
        try:
            line.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UsageError("the line holds bytes that are no UTF-8 text") from error
        if not line.startswith("/") or line.startswith("//"):
            self._talk.ask(line[1:] if line.startswith("//") else line)
            return
        name, _, words = line[1:].partition(" ")
        command = self._commands.get(name.lower())
        if command is None:
            raise UsageError(
                f"there is no command /{name}; /help lists them, and a question that begins with "
                "a slash is typed with two"
            )
        command.do(words.strip())

    def _leave(self, words: str) -> None:
        self._ended = True

    def _help(self, words: str) -> None:
        seen: dict[str, str] = {}
        for command in self._commands.values():
            seen[command.usage] = command.text
        for usage, text in seen.items():
            narrow = output.on_terminal() and output.columns() < _WIDE
            output.write_rows((usage, f"  {text}") if narrow else (f"{usage:30} {text}",))
        keys = "Alt-Enter begins another line of the same text, Tab completes commands, models, "
        keys += "conversations and files."
        if not self._keyboard.edits:
            keys = 'With pip install "hugchat-sync[cli]" Tab completes, Alt-Enter begins a line.'
        output.write_text(
            "Everything else is a question; // begins one with a slash. Ctrl-C stops an answer, "
            f"Ctrl-D leaves, as exit, quit and :q do. {keys}"
        )

    def _words(self) -> Completions:
        """Return what can be completed behind the slash and behind each command."""
        talk = self._talk
        conversations, models = talk.conversation_words, talk.model_words
        return Completions(
            sorted(self._commands),
            {
                **{name: conversations for name in ("cd", "switch", "rm", "del", "old", "show")},
                **{name: models for name in ("model", "llm")},
                "web": lambda: (("on", ""), ("off", "")),
                "export": lambda: tuple((name, "") for name in FORMATS),
            },
            ("file",),
        )

    def _stop(self, words: str) -> None:
        self._talk.client.stop(self._talk.current())
        output.note("nothing runs any more; Ctrl-C stops an answer while it comes")

    def _reload(self, words: str) -> None:
        self._talk.client.fetch_conversations()
        self._talk.list_conversations()

    def _model(self, words: str) -> None:
        if words:
            self._talk.choose_model(words)
        else:
            self._talk.list_models()

    def _table(self) -> dict[str, Command]:
        talk = self._talk
        entries = (
            (("q", "exit"), "", "leave", self._leave),
            (("help",), "", "this list", self._help),
            (("ls",), "", "the conversations, by number", lambda _: talk.list_conversations()),
            (("ids",), "", "the same with their ids",
             lambda _: talk.list_conversations(with_ids=True)),
            (("cd", "switch"), "N|ID", "go to a conversation", talk.switch),
            (("new",), "", "begin a conversation", lambda _: talk.begin()),
            (("rm", "del"), "N|ID", "delete a conversation",
             lambda words: talk.remove(words, self._keyboard)),
            (("old", "show"), "[N|ID]", "what was said in it", talk.history),
            (("reload",), "", "fetch the conversations again", self._reload),
            (("web",), "[on|off]", "search the web before answers", talk.switch_web_search),
            (("pro", "system"), "[TEXT]", "system prompt of new conversations; \"\" removes it",
             lambda words: talk.system_prompt(words, self._keyboard)),
            (("models",), "", "the models, by number", lambda _: talk.list_models()),
            (("model", "llm"), "[N|NAME]", "take another model", self._model),
            (("file",), "[PATH|-]", "attach a file to the next question", talk.attach),
            (("retry",), "", "have the last answer made again", lambda _: talk.retry()),
            (("edit",), "[TEXT]", "ask the last question in other words",
             lambda words: talk.edit(words, self._keyboard)),
            (("stop",), "", "stop what runs in this conversation", self._stop),
            (("title",), "[TEXT]", "print or change the title", talk.title),
            (("share",), "", "publish this conversation",
             lambda _: output.write_line(talk.client.share(talk.current()))),
            (("export",), "[md|json|html|txt] [DIR]", "write this conversation to a file",
             talk.export),
        )  # fmt: skip
        return {
            name: Command(f"/{' /'.join(names)} {usage}".rstrip(), text, do)
            for names, usage, text, do in entries
            for name in names
        }
