"""What the program and the package load, and when."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from sampling import each

import hugchat_sync

QUICK = """
import sys
from hugchat_sync.terminal import main
code = main(sys.argv[1:])
loaded = {"requests", "urllib3", "hugchat_sync.client", "rich", "flask"} & set(sys.modules)
assert not loaded, loaded
sys.exit(code)
"""


def run(*words, program=None):
    return subprocess.run(
        [sys.executable, *(["-c", program] if program else ["-m", "hugchat_sync"]), *words],
        capture_output=True,
        text=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
    )


@each(
    ("words", "code"),
    [(["--version"], 0), (["--help"], 0), (["ask", "--help"], 0), ([], 2), (["nonsense"], 2)],
)
def test_words_alone_load_neither_requests_nor_the_client(words, code):
    done = run(*words, program=QUICK)

    assert (done.returncode, done.stderr.count("Traceback")) == (code, 0)


def test_version():
    done = run("--version")

    assert done.stdout == f"hugchat-sync {hugchat_sync.__version__}\n"


def test_without_a_command_and_without_a_terminal_it_tells_what_to_do():
    done = run()

    assert (done.returncode, done.stdout) == (2, "")
    assert "COMMAND" in done.stderr


PRINTED = [
    ("-m", "hugchat_sync", "--version"),
    ("-m", "hugchat_sync", "ask", "--help"),
    ("-m", "hugchat_sync", "--print-completion", "bash"),
    ("-m", "hugchat_sync.terminal_cli", "--help"),
    ("-m", "hugchat_sync.compat.cli", "--help"),
]


def run_buffered(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE):
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}  # else argparse meets the error, and hides it
    return subprocess.run([sys.executable, *words], stdout=stdout, stderr=stderr, env=buffered)


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe of another system")
@each("words", PRINTED)
def test_help_into_a_closed_pipe_ends_quietly(words):
    reads, writes = os.pipe()
    os.close(reads)
    done = run_buffered(words, stdout=writes)
    os.close(writes)

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is full")
@each("words", PRINTED)
def test_help_on_a_full_disk_says_so_in_a_line(words):
    with open("/dev/full", "wb") as full:
        done = run_buffered(words, stdout=full)

    assert done.returncode == 1
    assert done.stderr == b"hugchat-sync: No space left on device\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is full")
def test_wrong_words_are_2_also_where_nobody_can_be_told():
    with open("/dev/full", "wb") as full:
        done = run_buffered(("-m", "hugchat_sync", "nonsense"), stderr=full)

    assert done.returncode == 2


def test_package_loads_its_names_at_their_first_use():
    done = run(
        program="import sys, hugchat_sync\n"
        "assert 'requests' not in sys.modules\n"
        "from hugchat_sync import UsageError, Timeout\n"
        "assert 'requests' not in sys.modules\n"
        "assert hugchat_sync.events.Token('x').text == 'x'\n"
        "assert hugchat_sync.records.Source('t', 'l').link == 'l'\n"
        "assert 'requests' not in sys.modules\n"
        "from hugchat_sync import *\n"
        "assert Client is hugchat_sync.Client and HuggingChat and ListBots.available\n"
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_public_name_is_there_and_no_other():
    for name in hugchat_sync.__all__:
        assert getattr(hugchat_sync, name) is not None
    assert set(hugchat_sync.__all__) <= set(dir(hugchat_sync))
    with pytest.raises(AttributeError, match="no_such_name"):
        hugchat_sync.no_such_name  # noqa: B018
