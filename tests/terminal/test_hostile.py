"""What a server sends does nothing to the terminal, whatever way it takes to get there."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading

import pytest

from hugchat_sync.local.testing import Fault, Script
from hugchat_sync.terminal import main, output

EVIL = "boom \x1b]52;c;cHduZWQ=\x07 \x1b]0;pwned\x07 \x1b[2J\x9b2J"
CONTROLS = ("\x1b]52", "\x1b]0;", "\x1b[2J", "\x9b", "\x07")
TURNED = "see \u202egpj.exe\u202c, \u2066in\u2069, \u200fmark"
HEBREW = "\u05e9\u05dc\u05d5\u05dd and \u0645\u0631\u062d\u0628\u0627"


class Screen(io.StringIO):
    """A terminal, and all that reached it."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def screen(monkeypatch):
    """Both streams of the program are one terminal; ``run`` runs it there."""
    shown = Screen()
    monkeypatch.setenv("TERM", "dumb")

    def run(*words):
        # only now: what was put there before the test began is pytest's again
        monkeypatch.setattr(sys, "stdout", shown)
        monkeypatch.setattr(sys, "stderr", shown)
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        return main(list(words))

    shown.run = run
    return shown


def reached(screen):
    return [control for control in CONTROLS if control in screen.getvalue()]


@pytest.mark.parametrize("verbose", [[], ["--verbose"]])
def test_error_line_controls_no_terminal(screen, scripted, verbose):
    server = scripted(Script(tokens=["x"], error=EVIL, error_status=500))

    assert screen.run(*verbose, "ask", "hi", "--no-input", "--base-url", server.url) == 5

    assert "boom" in screen.getvalue()
    assert reached(screen) == []


def test_what_the_library_logs_controls_no_terminal(screen, scripted):
    server = scripted(["fine"])
    server.faults.add(
        Fault("GET", "", status=200, headers={"Content-Type": "text/plain"}, body=EVIL)
    )

    screen.run("--verbose", "models", "--base-url", server.url)

    logging.getLogger("hugchat_sync").debug("kept quiet now")
    assert "GET " in screen.getvalue() and "kept quiet" not in screen.getvalue()
    assert reached(screen) == []


def test_warning_of_another_package_controls_no_terminal(screen, answering, monkeypatch):
    from hugchat_sync.terminal import models

    def warn(arguments):
        logging.getLogger("a_package_of_others").warning("Failed to parse headers: %s", EVIL)
        return 0

    monkeypatch.setattr(models, "list_models", warn)
    last_resort = logging.lastResort
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])

    screen.run("models", "--base-url", answering.url)

    assert "Failed to parse headers" in screen.getvalue()
    assert reached(screen) == []
    assert logging.lastResort is last_resort


def test_traceback_of_a_bug_controls_no_terminal(screen, monkeypatch):
    from hugchat_sync.terminal import models

    def fail(arguments):
        thread = threading.Thread(target=lambda: int(EVIL))
        thread.start()
        thread.join()
        raise RuntimeError(EVIL)

    monkeypatch.setattr(models, "list_models", fail)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # to be put back afterwards
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)

    with pytest.raises(RuntimeError) as caught:
        screen.run("models")
    sys.excepthook(caught.type, caught.value, caught.tb)

    assert screen.getvalue().count("Traceback") == 2
    assert "RuntimeError: boom" in screen.getvalue()
    assert reached(screen) == []


def test_letters_are_shown_in_the_order_in_which_they_are_read(screen, scripted):
    server = scripted(Script(tokens=[TURNED, " ", HEBREW]))

    screen.run("ask", "hi", "--no-input", "--stream", "--base-url", server.url)

    assert r"see \u202egpj.exe\u202c, \u2066in\u2069, \u200fmark " + HEBREW in screen.getvalue()


@pytest.mark.parametrize("words", [["--no-stream"], ["--stream"]])
def test_pipe_gets_every_letter_as_it_is(program, scripted, words):
    server = scripted(Script(tokens=[TURNED, " ", HEBREW]))

    done = program("ask", "hi", *words, "--base-url", server.url)

    assert done.out == f"{TURNED} {HEBREW}\n"


def test_json_on_a_terminal_is_json_and_controls_nothing(screen, scripted):
    server = scripted(["fine"], title=f"{TURNED} \x9b2J {HEBREW}")
    screen.run("ask", "hi", "--no-input", "--base-url", server.url)
    screen.truncate(0)
    screen.seek(0)

    screen.run("ls", "--json", "--base-url", server.url)

    [listed] = json.loads(screen.getvalue())
    assert "\u202e" in listed["title"] and HEBREW in listed["title"]
    assert "\u202e" not in screen.getvalue() and HEBREW in screen.getvalue()
    assert reached(screen) == []


def test_shown_text():
    assert output.make_safe("a\x1b[2Jb\r\nc\td") == "a[2Jb\nc\td"
    assert output.make_safe(HEBREW) == HEBREW
