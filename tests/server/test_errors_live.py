"""What a server may answer instead: each is an error of its own class, which says what to do."""

from __future__ import annotations

import json
import socket

import pytest
from counting import messages, seen
from sampling import each

from hugchat_sync import (
    AuthError,
    BadRequest,
    Bot,
    Client,
    ConnectionFailed,
    ConversationLimit,
    ConversationNotExistError,
    FeatureUnavailable,
    HugChatError,
    ModelGone,
    ModelNotFound,
    NotFound,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    ServerError,
    SessionExpired,
    TimedOut,
    Timeout,
    TooLarge,
    Unavailable,
    UnknownDialect,
    UsageError,
)
from hugchat_sync.local.testing import Fault, Script

ERAS = ["v2-2025", "lines-2023"]
MODEL = {"v2-2025": "omni", "lines-2023": "local/documents"}
MESSAGE = r"/conversation/[0-9a-f]{24}$"
UNKNOWN = "f" * 24

#: status → class
CLASSES = {
    400: BadRequest,
    401: AuthError,
    402: QuotaExceeded,
    403: AuthError,
    404: NotFound,
    405: BadRequest,
    409: BadRequest,
    410: ModelGone,
    413: TooLarge,
    429: RateLimited,
    500: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}

JSON, TEXT, HTML = (
    {"Content-Type": kind} for kind in ("application/json", "text/plain", "text/html")
)

#: the shapes in which a server tells a reason: (headers, body, what the user reads of it)
SHAPES = {
    "thrown by a route": (JSON, '{"message": "The reason."}', "The reason."),
    "unexpected": (JSON, '{"message": "An error occurred", "errorId": "e-1"}', "An error occurred"),
    "of the request hook": (JSON, '{"error": "The reason."}', "The reason."),
    "of the hook as text": (TEXT, "The reason.", "The reason."),
    "without a type": ({"Content-Type": ""}, "GET method not allowed", "GET method not allowed"),
    "a page": (HTML, "<!doctype html><title>The reason.</title>", "The reason."),
    "a page of a proxy": (HTML, "<html><body>nginx</body></html>", "page"),
    "empty": (TEXT, "", "no reason"),
    "broken": (JSON, '{"message": ', "message"),
    "a list": (JSON, "[1]", "no reason"),
    "null": (JSON, "null", "no reason"),
    "nested": (JSON, '{"error": {"message": "The reason."}}', "The reason."),
    "of a validator": (JSON, '{"type": "validation", "on": "body"}', "body"),
    "not UTF-8": (TEXT, b"\xff\xfe reason", "reason"),
}


@pytest.mark.parametrize("status", CLASSES)
def test_bad_status_is_its_class_and_tells_the_reason(shared, status):
    server, client, conversation = shared
    for call in (client.settings, lambda: client.share(conversation)):
        for shape, (headers, body, told) in SHAPES.items():
            server.faults.clear()
            server.faults.add(Fault(status=status, headers=headers, body=body, times=9))

            with pytest.raises(CLASSES[status]) as caught:
                call()
            assert type(caught.value) is CLASSES[status], shape
            assert told in str(caught.value), shape
            assert str(status) in str(caught.value), shape
            assert str(caught.value).endswith(")"), shape  # with advice
            assert caught.value.status == status, shape


@pytest.fixture(scope="module")
def shared():
    """One server for the many replies that it is told to give."""
    from hugchat_sync import Retry
    from hugchat_sync.local import LocalServer
    from hugchat_sync.local.testing import Scripted

    once = Retry(tries=1)
    with LocalServer(responder=Scripted()) as server, Client(server.url, retries=once) as client:
        yield server, client, client.create_conversation()


def test_id_of_an_error_is_kept(serve, connect):
    body = '{"message": "An error occurred", "errorId": "e-1"}'
    server = serve(faults=[Fault(status=500, body=body)])

    with pytest.raises(Unavailable) as caught:
        connect(server).models()
    assert (caught.value.error_id, caught.value.body) == ("e-1", body)
    assert caught.value.url == server.url + "/api/v2/models"


