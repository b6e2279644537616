"""Cookies: every form they come in, where they are sent, and what answers do to them."""

from __future__ import annotations

import json
import pickle
import threading
import time
import traceback
from http.cookiejar import CookieJar, MozillaCookieJar
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.cookies import RequestsCookieJar, create_cookie
from sampling import each

from hugchat_sync.auth.cookies.disk import default_directory, file_of
from hugchat_sync.auth.cookies.store import CookieStore
from hugchat_sync.errors import HugChatError, UsageError

HUB = "https://huggingface.co/chat"
ASK = HUB + "/conversation"
PAIR = {"token": "secret-token", "hf-chat": "secret-session"}
HEADER = "token=secret-token; hf-chat=secret-session"
SOON = 4102358400  # a fixed day, so that the names of the tests are the same in every process


def record(name, value, **more):
    return {"name": name, "value": value, "domain": "huggingface.co", "path": "/", **more}


EXPORT = [
    record("token", "secret-token", domain=".huggingface.co", expirationDate=SOON + 0.5),
    record("hf-chat", "secret-session", hostOnly=True, secure=True, httpOnly=True, session=True),
    record("other", "secret-other", domain="other.example.org"),
    record("sub", "secret-sub", domain="docs.huggingface.co"),
]
NETSCAPE = (
    "# Netscape HTTP Cookie File\n"
    "# a remark\n"
    f".huggingface.co\tTRUE\t/\tTRUE\t{SOON}\ttoken\tsecret-token\n"
    "#HttpOnly_huggingface.co\tFALSE\t/\tTRUE\t0\thf-chat\tsecret-session\n"
    f".example.org\tTRUE\t/\tFALSE\t{SOON}\tother\tsecret-other\n"
)


def jar_of(*cookies):
    jar = RequestsCookieJar()
    for cookie in cookies:
        jar.set_cookie(cookie)
    return jar


def simple_cookie():
    cookie = SimpleCookie()
    cookie["token"] = "secret-token"
    cookie["hf-chat"] = "secret-session"
    cookie["hf-chat"]["domain"] = "huggingface.co"
    cookie["other"] = "secret-other"
    cookie["other"]["domain"] = "example.org"
    return cookie


def plain_jar():
    jar = CookieJar()
    jar.set_cookie(create_cookie("token", "secret-token", domain=".huggingface.co"))
    jar.set_cookie(create_cookie("hf-chat", "secret-session"))
    return jar


FORMS = {
    "dict": PAIR,
    "dict in a dict": {"cookies": PAIR},
    "records in a dict": {"cookies": EXPORT, "origins": []},
    "simple cookie": simple_cookie(),
    "cookie jar": plain_jar(),
    "requests jar": jar_of(
        create_cookie("token", "secret-token", domain=".huggingface.co"),
        create_cookie("hf-chat", "secret-session", domain="huggingface.co"),
        create_cookie("other", "secret-other", domain="other.example.org"),
    ),
    "header": HEADER,
    "header with its name": "Cookie: " + HEADER + "\n",
    "header with a small name": "cookie:" + HEADER,
    "header in lines": "token=secret-token\nhf-chat=secret-session\n",
    "json": json.dumps(PAIR),
    "json, indented": "\n " + json.dumps(PAIR, indent=2),
    "json export": json.dumps(EXPORT),
    "json of a browser's state": json.dumps({"cookies": EXPORT, "origins": []}),
    "export": EXPORT,
    "export as a tuple": tuple(EXPORT),
    "netscape": NETSCAPE,
    "netscape for windows": NETSCAPE.replace("\n", "\r\n"),
}


@each("source", FORMS.values())
def test_every_form_gives_the_same_cookies(source):
    store = CookieStore.read(source, HUB)
    assert sorted(store.header(ASK).split("; ")) == sorted(HEADER.split("; "))  # jars have no order
    assert sorted(store.names) == ["hf-chat", "token"]
    assert store.missing() == ()
    assert store.names
    assert store.file is None


