"""The base URL as people paste it."""

from __future__ import annotations

import pytest
from sampling import each

from hugchat_sync import Client, HuggingChat, Sign, UsageError
from hugchat_sync.options import check_base_url
from hugchat_sync.secret import Secret


@each(
    ("pasted", "meant"),
    [
        ("https://huggingface.co/chat\n", "https://huggingface.co/chat"),
        ("  https://huggingface.co/chat/  ", "https://huggingface.co/chat"),
        ("\ufeffhttps://huggingface.co/chat\u200b", "https://huggingface.co/chat"),
        ("HTTPS://HuggingFace.CO/chat", "https://huggingface.co/chat"),
        ("http://LOCALHOST:8000/Chat", "http://localhost:8000/Chat"),
        ("http://[::1]:8000/chat", "http://[::1]:8000/chat"),
        ("https://bücher.example/chat", "https://xn--bcher-kva.example/chat"),
        ("https://host.example", "https://host.example"),
        (" \n", "https://huggingface.co/chat"),
    ],
)
def test_pasted_address_is_tidied(pasted, meant):
    assert check_base_url(Secret(pasted)) == meant
    with Client(pasted) as client:
        assert client.base_url == meant


@each(
    "pasted",
    [
        "https://host.example/chat?model=secret",
        "https://host.example/chat#secret",
        "https://host.example/chat?",
        "https://user:secret@host.example/chat",
        "http://[::1/chat",
        "https://host.example:99999/chat",
        "https://host.example:port/chat",
        "https://host.example:0/chat",
        "https://ho st.example/chat",
        "https://host.example/ch\nat",
        "https://host.example\\chat",
        "<https://host.example/chat>",
        "https:///chat",
        "host.example/chat",
        "file:///etc/passwd",
        b"https://host.example/chat",
    ],
)
@each("make", [Client, lambda url: Sign("e@site.example", "x", base_url=url)])
def test_what_is_no_address_is_told_before_anything_is_sent(pasted, make):
    with pytest.raises(UsageError, match="base URL") as caught:
        make(pasted)

    assert "secret" not in repr(caught.value)


def test_address_of_the_environment_is_tidied_too(monkeypatch):
    monkeypatch.setenv("HUGCHAT_SYNC_BASE_URL", " https://Host.example/chat/\n")

    with HuggingChat() as hug:
        assert hug.base_url == "https://host.example/chat"


def test_blank_hub_url_is_none(monkeypatch):
    monkeypatch.setenv("HUGCHAT_SYNC_BASE_URL", "https://other.example/chat")

    assert (
        Sign("e@site.example", "x", base_url="https://host.example", hub_url=" ")._hub_url is None
    )
