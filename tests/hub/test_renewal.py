"""A session that has lapsed: renewed by itself once, or said, in every disguise it comes in."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from small_hub import CONVERSATION, EMAIL, OAUTH, PASSWORD, Answer, Chat, Served, page, to

from hugchat_sync import Client
from hugchat_sync.auth.cookies import disk
from hugchat_sync.auth.cookies.store import CookieStore
from hugchat_sync.auth.sign import Sign
from hugchat_sync.errors import AuthError, SessionExpired

USES = {
    "list": lambda client: client.fetch_conversations(),
    "read": lambda client: client.history(CONVERSATION),
    "create": lambda client: client.create_conversation(),
    "send": lambda client: client.ask("hi", CONVERSATION),
    "settings": lambda client: client.settings(),
    "change": lambda client: client.update_settings(streaming_mode="raw"),
}
in_every_use = pytest.mark.parametrize("use", list(USES.values()), ids=list(USES))


@pytest.fixture
def file(chat, tmp_path):
    """The cookie file of somebody who has signed in."""
    sign = Sign(EMAIL, PASSWORD, base_url=f"{chat.origin}/chat")
    sign.login(save=True, cookie_dir_path=tmp_path)
    chat.log.clear()
    chat.hub.log.clear()
    return tmp_path / f"{EMAIL}.json"


def client_of(chat, cookies, **more):
    return Client(f"{chat.origin}/chat", cookies=cookies, dialect="v2-2025", **more)


# renewed -------------------------------------------------------------------------------------


@in_every_use
def test_lapsed_session_is_renewed_and_the_call_goes_on(chat, file, use):
    before = json.loads(file.read_text())
    chat.end_sessions()
    with client_of(chat, file) as client:
        use(client)

    after = json.loads(file.read_text())
    assert after["token"] == before["token"]
    assert after["hf-chat"] != before["hf-chat"]
    assert after["hf-chat"] in chat.sessions
    assert set(after) == {"token", "hf-chat"}
    assert chat.count("GET /chat/login") == 1
    assert [asked.route for asked in chat.hub.log] == [f"GET {OAUTH}"]


def test_result_is_that_of_the_renewed_session(chat, file):
    chat.end_sessions()
    with client_of(chat, file) as client:
        assert client.fetch_conversations() == {CONVERSATION: "Tea"}
        assert client.settings().custom_prompts == {"m/one": "Be brief."}
        assert client.whoami().email == EMAIL
        assert client.check().user.email == EMAIL

    assert chat.count("GET /chat/login") == 1


def test_who_is_asked_first_after_the_lapse(chat, file):
    chat.end_sessions()
    with client_of(chat, file) as client:
        assert client.whoami().email == EMAIL


def test_settings_of_nobody_are_never_written_back(chat, file):
    chat.end_sessions()
    with client_of(chat, file) as client:
        client.set_system_prompt("m/two", "Rhyme.")

    assert chat.settings["customPrompts"] == {"m/one": "Be brief.", "m/two": "Rhyme."}


def test_new_conversation_has_the_model_and_the_prompt_of_the_renewed_session(chat, file):
    chat.end_sessions()
    chat.settings["customPrompts"]["m/two"] = "Rhyme."
    with client_of(chat, file) as client:
        client.create_conversation()

    made = json.loads(chat.asked("POST /chat/conversation")[-1].body)
    assert made == {"model": "m/two", "preprompt": "Rhyme."}


def test_message_is_sent_once_more_and_not_twice(chat, file):
    with client_of(chat, file) as client:
        client.history(CONVERSATION)  # the place to append to is known
        chat.end_sessions()

        assert client.ask("hi", CONVERSATION) == "Hi"

    assert chat.count(f"POST /chat/conversation/{CONVERSATION}") == 1  # a look came before


def test_server_with_forced_sign_in(hub, chat, file):
    chat.end_sessions()
    chat.forced = True
    with Client(f"{chat.origin}/chat", cookies=file) as client:  # the era is asked for as well
        assert client.ask("hi", CONVERSATION) == "Hi"


def test_refusal_inside_of_a_good_status_is_renewed(chat, file):
    """A forced sign-in answers a message with 200 and a redirect as JSON."""
    chat.forced = True
    with client_of(chat, file) as client:
        client.history(CONVERSATION)
        chat.end_sessions()

        assert client.ask("hi", CONVERSATION) == "Hi"

    assert json.loads(file.read_text())["hf-chat"] in chat.sessions


def test_cookies_that_were_no_file_are_renewed_in_memory(chat, file):
    cookies = json.loads(file.read_text())
    chat.end_sessions()
    with client_of(chat, dict(cookies)) as client:
        client.fetch_conversations()

        assert client.cookies["hf-chat"] in chat.sessions


def test_session_past_its_date_is_renewed_before_any_refusal(one_place):
    sign = Sign(EMAIL, PASSWORD, base_url=f"{one_place.origin}/chat")
    token = sign.login()["token"]
    one_place.log.clear()
    exported = [
        {"name": "token", "value": token, "domain": "127.0.0.1"},
        {"name": "hf-chat", "value": "old", "domain": "127.0.0.1", "expirationDate": 1.6e9},
    ]
    with client_of(one_place, exported) as client:
        assert client.fetch_conversations() == {CONVERSATION: "Tea"}


def test_good_pair_survives_the_answers_for_nobody(chat, file):
    """A refused creation hands out the session of nobody, which a jar would put over ours."""
    good = json.loads(file.read_text())
    chat.sessions, kept = {}, chat.sessions
    chat.instead["GET /chat/login"] = page("sorry", status=503)
    with client_of(chat, file) as client:
        with pytest.raises(SessionExpired):
            client.create_conversation("m/one", "")
        chat.sessions = kept

        client.create_conversation("m/one", "")

    assert json.loads(file.read_text()) == good


def test_good_cookie_overwritten_by_an_answer_for_nobody_is_tried_before_a_new_sign_in(chat, file):
    """A server that loses its sessions for a moment answers 200, and as to a newcomer."""
    good = json.loads(file.read_text())
    with client_of(chat, file) as client:
        assert client.fetch_conversations() == {CONVERSATION: "Tea"}  # the server knows us
        chat.log.clear()
        nothing = json.dumps({"json": {"conversations": [], "hasMore": False}})
        chat.instead["GET /chat/api/v2/conversations"] = lambda asked: (
            chat.instead.clear()
            or Answer(200, nothing, "application/json", [("Set-Cookie", "hf-chat=of-nobody")])
        )

        assert client.fetch_conversations() == {CONVERSATION: "Tea"}

    assert chat.count("GET /chat/login") == 0
    assert json.loads(file.read_text())["hf-chat"] == good["hf-chat"]


def test_file_renewed_by_another_job_is_enough(chat, file):
    with client_of(chat, file) as client:
        chat.end_sessions()
        token = json.loads(file.read_text())["token"]
        chat.sessions["of-another-job"] = (EMAIL, token)
        CookieStore.read(file, f"{chat.origin}/chat").adopt({"hf-chat": "of-another-job"})

        assert client.fetch_conversations() == {CONVERSATION: "Tea"}

    assert chat.count("GET /chat/login") == 0


def test_file_of_another_job_that_has_lapsed_as_well(chat, file):
    with client_of(chat, file) as client:
        chat.end_sessions()
        CookieStore.read(file, f"{chat.origin}/chat").adopt({"hf-chat": "lapsed, too"})

        assert client.fetch_conversations() == {CONVERSATION: "Tea"}

    assert chat.count("GET /chat/login") == 1


def test_threads_renew_once(chat, file):
    chat.end_sessions()
    titles = []
    with client_of(chat, file) as client:
        threads = [
            threading.Thread(target=lambda: titles.append(client.fetch_conversations()))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert titles == [{CONVERSATION: "Tea"}] * 8
    assert chat.count("GET /chat/login") <= 2


def test_list_that_was_nobodys_is_asked_for_again_though_a_renewal_is_not_quite_over(chat, file):
    """Its cookies were there already, and their file was still being written."""
    chat.end_sessions()
    route, lists = "GET /chat/api/v2/conversations", []
    lock = disk.hold_lock_of(file.resolve())

    def listed(asked):
        reply = chat.usual(asked)
        lists.append(asked)
        if len(lists) == 2:
            second_asks.set()
            assert until(lambda: chat.count("GET /chat/login/callback"))
            time.sleep(0.3)
        return reply

    def callback(asked):
        assert second_asks.wait(10)
        lock.__enter__()
        threading.Timer(1.0, lock.__exit__, (None, None, None)).start()
        return chat.usual(asked)

    second_asks = threading.Event()
    chat.instead.update({route: listed, "GET /chat/login/callback": callback})
    with client_of(chat, file) as client, ThreadPoolExecutor(2) as pool:
        titles = list(pool.map(lambda _: client.fetch_conversations(), range(2)))

    assert titles == [{CONVERSATION: "Tea"}] * 2


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


RENEW = """
import sys
from hugchat_sync import Client
client = Client(sys.argv[1], cookies=sys.argv[2], dialect="v2-2025")
print("ready", flush=True)
sys.stdin.readline()
for _ in range(3):
    assert client.fetch_conversations(), "empty"
    client.create_conversation("m/one", "")