# what is refused before anything is sent -----------------------------------------------------


@pytest.fixture()
def silent():
    """A client of an address at which nobody answers: a request would be another error."""
    with Bot("http://127.0.0.1:9/chat", dialect="v2-2025") as client:
        yield client


@pytest.mark.parametrize("text", ["", "  \n", None, 5, b"bytes", ["list"]])
@pytest.mark.parametrize("method", ["chat", "ask"])
def test_what_is_no_prompt_is_refused(silent, text, method):
    with pytest.raises(UsageError, match="text"):
        getattr(silent, method)(text, UNKNOWN)


MALFORMED = [
    "",
    "abc",
    "g" * 24,
    "6" * 23,
    "6" * 25,
    "6" * 24 + "\n",
    "../" + "6" * 21,
    5,
    b"6" * 24,
]


@each(
    "call",
    [
        lambda client, bad: client.chat("hi", bad),
        lambda client, bad: client.ask("hi", bad),
        lambda client, bad: client.history(bad),
        lambda client, bad: client.conversation(bad),
        lambda client, bad: client.rename_conversation(bad, "t"),
        lambda client, bad: client.update_title(bad),
        lambda client, bad: client.remove_conversation(bad),
        lambda client, bad: client.switch_conversation(bad),
        lambda client, bad: client.share(bad),
        lambda client, bad: client.stop(bad),
        lambda client, bad: client.retry("m", bad),
        lambda client, bad: client.edit("m", "t", bad),
        lambda client, bad: client.remove_message("m", bad),
        lambda client, bad: client.answer_elicitation("e", "accept", conversation_id=bad),
        lambda client, bad: client.updateTitle(bad),
        lambda client, bad: client.removeConversation(bad),
        lambda client, bad: client.switchConversation(bad),
        lambda client, bad: setattr(client, "current_conversation", bad),
    ],
)
def test_malformed_id_is_refused_without_a_request(call):
    client = Bot("http://127.0.0.1:9/chat")  # detection would be a request, too

    for conversation_id in MALFORMED:
        with pytest.raises(ConversationNotExistError) as caught:
            call(client, conversation_id)
        assert caught.value.status is None, conversation_id


@pytest.mark.parametrize("method", ["removeConversation", "switchConversation"])
def test_id_that_is_not_in_the_map_is_refused_without_a_request(silent, method):
    with pytest.raises(ConversationNotExistError) as caught:
        getattr(silent, method)(UNKNOWN)
    assert caught.value.status is None


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.history(),
        lambda client: client.conversation(),
        lambda client: client.stop(),
        lambda client: client.share(),
        lambda client: client.retry("m"),
    ],
)
def test_call_without_a_current_conversation_is_refused(silent, call):
    with pytest.raises(UsageError, match="current"):
        call(silent)


@each(
    "call",
    [
        lambda client: client.chat("hi", UNKNOWN, max_tries=0),
        lambda client: client.chat("hi", UNKNOWN, max_tries="3"),
        lambda client: client.chat("hi", UNKNOWN, files="a.txt"),
        lambda client: client.chat("hi", UNKNOWN, files=["/nowhere"]),
        lambda client: client.chat("hi", UNKNOWN, files=None),
        lambda client: client.chat("hi", UNKNOWN, files=5),
        lambda client: client.chat("hi", UNKNOWN, custom_data=5),
        lambda client: client.chat("hi", UNKNOWN, custom_data={"temperature": 1}),
        lambda client: client.rename_conversation(UNKNOWN, ""),
        lambda client: client.rename_conversation(UNKNOWN, " "),
        lambda client: client.rename_conversation(UNKNOWN, "x" * 101),
        lambda client: client.rename_conversation(UNKNOWN, None),
        lambda client: client.update_settings(nonsense=1),
        lambda client: client.set_system_prompt("m", None),
        lambda client: client.set_system_prompts(["m"]),
        lambda client: client.answer_elicitation("e", "perhaps", conversation_id=UNKNOWN),
        lambda client: client.import_share(""),
        lambda client: client.import_share(None),
        lambda client: client.edit("m", " ", UNKNOWN),
        lambda client: client.map("one prompt"),
        lambda client: client.map(["hi"], workers=0),
        lambda client: client.map(["hi"], nonsense=1),
        lambda client: client.map(["hi"], max_per_minute=0),
        lambda client: client.create_conversation(5),
        lambda client: client.create_conversation("m", 5),
    ],
)
def test_call_that_cannot_be_right_is_refused(silent, call):
    with pytest.raises(UsageError):
        call(silent)


