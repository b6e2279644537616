"""What goes out, and what comes back as what: the transport against prepared replies."""

from __future__ import annotations

import pickle
import time

import pytest
import requests
import responses
from responses import matchers

from hugchat_sync.calls import Call, Part, Request, StreamCall, no_error
from hugchat_sync.dialects.errors import find_interception, read_error
from hugchat_sync.dialects.verbs import find_error
from hugchat_sync.errors import (
    AuthError,
    ConnectionFailed,
    ModelGone,
    ProtocolError,
    RateLimited,
    SessionExpired,
    TimedOut,
    Unavailable,
    UsageError,
)
from hugchat_sync.options import Retry, Timeout
from hugchat_sync.transport.http import Sender, Transport

BASE = "http://127.0.0.1:8/chat"


class SignedIn(Sender):
    """Somebody with a cookie, who notes what is handed out."""

    is_given = True

    def __init__(self):
        self.told = []

    def __call__(self, request):
        request.headers["Cookie"] = "hf-chat=0"
        return request

    def received(self, *reply):
        self.told.append(reply)


class Renewable(SignedIn):
    """Somebody who can sign in anew."""

    def recover(self, error, began, patience):
        return type(error) is SessionExpired


@pytest.fixture(autouse=True)
def wire():
    with responses.RequestsMock() as prepared:
        yield prepared


@pytest.fixture()
def slept():
    return []


@pytest.fixture()
def transport(slept):
    made = Transport(BASE, sleep=slept.append, jitter=lambda: 1.0)
    yield made
    made.close()


def get(path="/thing", read=lambda reply: reply, **more):
    more = {"repeatable": True, "error": find_error, **more}
    return Call(Request("GET", path, **more), read)


def post(read=lambda reply: reply, **more):
    return Call(Request("POST", "/thing", error=find_error, **more), read)


def sent(wire, number=-1):
    return wire.calls[number].request


# what goes out -------------------------------------------------------------------------------


def test_request_has_our_name_and_wants_json(wire, transport):
    wire.get(f"{BASE}/thing")

    transport.send(get())

    assert sent(wire).headers["User-Agent"].startswith("hugchat_sync/")
    assert sent(wire).headers["Accept"] == "application/json"


def test_places_in_headers_are_filled_in(wire, transport):
    wire.get(f"{BASE}/thing")

    transport.send(get(headers={"Origin": "{origin}", "Referer": "{base}/"}))

    assert sent(wire).headers["Origin"] == "http://127.0.0.1:8"
    assert sent(wire).headers["Referer"] == "http://127.0.0.1:8/chat/"


def test_parameters_are_in_the_address(wire, transport):
    wire.get(f"{BASE}/thing", match=[matchers.query_param_matcher({"p": "1", "q": "a b&c"})])

    assert transport.send(get(params={"p": "1", "q": "a b&c"})).status == 200


def test_json_goes_out_as_json(wire, transport):
    wire.post(f"{BASE}/thing", match=[matchers.json_params_matcher({"a": [1, None]})])

    transport.send(post(json={"a": [1, None]}))

    assert sent(wire).headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("form", "body"),
    [((), b""), ((("a", "1"), ("a", "é&=")), b"a=1&a=%C3%A9%26%3D")],
)
def test_form_goes_out_as_a_form_even_when_it_is_empty(wire, transport, form, body):
    wire.post(f"{BASE}/thing")

    transport.send(post(form=form))

    assert sent(wire).headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert (sent(wire).body or b"") == body


def test_bytes_go_out_as_they_are(wire, transport):
    wire.post(f"{BASE}/thing")

    transport.send(post(body=b"\0\xff", headers={"Content-Type": "audio/wav"}))

    assert (sent(wire).body, sent(wire).headers["Content-Type"]) == (b"\0\xff", "audio/wav")


