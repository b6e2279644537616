"""Signing in by the old names."""

from __future__ import annotations

import json
import pickle

import pytest
from hub.small_hub import EMAIL, PASSWORD

from hugchat_sync import UsageError, WrongPassword
from hugchat_sync.compat.hugchat import ChatBot
from hugchat_sync.compat.login import Login


def kept(folder):
    return json.loads((folder / f"{EMAIL}.json").read_text())


def test_sign_in_is_kept_and_a_kept_file_is_used_first(door, tmp_path):
    first = Login(EMAIL, PASSWORD).login(cookie_dir_path=f"{tmp_path}/", save_cookies=True)
    assert first.get_dict() == kept(tmp_path) and set(kept(tmp_path)) >= {"token", "hf-chat"}
    later = Login(EMAIL, "not the password").login(cookie_dir_path=str(tmp_path))

    assert later.get_dict() == first.get_dict()
    assert door.hub.count("POST /login") == 1


def test_nothing_is_kept_unless_it_is_asked_for(door, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sign = Login(EMAIL, PASSWORD)
    for _ in range(2):  # the password is still there
        assert sign.login()["hf-chat"]

    assert list(tmp_path.iterdir()) == []
    assert sign.cookies["token"]
    Login(EMAIL, PASSWORD).login(save_cookies=True)
    assert kept(tmp_path / "usercookies")


def test_wrong_password_is_said_so_and_not_shown(door):
    with pytest.raises(WrongPassword) as caught:
        Login(EMAIL, "not the password").login()

    assert "not the password" not in str(caught.value)


@pytest.mark.parametrize("save", ["saveCookiesToDir", "save_cookies", "saveCookies"])
@pytest.mark.parametrize("load", ["loadCookiesFromDir", "load_cookies", "loadCookies"])
def test_cookies_are_saved_and_loaded_by_each_of_the_names(door, tmp_path, monkeypatch, save, load):
    monkeypatch.chdir(tmp_path)
    sign = Login(EMAIL, PASSWORD)
    cookies = sign.login()
    assert getattr(sign, save)() == str(tmp_path / "usercookies" / f"{EMAIL}.json")
    getattr(sign, save)(str(tmp_path / "other"))

    assert getattr(Login(EMAIL), load)().get_dict() == cookies.get_dict()
    assert getattr(Login(EMAIL), load)(tmp_path / "other").get_dict() == cookies.get_dict()


def test_cookies_that_were_never_saved_cannot_be_loaded(door, tmp_path):
    with pytest.raises(UsageError):
        Login(EMAIL).loadCookiesFromDir(str(tmp_path))


@pytest.mark.parametrize(
    "handed", [lambda jar: jar.get_dict(), lambda jar: jar], ids=["dict", "jar"]
)
@pytest.mark.parametrize("way", ["login", "login again", "save", "load"])
def test_renewals_are_kept_in_the_file_of_the_login(door, tmp_path, handed, way):
    sign = Login(EMAIL, PASSWORD)
    cookies = sign.login(str(tmp_path), save_cookies=way != "save")
    if way == "save":
        sign.saveCookiesToDir(str(tmp_path))
    elif way == "load":
        cookies = Login(EMAIL).loadCookiesFromDir(str(tmp_path))
    elif way == "login again":
        cookies = Login(EMAIL, PASSWORD).login(str(tmp_path), save_cookies=True)
    bot = ChatBot(cookies=handed(cookies))
    door.renewed_session = "a-renewed-session"
    assert bot.chat("hi") == "Hello, world."

    assert kept(tmp_path)["hf-chat"] == "a-renewed-session"
    assert kept(tmp_path)["token"] == cookies["token"]


def test_cookies_that_a_script_changed_are_used_as_they_are(door, tmp_path):
    cookies = Login(EMAIL, PASSWORD).login(str(tmp_path), save_cookies=True).get_dict()
    cookies["hf-chat"] = "of-another-browser"

    assert ChatBot(cookies).get_cookies()["hf-chat"] == "of-another-browser"


def test_cookies_may_be_pickled_and_their_file_removed(door, tmp_path):
    jar = Login(EMAIL, PASSWORD).login(str(tmp_path), save_cookies=True)
    cookies = pickle.loads(pickle.dumps(jar.get_dict()))
    (tmp_path / f"{EMAIL}.json").unlink()

    assert json.loads(json.dumps(cookies)) == cookies == jar.get_dict()
    assert ChatBot(cookies=cookies).chat("hi") == "Hello, world."
    assert PASSWORD not in repr(vars(Login(EMAIL, PASSWORD)))
    assert cookies["token"] not in f"{jar!r} {jar}"