FILES = {
    "flat.json": json.dumps(PAIR),
    "flat_with_mark.json": "\ufeff" + json.dumps(PAIR),
    "export.json": json.dumps(EXPORT),
    "state.json": json.dumps({"cookies": EXPORT}),
    "cookies.txt": NETSCAPE,
    "no_suffix": NETSCAPE,
    "header.txt": f"Cookie: {HEADER}\n",
    "header_in_lines": HEADER.replace("; ", "\n") + "\n",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("form", [str, Path])
def test_every_file_gives_the_same_cookies(tmp_path, name, form):
    path = tmp_path / name
    path.write_text(FILES[name], encoding="utf-8")
    store = CookieStore.read(form(path), HUB)
    assert store.header(ASK) == HEADER
    assert store.file == path.resolve()


def test_many_blanks_in_a_file_held_its_reader_up(tmp_path):
    (tmp_path / "cookies.txt").write_text(f"a={' ' * 40_000}\tx", encoding="utf-8")
    began = time.process_time()

    with pytest.raises(UsageError, match="neither JSON nor"):
        CookieStore.read(tmp_path / "cookies.txt", HUB)

    assert time.process_time() - began < 2


def test_jar_written_by_the_standard_library_is_read(tmp_path):
    jar = MozillaCookieJar(str(tmp_path / "cookies.txt"))
    jar.set_cookie(create_cookie("token", "secret-token", domain=".huggingface.co", expires=SOON))
    jar.set_cookie(create_cookie("hf-chat", "secret-session", domain="huggingface.co"))
    jar.save(ignore_discard=True)
    assert CookieStore.read(tmp_path / "cookies.txt", HUB).missing() == ()


def test_nothing_given_is_an_empty_store():
    store = CookieStore.read(None, HUB)
    assert not store.names
    assert store.header(ASK) is None
    assert store.missing() == ("token", "hf-chat")
    assert not CookieStore.read({}, HUB).names


def test_missing_names_are_asked_of_the_hub_only():
    assert CookieStore.read({"token": "a"}, HUB).missing() == ("hf-chat",)
    assert CookieStore.read({"hf-chat": "a"}, HUB).missing() == ("token",)
    assert CookieStore.read(None, "https://chat.example.org").missing() == ()


def test_all_cookies_without_a_domain_are_kept():
    store = CookieStore.read("token=a; aws-waf-token=b=c==; hf-chat=d", HUB)
    assert store.header(ASK) == "token=a; aws-waf-token=b=c==; hf-chat=d"


@each(
    ("domain", "host", "kept"),
    [
        ("huggingface.co", "huggingface.co", True),
        (".huggingface.co", "huggingface.co", True),
        ("HuggingFace.CO", "huggingface.co", True),
        (".huggingface.co", "chat.huggingface.co", True),
        ("huggingface.co", "chat.huggingface.co", False),
        ("chat.huggingface.co", "huggingface.co", False),
        (".gface.co", "huggingface.co", False),
        (".co", "huggingface.co", False),
        (".0.0.1", "127.0.0.1", False),
        ("localhost", "localhost", True),
        ("", "huggingface.co", True),
    ],
)
def test_domains_match_as_in_a_browser(domain, host, kept):
    store = CookieStore(f"https://{host}/chat")
    store.adopt([record("a", "b", domain=domain)])
    assert bool(store.names) is kept


def test_subdomain_flag_of_an_export_counts():
    chat = "https://chat.example.org"
    assert CookieStore.read([record("a", "b", domain="example.org", hostOnly=False)], chat)
    with pytest.raises(UsageError, match=r"for example\.org"):
        CookieStore.read([record("a", "b", domain=".example.org", hostOnly=True)], chat)


@pytest.mark.parametrize(
    ("domain", "flag", "is_sent"),
    [
        ("example.org", "TRUE", True),
        (".example.org", "TRUE", True),
        (".example.org", "FALSE", True),  # the dot is what browsers write
        ("example.org", "FALSE", False),
        ("chat.example.org", "FALSE", True),
    ],
)
def test_subdomain_flag_of_a_cookies_txt_counts(tmp_path, domain, flag, is_sent):
    file = tmp_path / "cookies.txt"
    file.write_text(f"{domain}\t{flag}\t/\tTRUE\t0\thf-chat\tvalue\n", "utf-8")
    if is_sent:
        assert CookieStore.read(file, "https://chat.example.org").names
        return
    with pytest.raises(UsageError, match=r"for example\.org"):
        CookieStore.read(file, "https://chat.example.org")


@pytest.mark.parametrize("key", ["expirationDate", "expires", "expiry"])
@pytest.mark.parametrize(
    ("stamp", "alive"),
    [
        (SOON, True),
        (SOON * 1000, True),
        (str(SOON), True),
        ("Fri, 31 Dec 2100 23:59:59 GMT", True),
        ("2100-12-31T23:59:59.000Z", True),
        (253402300799, True),
        (-1, True),
        (0, True),
        (None, True),
        ("never", True),
        (10**400, True),
        (float("nan"), True),
        (1500000000, False),
        (1500000000000, False),
        ("Thu, 01 Jan 1970 00:00:00 GMT", False),
        ("2019-12-31T23:59:59Z", False),
    ],
)
def test_expired_cookies_are_left_out_and_named(caplog, key, stamp, alive):
    store = CookieStore.read([record("hf-chat", "secret", **{key: stamp})], HUB)
    assert bool(store.names) is alive
    assert store.expired == (() if alive else ("hf-chat",))
    assert ("hf-chat" in caplog.text) is not alive
    assert "secret" not in caplog.text


def test_of_two_cookies_of_one_name_the_nearer_is_sent():
    cookies = [
        record("hf-chat", "wide", domain=".huggingface.co"),
        record("hf-chat", "near"),
        record("hf-chat", "elsewhere", path="/docs"),
        record("hf-chat", "old", path="/chat", expires=1500000000),
    ]
    for order in (cookies, cookies[::-1]):
        assert CookieStore.read(order, HUB).header(ASK) == "hf-chat=near"


def test_odd_cookies_of_an_export_do_not_spoil_the_others():
    odd = [record("a b", "x"), record("c", "\u20ac"), record("d", "x\ny"), {"name": 1}, "text"]
    assert CookieStore.read(EXPORT + odd, HUB).header(ASK) == HEADER


BAD = {
    "missing file": "folder/none.json",
    "missing path": Path("a=b.json"),
    "bare token": "hf_s3cret",
    "bare token with padding": "s3cret==",
    "empty": "",
    "spaces": "  ",
    "too long for a path": "s3cret" * 10000,
    "broken json": '{"token": "s3cret"',
    "deep json": "[" * 100000,
    "json of nothing": '["s3cret"]',
    "number as value": {"token": 5},
    "nothing as value": {"token": None},
    "bytes": b"token=s3cret",
    "number": 5,
    "newline in a value": {"token": "s3cret\nx"},
    "semicolon in a value": {"token": "s3cret; a=b"},
    "no latin letter": {"token": "s3cret\u20ac"},
    "path with an equals sign": "/home/s3cret=x/cookies.json",
    "records without cookies": [{"a": "s3cret"}],
    "tabs": "s3cret\ts3cret=",
    "some tabs": "# Netscape HTTP Cookie File\nhuggingface.co\tFALSE\t/ FALSE 0 token s3cret\n",
    "a NUL": "s3cret\0",
}


@each("source", BAD.values())
def test_bad_forms_are_named_without_their_text(source):
    with pytest.raises(UsageError) as caught:
        CookieStore.read(source, HUB)
    error = caught.value
    shown = "".join(
        traceback.TracebackException.from_exception(error, capture_locals=True).format()
    )
    ours = shown.split("hugchat_sync", 1)[1]  # the first frame is that of this test
    for text in (ours, str(error), repr(error), repr(error.args)):
        assert "s3cret" not in text
    assert error.__cause__ is error.__context__ is None
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@each("url", ["", "huggingface.co", "ftp://a/b", "http://[", "http://a:b"])
def test_bad_base_url_is_an_error_of_ours(url):
    with pytest.raises(HugChatError):
        CookieStore(url)
    assert CookieStore.read(PAIR, HUB).header(url) is None


@each(
    ("base", "url"),
    [
        (HUB, "https://huggingface.co/login"),
        (HUB, "https://huggingface.co:443/chat"),
        (HUB, "https://HUGGINGFACE.co/chat"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/conversation"),
        ("http://[::1]:8000", "http://[::1]:8000/conversation"),
        ("https://b\u00fccher.example/chat", "https://xn--bcher-kva.example/chat"),
    ],
)
def test_cookies_go_to_the_base_urls_origin(base, url):
    assert CookieStore.read(PAIR, base).header(url) == HEADER


@each(
    ("base", "url"),
    [
        (HUB, "http://huggingface.co/chat"),
        (HUB, "http://huggingface.co:443/chat"),
        (HUB, "https://huggingface.co:8443/chat"),
        (HUB, "https://chat.huggingface.co/"),
        (HUB, "https://huggingface.co.example.org/chat"),
        (HUB, "https://huggingface.co@example.org/chat"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8001/"),
        ("http://127.0.0.1:8000", "http://localhost:8000/"),
        ("http://chat.example.org", "https://chat.example.org"),
    ],
)
def test_cookies_go_nowhere_else(base, url):
    assert CookieStore.read(PAIR, base).header(url) is None


def test_paths_are_respected():
    store = CookieStore.read([record("a", "1"), record("b", "2", path="/chat")], HUB)
    assert store.header("https://huggingface.co/chat/x") == "b=2; a=1"
    assert store.header("https://huggingface.co/chatter") == "a=1"


@each(
    ("base", "sent"),
    [
        ("http://127.0.0.1:8000", "a=1"),
        ("http://localhost:8000", "a=1"),
        ("http://app.localhost:8000", "a=1"),
        ("http://[::1]", "a=1"),
        ("http://127.example.org", None),
        ("http://chat.example.org", None),
        ("https://chat.example.org", "a=1"),
    ],
)
def test_secure_cookies_of_the_user_stay_off_plain_http(base, sent):
    cookie = {"name": "a", "value": "1", "secure": True}
    assert CookieStore.read([cookie], base).header(base + "/x") == sent


def test_secure_cookie_that_came_over_plain_http_goes_back():
    base = "http://chat.example.org"
    store = CookieStore(base)
    store.received(base + "/conversation", ["hf-chat=a; Path=/; Secure; SameSite=None"])
    assert store.header(base + "/conversation") == "hf-chat=a"


def test_jar_is_a_copy_for_the_host_alone():
    store = CookieStore.read(PAIR, HUB)
    jar = store.jar
    assert isinstance(jar, RequestsCookieJar)
    assert jar.get_dict() == PAIR
    jar.clear()
    assert store.header(ASK) == HEADER


@each(
    ("base", "url", "sent"),
    [
        (HUB, ASK, True),
        (HUB, "https://example.org/", False),
        ("http://localhost:80/chat", "http://localhost:80/chat/x", True),
        ("http://127.0.0.1:80/chat", "http://127.0.0.1:80/chat/x", True),
        ("http://[::1]:80/chat", "http://[::1]:80/chat/x", True),
    ],
)
def test_jar_works_in_a_session_of_requests(base, url, sent):
    session = requests.Session()
    session.cookies = CookieStore.read(PAIR, base).jar
    request = session.prepare_request(requests.Request("GET", url))
    assert ("secret-session" in request.headers.get("Cookie", "")) is sent


@pytest.mark.parametrize("base", [HUB, "http://localhost:8000", "http://[::1]:8000"])
def test_jar_can_be_read_again(base):
    jar = CookieStore.read(PAIR, base).jar
    assert CookieStore.read(jar, base).jar.get_dict() == PAIR
    assert pickle.loads(pickle.dumps(jar)).get_dict() == PAIR


def test_nothing_shows_a_value():
    store = CookieStore.read(EXPORT, HUB)
    jar = store.jar
    session = requests.Session()
    session.cookies.update(jar)
    shown = [repr(x) + str(x) for x in (store, jar, jar.copy(), list(jar), session.cookies)]
    shown += [repr(vars(store)), repr(vars(pickle.loads(pickle.dumps(store))))]
    assert "secret-" not in "".join(shown)
    assert "hf-chat" in repr(store)
    assert "hf-chat" in repr(jar)


def test_store_pickles():
    store = pickle.loads(pickle.dumps(CookieStore.read(PAIR, HUB)))
    store.received(ASK, ["hf-chat=new; Path=/"])
    assert store.header(ASK) == "token=secret-token; hf-chat=new"
    store.restore()
    assert store.header(ASK) == HEADER


def test_set_cookie_is_taken():
    store = CookieStore(HUB)
    store.received(
        ASK,
        [
            "hf-chat=a; Path=/; Expires=Fri, 31 Dec 2100 23:59:59 GMT; HttpOnly; SameSite=Lax",
            "hfChat-codeVerifier = b ;max-age=3600;path=/chat/login",
            "wide=c; Domain=.huggingface.co",
        ],
    )
    assert store.header(ASK) == "wide=c; hf-chat=a"
    assert store.header(HUB + "/login/callback") == "hfChat-codeVerifier=b; wide=c; hf-chat=a"


@each(
    "header",
    [
        "a=b; Domain=example.org",
        "a=b; Domain=docs.huggingface.co",
        "a=b; Domain=co",
        "a=b; Max-Age=0",
        "a=b; Max-Age=-5",
        "a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "=b",
        "a",
        "",
        ";;;",
        "a=b\r\nX: y",
    ],
)
def test_set_cookie_that_is_not_kept(header):
    store = CookieStore(HUB)
    store.received(ASK, [header])
    assert not store.names


@pytest.mark.parametrize(
    "url", ["https://example.org/", "http://huggingface.co/chat", "https://huggingface.co:1/", ""]
)
def test_other_servers_change_nothing(url):
    store = CookieStore.read(PAIR, HUB)
    store.received(url, ["hf-chat=evil; Path=/", "token=; Max-Age=0"])
    assert store.header(ASK) == HEADER


def test_renewed_value_takes_the_place_of_the_given_one():
    store = CookieStore.read(EXPORT, HUB)
    store.received(ASK, ["hf-chat=new; Path=/; Max-Age=1209600", "token=new; Path=/"])
    assert store.header(ASK) == "token=new; hf-chat=new"


@pytest.mark.parametrize(
    "header",
    [
        "hf-chat=anonymous; Path=/; Max-Age=1209600",
        "hf-chat=; Path=/; Max-Age=0",
        "hf-chat=secret-session; Path=/; Max-Age=0",
        "hfChat-codeVerifier=a; Path=/",
    ],
)
def test_signed_out_answer_leaves_the_good_pair(header):
    store = CookieStore.read(PAIR, HUB)
    store.received(ASK, [header], signed_out=True)
    assert store.header(ASK) == HEADER


def test_redirect_of_a_signed_in_user_still_renews(monkeypatch):
    tomorrow = int(time.time()) + 86400
    store = CookieStore.read([record("hf-chat", "a", expires=tomorrow)], HUB)
    store.received(ASK, ["hf-chat=a; Path=/; Max-Age=1209600"], signed_out=True)
    monkeypatch.setattr(time, "time", lambda: tomorrow + 10.0)
    assert store.header(ASK) == "hf-chat=a"


def test_anonymous_session_may_begin_with_a_redirect_and_then_stays():
    store = CookieStore("http://127.0.0.1:8000")
    store.received("http://127.0.0.1:8000/settings", ["hf-chat=a; Path=/"], signed_out=True)
    store.received("http://127.0.0.1:8000/settings", ["hf-chat=b; Path=/"], signed_out=True)
    assert store.header("http://127.0.0.1:8000/") == "hf-chat=a"


@pytest.mark.parametrize("header", ["hf-chat=anonymous; Path=/", "hf-chat=x; Max-Age=0; Path=/"])
def test_restore_brings_the_given_pair_back(header):
    store = CookieStore.read(PAIR, HUB)
    store.received(ASK, [header])
    assert store.header(ASK) != HEADER
    store.restore()
    assert store.header(ASK) == HEADER


def test_restore_goes_to_what_was_confirmed():
    store = CookieStore.read(PAIR, HUB)
    store.received(ASK, ["hf-chat=rotated; Path=/"])
    store.confirm()
    store.received(ASK, ["hf-chat=anonymous; Path=/"])
    store.restore()
    assert store.header(ASK) == "token=secret-token; hf-chat=rotated"


def test_adopted_cookies_are_the_good_ones():
    store = CookieStore.read(PAIR, HUB)
    store.adopt({"hf-chat": "new"})
    store.restore()
    assert store.header(ASK) == "token=secret-token; hf-chat=new"
    with pytest.raises(UsageError):
        store.adopt("hf_secret")


def test_header_follows_each_change(monkeypatch):
    now = time.time()
    store = CookieStore.read({"token": "t"}, HUB)
    assert store.header(ASK) == store.header(HUB + "/login") == "token=t"
    store.received(ASK, ["hf-chat=a; Path=/; Max-Age=60"])
    assert store.header(ASK) == "token=t; hf-chat=a"
    store.received(ASK, ["hf-chat=a; Path=/; Max-Age=600"])
    monkeypatch.setattr(time, "time", lambda: now + 300.0)
    assert store.header(ASK) == "token=t; hf-chat=a"
    store.received(ASK, ["part=p; Path=/chat/conversation"])
    assert store.header(ASK) == "part=p; token=t; hf-chat=a"
    assert store.header(HUB + "/login") == "token=t; hf-chat=a"
    monkeypatch.setattr(time, "time", lambda: now + 9000.0)
    assert store.header(ASK) == "part=p; token=t"
    for other in (
        "http://huggingface.co/chat",
        "https://huggingface.co:444/",
        "https://huggingface.co.uk/",
    ):
        assert store.header(other) is None


def test_session_that_ends_while_we_run_is_missing(monkeypatch):
    store = CookieStore.read([record("token", "a"), record("hf-chat", "b", expires=SOON)], HUB)
    assert store.missing() == ()
    monkeypatch.setattr(time, "time", lambda: SOON + 1.0)
    assert store.missing() == ("hf-chat",)
    assert store.header(ASK) == "token=a"


def test_threads_share_a_store():
    store = CookieStore.read(PAIR, HUB)

    def work(number):
        for turn in range(50):
            store.received(ASK, [f"c{number}={turn}; Path=/"])
            assert "token" in (store.header(ASK) or "")
            assert len(store.jar) >= 2

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.header(ASK) == HEADER + "".join(
        f"; {name}=49" for name in store.names if name not in PAIR
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["name", "value", "domain", "expires", "a"]), inner)
    ),
    max_leaves=8,
)


