"""A website that answers: one client for all visitors, one conversation for each.

Run it with --local to need no account, and open the address that it prints.
"""

from __future__ import annotations

import os
import secrets
import sys
from typing import Iterator

from address import address
from flask import Flask, Response, request, session

from hugchat_sync import Client, ConversationNotExistError, HugChatError, Message, RateLimited

PAGE = """<!doctype html><meta charset="utf-8"><title>Ask</title>
<form><input name="question" size="60" required autofocus> <button>Ask</button></form>
<pre style="white-space: pre-wrap"></pre>
<script>
document.forms[0].onsubmit = async (event) => {
  event.preventDefault();
  const out = document.querySelector("pre"), form = new FormData(event.target);
  out.textContent = "";
  const reply = await fetch("/ask", {method: "POST", body: form});
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let step; !(step = await reader.read()).done;) out.textContent += step.value;
};
</script>"""


def make_app(client: Client) -> Flask:
    """Return the website; *client* may be used by many requests at once."""
    app = Flask(__name__)
    # The cookie of a visitor holds the id of the conversation. It is signed with this key, so
    # that nobody can name the conversation of somebody else.
    app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_hex()

    def asked(question: str) -> Message:
        if "conversation" not in session:
            session["conversation"] = client.create_conversation()
        # Always name the conversation: the client's current one is the same for all visitors.
        return client.chat(question, session["conversation"])

    @app.get("/")
    def page() -> str:
        return PAGE

    @app.post("/ask")
    def ask() -> Response:
        question = request.form["question"]
        try:
            message = asked(question)
        except ConversationNotExistError:  # it was deleted: begin another
            session.pop("conversation")
            message = asked(question)
        # A proxy in front (nginx) must not hold the pieces back.
        return Response(pieces(message), mimetype="text/plain", headers={"X-Accel-Buffering": "no"})

    @app.errorhandler(HugChatError)
    def failed(error: HugChatError) -> tuple[str, int]:
        return str(error), 429 if isinstance(error, RateLimited) else 502

    return app


def pieces(message: Message) -> Iterator[str]:
    """Yield the answer as it comes; stop it on the server when the browser leaves."""
    try:
        yield from message.tokens()
    except HugChatError as error:  # the status is sent already: say it in the text
        yield f"\n[{error}]"
    finally:
        if not message.done:
            message.stop()


def main() -> int:
    """Serve until Ctrl-C; 120 seconds are all there is for an answer."""
    with address() as base_url, Client(base_url, timeout=120) as client:
        make_app(client).run(port=int(os.environ.get("PORT", "5000")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
