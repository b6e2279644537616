"""``hugchat-sync login``, ``whoami`` and ``logout`` against a hub, as programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from small_hub import EMAIL, PASSWORD


def run(chat, folder, *words, stdin=""):
    return subprocess.run(
        [sys.executable, "-m", "hugchat_sync", "--base-url", f"{chat.origin}/chat", *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "XDG_CONFIG_HOME": str(folder)},
    )


def test_sign_in_is_kept_for_the_next_program_and_forgotten_on_logout(one_place, tmp_path):
    signed = run(one_place, tmp_path, "login", EMAIL, "--password-stdin", stdin=f"{PASSWORD}\n")
    known = run(one_place, tmp_path, "whoami")
    left = run(one_place, tmp_path, "logout")
    nobody = run(one_place, tmp_path, "whoami")

    assert (signed.returncode, EMAIL in signed.stdout) == (0, True), signed.stderr
    assert (known.returncode, known.stdout) == (0, signed.stdout), known.stderr
    assert left.returncode == 0, left.stderr
    assert nobody.returncode == 3
    assert PASSWORD not in "".join([signed.stdout, signed.stderr, known.stdout, known.stderr])


def test_wrong_password_is_3_and_is_tried_once(one_place, tmp_path):
    done = run(one_place, tmp_path, "login", EMAIL, "--password-stdin", stdin="wrong\n")

    assert (done.returncode, done.stdout) == (3, "")
    assert "password" in done.stderr
    assert "Traceback" not in done.stderr
    assert one_place.hub.count("POST /login") == 1


def test_program_without_a_terminal_never_asks(one_place, tmp_path):
    done = run(one_place, tmp_path, "login", EMAIL)

    assert done.returncode in (2, 3)
    assert one_place.log == []


def test_cookies_of_a_browser_are_taken_from_stdin(one_place, tmp_path):
    run(one_place, tmp_path, "login", EMAIL, "--password-stdin", stdin=f"{PASSWORD}\n")
    (kept,) = (tmp_path / "hugchat_sync").glob("*@*.json")
    exported = [
        {"name": name, "value": value} for name, value in json.loads(kept.read_text()).items()
    ]

    done = run(one_place, tmp_path / "other", "login", "--cookies", "-", stdin=json.dumps(exported))

    assert (done.returncode, EMAIL in done.stdout) == (0, True), done.stderr
