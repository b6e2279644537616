"""What stays of a cookie file when renewed cookies are written back into it."""

from __future__ import annotations

import errno
import json
import os
import time
import warnings
from typing import Any, Iterator

import pytest

from hugchat_sync import Client, CookieFileWarning
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Scripted

OTHER = {"name": "other", "value": "kept", "domain": "foreign.example", "httpOnly": True}


@pytest.fixture
def today() -> Iterator[LocalServer]:
    with LocalServer(responder=Scripted(["Good ", "day."])) as running:
        yield running


def asked(server: LocalServer, cookies: Any) -> str:
    """Return an answer; whoever has no session is given one on the way."""
    with Client(server.url, cookies=cookies, dialect="v2-2025") as client:
        return client.ask("hi", model="omni", system_prompt="")


def test_http_only_of_an_export_survives(today, tmp_path):
    file = tmp_path / "export.json"
    ours = {"name": "hf-chat", "value": "mine", "domain": "127.0.0.1", "httpOnly": True}
    file.write_text(json.dumps([OTHER, {**ours, "expirationDate": time.time() + 1000}]))

    with Client(today.url, cookies=file) as client:
        (cookie,) = client.cookies
        assert cookie.has_nonstandard_attr("HttpOnly")
    assert asked(today, file) == "Good day."

    other, written = json.loads(file.read_text())
    assert other == OTHER
    assert written["value"] == "mine"
    assert written["expirationDate"] > time.time() + 100_000  # it was written anew
    assert written["httpOnly"] is True


def test_new_file_begun_by_a_visitor_is_taken_up_again(today, tmp_path):
    file = tmp_path / "cookies.json"
    file.write_text("{}")

    asked(today, file)
    session = json.loads(file.read_text())["hf-chat"]
    asked(today, file)

    assert json.loads(file.read_text())["hf-chat"] == session


def test_text_file_stays_one_for_the_tools_that_wrote_it(today, tmp_path):
    file = tmp_path / "cookies.txt"
    foreign = "foreign.example\tFALSE\t/\tTRUE\t0\tother\tkept"
    soon = int(time.time()) + 1000
    mine = f"#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t{soon}\thf-chat\tmine"
    file.write_text(f"# Netscape HTTP Cookie File\n\n{foreign}\n{mine}\n")

    assert asked(today, file) == "Good day."

    lines = file.read_text().splitlines()
    assert lines[0] == "# Netscape HTTP Cookie File"
    assert foreign in lines
    (written,) = [line for line in lines if "hf-chat" in line]
    assert written.startswith("#HttpOnly_127.0.0.1\t")
    assert int(written.split("\t")[4]) > time.time() + 100_000


def test_domain_that_is_no_name_of_the_internet_is_passed_over(today):
    strange = {"name": "hf-chat", "value": "theirs", "domain": "\xfc" * 70 + ".example"}
    ours = {"name": "hf-chat", "value": "mine", "domain": "127.0.0.1"}

    with Client(today.url, cookies=[strange, ours]) as client:
        assert client.cookies.get_dict() == {"hf-chat": "mine"}


def test_file_system_without_locks_costs_a_warning_and_no_answer(today, tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def no_locks(*arguments: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    file = tmp_path / "cookies.json"
    file.write_text("{}")

    with pytest.warns(CookieFileWarning):
        assert asked(today, file) == "Good day."


def test_failed_write_costs_no_answer_where_warnings_are_errors(today, tmp_path):
    file = tmp_path / "cookies.json"
    file.write_text("{}")
    (tmp_path / "cookies.json.lock").mkdir()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asked(today, file) == "Good day."

    assert file.read_text() == "{}"


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="there are no links here")
def test_link_planted_at_the_name_of_the_temporary_file_is_not_followed(today, tmp_path):
    file, victim = tmp_path / "cookies.json", tmp_path / "victim"
    file.write_text("{}")
    victim.write_text("precious")
    os.symlink(victim, f"{file}.tmp")

    asked(today, file)

    assert victim.read_text() == "precious"
    assert not file.is_symlink()
    assert "hf-chat" in json.loads(file.read_text())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_child_forked_while_a_file_is_written_does_not_keep_its_lock(today, tmp_path, monkeypatch):
    file = tmp_path / "cookies.json"
    file.write_text("{}")
    replace, children = os.replace, []

    def forking(source: Any, target: Any) -> None:
        child = os.fork()
        if child == 0:
            time.sleep(8)  # with the file handle of the lock
            os._exit(0)
        children.append(child)
        replace(source, target)

    monkeypatch.setattr(os, "replace", forking)
    asked(today, file)
    monkeypatch.setattr(os, "replace", replace)
    file.write_text("{}")
    began = time.monotonic()

    with warnings.catch_warnings(record=True) as caught:
        asked(today, file)

    took = time.monotonic() - began
    for child in children:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert children
    assert took < 4
    assert not [one for one in caught if one.category is CookieFileWarning]
    assert "hf-chat" in json.loads(file.read_text())
