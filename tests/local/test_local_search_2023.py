"""Web search, settings and shares of October 2023."""

from __future__ import annotations

import json

import pytest
from eras.lines_2023 import SearchFailure, SearchSource, SearchStep
from local_talk import until
from local_wire import (
    recorded_lines,
    recording,
    updates,
)

from hugchat_sync.local.testing import Script, Scripted

_ERA = "lines-2023"


def script_of(lines):
    tokens = [line["token"] for line in lines if line["type"] == "stream"]
    finals = [line["text"] for line in lines if line["type"] == "finalAnswer"]
    return Script(tokens=tokens, final=finals[0] if finals else None, no_final=not finals)


def _recorded_search(lines):
    """Return the steps that make these lines."""
    steps = []
    for line in lines:
        if line["type"] != "webSearch":
            continue
        if line["messageType"] == "sources":
            steps.append(SearchSource(**line["sources"][-1]))
        elif line["messageType"] == "error":
            steps.append(SearchFailure(json.loads(line["args"][0])))
        else:
            steps.append(SearchStep(line["message"], line.get("args", ())))
    return steps


@pytest.mark.parametrize(
    "name",
    [
        "lf01-search",
        "lf04-search-nothing",
        "lf05-search-error-429",
        "lf07-search-notext",
        "lf12-query-error",
    ],
)
def test_search_lines_are_the_recorded_ones(serve, name):
    then = recorded_lines(recording("2023", name))
    script = Script(script_of(then).tokens, before=_recorded_search(then))
    talk = serve(_ERA, responder=Scripted(script))
    talk.create()
    assert updates(talk.line(web_search=True)) == then
    until(lambda: talk.server.open_connections == 0)
    search = talk.page()["messages"][1]["webSearch"]
    assert set(search) == {
        "prompt",
        "searchQuery",
        "results",
        "context",
        "contextSources",
        "createdAt",
        "updatedAt",
    }
    sources = [line["sources"] for line in then if line.get("messageType") == "sources"]
    assert search["contextSources"] == (sources[-1] if sources else [])


def test_search_is_lost_when_the_answer_fails(serve):
    steps = [SearchStep("Searching Google", ("x",)), SearchSource("T", "https://h/", "h")]
    talk = serve(_ERA, responder=Scripted(Script(before=steps, error="no", error_status=500)))
    talk.create()
    assert talk.line(web_search=True).ended == "eof"
    assert len(talk.page()["messages"]) == 1


def test_a_form_resets_what_it_leaves_out(serve):
    talk = serve(_ERA)
    referer = {"Referer": f"{talk.url}/", "Content-Type": "application/x-www-form-urlencoded"}

    def post(body):
        return talk.call("POST", "/settings", body, referer)

    full = b"activeModel=local%2Fplain&shareConversationsWithModelAuthors=on&ethicsModalAccepted=x"
    assert post(full).json() == {"type": "redirect", "status": 303, "location": f"{talk.url}/"}
    settings = talk.layout()["settings"]
    assert (settings["activeModel"], settings["customPrompts"]) == ("local/plain", {})
    accepted = settings["ethicsModalAcceptedAt"]
    post(b"customPrompts=%7B%22a%22%3A%22b%22%7D")
    settings = talk.layout()["settings"]
    assert settings["customPrompts"] == {"a": "b"}
    assert settings["activeModel"] == "local/documents"
    assert settings["shareConversationsWithModelAuthors"] is False
    assert settings["ethicsModalAcceptedAt"] == accepted is not None


def test_prompt_of_creation_reaches_the_responder_and_settings_do_not(serve):
    answers = Scripted([" x"])
    talk = serve(_ERA, responder=answers)
    referer = {"Referer": f"{talk.url}/", "Content-Type": "application/x-www-form-urlencoded"}
    talk.call("POST", "/settings", b"customPrompts=%7B%22local%2Fplain%22%3A%22b%22%7D", referer)
    talk.create()
    talk.line()
    talk.create(preprompt="You are a parrot.")
    talk.line()
    assert [turn.system_prompt for turn in answers.turns] == ["", "You are a parrot."]
    assert talk.page()["preprompt"] == "You are a parrot."


def test_share_is_read_as_a_conversation(serve):
    talk = serve(_ERA, responder=Scripted([" x"], title="T"))
    talk.create()
    talk.line()
    path = f"/conversation/{talk.id}/share"
    url = talk.call("POST", path).json()["url"]
    assert talk.call("POST", path).json()["url"] == url
    own, talk.id = talk.id, url.rsplit("/", 1)[1]
    page = talk.page()
    assert page["shared"] is True and len(page["messages"]) == 2
    assert (
        talk.call("POST", "/conversation", {"model": "local/plain", "fromShare": talk.id}).status
        == 200
    )
    talk.id = own
    talk.line("more")
    assert talk.call("POST", path).json()["url"] != url


def test_vote_prompt_and_unknown_message(serve):
    talk = serve(_ERA, responder=Scripted([" x"]))
    talk.create()
    talk.line()
    until(lambda: talk.server.open_connections == 0)
    path = f"/conversation/{talk.id}/message/{talk.page()['messages'][1]['id']}"
    assert talk.call("POST", f"{path}/vote", {"score": 1}).status == 200
    assert talk.page()["messages"][1]["score"] == 1
    assert talk.call("POST", f"{path}/vote", {"score": 5}).status == 500
    assert set(talk.call("GET", f"{path}/prompt").json()) == {
        "note",
        "prompt",
        "model",
        "parameters",
    }


def test_home_page_can_be_scraped_as_in_2023(serve):
    import re

    talk = serve(_ERA, responder=Scripted([" x"], title='1 <b> & "q"'))
    talk.create()
    talk.line()
    html = talk.call("GET", "/").text
    ids = re.findall(r'href="/chat/conversation/(.*?)"', html)
    titles = re.findall(r'<div class="flex-1 truncate">(.*?)</div>', html, re.S)
    assert ids == [talk.id] * 2
    assert titles[0].strip() == "1 &lt;b&gt; &amp; &quot;q&quot;"


def test_body_over_512_kib_is_413(serve):
    talk = serve(_ERA)
    talk.create()
    reply = talk.call("POST", f"/conversation/{talk.id}", b"x" * (512 * 1024 + 1))
    assert (reply.status, reply.text) == (413, "Invalid request body")
    assert "set-cookie" not in reply.headers


def test_conversation_of_a_model_that_is_gone_is_410(serve):
    talk = serve(_ERA)
    talk.create()
    talk.server._site.storage.change(talk.id, model="bigcode/starcoder")
    reply = talk.line()
    assert (reply.status, reply.json()) == (410, {"message": "Model not available anymore"})
