"""A small identity provider and a small chat server that signs in with it, over real sockets.

They answer as the recorded servers of 2026-08 and 2023-10 do where signing in is concerned, and as
little as possible elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from uuid import uuid4

EMAIL, PASSWORD = "ada@example.org", "correct horse battery"
TOKEN = "hf_a-token-that-is-good"
CONVERSATION = "65f0a1b2c3d4e5f601234567"
OAUTH = "/oauth/authorize"


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def route(self):
        return f"{self.method} {urlsplit(self.path).path}"

    @property
    def query(self):
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}

    @property
    def form(self):
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}

    @property
    def cookies(self):
        jar = SimpleCookie(self.headers.get("cookie", ""))
        return {name: morsel.value for name, morsel in jar.items()}


@dataclass
class Answer:
    """One reply; *headers* are pairs, because ``Set-Cookie`` may come twice."""

    status: int = 200
    body: str = ""
    kind: str = "text/html; charset=utf-8"
    headers: list = field(default_factory=list)


def to(location, *cookies, status=302):
    return Answer(status, headers=[("Location", location), *(("Set-Cookie", c) for c in cookies)])


def as_json(value, status=200, headers=()):
    return Answer(status, json.dumps(value), "application/json", list(headers))


def page(body, title="Hub", status=200, headers=()):
    html = f"<!doctype html><html><head><title>{title}</title></head><body>{body}</body></html>"
    return Answer(status, html, headers=list(headers))


LOGIN_FORM = (
    '<form method="post" action="/login"><input name="username"><input type="password" '
    'name="password"><button type="submit">Sign in</button></form>'
)


class App:
    """What both servers have: a log, answers put in for a route, and a place on the network."""

    def __init__(self):
        self.log = []
        self.instead = {}  # "POST /login" → an Answer, or a function of the request
        self.lock = threading.Lock()
        self.origin = ""

    def answer(self, asked):
        with self.lock:
            self.log.append(asked)
        given = self.instead.get(asked.route)
        if given is not None:
            return given(asked) if callable(given) else given
        return self.usual(asked)

    def count(self, route):
        return sum(1 for asked in self.log if asked.route == route)

    def asked(self, route):
        return [asked for asked in self.log if asked.route == route]


class Hub(App):
    """The identity provider."""

    def __init__(self):
        super().__init__()
        self.people = {EMAIL: PASSWORD}
        self.tokens = {}  # the session cookie → e-mail
        self.codes = {}
        self.consented = set()
        self.csrf = uuid4().hex

    def usual(self, asked):
        routes = {
            "GET /login": lambda _: page(LOGIN_FORM),
            "POST /login": self.sign_in,
            f"GET {OAUTH}": self.authorize,
            f"POST {OAUTH}": self.consent,
        }
        return routes.get(asked.route, lambda _: page("not found", status=404))(asked)

    def sign_in(self, asked):
        form = asked.form
        if self.people.get(form.get("username")) != form.get("password"):
            return page("Invalid username or password", status=400)
        token = uuid4().hex
        self.tokens[token] = form["username"]
        return to("/", f"token={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000")

    def who(self, asked):
        return self.tokens.get(asked.cookies.get("token"))

    def authorize(self, asked):
        user = self.who(asked)
        if user is None:
            return to(f"/login?next={quote(asked.path, safe='')}")
        if user in self.consented:
            return self.back(asked, user)
        action = asked.path.replace("&", "&amp;")
        return page(
            '<form action="/logout"><input type="hidden" name="csrf" value="of-the-logout"></form>'
            f'<p>Authorize the chat?</p><form method="post" action="{action}">'
            f'<input type="hidden" name="csrf" value="{self.csrf}"><button>Allow</button></form>'
        )

    def consent(self, asked):
        user = self.who(asked)
        if user is None or asked.form.get("csrf") != self.csrf:
            return page("bad csrf", status=403)
        self.consented.add(user)
        return self.back(asked, user, status=303)

    def back(self, asked, user, status=302):
        query = asked.query
        code = uuid4().hex
        self.codes[code] = (user, query.get("code_challenge"))
        there = urlencode({"code": code, "state": query["state"]})
        return to(f"{query['redirect_uri']}?{there}", status=status)

    def redeem(self, code, verifier):
        user, challenge = self.codes.pop(code, (None, None))
        if challenge is not None and challenge != challenge_of(verifier or ""):
            return None
        return user


def challenge_of(verifier):
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Chat(App):
    """The chat server; below ``/chat``."""

    def __init__(self, hub, era="2026", coupled=True, forced=False):
        super().__init__()
        self.hub = hub
        self.era, self.coupled, self.forced = era, coupled, forced
        self.sessions = {}  # hf-chat → (e-mail, token at the sign-in)
        self.bearers = {TOKEN: EMAIL}
        self.titles = {CONVERSATION: "Tea"}
        self.settings = {"customPrompts": {"m/one": "Be brief."}, "activeModel": "m/two"}
        self.echo = False

    def end_sessions(self):
        self.sessions.clear()

    def who(self, asked):
        bearer = asked.headers.get("authorization", "")
        session = asked.cookies.get("hf-chat")
        if session is None and bearer and asked.path.startswith("/chat/api/"):
            return self.bearers.get(bearer[len("Bearer ") :], "nobody")
        user, token = self.sessions.get(session, (None, None))
        return user if not self.coupled or token == asked.cookies.get("token") else None

    def usual(self, asked):
        route, user = asked.route, self.who(asked)
        if route.endswith("/login"):
            return self.start(asked)
        if route == "GET /chat/login/callback":
            return self.callback(asked)
        if user == "nobody":
            said = f": {asked.headers['authorization']}" if self.echo else ""
            return as_json({"message": f"An error occurred{said}", "errorId": str(uuid4())}, 500)
        if user is None and self.forced:
            if asked.headers.get("content-type", "").startswith("multipart/"):
                there = {"type": "redirect", "status": 302, "location": self.authorize_url("x")}
                return as_json(there, headers=[("Set-Cookie", f"hf-chat={uuid4()}; Path=/")])
            return to(self.authorize_url("x"), f"hf-chat={uuid4()}; Path=/")
        return self.use(asked, route[len("GET /chat") :] if route[0] == "G" else route, user)

    def authorize_url(self, state, challenge=None):
        asks = {
            "client_id": "the-chat",
            "response_type": "code",
            "redirect_uri": f"{self.origin}/chat/login/callback",
            "state": state,
        }
        if challenge:
            asks.update(code_challenge=challenge, code_challenge_method="S256")
        return f"{self.hub.origin}{OAUTH}?{urlencode(asks)}"

    def start(self, asked):
        session = asked.cookies.get("hf-chat") or str(uuid4())
        state = hashlib.sha256(session.encode()).hexdigest()
        kept = f"hf-chat={session}; Path=/; HttpOnly; SameSite=Lax"
        if self.era == "2026":
            if asked.method == "POST":
                return Answer(405, "POST method not allowed", "text/plain")
            verifier = uuid4().hex
            url = self.authorize_url(state, challenge_of(verifier))
            return to(url, kept, f"hfChat-codeVerifier={verifier}; Path=/; Max-Age=3600; HttpOnly")
        if asked.method == "GET":
            return page("An app", "HuggingChat", 500 if self.era == "2023" else 200)
        if not asked.headers.get("referer", "").startswith(self.origin):
            return Answer(403, "Non-JSON form requests need to have a referer", "text/plain")
        redirect = {"type": "redirect", "status": 303, "location": self.authorize_url(state)}
        return as_json(redirect, headers=[("Set-Cookie", kept + "; Secure; SameSite=None")])

    def callback(self, asked):
        session = asked.cookies.get("hf-chat", "")
        if asked.query.get("state") != hashlib.sha256(session.encode()).hexdigest():
            return to("/chat/login", f"hf-chat={session}; Path=/", "hfChat-loginRetry=1; Path=/")
        user = self.hub.redeem(asked.query["code"], asked.cookies.get("hfChat-codeVerifier"))
        if user is None:
            return as_json({"message": "Code verifier cookie not found"}, 403)
        session = str(uuid4())
        self.sessions[session] = (user, asked.cookies.get("token"))
        cookie = f"hf-chat={session}; Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax"
        return to("/chat/", cookie, "hfChat-loginRetry=; Max-Age=0; Path=/")

    # what the chat is used for -----------------------------------------------------------------

    def use(self, asked, route, user):
        one = f"/api/v2/conversations/{CONVERSATION}"
        routes = {
            "/api/v2/feature-flags": lambda: {"loginEnabled": True, "transcriptionEnabled": False},
            "/api/v2/user": lambda: user and {"id": "1", "username": "ada", "email": user},
            "/api/v2/models": lambda: [{"id": "m/one"}, {"id": "m/two"}],
            "/api/v2/user/settings": lambda: self.settings if user else {"customPrompts": {}},
            "/api/v2/conversations": lambda: self.listed(user),
        }
        if route in routes:
            return as_json({"json": routes[route]()})
        if user is None:
            return self.refused(asked, route)
        if route == one:
            return as_json({"json": self.conversation()})
        if route == "POST /chat/api/v2/user/settings":
            self.settings = json.loads(asked.body)
            return Answer(200, "", "application/json")
        if route == "POST /chat/conversation":
            return as_json({"conversationId": CONVERSATION}, headers=[self.renewed(asked)])
        if route == f"POST /chat/conversation/{CONVERSATION}":
            lines = ({"type": "stream", "token": "Hi"}, {"type": "finalAnswer", "text": "Hi"})
            text = "".join(json.dumps(line) + "\n" for line in lines)
            return Answer(200, text, "application/jsonl", [self.renewed(asked)])
        return as_json({"message": "not found"}, 404)

    def renewed(self, asked):
        return ("Set-Cookie", f"hf-chat={asked.cookies['hf-chat']}; Path=/; Max-Age=1209600")

    def refused(self, asked, route):
        if route == "POST /chat/conversation":
            return to(self.authorize_url("x"), f"hf-chat={uuid4()}; Path=/; HttpOnly")
        if route.startswith("/api/v2/conversations/"):
            return as_json({"message": "You don't have access to this conversation."}, 403)
        said = f": {asked.headers.get('cookie')}" if self.echo else ""
        return as_json({"error": f"You have to be logged in.{said}"}, 401)

    def listed(self, user):
        items = [
            {"_id": key, "id": key, "title": title, "updatedAt": "2026-08-20T10:02:02.100Z"}
            for key, title in self.titles.items()
        ]
        return {"conversations": items if user else [], "hasMore": False}

    def conversation(self):
        root = {"id": "r", "from": "system", "content": "", "children": []}
        return {
            "id": CONVERSATION,
            "title": "Tea",
            "model": "m/two",
            "preprompt": "",
            "rootMessageId": "r",
            "messages": [root],
        }


class Both:
    """Hub and chat at one origin, as huggingface.co has them."""

    def __init__(self, hub, chat):
        self.hub, self.chat = hub, chat

    def answer(self, asked):
        mine = self.chat if asked.path.startswith("/chat") else self.hub
        return mine.answer(asked)


class Served:
    """An app at a port of its own, for the length of a ``with`` block; gives its origin.

    :param app: may be another one later.
    """

    def __init__(self, app=None):
        self.app = app
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # a reply in two packets waits for the other side's word

            def do_GET(self):
                size = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, self.rfile.read(size))
                reply = served.app.answer(asked)
                body = reply.body.encode()
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                if body or reply.status == 200:
                    self.send_header("Content-Type", reply.kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request, client_address):
                pass  # whoever hangs up is the test's business

        self._server = Server(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self.origin

    def __exit__(self, *exc_info):
        self._server.shutdown()
        self._server.server_close()
