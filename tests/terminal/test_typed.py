"""The program on a terminal: what is typed into it, and what is seen."""

from __future__ import annotations

import os
import re
import select
import signal
import time

import pytest
from sampling import some

from hugchat_sync.local.testing import Script

pty = pytest.importorskip("pty", reason="a terminal that a program can hold is of POSIX")

CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def turns(server):
    return server.responder.turns


class Terminal:
    """A terminal that the program runs in, and the hands before it."""

    def __init__(self, start, words):
        self.text = ""  # what was not looked at yet, without what moves the cursor or colours
        self.raw = ""
        self.over = False
        self._file, far = pty.openpty()
        streams = {"stdin": far, "stdout": far, "stderr": far}
        size = {"COLUMNS": "80", "LINES": "24"}
        self.process = start(*words, env={**os.environ, **size}, terminal=True, **streams)
        os.close(far)

    def type(self, text):
        os.write(self._file, text.encode("utf-8"))

    def wait_for(self, pattern, seconds=15):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            assert time.monotonic() < end and not self.over, f"{pattern!r}: {self.text[-2000:]!r}"
            self._read()
        self.text = self.text[re.search(pattern, self.text).end() :]

    def _read(self):
        if not select.select([self._file], [], [], 0.1)[0]:
            return
        try:
            piece = os.read(self._file, 65536)
        except OSError:  # the program has ended
            self.over = True
            return
        if b"\x1b[6n" in piece:  # "where is the cursor?": a real terminal answers
            self.type("\x1b[1;1R")
        self.raw += piece.decode("utf-8", "replace")
        self.text += CONTROLS.sub("", piece.decode("utf-8", "replace"))

    def hang_up(self):
        """Close the terminal, and return how the program ended."""
        os.close(self._file)
        return self.process.wait(15)

    def end(self, seconds=15):
        """Return how the program ended."""
        limit = time.monotonic() + seconds
        while not self.over and time.monotonic() < limit:
            self._read()
        os.close(self._file)
        assert self.over, f"it did not end: {self.text[-2000:]!r}"
        return self.process.wait(15)


SLOW = Script(tokens=[f"word{number} " for number in range(300)], delay=0.05)


@pytest.fixture
def typed(monkeypatch, start):
    def begin(*words, rich):
        monkeypatch.setenv("TERM", "xterm" if rich else "dumb")
        return Terminal(start, words)

    return begin


@pytest.fixture
def prompted(typed, answering):
    """Start the interactive program, which waits for what is typed."""

    def begin(rich=True):
        terminal = typed("chat", "--base-url", answering.url, rich=rich)
        terminal.wait_for("new>")
        time.sleep(0.2)  # it says so before it reads
        return terminal

    return begin


@pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\x04", 2)])
def test_next_line_stood_behind_the_question_for_the_password(typed, answering, key, code):
    terminal = typed("login", "a@b.example", "--base-url", answering.url, rich=False)
    terminal.wait_for("Password: ")
    time.sleep(0.2)

    terminal.type(key)

    assert terminal.end() == code
    assert terminal.text.startswith("\r\n")


ENDINGS = [(signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.mark.parametrize("rich", [True, False], ids=["rich", "plain"])
def test_ctrl_c_stops_an_answer_and_ctrl_d_leaves(typed, scripted, rich):
    server = scripted(SLOW, ["fine"])
    terminal = typed("--base-url", server.url, rich=rich)
    terminal.wait_for("new>")

    terminal.type("one\r")
    terminal.wait_for("word2")
    terminal.type("\x03")
    terminal.wait_for(r"\(stopped\)")
    terminal.type("two\r")
    terminal.wait_for("(?s)fine.*New Chat>")
    terminal.type("\x03")
    terminal.wait_for("(?s)leaves.*New Chat>")  # only then is the next key the program's
    terminal.type("\x04")

    assert terminal.end() == 0
    said = [message.text for message in turns(server)[-1].history]
    assert said[0] == "one"
    assert said[1].startswith("word0 ") and "word299" not in said[1]


def test_works_without_the_extra(typed, answering, monkeypatch, tmp_path):
    for name in ("rich", "prompt_toolkit"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not installed')\n", "utf-8")
    others = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(tmp_path), others))))
    terminal = typed("chat", "--base-url", answering.url, rich=True)
    terminal.wait_for("new>")

    terminal.type("one\r")
    terminal.wait_for("(?s)Hello, world.*New Chat>")
    terminal.type("/q\r")

    assert terminal.end() == 0


def test_last_question_is_edited_in_place(prompted, answering):
    terminal = prompted()

    terminal.type("one\r")
    terminal.wait_for("Hello, world.")
    terminal.type("/edit\r")
    terminal.wait_for("edit> one")
    terminal.type(" more\r")
    terminal.wait_for("Hello, world.")
    terminal.type("/q\r")

    assert terminal.end() == 0
    assert turns(answering)[-1].prompt == "one more"


def test_commands_are_completed(prompted):
    terminal = prompted()

    terminal.type("/rel\t")
    terminal.wait_for("oad")
    terminal.type("\r")
    terminal.wait_for("(?s)no conversation yet.*new>")
    terminal.type("\x04")

    assert terminal.end() == 0


@pytest.mark.parametrize("rich", [True, False], ids=["rich", "plain"])
def test_ask_on_a_terminal_streams_and_strips_what_would_control_it(typed, scripted, rich):
    server = scripted(Script(tokens=("safe ", "\x1b[2J\x1b]0;evil\x07", "text"), delay=0.2))
    terminal = typed("ask", "x", "--base-url", server.url, rich=rich)

    terminal.wait_for("safe")
    terminal.wait_for("text")

    assert terminal.end() == 0
    assert "\x1b[2J\x1b]0;evil" not in terminal.raw


