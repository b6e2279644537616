"""Sending a message, following and stopping its answer, answering a tool, and files.

The checks come in the order of the real server.

Source: chat-ui c100c162, measured 2026-08 (c01 to c33, d01 to d17, e01 to e17, f01, g01 to g16,
l03 to l15, u01 to u08, w14, w16, x10 to x13).
"""

from __future__ import annotations

import base64
import binascii
import math
from functools import partial
from typing import Any, Iterator, Mapping
from uuid import uuid4

from flask import Response, abort, request, stream_with_context

from .app import app, json_body, json_reply, nothing, own_conversation, read_object, site
from .documents import SEARCH_SERVER
from .http import client_gone
from .responder import Attachment, EarlierMessage, Question, Turn
from .run import Run
from .storage import Conversation, StoredMessage
from .wire import compact

_ONE = "/conversation/<conversation_id>"
_LARGEST_FILE = 10 * 1024 * 1024
_POLL = 0.25


@app.post(_ONE)
def _send(conversation_id: str) -> Response:
    here, gone = site(), partial(client_gone, request.environ)
    conversation = own_conversation(conversation_id)
    if here.too_fast():
        abort(429, "You are sending too many messages. Try again later.")
    limit = here.limits.get("messages", math.inf)
    if len(conversation.messages) > limit:
        reason = f"This conversation has more than {limit} messages. Start a new one to continue"
        abort(429, reason)
    if here.model(conversation.model) is None:
        abort(410, "Model not available anymore")
    asked, files = _read_data(), _read_files()
    hashes = [here.storage.put_file(conversation.id, file) for file in files]
    listed = [
        {"type": "hash", "value": sha, "mime": file.mime, "name": file.name}
        for sha, file in zip(hashes, files)
    ]
    answer = _add_messages(conversation, asked, listed)
    answer["generationId"] = asked.get("generationId") or str(uuid4())
    if gone():
        return nothing()  # whoever leaves before the answer's head leaves nothing behind (w11)
    here.storage.save(conversation)
    turn = _turn(conversation, answer, asked, files)
    run = Run(here.storage, here.closing, conversation, answer, gone)
    run.start(here.answer(turn), lambda: here.title(turn))
    with here.lock:
        here.logs.append(run.log)
    return Response(run.pieces(), 200, content_type="application/jsonl")


def _read_data() -> dict[str, Any]:
    """Return the field ``data``, checked as the real server's schema does."""
    text = request.form.get("data")
    if text is None:
        abort(400, "Invalid request")
    asked = read_object(text)
    ids = [asked[key] for key in ("id", "generationId") if key in asked]
    inputs, names = asked.get("inputs", "-"), asked.get("selectedMcpServerNames", [])
    fits = isinstance(names, list) and all(isinstance(one, str) for one in (inputs, *ids, *names))
    if not fits or not inputs:
        abort(500)
    if "inputs" in asked:
        asked["inputs"] = inputs.replace("\r\n", "\n")
        if len(asked["inputs"]) > site().limits.get("message_length", math.inf):
            abort(400, "Message too long.")
    return asked


def _read_files() -> list[Attachment]:
    """Return the files of a message, sent in base64."""
    found = []
    for part in request.files.getlist("files"):
        kind, _, name = (part.filename or "").partition(";")
        content = part.stream.read()
        if not content:
            continue
        if kind != "base64":
            abort(500)
        try:
            raw = base64.b64decode(content)
        except binascii.Error:
            abort(500)
        if len(raw) > _LARGEST_FILE:
            abort(413, "File too large, should be <10MB")
        found.append(Attachment(name, part.mimetype or "application/octet-stream", raw))
    return found


def _add_messages(
    conversation: Conversation, asked: Mapping[str, Any], files: list[dict[str, str]]
) -> StoredMessage:
    """Hang the messages of a request into the tree and return the answer to be written.

    Source: chat-ui c100c162, measured 2026-08 (c03 to c05, d01 to d07).

    :raises HTTPException: 404 or 500.
    """
    target, text = conversation.message(asked.get("id") or ""), asked.get("inputs")
    parent = target
    if asked.get("is_retry"):
        if target is None:
            abort(404, "Message not found")
        parent = conversation.message((target["ancestors"] or [""])[-1])
        if target["from"] == "assistant":
            return conversation.add_message(parent, "assistant", "")
        if target["from"] != "user" or text is None:
            abort(500, "Failed to create message")
        files = files or target.get("files", [])
    elif target is None or text is None:
        abort(500)
    user = conversation.add_message(parent, "user", str(text), files=files)
    return conversation.add_message(user, "assistant", "")


