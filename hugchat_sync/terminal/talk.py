"""What the interactive program knows while it runs, and what its commands do with it."""

from __future__ import annotations

from typing import Callable

from .. import Client, Message
from ..errors import HugChatError, ModelNotFound, UsageError
from ..records import HistoryEntry
from . import output, signals
from .conversations import meant, show_history
from .export import FORMATS, write_export
from .keyboard import Keyboard
from .models import model_meant, require_model
from .reading import typed_path
from .screen import Screen
from .turn import sent, stop


class Talk:
    """One talk with a server: the current conversation and how the next question is sent.

    :param web_search: whether questions are sent with a web search.
    """

    def __init__(self, client: Client, screen: Screen, *, web_search: bool = False) -> None:
        self.client = client
        self.screen = screen
        self.web_search: bool | str = web_search
        self.files: list[str] = []
        self.models: list[str] = []  # as they were listed last
        self._listed: list[str] = []  # what the numbers of the last list mean

    # asking ----------------------------------------------------------------------------------

    def ask(self, text: str) -> None:
        """Send a question and show its answer."""
        files = tuple(self.files)
        self._show(lambda: self.client.chat(text, web_search=self.web_search, files=files))

    def retry(self) -> None:
        """Have the last answer made again."""
        answer = self._last(is_user=False)
        self._show(lambda: self.client.retry(answer.text_id, answer.conversation_id))

    def edit(self, text: str, keyboard: Keyboard) -> None:
        """Ask the last question again in other words."""
        question = self._last(is_user=True)
        if not text and keyboard.edits:
            text = keyboard.read("edit> ", question.text)
        if not text:
            raise UsageError("/edit TEXT asks the last question again in these words")
        self._show(lambda: self.client.edit(question.text_id, text, question.conversation_id))

    def _show(self, send: Callable[[], Message]) -> None:
        message = sent(send)
        self.files = []
        try:
            self.screen.answer(message)
        except HugChatError:
            raise
        except (signals.Ended, OSError):
            stop(message)
            raise
        except KeyboardInterrupt:
            stop(message)
            output.note("(stopped)")

    def _last(self, *, is_user: bool) -> HistoryEntry:
        for entry in reversed(self.client.history(self.current())):
            if entry.is_user == is_user:
                return entry
        raise UsageError("nothing has been said in this conversation yet")

    # conversations ---------------------------------------------------------------------------

    def current(self) -> str:
        """Return the id of the current conversation.

        :raises UsageError: there is none yet.
        """
        if self.client.current_conversation is None:
            raise UsageError("no conversation is open: ask something, or choose one with /cd N")
        return self.client.current_conversation

    def numbered(self, word: str) -> str:
        """Return the id of a conversation that is meant by its number, its id, or ``last``."""
        if not word:
            raise UsageError("which conversation? Give its number in /ls, or its id")
        newest = list(self.client.conversations)
        return meant(word, lambda: newest if word == "last" else self._listed or newest)

    def conversation_words(self) -> list[tuple[str, str]]:
        """Return the numbers of the conversations, with their titles."""
        conversations = self.client.conversations
        listed = self._listed or list(conversations)
        return [(str(at), conversations.get(one, "")) for at, one in enumerate(listed)]

    def list_conversations(self, *, with_ids: bool = False) -> None:
        """Print the conversations with their numbers; the current one has a star."""
        conversations = self.client.conversations
        self._listed = list(conversations)
        rows = []
        for number, (conversation_id, title) in enumerate(conversations.items()):
            star = "*" if conversation_id == self.client.current_conversation else " "
            shown = f"{conversation_id}  {title}" if with_ids else title
            rows.append(f"{star}{number:3}  {shown}")
        output.write_rows(rows)
        if not rows:
            output.note("there is no conversation yet")

    def switch(self, word: str) -> None:
        """Make another conversation the current one."""
        tree = self.client.conversation(self.numbered(word))
        self.client.current_conversation = tree.id
        output.note(f"in {tree.title!r} ({tree.model})")

    def begin(self) -> None:
        """Begin another conversation."""
        self.client.create_conversation()
        output.note("a new conversation")

    def remove(self, word: str, keyboard: Keyboard) -> None:
        """Delete a conversation, once somebody who types has said that it is meant."""
        conversation_id = self.numbered(word)
        if keyboard.interactive:
            title = self.client.conversations.get(conversation_id, conversation_id)
            if not keyboard.confirm(f"Delete {' '.join(title.split())!r}?"):
                output.note("(nothing was changed)")
                return
        self.client.remove_conversation(conversation_id)
        output.note("deleted")

    def history(self, word: str) -> None:
        """Print what was said."""
        conversation_id = self.numbered(word) if word else self.current()
        show_history(self.screen, self.client.history(conversation_id))

    def title(self, text: str) -> None:
        """Print the title of the current conversation, or give it another one."""
        if text:
            self.client.rename_conversation(self.current(), text)
        else:
            output.write_line(self.client.update_title(self.current()))

    def export(self, words: str) -> None:
        """Write the current conversation to a file."""
        format_name, _, directory = words.partition(" ")
        format_name = format_name or "md"
        if format_name not in FORMATS:
            raise UsageError(f"there is no format {format_name}: {', '.join(FORMATS)}")
        place = typed_path(directory.strip() or ".")
        output.write_line(str(write_export(self.client, self.current(), format_name, place)))

    # models, prompts, files ------------------------------------------------------------------

    def list_models(self) -> None:
        """Print the models with their numbers; the chosen one has a star."""
        self.models = [model.id for model in self.client.models()]
        chosen = self.client.model
        output.write_rows(
            f"{'*' if name == chosen else ' '}{number:3}  {name}"
            for number, name in enumerate(self.models)
        )

    def model_words(self) -> list[tuple[str, str]]:
        """Return the names of the models, which are asked for once; none if that fails."""
        if not self.models:
            try:
                self.models = [model.id for model in self.client.models()]
            except HugChatError:  # no answer to the Tab key is no reason to end the line
                return []
        return [(name, "") for name in self.models]

    def choose_model(self, word: str) -> None:
        """Take another model, which needs a new conversation."""
        if word.isdigit() and int(word) < len(self.models):
            word = self.models[int(word)]
        try:
            require_model(self.client, word)
        except ModelNotFound as error:
            near = model_meant(error)
            if near is None:
                raise
            word = near
        self.client.model = word
        self.client.current_conversation = None
        output.note(f"the next question begins a conversation with {word}")

    def system_prompt(self, text: str, keyboard: Keyboard) -> None:
        """Print or keep the system prompt of the model."""
        settings = self.client.settings()
        model = self.client.model or settings.active_model or self.client.models()[0].id
        kept = settings.stored_prompt(model)
        if not text and keyboard.edits:
            text = keyboard.read(f"system prompt of {model}> ", kept) or '""'
        if not text:
            output.write_line(kept or f"(no system prompt is kept for {model})")
            return
        self.client.set_system_prompt(model, "" if text in ('""', "''") else text)
        output.note(f"kept for new conversations with {model}")

    def switch_web_search(self, word: str) -> None:
        """Turn web search on or off."""
        named = {"": not self.web_search, "on": True, "off": False}
        self.web_search = named.get(word, word)
        how = self.web_search if isinstance(self.web_search, str) else "on"
        output.note(f"web search is {how if self.web_search else 'off'}")

    def attach(self, word: str) -> None:
        """Attach a file to the next question."""
        if word == "-":
            self.files = []
        elif word:
            path = typed_path(word)
            if not path.is_file():
                raise UsageError(f"there is no file {path}")
            self.files.append(str(path))
        output.note(f"with the next question: {', '.join(self.files) or 'no file'}")