@given(
    st.text()
    | st.text('ab=;:, \t\n{}[]"#.\x00\u20ac')
    | JSON.map(json.dumps)
    | st.lists(st.text(), min_size=7, max_size=7).map("\t".join)
)
def test_any_text_is_read_or_refused_in_our_words(text):
    try:
        header = CookieStore.read(text, HUB).header(ASK) or ""
    except UsageError as error:
        assert error.__context__ is None
    else:
        assert not {b"\r"[0], b"\n"[0], 0} & set(header.encode("latin-1"))


@given(st.lists(st.text() | st.text("ab=;:, -0123456789\x00").map("a=b; max-age=".__add__)))
def test_any_set_cookie_is_taken_or_left(headers):
    store = CookieStore.read(PAIR, HUB)
    store.received(ASK, headers)
    assert "\n" not in (store.header(ASK) or "").replace("\r", "\n")
    assert store.jar is not None
    store.restore()
    assert set(PAIR) <= set(store.names)


@pytest.mark.parametrize(
    ("email", "name"),
    [
        ("user@example.org", "user@example.org.json"),
        (" user+tag@example.org ", "user+tag@example.org.json"),
        ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd.json"),
        ("a\\b:c*?\0%", "a%5Cb%3Ac%2A%3F%00%25.json"),
        ("..", "...json"),
    ],
)
def test_file_of_an_account_stays_in_its_directory(tmp_path, email, name):
    assert file_of(email, tmp_path) == tmp_path / name
    assert file_of(email, str(tmp_path)).parent == tmp_path


