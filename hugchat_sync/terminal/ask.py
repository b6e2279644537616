"""``hugchat-sync ask``: one question, one answer."""

from __future__ import annotations

import argparse
import re
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Callable

from .. import Client, Message
from ..errors import FeatureUnavailable, HugChatError, ModelNotFound, ServerError, UsageError
from . import exits, output
from .commands import TOTAL
from .connection import open_client
from .conversations import find_conversation, ids_of
from .input import read_file, read_prompt
from .interrupts import call_in_thread, call_while_ending, events_of, stop
from .models import guess_model
from .screen import best_screen, tell_sources

#: a fence, behind the marks of the quotes and lists that it stands in
_OPENING = re.compile(
    r"(?m)^(?P<before>(?: *(?:>|[-*+] |[0-9]{1,9}[.)] ))* *)(?P<fence>`{3,}(?=[^`\n]*$)|~{3,}).*$"
)


def ask(arguments: argparse.Namespace) -> int:
    """Ask one question, print the answer, and return the exit code."""
    total = arguments.timeout or TOTAL
    piped = "-" in arguments.file
    prompt = read_prompt(arguments.prompt, total, no_input=arguments.no_input, is_taken=piped)
    for name in arguments.file:
        if name != "-" and not Path(name).is_file():
            raise UsageError(f"there is no file {name}")
    files = [read_file(total) if name == "-" else name for name in arguments.file]
    with open_client(arguments, model=arguments.model) as client:

        def send() -> Message:
            return client.chat(prompt, web_search=arguments.web_search, files=files)

        try:
            return _ask_and_tidy_up(client, arguments, send)
        except ModelNotFound as error:  # it was asked for before the question
            client.model = arguments.model = guess_model(error)
        return _ask_and_tidy_up(client, arguments, send)


def enter_conversation(client: Client, arguments: argparse.Namespace) -> None:
    """Make the conversation current that the words name; else the first question makes one.

    :raises UsageError: a model was named, too, and the conversation has another one.
    """
    model = None
    if arguments.conversation:
        chosen = find_conversation(arguments.conversation, ids_of(client))
    elif arguments.latest:
        latest = next(client.list_conversations(), None)
        if latest is None:
            output.note("hugchat-sync: there is no conversation to go on with; this begins one")
            return
        chosen, model = latest.id, latest.model
    else:
        if arguments.system is not None:
            client.create_conversation(arguments.model, arguments.system)
        return
    client.current_conversation = chosen
    if arguments.model:
        model = model or client.conversation(chosen).model
        if arguments.model.lower() != model.lower():
            raise UsageError(
                f"the conversation goes on with its own model, {model}: leave out -m "
                f"{arguments.model}, or begin a new conversation with it"
            )


def _ask_and_tidy_up(
    client: Client, arguments: argparse.Namespace, send: Callable[[], Message]
) -> int:
    """Ask; a temporary conversation is removed again, whatever happens."""
    if not arguments.temporary:
        enter_conversation(client, arguments)
        return _write_answer(client, arguments, send)
    made = call_in_thread(
        lambda: client.create_conversation(arguments.model, arguments.system),
        lambda made: _remove(client, made),
    )
    done = False
    try:
        code = _write_answer(client, arguments, send)
        done = True
    finally:
        if not done:  # what went wrong is what counts
            _remove(client, made)
    client.remove_conversation(made)
    return code


def _write_answer(
    client: Client, arguments: argparse.Namespace, send: Callable[[], Message]
) -> int:
    """Send the question and write the answer.

    A conversation made for a question does not stay behind when it is refused.
    """
    goes_on = arguments.latest or arguments.conversation
    stays = arguments.temporary or (goes_on and client.current_conversation is not None)
    try:
        message = call_in_thread(send, stop)
    except (ServerError, FeatureUnavailable, UsageError):
        if client.current_conversation is not None and not stays:
            _remove(client, client.current_conversation)
        raise
    live = output.on_terminal() if arguments.stream is None else arguments.stream
    read: Callable[[Message], None] = _read
    rescue: Callable[[str], None] | None = None  # writes what came, unless it stands there already
    if arguments.json:
        read = partial(_write_events, client, arguments.model)
    elif arguments.extract:
        rescue = output.note  # half a program is not for stdout
    elif live:
        read = best_screen().answer
    else:
        rescue = output.write_line
    try:
        read(message)
    except (HugChatError, KeyboardInterrupt) as error:
        try:
            if isinstance(error, KeyboardInterrupt):
                stop(message)
        finally:  # also after a second Ctrl-C
            if rescue is not None and message.partial:
                rescue(message.partial)
        raise
    except OSError:  # nobody wants the rest, or there is no room for it
        stop(message)
        raise
    if arguments.extract:
        return _write_code(message.text())
    if read is _read:
        best_screen().text(message.text())
        tell_sources(message.sources, message.text())
    return exits.OK


def _read(message: Message) -> None:
    """Read an answer to its end: the pieces may differ from the whole."""
    for _ in events_of(message):  # Ctrl-C is noticed at once meanwhile
        continue


def _remove(client: Client, conversation_id: str) -> None:
    error = call_while_ending(lambda: client.remove_conversation(conversation_id))
    if error is not None:
        output.complain(f"the conversation {conversation_id} stays: {exits.describe(error)}")


def _write_events(client: Client, model: str | None, message: Message) -> None:
    """Write a line of JSON for each event, and one for the result."""
    for event in events_of(message, tail=True):
        kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(event).__name__).lower()
        output.write_event(kind, event)
    if not model:
        with suppress(HugChatError):  # the answer is there, and good without this
            model = client.conversation(message.conversation_id).model
    result = {
        "text": message.text(),
        "conversation_id": message.conversation_id,
        "model": model,
        "sources": message.sources,
        "files": message.files,
    }
    output.write_event("result", result)


# the code in an answer ------------------------------------------------------------------------


def _write_code(text: str) -> int:
    """Write the first code block of an answer, and return an exit code."""
    code = first_code_block(text)
    if code is None:
        output.note(text)
        output.complain("the answer has no fenced code block; it is printed above")
        return exits.OTHER
    output.write(code)
    return exits.OK


def first_code_block(text: str) -> str | None:
    """Return what is inside the first fenced code block; ``None`` where there is none.

    A fence is three or more backticks or tildes, also inside quotes and lists; one without an end
    runs to the end of the text, or of its quote.
    """
    opening = _OPENING.search(text)
    if opening is None:
        return None
    before, fence = opening.group("before", "fence")
    # a quote goes on in each line, a list is indented
    marks = [
        re.compile(" *> ?" if ">" in one else f" {{0,{len(one)}}}")
        for one in re.findall(" *> ?|[^>]+", before)
    ]
    end = re.compile(f" *{fence}{fence[0]}*\\s*")
    block: list[str] = []
    for line in re.findall(".*\n|.+", text[opening.end() + 1 :]):
        begin = _find_end(marks, line)
        if begin is None or end.fullmatch(line, begin):
            break
        block.append(line[begin:])
    code = "".join(block)
    return code if not code or code.endswith("\n") else f"{code}\n"


def _find_end(marks: list[re.Pattern[str]], line: str) -> int | None:
    """Return where the marks end that a line begins with; ``None`` where one of them lacks.

    One pattern of them all would try each blank in two places, and many blanks without an end.
    """
    position = 0
    for mark in marks:
        found = mark.match(line, position)
        if found is None:
            return None
        position = found.end()
    return position