def test_large_file_is_refused_before_anything_is_sent(silent):
    with pytest.raises(TooLarge):
        silent.chat("hi", UNKNOWN, files=[("a", bytes(10 * 1024 * 1024 + 1), "x/y")])


# what the server does not know ---------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.chat("hi", UNKNOWN),
        lambda client: client.history(UNKNOWN),
        lambda client: client.remove_conversation(UNKNOWN),
        lambda client: client.rename_conversation(UNKNOWN, "t"),
        lambda client: client.update_title(UNKNOWN),
    ],
)
def test_unknown_conversation_is_told_by_the_server(serve, connect, era, call):
    with pytest.raises(ConversationNotExistError) as caught:
        call(connect(serve(era=era)))
    assert caught.value.status in (200, 404)


@pytest.mark.parametrize("era", ERAS)
def test_conversation_of_somebody_else_does_not_exist_for_us(serve, connect, era):
    server = serve(era=era)
    theirs = connect(server, cookies={"hf-chat": "a" * 8}).create_conversation()

    with pytest.raises(ConversationNotExistError):
        connect(server, cookies={"hf-chat": "b" * 8}).history(theirs)


@pytest.mark.parametrize("era", ERAS)
def test_unknown_model_is_told_with_the_nearest_names(serve, connect, era):
    with pytest.raises(ModelNotFound, match="local/documents") as caught:
        connect(serve(era=era)).create_conversation("local/document")

    assert caught.value.model == "local/document"
    assert caught.value.nearest[0] == "local/documents"


def test_unknown_model_is_told_at_creation_and_not_before(serve, connect):
    client = connect(serve(), model="nonsense")

    with pytest.raises(ModelNotFound):
        client.chat("hi")


def test_model_is_not_blamed_for_the_trouble_of_the_server(serve, connect):
    server = serve(faults=[Fault("POST", "/conversation$", status=500)])

    with pytest.raises(Unavailable):
        connect(server).create_conversation("omni", "")


@pytest.mark.usefixtures("hurried")
def test_trouble_of_the_server_hid_behind_that_of_its_list_of_models(serve, connect):
    refused = Fault("POST", "/conversation$", status=503, body='{"message": "The reason."}')
    server = serve(faults=[refused, Fault("GET", "/models", status=500, times=None)])

    with pytest.raises(Unavailable, match="The reason"):
        connect(server).create_conversation("omni", "")


def test_good_model_was_blamed_for_a_refused_system_prompt(serve, connect):
    server = serve(faults=[Fault("POST", "/conversation$", status=400)])

    with pytest.raises(BadRequest, match="system prompt") as caught:
        connect(server).create_conversation("omni", "x" * 99)
    assert not isinstance(caught.value, ModelNotFound)


def test_feature_that_an_era_lacks_names_those_that_have_it(serve, connect):
    server = serve(era="lines-2023")

    with pytest.raises(FeatureUnavailable) as caught:
        connect(server).chat("hi", files=[("a", b"x", "text/plain")])
    assert (caught.value.feature, caught.value.dialect) == ("files", "lines-2023")
    assert "v2-2025" in caught.value.available
    assert seen(server) == []


def test_search_where_nothing_searches_is_told_before_anything_is_sent(serve, connect):
    listed = Fault("GET", "/api/mcp/servers", status=200, body="[]")
    server = serve(faults=[listed])

    with pytest.raises(FeatureUnavailable, match="search"):
        connect(server).chat("hi", web_search=True)
    assert [line for line in seen(server) if line.startswith("POST")] == []