def test_parts_go_out_in_order_with_their_names_as_they_are(wire, transport):
    wire.post(f"{BASE}/thing")
    parts = (
        ("data", Part('{"a": 1}')),
        ("files", Part("eA==", "base64;größe 文.txt", "text/plain")),
        ("files", Part("eQ==", 'base64;a"b.txt', "text/plain")),
    )

    transport.send(post(parts=parts))

    body = sent(wire).body.decode("utf-8")
    assert sent(wire).headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert body.index('name="data"') < body.index("größe") < body.index("%22")
    assert 'filename="base64;größe 文.txt"' in body
    assert 'filename="base64;a%22b.txt"' in body
    assert "filename*" not in body
    assert 'name="data"\r\n\r\n{"a": 1}\r\n' in body


def test_every_request_has_a_limit(wire, transport):
    wire.get(f"{BASE}/thing")

    transport.send(get())

    connect, read = wire.calls[0].request.req_kwargs["timeout"]
    assert (connect, read) == (10, 60)


# what comes back -----------------------------------------------------------------------------


def test_reply_has_status_headers_in_lower_case_and_body(wire, transport):
    wire.get(f"{BASE}/thing", body="é".encode(), headers={"X-Odd-Case": "1"})

    reply = transport.send(get())

    assert (reply.status, reply.headers["x-odd-case"], reply.text) == (200, "1", "é")
    assert reply.url == f"{BASE}/thing"


def test_reply_is_what_the_call_reads(wire, transport):
    wire.get(f"{BASE}/thing", body=b"12345")

    assert transport.send(get(read=lambda reply: len(reply.body))) == 5


def test_bad_status_is_the_error_of_the_call(wire, transport):
    wire.get(f"{BASE}/thing", status=500, json={"message": "The reason."})

    with pytest.raises(Unavailable, match="The reason"):
        transport.send(get())


def test_probe_reads_bad_statuses_as_well(wire, transport):
    wire.get(f"{BASE}/thing", status=404)
    call = Call(Request("GET", "/thing", error=find_interception), lambda reply: reply.status)

    assert transport.send(call) == 404


@pytest.mark.parametrize("status", [302, 303, 307])
def test_redirect_is_not_followed(wire, transport, status):
    wire.post(f"{BASE}/thing", status=status, headers={"Location": "http://127.0.0.1:8/login"})

    with pytest.raises(AuthError, match=r"127\.0\.0\.1:8") as caught:
        transport.send(post())
    assert (len(wire.calls), caught.value.status) == (1, status)


@pytest.mark.parametrize("status", [301, 308])
def test_server_that_has_moved_is_a_wrong_address(wire, transport, status):
    wire.get(f"{BASE}/thing", status=status, headers={"Location": "https://new.example/chat"})

    with pytest.raises(UsageError, match=r"new\.example"):
        transport.send(get())


@pytest.mark.parametrize(
    ("status", "kind"), [(401, SessionExpired), (302, SessionExpired), (403, AuthError)]
)
def test_refusal_of_somebody_who_signed_in_means_that_it_is_over(wire, status, kind):
    wire.get(f"{BASE}/thing", status=status, json={"error": "no"}, headers={"Location": "/login"})
    transport = Transport(BASE, identity=SignedIn())

    with pytest.raises(AuthError) as caught:
        transport.send(get())
    assert type(caught.value) is kind
    transport.close()


def test_refusal_inside_a_good_status_means_the_same(wire):
    def read(reply):
        raise AuthError("who are you?")

    wire.get(f"{BASE}/thing")
    transport = Transport(BASE, identity=SignedIn())

    with pytest.raises(SessionExpired, match="who are you"):
        transport.send(get(read=read))
    transport.close()


def test_retry_after_is_known_to_the_error(wire, transport):
    wire.get(f"{BASE}/thing", status=429, headers={"Retry-After": "500"})

    with pytest.raises(RateLimited) as caught:
        transport.send(get())
    assert (caught.value.retry_after, caught.value.is_from_reply) == (500.0, True)


