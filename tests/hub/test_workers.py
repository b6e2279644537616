"""A session that lapses while workers are at it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from small_hub import CONVERSATION, EMAIL, PASSWORD

from hugchat_sync import Client
from hugchat_sync.auth.sign import Sign


class Ending(ThreadPoolExecutor):
    """Has the session end before a task is begun, for the first of them."""

    def __init__(self, chat):
        super().__init__(2)
        self._chat = chat

    def submit(self, *call):
        chat, self._chat = self._chat, None
        if chat is not None:
            chat.end_sessions()
        return super().submit(*call)


@pytest.fixture
def file(chat, tmp_path):
    """The cookie file of somebody who has signed in."""
    sign = Sign(EMAIL, PASSWORD, base_url=f"{chat.origin}/chat")
    sign.login(save=True, cookie_dir_path=tmp_path)
    chat.log.clear()
    return tmp_path / f"{EMAIL}.json"


def test_cookies_that_a_worker_renews_come_back_and_are_renewed_once(chat, file, monkeypatch):
    with Client(f"{chat.origin}/chat", cookies=file, dialect="v2-2025") as client:
        with Ending(chat) as executor:
            found = list(client.map(["a", "b", "c", "d"], executor=executor,
                                    conversation_id=CONVERSATION))  # fmt: skip

        assert [one.error for one in found] == [None] * 4
        assert chat.count("GET /chat/login") == 1
        assert json.loads(file.read_text())["hf-chat"] in chat.sessions
        assert client.cookies.get("hf-chat") in chat.sessions
