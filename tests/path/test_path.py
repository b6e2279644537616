"""How long the way of one ``chat("hi")`` is: the files that a reader would have to open.

Measured with a profiler in a warm client (era known, cookies given, a current conversation), from
the call to the POST of the message, and on to the first token. Only files of the library count, not
those of the embedded server. The bounds only ever go down.
"""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path

import pytest

import hugchat_sync
from hugchat_sync import HuggingChat
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Script, Scripted

PACKAGE = str(Path(hugchat_sync.__file__).parent) + "/"

FILES_TO_THE_SOCKET = 13
MOVES_TO_THE_SOCKET = 28
FILES_TO_THE_FIRST_TOKEN = 20
FILES_OF_A_LATER_TOKEN = 5
CALLS_OF_A_LATER_TOKEN = 9


class Way:
    """The calls of functions of the library, in the order in which they were made."""

    def __init__(self):
        self.calls = []
        self.homes = {}  # name → where the functions of that name begin
        self.on = False

    def __call__(self, frame, event, _):
        name = frame.f_code.co_filename
        if self.on and event == "call" and name.startswith(PACKAGE):
            place = name[len(PACKAGE) :]
            # "<module>" is an import; "<lambda>", "<genexpr>" and their like are read in passing
            named = not frame.f_code.co_name.startswith("<")
            if named and not place.startswith("local/"):
                self.calls.append((place, frame.f_code.co_name))
                line = f"{place}:{frame.f_code.co_firstlineno}"
                self.homes.setdefault(frame.f_code.co_name, set()).add(line)

    def begin(self):
        self.calls, self.on = [], True

    def end(self):
        self.on = False
        return self.calls

    @staticmethod
    def moves(calls):
        return sum(1 for one, two in zip(calls, calls[1:]) if one[0] != two[0])


def listed(title, calls):
    files = list(dict.fromkeys(place for place, _ in calls))
    print(f"\n{title}: {len(files)} files, {len(calls)} calls, {Way.moves(calls)} moves")
    before = None
    for place, name in calls:
        if place != before:
            print(f"  {place}", end="")
        print(f" {name}", end="")
        before = place
    return files


@pytest.fixture
def walked(monkeypatch):
    path = Way()
    sent = []
    send = socket.socket.sendall

    def noticed(self, data, *flags):
        if path.on and bytes(data[:5]) == b"POST ":
            sent.append(len(path.calls))
        return send(self, data, *flags)

    script = Script(tokens=[f"{number} " for number in range(12)], delay=0.02)
    with LocalServer(responder=Scripted(script)) as server, HuggingChat(server.url) as hug:
        bot = hug.getBot(cookies={"hf-chat": "f" * 32, "token": "t" * 32})
        for _ in range(2):  # the connection is there, everything is imported
            assert list(bot.chat("warm"))
        monkeypatch.setattr(socket.socket, "sendall", noticed)
        sys.setprofile(path)
        try:
            path.begin()
            message = bot.chat("hi")
            tokens = message.tokens()
            next(tokens)
            first = path.end()
            next(tokens)
            path.begin()
            next(tokens)
            later = path.end()
        finally:
            sys.setprofile(None)
        message.text()
    assert sent, "no POST was seen"
    return first[: sent[-1]], first, later, path.homes


def test_way_of_one_chat_is_short(walked):
    to_the_socket, to_the_first_token, later, _ = walked
    sent = listed("to the socket", to_the_socket)
    seen = listed("to the first token", to_the_first_token)
    again = listed("a later token", later)

    assert len(sent) <= FILES_TO_THE_SOCKET
    assert Way.moves(to_the_socket) <= MOVES_TO_THE_SOCKET
    assert len(seen) <= FILES_TO_THE_FIRST_TOKEN
    assert len(again) <= FILES_OF_A_LATER_TOKEN
    assert len(later) <= CALLS_OF_A_LATER_TOKEN


def test_private_name_on_the_way_means_one_thing(walked):
    homes = walked[3]
    private = {name for name in homes if name.startswith("_") and not name.startswith("__")}

    assert private
    assert {name: homes[name] for name in private if len(homes[name]) > 1} == {}


def test_way_that_contributors_read_is_the_way_walked(walked):
    text = (Path(__file__).parents[2] / "CONTRIBUTING.rst").read_text(encoding="utf-8")
    way = text.partition("Down: ")[2].partition("``tests/path``")[0]
    down, _, up = way.partition("Up: ")
    entered = [place.rpartition(".")[0] for place in dict.fromkeys(p for p, _ in walked[1])]
    after_a_failure = {"transport/retry", "chat/recovery"}

    for part in (down, up):
        named = set(re.findall(r"``([a-z_]+(?:/[a-z_]*)?)``", part)) - after_a_failure
        assert len(named) > 4
        rooms = {one for one in named if one.endswith("/")}
        assert named - rooms <= set(entered)
        assert all(any(place.startswith(room) for place in entered) for room in rooms)
