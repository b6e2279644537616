"""Who may chat, and the server as a program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from local_talk import until
from local_wire import call

from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Scripted


def test_host_of_others_needs_a_token():
    with pytest.raises(ValueError, match="token"):
        LocalServer(host="0.0.0.0")
    assert LocalServer(host="::1").token is None


def test_without_the_token_nobody_can_chat(serve):
    talk = serve(token="secret")
    user = talk.call("GET", "/api/v2/user")
    assert user.text == '{"json":null}'
    created = talk.create()
    assert created.status == 302 and "/oauth/authorize?" in created.headers["location"]
    stop = f"/conversation/{'0' * 24}/stop-generating"
    assert talk.call("POST", stop, {}).status == 401
    flags = talk.call("GET", "/api/v2/feature-flags").json()["json"]
    assert flags["loginEnabled"] is True


def test_token_as_cookie_signs_in(serve):
    talk = serve(token="secret")
    talk.cookie = "secret"
    assert talk.create().status == 200
    assert talk.say()[-1]["status"] == "finished"
    assert talk.call("GET", "/api/v2/user").json()["json"]["username"] == "local"


def test_bearer_token_reads_below_api_only(serve):
    talk = serve(token="secret")
    talk.cookie = "secret"
    talk.create()

    def bearer(method, path, token="secret", body=b""):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return call(talk.url, method, f"/chat{path}", headers, body)

    listed = bearer("GET", "/api/v2/conversations").json()["json"]["conversations"]
    assert [item["id"] for item in listed] == [talk.id]
    assert bearer("POST", "/conversation", body=b'{"model":"omni"}').status == 302
    assert bearer("GET", "/api/v2/user", "wrong").status == 500
    posted = bearer("POST", "/api/v2/user/settings", body=b"{}")
    # The cookie that comes back makes the caller nobody if it is kept (q16, q17).
    assert posted.status == 200 and posted.cookie != "secret"


def test_token_in_2023(serve):
    talk = serve("lines-2023", token="secret")
    refused = talk.create()
    assert (refused.status, refused.json()) == (401, {"error": "You have to be logged in."})
    assert talk.layout()["requiresLogin"] is True
    talk.cookie = "secret"
    assert talk.create().status == 200


def test_missing_flask_is_explained(tmp_path):
    (tmp_path / "flask.py").write_text("raise ImportError('no flask')")
    root = str(Path(__file__).parents[2])
    script = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {root!r}]; import hugchat_sync.local"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert 'pip install "hugchat-sync[local]"' in done.stderr.splitlines()[-1]


def test_nothing_is_printed_for_requests(serve, capfd):
    talk = serve(responder=Scripted(["Hello"]))
    talk.create()
    talk.send(stop_at=b"started")
    talk.call("GET", "/nothing")
    until(lambda: talk.server.open_connections == 0)
    assert capfd.readouterr() == ("", "")