def test_answer_on_a_terminal_is_markdown(typed, scripted):
    server = scripted(
        ["# A *title*\n\n", "- one\n", "- two\n\n", "```\ncode\n\nmore\n```\n", "end"]
    )
    terminal = typed("ask", "x", "--base-url", server.url, rich=True)

    terminal.wait_for(r"• .*one")
    terminal.wait_for("end")

    assert terminal.end() == 0
    assert "```" not in terminal.text


def test_colours_of_an_answer_are_read_on_light_and_dark(typed, scripted):
    server = scripted(["> a quote\n\n", "some `code`\n\n", "```python\nreturn 1  # why\n```\n"])
    terminal = typed("ask", "x", "--base-url", server.url, rich=True)
    terminal.end()

    assert "a quote" in terminal.raw and "return" in terminal.raw
    colours = re.findall(r"\x1b\[([0-9;]+)m", terminal.raw)
    magenta_or_a_background = {"35", "95", "40", "48"}
    assert not [one for one in colours if magenta_or_a_background & set(one.split(";"))]


def test_terminal_that_cannot_draw_lines_gets_plain_text(typed, scripted, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii:replace")
    server = scripted(["> a quote\n\n", "| a | b |\n|---|---|\n| 1 | 2 |\n"])
    terminal = typed("ask", "x", "--base-url", server.url, rich=True)
    terminal.end()

    assert "> a quote" in terminal.raw and "| 1 | 2 |" in terminal.raw


ASK, TEMPORARY, CHAT = ["ask", "x"], ["ask", "x", "--temporary"], ["chat"]


def stops(server):
    return [seen for seen in server.requests if seen.path.endswith("stop-generating")]


@pytest.mark.parametrize(
    ("words", "rich"),
    some(
        [(words, rich) for words in (ASK, TEMPORARY, CHAT) for rich in (True, False)],
        [(ASK, True), (TEMPORARY, False), (CHAT, True), (CHAT, False)],
    ),
)
def test_closed_terminal_ends_the_program_and_the_run(typed, scripted, rich, words):
    server = scripted(SLOW)
    terminal = typed(*words, "--base-url", server.url, rich=rich)
    if words == CHAT:
        terminal.wait_for("new>")
        terminal.type("one\r")
    terminal.wait_for("word2")

    assert terminal.hang_up() == 129
    assert len(stops(server)) == 1
    removed = [seen for seen in server.requests if seen.method == "DELETE"]
    assert len(removed) == ("--temporary" in words)


@pytest.mark.parametrize(
    ("sent", "code", "rich"),
    some(
        [(*one, rich) for one in ENDINGS for rich in (True, False)],
        [(*ENDINGS[0], True), (*ENDINGS[1], False)],
    ),
)
def test_signal_at_the_prompt_ends_the_program(prompted, rich, sent, code):
    terminal = prompted(rich)

    terminal.process.send_signal(sent)

    assert terminal.end() == code
    assert "Traceback" not in terminal.raw


@pytest.mark.parametrize("rich", [True, False], ids=["rich", "plain"])
def test_terminal_closed_at_the_prompt_ends_the_program(prompted, rich):
    terminal = prompted(rich)

    assert terminal.hang_up() == 129


@pytest.mark.parametrize("rich", [True, False], ids=["rich", "plain"])
def test_conversation_is_deleted_once_somebody_says_yes(prompted, answering, owner, rich):
    terminal = prompted(rich)
    terminal.type("one\r")
    terminal.wait_for("(?s)Hello, world.*New Chat>")
    terminal.type("/rm 0\r")
    terminal.wait_for(r"Delete 'New Chat'\? \[y/N\]")
    terminal.type("\r")
    terminal.wait_for("(?s)nothing was changed.*New Chat>")
    assert len(owner(answering).fetch_conversations()) == 1

    terminal.type("/rm 0\r")
    terminal.wait_for(r"\[y/N\]")
    terminal.type("y\r")
    terminal.wait_for("(?s)deleted.*new>")
    terminal.type(":q\r")

    assert terminal.end() == 0
    assert owner(answering).fetch_conversations() == {}


def test_models_and_conversations_are_completed(prompted, answering, program):
    program("ask", "one", "--base-url", answering.url)
    terminal = prompted()

    terminal.type("/model local/pl\t")
    terminal.wait_for("ain")
    terminal.type("\r")
    terminal.wait_for("(?s)begins a conversation with local/plain.*new>")
    terminal.type("/cd new\t")  # by its title
    terminal.wait_for(r"(?s)/cd (?:new.*)?0(?! +New)")  # drawn with the menu, or after it
    terminal.type("\r")
    terminal.wait_for("(?s)in 'New Chat'.*New Chat>")

    for line, seen in (("/new", "a new conv.*>"), ("/ls", " 1  New.*>"), ("/rm 0", "y/N]")):
        terminal.type(f"{line}\r")
        terminal.wait_for(f"(?s){seen}")
    terminal.type("y\r")
    terminal.wait_for("(?s)deleted.*new>")
    terminal.type("/cd \t")  # the deleted one is not offered
    terminal.wait_for(r"(?s)/cd.*1(?! *New)")  # drawn as above
    terminal.type("\r")
    terminal.wait_for("(?s)in 'New Chat'.*New Chat>")
    terminal.type("quit\r")

    assert terminal.end() == 0


def test_help_names_the_keys(prompted):
    terminal = prompted()
    terminal.type("/help\r")
    terminal.wait_for("(?s)Alt-Enter.*new>")
    terminal.type("\x04")

    assert terminal.end() == 0