"""


def test_processes_that_share_a_file_all_go_on(chat, file):
    chat.end_sessions()
    jobs = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", RENEW, f"{chat.origin}/chat", str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for job in jobs:
        assert job.stdout.readline().strip() == b"ready"
    for job in jobs:
        job.stdin.write(b"go\n")
        job.stdin.close()
    assert [job.wait(timeout=30) for job in jobs] == [0, 0, 0, 0]
    for job in jobs:
        job.stdout.close()

    kept = json.loads(file.read_text())
    assert kept["hf-chat"] in chat.sessions
    assert file.stat().st_mode & 0o777 == 0o600
    assert chat.count("GET /chat/login") <= 4


def test_pickled_client_renews_as_well(chat, file):
    chat.end_sessions()
    with pickle.loads(pickle.dumps(client_of(chat, file))) as client:
        assert client.fetch_conversations() == {CONVERSATION: "Tea"}


# not renewed ---------------------------------------------------------------------------------


@in_every_use
def test_ended_session_is_said_when_the_hub_has_forgotten_us_too(chat, file, use):
    chat.end_sessions()
    chat.hub.tokens.clear()
    good = json.loads(file.read_text())
    with client_of(chat, file) as client, pytest.raises(SessionExpired):
        use(client)

    assert json.loads(file.read_text()) == good
    assert chat.count("GET /chat/login") == 1


@in_every_use
def test_ended_session_is_said_on_a_server_with_forced_sign_in(chat, file, use):
    chat.end_sessions()
    chat.hub.tokens.clear()
    chat.forced = True
    with client_of(chat, file) as client, pytest.raises(SessionExpired):
        use(client)


def test_nobody_is_no_error_where_it_is_the_answer(chat, file):
    chat.end_sessions()
    chat.hub.tokens.clear()
    with client_of(chat, file) as client:
        assert client.whoami() is None
        assert client.check().user is None


def test_hopeless_renewal_is_not_tried_at_every_call(chat, file):
    chat.end_sessions()
    chat.hub.tokens.clear()
    with client_of(chat, file) as client:
        for _ in range(5):
            with pytest.raises(SessionExpired):
                client.fetch_conversations()

    assert chat.count("GET /chat/login") == 1


def test_renewal_that_changes_nothing_does_not_loop(chat, file):
    """The chat server signs in, and knows nobody all the same."""
    chat.end_sessions()
    chat.who = lambda asked: None
    with client_of(chat, file) as client, pytest.raises(SessionExpired):
        client.fetch_conversations()

    assert chat.count("GET /chat/login") <= 2


def test_session_cookie_alone_leads_to_no_walk(chat, file):
    chat.coupled = False
    session = json.loads(file.read_text())["hf-chat"]
    with client_of(chat, {"hf-chat": session}) as client:
        assert client.fetch_conversations()
        chat.end_sessions()
        with pytest.raises(SessionExpired):
            client.fetch_conversations()

    assert chat.count("GET /chat/login") == 0


def test_no_password_is_ever_sent_by_a_renewal(chat, file):
    chat.end_sessions()
    chat.hub.tokens.clear()
    with client_of(chat, file) as client, pytest.raises(SessionExpired):
        client.fetch_conversations()

    assert chat.hub.count("POST /login") == 0


def test_token_cookie_is_not_sent_to_another_hub(chat, file):
    elsewhere = Chat(chat.hub)
    with Served(elsewhere) as origin:
        other = origin.replace("127.0.0.1", "localhost")
        chat.instead["GET /chat/login"] = to(f"{other}{OAUTH}?client_id=1", "x=1")
        chat.end_sessions()
        with client_of(chat, file) as client, pytest.raises(SessionExpired):
            client.fetch_conversations()

    assert [asked.cookies for asked in elsewhere.log] == [{}]


def test_missing_cookie_is_named_before_any_request(monkeypatch):
    client = Client(cookies={"token": "t"})

    with pytest.raises(AuthError, match="hf-chat is missing"):
        client.fetch_conversations()


def test_open_server_needs_nothing_and_is_never_ended(hub, tmp_path):
    """A file without cookies is one to keep an anonymous session in."""
    path = tmp_path / "anonymous.json"
    path.write_text("{}")
    chat = Chat(hub)
    chat.who = lambda asked: "guest"
    chat.renewed = lambda asked: ("Set-Cookie", "hf-chat=the-one-of-a-guest; Path=/; Max-Age=99")
    with Served(chat) as chat.origin, client_of(chat, path) as client:
        client.create_conversation("m/one", "")
        client.create_conversation("m/one", "")

    sent = [asked.cookies for asked in chat.asked("POST /chat/conversation")]
    assert sent == [{}, {"hf-chat": "the-one-of-a-guest"}]
    assert json.loads(path.read_text()) == {"hf-chat": "the-one-of-a-guest"}


def test_renewal_takes_little_time(chat, file):
    chat.end_sessions()
    began = time.monotonic()
    with client_of(chat, file) as client:
        client.fetch_conversations()

    assert time.monotonic() - began < 2