def _turn(
    conversation: Conversation,
    answer: StoredMessage,
    asked: dict[str, Any],
    files: list[Attachment],
) -> Turn:
    by_id = {one["id"]: one for one in conversation.messages}
    *earlier, prompt = [by_id[ancestor] for ancestor in answer["ancestors"]]
    spoken = [one for one in earlier if one["from"] in ("user", "assistant")]
    model = site().model(conversation.model)
    selected = asked.get("selectedMcpServerNames", [SEARCH_SERVER])  # all, when none are named
    usable = model is not None and model.supports_tools and SEARCH_SERVER in selected
    return Turn(
        prompt=prompt["content"],
        history=tuple(EarlierMessage(one["from"], one["content"]) for one in spoken),
        system_prompt=conversation.preprompt,
        model=conversation.model,
        base_url=site().url,
        tools=(SEARCH_SERVER,) if usable else (),
        attachments=files,
    )


@app.post(f"{_ONE}/stop-generating")
def _stop(conversation_id: str) -> Response:
    for log in site().logs_of(own_conversation(conversation_id).id):
        log.is_stopped = True
    return nothing()


@app.post(f"{_ONE}/elicitation")
def _answer_question(conversation_id: str) -> Response:
    found, body = own_conversation(conversation_id), json_body()
    action, content = body.get("action"), body.get("content") or {}
    known = action in ("accept", "decline", "cancel") and isinstance(content, dict)
    if not known or not isinstance(body.get("elicitationId"), str):
        abort(400, "Invalid elicitation response")
    asked = [log.questions.get(body["elicitationId"]) for log in site().logs_of(found.id)]
    question = next(filter(None, asked), None)
    if question is None:
        abort(404, "Unknown elicitation.")
    with site().lock:
        if question.action is not None:
            abort(409, "Already answered.")
        if action == "accept":
            _check_content(question, content)
            question.content = content
        question.action = action
    return json_reply({"ok": True, "resume": False})


def _check_content(question: Question, content: Mapping[str, Any]) -> None:
    for entry in question.fields:
        name = entry["name"]
        if entry.get("required") and name not in content:
            abort(400, f'"{name}" is required.')
        allowed = [option["value"] for option in entry.get("options", ())]
        if allowed and name in content and content[name] not in allowed:
            abort(400, f'"{name}" is not one of the options.')


@app.get(f"{_ONE}/output/<sha>")
def _output(conversation_id: str, sha: str) -> Response:
    """Return the bytes of a file; those of a share to anybody."""
    if len(conversation_id) != 7:
        own_conversation(conversation_id)
    file = site().storage.file(conversation_id, sha)
    if file is None:
        abort(404, "File not found")
    headers = {"Content-Disposition": "attachment"}  # no browser is to run a page in it
    return Response(file.content, 200, headers, content_type=file.mime)


@app.get(f"{_ONE}/stream")
def _attach(conversation_id: str) -> Response:
    """Replay a run from a sequence number on, and follow it to its end."""
    found = own_conversation(conversation_id)
    sent = request.args.get("fromSeq", 0, type=int)
    headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
    frames = _frames(found.id, request.args.get("generationId"), max(0, sent))
    return Response(stream_with_context(frames), 200, headers, content_type="text/event-stream")


def _frames(conversation_id: str, run_id: str | None, sent: int) -> Iterator[bytes]:
    here = site()
    logs = [log for log in here.logs_of(conversation_id) if run_id in (None, log.id)]
    if not logs:
        yield _frame("end", {"status": "gone"})
        return
    log = logs[0 if run_id else -1]  # of two runs with one id the first has it (w14)
    while not here.closing.is_set():
        # The state is read before the log: an end that is seen has all its updates.
        status, new = log.status, log.updates[sent:]
        for number, update in enumerate(new, sent + 1):
            yield f"id: {number}\n".encode() + _frame("update", update)
        sent += len(new)
        if status != "running":
            yield _frame("end", {"status": status})
            return
        if not new:
            yield b": heartbeat\n\n"
        if client_gone(request.environ):
            return
        here.closing.wait(_POLL)


def _frame(event: str, data: object) -> bytes:
    return f"event: {event}\ndata: {compact(data)}\n\n".encode()