def test_limit_of_conversations_is_told_as_such(serve, connect):
    client = connect(serve(limits={"conversations": 1}))
    client.create_conversation()
    client.create_conversation()

    with pytest.raises(ConversationLimit, match="delete"):
        client.create_conversation()


def test_limit_of_messages_in_a_conversation_is_told_as_such(serve, connect):
    client = connect(serve(limits={"messages": 2}))
    client.ask("hi")

    with pytest.raises(ConversationLimit, match="new"):
        client.ask("again")


# who asks ------------------------------------------------------------------------------------


def test_signed_out_creation_is_refused_and_the_redirect_is_not_followed(serve, connect):
    server = serve(token="right")

    with pytest.raises(AuthError, match="sign in") as caught:
        connect(server).create_conversation("omni", "")
    assert not isinstance(caught.value, SessionExpired)
    assert seen(server) == ["POST /conversation"]


def test_creation_with_a_session_that_is_over_says_so(serve, connect):
    client = connect(serve(token="right"), cookies={"hf-chat": "wrong-by-now"})

    with pytest.raises(SessionExpired, match="sign in again"):
        client.create_conversation("omni", "")


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.fetch_conversations(),
        lambda client: list(client.list_conversations()),
        lambda client: client.chat("hi"),
        lambda client: client.chat("hi", UNKNOWN),
        lambda client: client.history(UNKNOWN),
        lambda client: client.set_system_prompt("omni", "p"),
        lambda client: client.remove_conversation(UNKNOWN),
    ],
)
def test_session_that_is_over_is_found_out_by_every_call(serve, connect, call):
    client = connect(serve(token="right"), cookies={"hf-chat": "wrong-by-now"})

    with pytest.raises(SessionExpired):
        call(client)


def test_session_that_is_over_costs_the_good_cookies_nothing(serve, connect):
    client = connect(serve(token="right"), cookies={"hf-chat": "wrong-by-now"})
    with pytest.raises(SessionExpired):
        client.create_conversation("omni", "")

    assert client.cookies.get("hf-chat") == "wrong-by-now"


def test_empty_list_of_somebody_who_is_signed_in_is_a_list(serve, connect):
    client = connect(serve(token="right"), cookies={"hf-chat": "right"})

    assert client.fetch_conversations() == {}
    assert client.whoami().username == "local"


def test_nobody_is_nobody(serve, connect):
    assert connect(serve()).whoami() is None


def test_token_can_read(serve, connect):
    client = connect(serve(token="hf_right"), token="hf_right")

    assert client.whoami().username == "local"
    assert client.fetch_conversations() == {}


def test_token_cannot_chat_and_says_so_before_any_request(serve, connect):
    server = serve(token="hf_right")

    with pytest.raises(AuthError, match="token alone"):
        connect(server, token="hf_right").chat("hi")
    assert seen(server) == []


def test_token_is_not_drowned_by_a_cookie_that_its_answer_brings(serve, connect):
    client = connect(serve(token="hf_right"), token="hf_right")
    client.set_system_prompt("omni", "p")

    assert client.whoami() is not None
    assert client.settings().custom_prompts == {"omni": "p"}


# what is no chat server ----------------------------------------------------------------------


def page(path="", **more):
    return Fault(path=path, status=200, headers={"Content-Type": "text/html"}, times=None, **more)


def test_address_of_some_web_site_is_no_chat_server(serve, connect):
    server = serve(faults=[page(body="<!doctype html><title>Welcome</title>")])

    with pytest.raises(UnknownDialect, match="base URL"):
        connect(server, dialect=None).models()


def test_page_where_a_list_was_asked_for_is_named(serve, connect):
    server = serve(faults=[page(body="<!doctype html><title>Welcome</title>")])

    with pytest.raises(ProtocolError, match="HTML page"):
        connect(server).models()


