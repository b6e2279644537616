"""Tokens as they are read from a file, and what a token alone cannot do."""

from __future__ import annotations

import traceback

import pytest

from hugchat_sync import AuthError, Client, HuggingChat, UsageError
from hugchat_sync.local import LocalServer

TOKEN = "hf_secretsecret"


@pytest.fixture()
def guarded():
    with LocalServer(token=TOKEN) as server:
        yield server


def told(error: BaseException) -> str:
    """Return what a traceback with local variables shows of *our* frames."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in shown.stack if "/tests/" not in frame.filename]
    return "".join(str(frame.locals) for frame in ours) + str(error) + repr(error)


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", "  {}", "\t{} \n"])
def test_token_with_white_space_around_it_works(guarded, around):
    with Client(guarded.url, token=around.format(TOKEN)) as client:
        assert client.models()
    with HuggingChat(guarded.url, token=around.format(TOKEN)) as hug:
        assert hug.getBot().models()


@pytest.mark.parametrize("bad", ["{}\u2026", "\u201c{}\u201d", "{}\n{}", "{} {}", "{}\x00", " \n"])
@pytest.mark.parametrize("make", [Client, HuggingChat])
def test_token_that_no_header_carries_is_refused_and_not_shown(guarded, bad, make):
    with pytest.raises(UsageError, match="token") as caught:
        make(guarded.url, token=bad.format(TOKEN, TOKEN))

    assert "hf_secret" not in told(caught.value)
    assert guarded.requests == []


def test_token_of_another_type_is_refused(guarded):
    with pytest.raises(UsageError, match="token"):
        Client(guarded.url, token=TOKEN.encode())


@pytest.mark.parametrize("stated", [f"{TOKEN}\n", f"\u201c{TOKEN}\u201d"])
def test_token_of_the_environment_is_treated_alike(monkeypatch, stated):
    monkeypatch.setenv("HF_TOKEN", stated)
    if stated.isascii():
        Client("https://huggingface.co/chat").close()
    else:
        with pytest.raises(UsageError, match="token") as caught:
            Client("https://huggingface.co/chat")
        assert "hf_secret" not in told(caught.value)
    Client("https://other.example/chat").close()  # it is not for that one


def test_token_goes_to_a_host_that_was_written_in_capitals(guarded):
    with Client(guarded.url.replace("127.0.0.1", "LOCALHOST"), token=TOKEN) as client:
        assert client.models()


def test_token_alone_cannot_stop_an_answer(guarded):
    with Client(guarded.url, token=TOKEN) as client, pytest.raises(AuthError, match="stop"):
        client.stop("a" * 24)
    assert guarded.requests == []
