"""The website of the examples, run as a program and visited over HTTP."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from hugchat_sync import Client
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Script, Scripted

SESSION = "made-up-session"
COOKIES = {"token": "made-up-token", "hf-chat": SESSION}
PROGRAM = Path(__file__).parents[2] / "examples" / "web_app.py"


@pytest.fixture
def answers(request):
    return Scripted(getattr(request, "param", ["Hello", ", ", "you", "."]))


def answering(**script):
    return pytest.mark.parametrize("answers", [Script(**script)], indirect=True)


@pytest.fixture
def server(answers):
    with LocalServer(responder=answers, token=SESSION) as started:
        yield started


@pytest.fixture
def site(server):
    program = subprocess.Popen(
        [sys.executable, "-u", str(PROGRAM)],
        env={
            **os.environ,
            "HUGCHAT_SYNC_BASE_URL": server.url,
            "HUGCHAT_SYNC_COOKIES": "; ".join(f"{name}={COOKIES[name]}" for name in COOKIES),
            "PORT": "0",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    lines = iter(program.stderr.readline, "")
    found = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in lines)
    yield next(match.group() for match in found if match)
    program.send_signal(signal.SIGTERM)
    program.communicate(timeout=20)


def ask(visitor, site, question="hi", **options):
    return visitor.post(f"{site}/ask", data={"question": question}, timeout=30, **options)


def test_each_visitor_has_a_conversation(site, answers):
    with requests.Session() as one, requests.Session() as other:
        assert "<form>" in one.get(site, timeout=30).text
        assert ask(one, site).text == "Hello, you."
        assert ask(other, site).text == "Hello, you."
        assert ask(one, site, "and now?").text == "Hello, you."

    assert [len(turn.history) for turn in answers.turns] == [0, 0, 2]


@answering(tokens=["one ", "two ", "three"], delay=0.3)
def test_answer_comes_piece_by_piece(site):
    with requests.Session() as visitor, ask(visitor, site, stream=True) as reply:
        began = time.monotonic()
        pieces = [(piece, time.monotonic() - began) for piece in reply.iter_content(None)]

    assert b"".join(piece for piece, _ in pieces) == b"one two three"
    assert pieces[-1][1] - pieces[0][1] > 0.3


@answering(tokens=["word "] * 300, delay=0.05)
def test_answer_is_stopped_when_the_browser_leaves(site, server):
    with requests.Session() as visitor, ask(visitor, site, stream=True) as reply:
        next(reply.iter_content(None))

    with Client(server.url, cookies=COOKIES) as client:
        (one,) = client.list_conversations()
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            last = client.conversation(one.id).messages[-1]
            if last.interrupted is not None:
                break
            time.sleep(0.1)
    assert last.interrupted and len(last.text.split()) < 300


def test_visitor_whose_conversation_was_deleted_gets_another(site, server):
    with requests.Session() as visitor, Client(server.url, cookies=COOKIES) as client:
        ask(visitor, site)
        client.remove_all_conversations()

        assert ask(visitor, site).text == "Hello, you."


def test_example_is_short():
    assert len(PROGRAM.read_text(encoding="utf-8").splitlines()) <= 90