def test_file_of_nobody_is_refused():
    with pytest.raises(UsageError):
        file_of(" ")


@pytest.mark.parametrize(
    ("system", "variables", "expected"),
    [
        ("linux", {}, ".config/hugchat_sync"),
        ("linux", {"XDG_CONFIG_HOME": "relative"}, ".config/hugchat_sync"),
        ("linux", {"XDG_CONFIG_HOME": "{home}/x"}, "x/hugchat_sync"),
        ("darwin", {"XDG_CONFIG_HOME": "{home}/x"}, "Library/Application Support/hugchat_sync"),
        ("win32", {}, "AppData/Roaming/hugchat_sync"),
        ("win32", {"APPDATA": "{home}/Roaming"}, "Roaming/hugchat_sync"),
    ],
)
def test_default_directory_is_the_users_own(monkeypatch, tmp_path, system, variables, expected):
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(home=tmp_path))
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: tmp_path))
    monkeypatch.setattr("sys.platform", system)
    assert default_directory() == tmp_path / expected
    assert file_of("user@example.org").parent == tmp_path / expected


def test_host_that_is_no_name_of_the_internet_is_compared_as_it_is():
    too_long = "\u00fc" * 64 + ".example"  # a label may have 63 letters
    exported = [
        {"name": "hf-chat", "value": "theirs", "domain": too_long.upper()},
        {"name": "hf-chat", "value": "ours", "domain": "chat.example"},
    ]

    ours = CookieStore.read(exported, "https://chat.example/chat")
    assert ours.header("https://chat.example/chat") == "hf-chat=ours"
    theirs = CookieStore.read(exported, f"https://{too_long}/chat")
    assert theirs.header(f"https://{too_long}/chat") == "hf-chat=theirs"
