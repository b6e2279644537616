"""Files on their way from the server: written where the user wants them, and nowhere else."""

from __future__ import annotations

import pytest

from hugchat_sync.downloads import safe_name, written
from hugchat_sync.errors import UsageError
from hugchat_sync.records import ChatFile


def test_path_of_a_file_is_taken(tmp_path):
    target = tmp_path / "mine.png"

    assert written(b"x", ChatFile("a.png", "9f", "image/png"), target) == target
    assert target.read_bytes() == b"x"


def test_folder_gets_a_name_inside(tmp_path):
    found = written(b"x", ChatFile("../../etc/passwd", "9f86", "text/plain"), tmp_path)

    assert found == tmp_path / "9f86-passwd"


def test_place_that_cannot_be_written_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="cannot write"):
        written(b"x", ChatFile("a", "9f", ""), tmp_path / "no" / "folder")


@pytest.mark.parametrize(
    ("name", "sha", "mime", "expected"),
    [
        ("map.png", "9f86d0", "image/png", "9f86d0-map.png"),
        ("a/b\\c.txt", "9f", "text/plain", "9f-c.txt"),
        ("..", "9f", "image/png", "9f.png"),
        ("", "9f", "nonsense", "9f.bin"),
        ("con", "9f", "", "9f-con"),
        ("größe.txt", "9f", "", "9f-größe.txt"),
        ("a b\n\0.txt", "9f", "", "9f-a_b_.txt"),
        ("x", "../..", "", "file-x"),
        ("x" * 300, "9f", "", "9f-" + "x" * 80),
    ],
)
def test_name_stays_inside_its_folder(name, sha, mime, expected):
    assert safe_name(ChatFile(name, sha, mime)) == expected