def test_reply_that_is_too_large_is_refused(wire):
    wire.get(f"{BASE}/thing", body=b"x" * 5000)
    transport = Transport(BASE, largest=4096)

    with pytest.raises(ProtocolError, match="too large"):
        transport.send(get())
    transport.close()


@pytest.mark.parametrize("kind", ["text/html", "text/html; charset=utf-8", "TEXT/HTML"])
def test_page_instead_of_a_stream_is_refused(wire, transport, kind):
    wire.post(f"{BASE}/thing", body="<!doctype html>", content_type=kind)
    call = StreamCall(Request("POST", "/thing", error=read_error), lambda chunks: iter(()))

    with pytest.raises(ProtocolError, match="HTML page") as caught:
        transport.open(call)
    assert caught.value.line == "<!doctype html>"


def test_stream_with_a_bad_status_is_refused(wire, transport):
    wire.post(f"{BASE}/thing", status=410, json={"message": "gone"})
    call = StreamCall(Request("POST", "/thing", error=read_error), lambda chunks: iter(()))

    with pytest.raises(ModelGone, match="gone"):
        transport.open(call)


# trouble below -------------------------------------------------------------------------------

# nobody has seen a connection here, so all of it is unsure; test_what_was_sent has sockets
TROUBLE = [
    (requests.exceptions.ConnectTimeout("t"), TimedOut, "connect", True),
    (requests.exceptions.ReadTimeout("t"), TimedOut, "idle", True),
    (requests.exceptions.ConnectionError("broke"), ConnectionFailed, None, True),
    (requests.exceptions.ChunkedEncodingError("cut"), ConnectionFailed, None, True),
    (requests.exceptions.SSLError("certificate"), ConnectionFailed, None, True),
    (requests.exceptions.ProxyError("proxy"), ConnectionFailed, None, True),
    (requests.exceptions.InvalidURL("odd"), UsageError, None, None),
    (OSError("odd"), ConnectionFailed, None, True),
]


@pytest.mark.parametrize(("trouble", "kind", "phase", "unsure"), TROUBLE)
def test_trouble_below_is_translated_and_kept_as_the_cause(
    wire, transport, trouble, kind, phase, unsure
):
    wire.post(f"{BASE}/thing", body=trouble)

    with pytest.raises(kind) as caught:
        transport.send(post(), transport.patience(tries=1))
    assert type(caught.value) is kind
    assert getattr(caught.value, "phase", None) == phase
    assert getattr(caught.value, "unsure", None) == unsure
    assert caught.value.__cause__ is not None
    assert "127.0.0.1:8" in str(caught.value)


def test_translated_error_pickles(wire, transport):
    wire.get(f"{BASE}/thing", body=requests.exceptions.ReadTimeout("t"))
    with pytest.raises(TimedOut) as caught:
        transport.send(get(), transport.patience(tries=1))

    copy = pickle.loads(pickle.dumps(caught.value))

    assert (copy.phase, str(copy), copy.url) == ("idle", str(caught.value), caught.value.url)


# trying again --------------------------------------------------------------------------------


def test_reading_call_is_tried_again(wire, transport, slept):
    wire.get(f"{BASE}/thing", status=503)
    wire.get(f"{BASE}/thing", body=requests.exceptions.ConnectionError("cut"))
    wire.get(f"{BASE}/thing", body=b"good")

    assert transport.send(get()).body == b"good"
    assert slept == [0.5, 1.0]


def test_writing_call_is_not(wire, transport, slept):
    wire.post(f"{BASE}/thing", status=503)

    with pytest.raises(Unavailable):
        transport.send(post())
    assert (len(wire.calls), slept) == (1, [])


def test_tries_of_the_client(wire):
    wire.get(f"{BASE}/thing", status=503)
    transport = Transport(BASE, retry=Retry(tries=5, first_delay=0), sleep=lambda seconds: None)

    with pytest.raises(Unavailable):
        transport.send(get())
    assert len(wire.calls) == 5
    transport.close()