@pytest.mark.parametrize("status", [302, 303, 307])
@pytest.mark.parametrize("kind", ["GET", "POST"])
def test_redirect_to_a_login_page_is_never_followed(serve, connect, status, kind):
    server = serve()
    client = connect(server)
    client.create_conversation("omni", "")
    client.history()
    away = {"Location": f"{server.url}/login?next=x"}
    server.faults.add(Fault(kind, status=status, headers=away, times=None))
    before = len(seen(server))

    with pytest.raises(AuthError, match="sign in"):
        client.models() if kind == "GET" else client.chat("hi")
    assert [line.split()[0] for line in seen(server)[before:]].count(kind) == 1


@pytest.mark.parametrize("status", [301, 308])
def test_server_that_has_moved_says_where(serve, connect, status):
    moved = Fault(status=status, headers={"Location": "https://new.example/chat/api/v2/models"})

    with pytest.raises(UsageError, match=r"new\.example"):
        connect(serve(faults=[moved])).models()


@each(
    "body",
    ["", "null", "5", '"x"', "[]", "{}", '{"json": null}', '{"json": 5}', '{"json": [5]}', "{"],
)
@each(
    "call",
    [
        lambda client: client.models(),
        lambda client: client.fetch_conversations(),
        lambda client: client.create_conversation("omni", ""),
        lambda client: client.history(UNKNOWN),
    ],
)
def test_reply_in_another_shape_is_a_protocol_error(shared, body, call):
    server, client, _ = shared
    server.faults.clear()
    server.faults.add(Fault(status=200, body=body, times=9))

    with pytest.raises(ProtocolError) as caught:
        call(client)
    assert str(caught.value)


# no server at all ----------------------------------------------------------------------------


def test_address_at_which_nobody_listens(serve, connect):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = Client(f"http://127.0.0.1:{port}/chat", timeout=0.3)

    with pytest.raises(ConnectionFailed, match="connections are refused"):
        client.models()


def test_host_that_does_not_exist(monkeypatch):
    def unknown(*arguments, **more):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    client = Client("https://nowhere.invalid/chat", timeout=0.3)

    with pytest.raises(ConnectionFailed, match=r"nowhere\.invalid"):
        client.models()


def test_server_that_accepts_and_says_nothing():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/chat"
        client = Client(url, timeout=Timeout(idle=0.2, total=0.5))
        with pytest.raises(TimedOut) as caught:
            client.models()
    assert caught.value.phase in ("idle", "total")


@pytest.mark.parametrize("drop", ["before", "after"])
@pytest.mark.usefixtures("hurried")
def test_broken_connection_is_told_with_its_cause(serve, connect, drop):
    server = serve(faults=[Fault("POST", "/conversation$", drop=drop)])

    with pytest.raises(ConnectionFailed) as caught:
        connect(server).create_conversation("omni", "")
    assert caught.value.unsure is True
    assert caught.value.__cause__ is not None
    assert isinstance(caught.value, (OSError, HugChatError))


def test_error_of_a_server_is_one_that_a_user_may_catch_by_its_base(serve, connect):
    server = serve(faults=[Fault(status=418, body="tea")])

    with pytest.raises(ServerError, match="418: tea"):
        connect(server).models()


def test_prompt_that_is_too_long_is_told_by_the_server(serve, connect):
    server = serve(limits={"message_length": 10})

    with pytest.raises(BadRequest):
        connect(server).ask("x" * 50)


def test_failed_answer_is_told_by_the_server_in_its_own_words(serve, connect):
    message = connect(serve(Script(error="the moon is down"))).chat("hi")

    with pytest.raises(HugChatError, match="the moon is down"):
        message.text()


def test_sent_prompt_is_the_one_that_was_given(serve, connect):
    server = serve()

    connect(server).ask("größe \u2028 🚀")

    body = messages(server)[0].body.decode()
    data = body[body.index("{") : body.rindex("}") + 1]
    assert json.loads(data)["inputs"] == "größe \u2028 🚀"
