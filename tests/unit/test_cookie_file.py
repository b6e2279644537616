"""The cookie file: what a renewal changes in it, what it leaves alone, and what may go wrong."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
import time
import traceback
import warnings

import pytest

from hugchat_sync.auth.cookies import disk, file
from hugchat_sync.auth.cookies.store import CookieStore
from hugchat_sync.errors import CookieFileWarning, UsageError

HUB = "https://huggingface.co/chat"
ASK = HUB + "/conversation"
DAY = 86400
NOW = int(time.time())
OTHER = {"name": "hf-chat", "value": "foreign", "domain": "chat.example.org", "path": "/"}

POSIX = os.name == "posix"


@pytest.fixture
def flat(tmp_path):
    path = tmp_path / "user@example.org.json"
    path.write_text(json.dumps({"token": "t", "hf-chat": "h", "foreign": "f"}))
    return path


def renewal(value, name="hf-chat", age=14 * DAY):
    return [f"{name}={value}; Path=/; Max-Age={age}; HttpOnly; Secure; SameSite=Lax"]


def is_private(path):
    """Whether nobody but the owner may do anything with it; Windows has no such modes."""
    return not POSIX or stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_renewed_value_reaches_a_flat_file(flat):
    CookieStore.read(flat, HUB).received(ASK, renewal("new"))
    assert json.loads(flat.read_text()) == {"token": "t", "hf-chat": "new", "foreign": "f"}
    assert CookieStore.read(flat, HUB).header(ASK) == "token=t; hf-chat=new; foreign=f"


def test_name_with_blanks_around_it_stood_twice_in_a_flat_file(flat):
    flat.write_text(json.dumps({"token": "t", " hf-chat ": "h"}))
    store = CookieStore.read(flat, HUB)
    store.received(ASK, [*renewal("new"), "third=3; Path=/"])
    assert json.loads(flat.read_text()) == {"token": "t", " hf-chat ": "new", "third": "3"}

    flat.write_text(flat.read_text().replace('"third"', '" third "'))
    store.received(ASK, ["third=; Path=/; Max-Age=0"])
    assert json.loads(flat.read_text()) == {"token": "t", " hf-chat ": "new"}


def test_written_file_is_for_its_owner_only(flat):
    flat.chmod(0o644)
    CookieStore.read(flat, HUB).received(ASK, renewal("new"))
    assert is_private(flat)
    assert is_private(flat.parent / (flat.name + ".lock"))
    assert sorted(path.name for path in flat.parent.iterdir()) == [flat.name, flat.name + ".lock"]


def test_unchanged_value_does_not_touch_a_flat_file(flat):
    before = flat.stat().st_mtime_ns
    CookieStore.read(flat, HUB).received(ASK, renewal("h"))
    assert flat.stat().st_mtime_ns == before
    assert [path.name for path in flat.parent.iterdir()] == [flat.name]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "b", "hf-chat": "h"}',
        '{\n  "a": "b",\n  "hf-chat": "h"\n}\n',
        '{\n\t"a": "b",\n\t"hf-chat": "h"\n}',
        '{"a": "\u00e9", "hf-chat": "h"}',
        '{"a": "\\u00e9", "hf-chat": "h"}',
        '{"cookies": {"a": "b", "hf-chat": "h"}, "origins": [{"x": 1.50}, null]}',
        '{"cookies": {"hf-chat": "h"}, "a": "\u4f60 \\ud800"}',
    ],
)
def test_json_keeps_its_looks(tmp_path, text):
    path = tmp_path / "c.json"
    path.write_text(text, encoding="utf-8")
    CookieStore.read(path, "https://chat.example.org").received(
        "https://chat.example.org/", renewal("new")
    )
    expected = text.replace('"h"', '"new"').replace("1.50", "1.5")
    assert path.read_text(encoding="utf-8") == expected


def export(**stamp):
    mine = {"domain": ".huggingface.co", "name": "hf-chat", "value": "h", "path": "/", "id": 7}
    token = {"domain": ".huggingface.co", "name": "token", "value": "t", "storeId": "0"}
    return [OTHER, token, {**mine, **stamp}, "no record", {"name": "broken"}]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("key", ["expirationDate", "expires", "expiry"])
@pytest.mark.parametrize(
    ("spell", "read"),
    [
        (lambda t: int(t), float),
        (lambda t: t + 0.25, float),
        (lambda t: int(t) * 1000, lambda v: v / 1000),
        (lambda t: str(int(t)), float),
        (lambda t: time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(t)), None),
    ],
)
def test_export_is_renewed_in_its_own_spelling(tmp_path, wrapped, key, spell, read):
    path = tmp_path / "c.json"
    records = export(**{key: spell(NOW + 5 * DAY)})
    path.write_text(json.dumps({"cookies": records, "v": 1} if wrapped else records, indent=4))
    CookieStore.read(path, HUB).received(ASK, renewal("h"))

    root = json.loads(path.read_text())
    after = root["cookies"] if wrapped else root
    stamp = after[2].pop(key)
    old = records[2].pop(key)
    assert after == records
    assert type(stamp) is type(old)
    if read:
        assert abs(read(stamp) - time.time() - 14 * DAY) < 60
    else:
        assert stamp.endswith("GMT")
        assert stamp != old
    assert path.read_text().startswith('{\n    "' if wrapped else "[\n    {")


@pytest.mark.parametrize(("left", "written"), [(13.5, False), (12.5, True), (1, True)])
def test_expiry_is_written_when_it_lags_by_more_than_a_day(tmp_path, left, written):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(export(expirationDate=NOW + left * DAY)))
    before = path.read_text()
    store = CookieStore.read(path, HUB)
    store.received(ASK, renewal("h"))
    assert (path.read_text() != before) is written
    once = path.stat().st_mtime_ns
    store.received(ASK, renewal("h"))
    assert path.stat().st_mtime_ns == once


def test_signed_out_answer_to_a_signed_in_user_extends_the_file(tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(export(expirationDate=NOW + DAY)))
    CookieStore.read(path, HUB).received(ASK, renewal("h"), signed_out=True)
    assert json.loads(path.read_text())[2]["expirationDate"] > NOW + 13 * DAY


def test_session_record_gets_no_expiry_and_a_session_cookie_loses_it(tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(export(session=True)))
    CookieStore.read(path, HUB).received(ASK, renewal("new"))
    assert json.loads(path.read_text())[2] == {**export(session=True)[2], "value": "new"}

    path.write_text(json.dumps(export(expires=NOW + DAY)))
    CookieStore.read(path, HUB).received(ASK, ["hf-chat=new; Path=/"])
    assert json.loads(path.read_text())[2] == {**export()[2], "value": "new"}


def test_expired_record_is_renewed_where_it_stands(tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(export(expires=1500000000)))
    store = CookieStore.read(path, HUB)
    assert store.missing() == ("hf-chat",)
    store.adopt({"hf-chat": "new"})
    after = json.loads(path.read_text())
    assert len(after) == 5
    assert after[2] == {**export()[2], "value": "new"}
    assert CookieStore.read(path, HUB).missing() == ()


def test_new_cookie_is_added_to_an_export_in_its_spelling(tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps([OTHER, {"name": "token", "value": "t", "expiry": NOW + DAY}]))
    CookieStore.read(path, HUB).received(ASK, renewal("new"))
    after = json.loads(path.read_text())
    assert after[0] == OTHER
    assert abs(after[2].pop("expiry") - time.time() - 14 * DAY) < 60
    assert after[2] == {
        "name": "hf-chat",
        "value": "new",
        "domain": "huggingface.co",
        "path": "/",
        "secure": True,
        "httpOnly": True,
    }


NETSCAPE = (
    "# Netscape HTTP Cookie File\n"
    "# a remark\twith\ttabs\tin\tit\tand\tmore\n"
    "\n"
    "#HttpOnly_chat.example.org\tFALSE\t/\tTRUE\t0\thf-chat\tforeign\n"
    ".huggingface.co\tTRUE\t/\tTRUE\t{soon}\ttoken\tt\n"
    "#HttpOnly_huggingface.co\tFALSE\t/\tTRUE\t{soon}\thf-chat\t{value}\n"
    "not a cookie\n"
    ".example.org\tTRUE\t/\tFALSE\t1\todd\ta\x0bb\u2028c"
)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_netscape_file_keeps_every_other_line(tmp_path, end):
    path = tmp_path / "cookies.txt"
    text = NETSCAPE.format(soon=NOW + DAY, value="h").replace("\n", end)
    path.write_bytes(text.encode())
    CookieStore.read(path, HUB).received(ASK, renewal("new") + renewal("v", "added"))

    before, after = text.split(end), path.read_bytes().decode().split(end)
    assert after[:5] == before[:5]
    assert after[6:8] == before[6:]
    *start, expiry, name, value = after[5].split("\t")
    assert [*start, name, value] == before[5].replace("\th", "\tnew").split("\t")[:4] + [
        "hf-chat",
        "new",
    ]
    assert abs(int(expiry) - time.time() - 14 * DAY) < 60
    assert after[8].startswith("#HttpOnly_huggingface.co\tFALSE\t/\tTRUE\t")
    assert after[8].endswith("\tadded\tv")
    assert after[9:] == [""]
    assert CookieStore.read(path, HUB).header(ASK) == "token=t; hf-chat=new; added=v"


def test_netscape_expiry_is_pushed_on(tmp_path):
    path = tmp_path / "cookies.txt"
    path.write_text(NETSCAPE.format(soon=NOW + DAY, value="h"))
    CookieStore.read(path, HUB).received(ASK, renewal("h"))
    line = path.read_text().splitlines()[5].split("\t")
    assert int(line[4]) > NOW + 13 * DAY


@pytest.mark.parametrize("suffix", [".json", ".txt"])
def test_empty_file_is_a_beginning(tmp_path, suffix):
    path = tmp_path / ("c" + suffix)
    path.touch()
    store = CookieStore.read(path, HUB)
    assert not store.names
    store.received(ASK, renewal("a"))
    assert CookieStore.read(path, HUB).header(ASK) == "hf-chat=a"


@pytest.mark.parametrize(
    "header",
    ["hf-chat=anonymous; Path=/", "hf-chat=; Path=/; Max-Age=0", "hf-chat=h; Path=/; Max-Age=0"],
)
def test_signed_out_answer_does_not_touch_the_file(flat, header):
    before = flat.read_bytes()
    CookieStore.read(flat, HUB).received(ASK, [header], signed_out=True)
    assert flat.read_bytes() == before


def test_deletion_does_not_take_a_given_cookie_out_of_the_file(flat):
    before = flat.read_bytes()
    store = CookieStore.read(flat, HUB)
    store.received(ASK, ["hf-chat=; Path=/; Max-Age=0"])
    assert "hf-chat" not in store.names
    assert flat.read_bytes() == before


def test_cookie_of_the_server_is_deleted_from_the_file(flat):
    before = json.loads(flat.read_text())
    store = CookieStore.read(flat, HUB)
    store.received(ASK, ["hfChat-loginRetry=1; Path=/; Max-Age=300"])
    assert json.loads(flat.read_text()) != before
    store.received(ASK, ["hfChat-loginRetry=; Path=/; Max-Age=0"])
    assert json.loads(flat.read_text()) == before


@pytest.mark.parametrize(
    "text",
    [
        '{"token": "t", "hf-chat": "h"}',
        "huggingface.co\tFALSE\t/\tFALSE\t0\ttoken\tt\n"
        "huggingface.co\tFALSE\t/\tFALSE\t0\thf-chat\th\n",
    ],
)
def test_restore_mends_the_file(tmp_path, text):
    path = tmp_path / "c.json"
    path.write_text(text)
    before = path.read_bytes()
    store = CookieStore.read(path, HUB)
    store.received(ASK, ["hf-chat=anonymous; Path=/"])
    assert path.read_bytes() != before
    store.restore()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        '{"token": "t", "hf-chat": "h"}',
        '[{"name": "token", "value": "t"}, {"name": "hf-chat", "value": "h"}]',
        "huggingface.co\tFALSE\t/\tFALSE\t0\ttoken\tt\n"
        "huggingface.co\tFALSE\t/\tFALSE\t0\thf-chat\th\n",
    ],
)
def test_cookie_that_the_server_gave_and_took_back_leaves_the_file(tmp_path, text):
    path = tmp_path / "c.json"
    path.write_text(text)
    store = CookieStore.read(path, HUB)
    store.received(ASK, ["third=3; Path=/"])
    assert CookieStore.read(path, HUB).header(ASK) == "token=t; hf-chat=h; third=3"

    store.received(ASK, ["third=; Path=/; Max-Age=0"])

    assert path.read_text() == text


def test_two_jobs_keep_each_others_renewals(flat):
    one, two = CookieStore.read(flat, HUB), CookieStore.read(flat, HUB)
    one.received(ASK, renewal("one"))
    two.received(ASK, renewal("two", "token"))
    one.received(ASK, renewal("one", "third"))
    assert json.loads(flat.read_text()) == {
        "token": "two",
        "hf-chat": "one",
        "foreign": "f",
        "third": "one",
    }


def test_job_with_the_old_session_does_not_overwrite_a_new_sign_in(flat):
    job = CookieStore.read(flat, HUB)
    CookieStore.read(flat, HUB).adopt({"token": "t2", "hf-chat": "h2"})
    job.received(ASK, renewal("h"))
    job.received(ASK, renewal("h"))
    assert json.loads(flat.read_text())["hf-chat"] == "h2"
    job.received(ASK, renewal("rotated"))
    job.received(ASK, renewal("rotated"))
    assert json.loads(flat.read_text())["hf-chat"] == "h2"
    assert job.header(ASK) == "token=t; hf-chat=rotated; foreign=f"


def test_later_of_two_changed_sessions_wins(tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(export(expires=NOW + DAY)))
    first, second = CookieStore.read(path, HUB), CookieStore.read(path, HUB)
    second.received(ASK, renewal("later", age=14 * DAY))
    first.received(ASK, renewal("earlier", age=7 * DAY))
    assert json.loads(path.read_text())[2]["value"] == "later"


def test_reload_takes_what_another_job_wrote(flat):
    store = CookieStore.read(flat, HUB)
    assert store.reload() is False
    CookieStore.read(flat, HUB).adopt({"token": "t2", "hf-chat": "h2"})
    assert store.reload() is True
    assert store.header(ASK) == "token=t2; hf-chat=h2; foreign=f"
    flat.write_text("{")
    assert store.reload() is False
    assert CookieStore.read({"a": "b"}, HUB).reload() is False


def test_entry_that_somebody_removed_is_not_brought_back(flat):
    store = CookieStore.read(flat, HUB)
    flat.write_text('{"token": "t"}')
    store.received(ASK, renewal("h"))
    assert json.loads(flat.read_text()) == {"token": "t"}


def test_file_that_somebody_removed_is_not_brought_back(flat):
    store = CookieStore.read(flat, HUB)
    flat.unlink()
    with pytest.warns(CookieFileWarning, match="removed"):
        store.received(ASK, renewal("new"))
    assert not flat.exists()
    assert store.header(ASK) == "token=t; hf-chat=new; foreign=f"


def test_file_that_was_broken_meanwhile_is_left_alone(flat):
    store = CookieStore.read(flat, HUB)
    flat.write_text("{ secret")
    with pytest.warns(CookieFileWarning, match="not valid JSON"):
        store.received(ASK, renewal("new"))
    assert flat.read_text() == "{ secret"


if POSIX:  # elsewhere a link takes special rights

    def test_link_stays_a_link(flat, tmp_path):
        link = tmp_path / "link.json"
        link.symlink_to(flat.name)
        CookieStore.read(link, HUB).received(ASK, renewal("new"))
        assert link.is_symlink()
        assert json.loads(flat.read_text())["hf-chat"] == "new"


def fail_with(number):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("os.open", errno.EROFS),
        ("os.open", errno.EACCES),
        ("os.fsync", errno.ENOSPC),
        ("os.fsync", errno.EIO),
        ("os.replace", errno.EXDEV),
        ("hugchat_sync.auth.cookies.disk._take", errno.ENOLCK),
    ],
)
def test_failed_write_warns_and_leaves_the_file(monkeypatch, flat, where, number):
    before = flat.read_bytes()
    store = CookieStore.read(flat, HUB)
    with monkeypatch.context() as patched:
        patched.setattr(where, fail_with(number))
        with pytest.warns(CookieFileWarning) as caught:
            store.received(ASK, renewal("secret"))
    assert caught[0].filename == __file__
    assert os.strerror(number) in str(caught[0].message)
    assert "secret" not in str(caught[0].message)
    assert flat.read_bytes() == before
    assert not list(flat.parent.glob("*.tmp"))
    assert "hf-chat=secret" in store.header(ASK)

    store.received(ASK, ["a=b; Path=/"])
    assert json.loads(flat.read_text())["hf-chat"] == "secret"  # made up for at the next answer


def test_lock_that_cannot_be_made_warns(flat):
    store = CookieStore.read(flat, HUB)
    (flat.parent / (flat.name + ".lock")).mkdir()
    with pytest.warns(CookieFileWarning):
        store.received(ASK, renewal("new"))
    assert json.loads(flat.read_text())["hf-chat"] == "h"


def test_held_lock_is_waited_for_and_then_given_up_once(monkeypatch, flat):
    monkeypatch.setattr(file, "LOCK_WAIT", 0.2)
    store = CookieStore.read(flat, HUB)
    with disk.hold_lock_of(flat.resolve()):
        started = time.monotonic()
        with pytest.warns(CookieFileWarning, match="lock"):
            store.received(ASK, renewal("new"))
        waited = time.monotonic() - started
        with pytest.warns(CookieFileWarning, match="lock"):
            store.received(ASK, renewal("new"))
        again = time.monotonic() - started - waited
    assert 0.2 <= waited < 1
    assert again < 0.1
    store.received(ASK, renewal("new"))
    assert json.loads(flat.read_text())["hf-chat"] == "new"


def test_lock_that_is_given_back_in_time_costs_nothing_but_time(flat):
    store = CookieStore.read(flat, HUB)
    lock = disk.hold_lock_of(flat.resolve())
    lock.__enter__()
    other = threading.Timer(0.1, lock.__exit__, (None, None, None))
    other.start()
    store.received(ASK, renewal("new"))
    other.join()
    assert json.loads(flat.read_text())["hf-chat"] == "new"


def test_left_over_temporary_file_is_no_obstacle(flat):
    (flat.parent / (flat.name + ".tmp")).write_text("half")
    CookieStore.read(flat, HUB).received(ASK, renewal("new"))
    assert json.loads(flat.read_text())["hf-chat"] == "new"
    assert not list(flat.parent.glob("*.tmp"))


def test_failed_write_raises_nothing_where_warnings_are_errors_and_logs_no_secret(flat, caplog):
    store = CookieStore.read(flat, HUB)
    flat.unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.received(ASK + "?code=s3cret", renewal("s3cret"))
    assert "it was removed" in caplog.text
    assert "s3cret" not in caplog.text
    assert "hf-chat=s3cret" in store.header(ASK)


def test_threads_renew_one_file(flat):
    store = CookieStore.read(flat, HUB)

    def work(number):
        for turn in range(10):
            store.received(ASK, renewal(f"v{turn}", f"c{number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = json.loads(flat.read_text())
    assert {name: written[name] for name in ("c0", "c1", "c2", "c3")} == dict.fromkeys(
        ("c0", "c1", "c2", "c3"), "v9"
    )


def test_saved_file_can_be_read(tmp_path):
    path = tmp_path / "new" / "user@example.org.json"
    store = CookieStore.read({"token": "t", "hf-chat": "h"}, HUB)
    assert store.save(path) == path.resolve()
    assert json.loads(path.read_text()) == {"token": "t", "hf-chat": "h"}
    assert CookieStore.read(path, HUB).header(ASK) == "token=t; hf-chat=h"
    assert is_private(path)
    assert is_private(path.parent)
    store.adopt({"hf-chat": "h2"})
    store.save(str(path))
    assert CookieStore.read(path, HUB).header(ASK) == "token=t; hf-chat=h2"


def test_file_that_cannot_be_saved_is_named(tmp_path):
    store = CookieStore.read({"token": "s3cret"}, HUB)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"c\.json") as caught:
        store.save(tmp_path / "file" / "c.json")
    shown = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert "s3cret" not in shown.split("cookies/store.py", 1)[1]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe{\x00", b"hello", b'{"a": 5}', b"[5]"])
def test_file_that_holds_no_cookies_is_refused(tmp_path, content):
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"c\.json"):
        CookieStore.read(path, HUB)
    assert path.read_bytes() == content


def test_directory_is_no_cookie_file(tmp_path):
    with pytest.raises(UsageError):
        CookieStore.read(tmp_path, HUB)