def test_lapsed_session_is_renewed_and_the_request_sent_again(wire):
    wire.post(f"{BASE}/thing", status=401, json={"error": "no"})
    wire.post(f"{BASE}/thing", body=b"good")
    transport = Transport(BASE, identity=Renewable())

    assert transport.send(post()).body == b"good"
    transport.close()


def test_call_whose_time_is_over_is_not_sent(transport):
    late = transport.patience(deadline=time.monotonic() - 1)

    with pytest.raises(TimedOut) as caught:
        transport.send(get(), late)
    assert caught.value.phase == "total"


# cookies and other people's sessions ---------------------------------------------------------


def test_cookies_of_a_reply_are_told_and_not_kept(wire):
    wire.get(f"{BASE}/thing", headers={"Set-Cookie": "hf-chat=1; Path=/"})
    wire.get(f"{BASE}/thing")
    somebody = SignedIn()
    transport = Transport(BASE, identity=somebody)

    transport.send(get())
    transport.send(get())

    assert [(url, list(values)) for url, values, _ in somebody.told] == [
        (f"{BASE}/thing", ["hf-chat=1; Path=/"])
    ]
    assert sent(wire).headers["Cookie"] == "hf-chat=0"
    transport.close()


@pytest.mark.parametrize("status", [200, 401, 403, 302])
def test_cookies_of_a_refusal_are_told_as_such(wire, status):
    wire.get(
        f"{BASE}/thing", status=status, headers={"Set-Cookie": "hf-chat=1", "Location": "/login"}
    )
    somebody = SignedIn()
    transport = Transport(BASE, identity=somebody)
    call = Call(Request("GET", "/thing", error=no_error), lambda reply: None)

    transport.send(call)

    assert [refused for _, _, refused in somebody.told] == [status != 200]
    transport.close()


def test_session_of_the_user_is_not_changed(wire):
    session = requests.Session()
    session.cookies.set("mine", "1")
    before = dict(session.headers), session.cookies.get_dict(), session.auth
    wire.get(f"{BASE}/thing", headers={"Set-Cookie": "hf-chat=1"})
    transport = Transport(BASE, session=session)

    transport.send(get())
    transport.close()

    assert (dict(session.headers), session.cookies.get_dict(), session.auth) == before
    assert sent(wire).headers["Cookie"] == "mine=1"
    session.close()


def test_subclass_of_the_users_session_does_the_sending(wire):
    class Counting(requests.Session):
        def __init__(self):
            super().__init__()
            self.sent = []

        def send(self, request, **options):
            self.sent.append(request.url)
            return super().send(request, **options)

    session = Counting()
    wire.get(f"{BASE}/thing")
    transport = Transport(BASE, session=session)

    transport.send(get())

    assert session.sent == [f"{BASE}/thing"]
    session.close()


def test_headers_of_the_users_session_go_along_and_ours_win(wire):
    session = requests.Session()
    session.headers.update({"X-Mine": "1", "User-Agent": "theirs"})
    wire.get(f"{BASE}/thing")
    transport = Transport(BASE, session=session)

    transport.send(get())

    assert sent(wire).headers["X-Mine"] == "1"
    assert sent(wire).headers["User-Agent"].startswith("hugchat_sync/")
    session.close()


def test_transport_shows_where_it_leads(wire, transport):
    wire.get(f"{BASE}/thing")
    transport.send(get())

    assert repr(transport) == f"<Transport to {BASE}>"


def test_limits_are_those_of_the_client(wire):
    wire.get(f"{BASE}/thing")
    transport = Transport(BASE, timeout=Timeout(connect=3, idle=5, progress=9))

    transport.send(get())

    assert tuple(wire.calls[0].request.req_kwargs["timeout"]) == (3, 5)
    transport.close()
