"""Recorded exchanges with something wrong in them, and every call of a client: no foreign error.

``HUGCHAT_SYNC_FUZZ=5000`` makes so many calls; ``HUGCHAT_SYNC_FUZZ=@17`` repeats number 17 alone.
"""

from __future__ import annotations

import os
import random
import sys
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from mutation import ERAS, Mutation, Table, recorded, route  # noqa: E402
from rawserver import Asked, RawServer, whole  # noqa: E402
from seams import short_pauses  # noqa: E402

from hugchat_sync import Client, HugChatError, Message, Retry, Sign, Timeout  # noqa: E402

_SEED = 20261126
_CALLS = 300
_WORKERS = 4
_LONGEST = 20.0  # seconds for one call; removing what is temporary may take 10
PLACE, MESSAGE = "6b02ad3a868fe7c61afb22ef", "11111111-1111-4111-8111-111111111111"
CLOCKS = Timeout(connect=2, idle=0.3, progress=0.4, total=0.8)


def read(message: Message) -> None:
    """Use all there is to an answer."""
    events = list(message)
    repr(message), [repr(event) for event in events]
    list(message.tokens())
    message.isDone(), message.getText(), message.getWebSearchSteps(), message.getConversation()
    message.getFinalText(), message.getWebSearchStep(), message.wait(1)
    for name in ("reasoning", "sources", "files", "tool_calls", "title", "route", "interrupted"):
        getattr(message, name)
    message.stop()
    message.text().encode("utf-8")


def chatted(client: Client, **options: Any) -> None:
    with client.chat("hi", PLACE, **options) as message:
        read(message)


def used(client: Client, tmp_path: Path) -> dict[str, Callable[[], object]]:
    """Return every public call of a client."""
    return {
        "ask": lambda: client.ask("hi"),
        "ask temporary": lambda: client.ask("hi", temporary=True, model="m"),
        "chat": lambda: chatted(client),
        "chat searching": lambda: chatted(client, web_search=True),
        "chat elsewhere": lambda: chatted(client, parent_id=MESSAGE, resume=False),
        "chat with a file": lambda: chatted(client, files=[("a.txt", b"abc", "text/plain")]),
        "chat with tools": lambda: chatted(client, mcp_servers=["one"]),
        "retry": lambda: read(client.retry(MESSAGE, PLACE)),
        "edit": lambda: read(client.edit(MESSAGE, "ho", PLACE)),
        "stop": lambda: client.stop(PLACE),
        "fetch_conversations": client.fetch_conversations,
        "list_conversations": lambda: list(client.list_conversations()),
        "create_conversation": lambda: client.create_conversation(),
        "create with a prompt": lambda: client.create_conversation("mock/plain", "be short"),
        "remove_conversation": lambda: client.remove_conversation(PLACE),
        "remove_all_conversations": client.remove_all_conversations,
        "rename_conversation": lambda: client.rename_conversation(PLACE, "title"),
        "update_title": lambda: client.update_title(PLACE),
        "switch_conversation": lambda: client.switch_conversation(PLACE),
        "history": lambda: repr(client.history(PLACE)),
        "conversation": lambda: [entry.to_dict() for entry in client.conversation(PLACE).messages],
        "path": lambda: client.conversation(PLACE).path(),
        "remove_message": lambda: client.remove_message(MESSAGE, PLACE),
        "set_system_prompt": lambda: client.set_system_prompt("m", "be short"),
        "settings": lambda: client.settings().to_dict(),
        "update_settings": lambda: client.update_settings(active_model="m"),
        "models": lambda: [model.to_dict() for model in client.models()],
        "whoami": client.whoami,
        "check": client.check,
        "share": lambda: client.share(PLACE),
        "import_share": lambda: client.import_share("abcdefg"),
        "download": lambda: client.download("a" * 64, tmp_path / "file", PLACE),
        "list_mcp_servers": client.list_mcp_servers,
        "mcp_health": lambda: client.mcp_health("http://127.0.0.1:9/mcp"),
        "transcribe": lambda: client.transcribe(b"RIFF"),
        "answer_elicitation": lambda: client.answer_elicitation("e", "accept", {}, PLACE),
        "temporary_conversation": lambda: client.temporary_conversation().__enter__(),
        "map": lambda: list(client.map(["one", "two"], workers=1)),
    }


class Fuzz:
    """Makes calls by their number, each with the same replies whenever it is made."""

    def __init__(self, table: Table, folder: Path) -> None:
        self._table = table
        self._folder = folder

    def call(self, number: int) -> tuple[str, str, float]:
        """Return what was called, what foreign came out of it (or ``""``), and the seconds."""
        chance = random.Random(f"{_SEED} {number}")
        era = chance.choice(ERAS)
        mutation, target = Mutation(chance), chance.randrange(1, 8)

        def answer(asked: Asked, count: int) -> object:
            found = self._table[era].get(route(asked.method, asked.path))
            if not found:
                return whole('{"message":"Not Found"}', "404 Not Found")
            good = [one for one in found if 200 <= one["status"] < 300]
            chosen = chance.choice(good if good and chance.random() < 0.8 else found)
            # most calls come far before something is wrong
            return mutation.reply(chosen, count == target or chance.random() < 0.15)

        with RawServer(answer) as server:
            named = chance.choice((era, era, None))
            cookies = chance.choice((None, {"hf-chat": "some-session", "token": "some-token1"}))
            client = Client(
                server.url,
                dialect=named,
                cookies=cookies,
                timeout=CLOCKS,
                retries=Retry(tries=2, first_delay=0.001, longest_delay=0.002),
            )
            calls = used(client, self._folder)
            calls["sign in"] = Sign("ada@example.org", "pass-word", base_url=server.url).login
            name = chance.choice(sorted(calls))
            began, foreign = time.monotonic(), ""
            try:
                calls[name]()
            except (HugChatError, Warning):
                pass
            except Exception:  # noqa: BLE001  that is what is looked for
                foreign = traceback.format_exc()
            client.close()
        return f"{number}: {name} at {era}", foreign, time.monotonic() - began


def numbers() -> list[int]:
    wanted = os.environ.get("HUGCHAT_SYNC_FUZZ", str(_CALLS))
    return [int(wanted[1:])] if wanted.startswith("@") else list(range(int(wanted)))


@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore")
def test_nothing_foreign_comes_out_whatever_a_server_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hugchat_sync.auth.hub.flow._TIMEOUT", CLOCKS)
    fuzz = Fuzz(recorded(), tmp_path)
    with short_pauses(0.01), warnings.catch_warnings(), ThreadPoolExecutor(_WORKERS) as pool:
        warnings.simplefilter("ignore")
        outcomes = list(pool.map(fuzz.call, numbers()))
    foreign = [f"{called}\n{text}" for called, text, _ in outcomes if text]
    slow = [f"{called}: {seconds:.1f} s" for called, _, seconds in outcomes if seconds > _LONGEST]
    assert not foreign, f"{len(foreign)} of {len(outcomes)}:\n" + "\n".join(foreign[:8])
    assert not slow
