"""Files on their way to the server."""

from __future__ import annotations

from pathlib import Path

import pytest
from sampling import each

from hugchat_sync.chat.files import LARGEST, read_uploads
from hugchat_sync.dialects import Upload
from hugchat_sync.errors import TooLarge, UsageError


@pytest.fixture()
def picture(tmp_path):
    path = tmp_path / "größe.png"
    path.write_bytes(b"\x89PNG")
    return path


@pytest.mark.parametrize("form", [str, Path])
def test_path_is_read_and_named(picture, form):
    assert read_uploads([form(picture)]) == (Upload("größe.png", b"\x89PNG", "image/png"),)


def test_file_of_an_unknown_kind_is_bytes(tmp_path):
    path = tmp_path / "thing.qqq"
    path.write_bytes(b"x")

    assert read_uploads([path])[0].mime == "application/octet-stream"


def test_triple_is_taken_as_it_is():
    assert read_uploads([("a.txt", b"x", "text/plain")]) == (Upload("a.txt", b"x", "text/plain"),)


@each(
    "files",
    [
        "a.txt",
        Path("a.txt"),
        [("a.txt", "text", "text/plain")],
        [("a.txt", b"x")],
        [("a.txt", b"x", None)],
        [5],
        [None],
        ["/nowhere/at/all.txt"],
        ["."],
    ],
)
def test_what_is_no_file_is_refused(files):
    with pytest.raises(UsageError):
        read_uploads(files)


def test_missing_file_is_named():
    with pytest.raises(UsageError, match="all.txt"):
        read_uploads(["/nowhere/at/all.txt"])


def test_ten_mebibytes_are_taken():
    assert len(read_uploads([("a", bytes(LARGEST), "x/y")])[0].content) == LARGEST


def test_more_than_ten_mebibytes_are_refused():
    with pytest.raises(TooLarge, match="a.bin has 10485761 bytes"):
        read_uploads([("a.bin", bytes(LARGEST + 1), "x/y")])


def test_large_file_on_disk_is_refused_without_being_read(tmp_path, monkeypatch):
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("it was read"))

    with pytest.raises(TooLarge):
        read_uploads([path])


def test_content_is_not_shown():
    assert "secret" not in repr(Upload("a", b"secret", "x/y"))
