"""Files on their way from the server: written where the user wants them, and nowhere else."""

from __future__ import annotations

import os
import stat

import pytest
from sampling import each

from hugchat_sync.chat.files import safe_name, write_file
from hugchat_sync.errors import UsageError
from hugchat_sync.records import ChatFile


def test_path_of_a_file_is_taken(tmp_path):
    target = tmp_path / "mine.png"

    assert write_file(b"x", ChatFile("a.png", "9f", "image/png"), target) == target
    assert target.read_bytes() == b"x"


def test_folder_gets_a_name_inside(tmp_path):
    found = write_file(b"x", ChatFile("../../etc/passwd", "9f86", "text/plain"), tmp_path)

    assert found == tmp_path / "9f86-passwd"


def test_place_that_cannot_be_written_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="cannot write"):
        write_file(b"x", ChatFile("a", "9f", ""), tmp_path / "no" / "folder")


@each(
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


LINKS = pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links of POSIX")


@LINKS
@pytest.mark.parametrize("in_folder", [True, False])
@pytest.mark.parametrize("there", [True, False], ids=["to a file", "to nothing"])
def test_link_at_the_name_is_not_followed(tmp_path, in_folder, there):
    victim = tmp_path / "victim"
    if there:
        victim.write_bytes(b"mine")
    folder = tmp_path / "folder"
    folder.mkdir()
    file = ChatFile("a.txt", "9f", "text/plain")
    planted = folder / "9f-a.txt"
    planted.symlink_to(victim)

    found = write_file(b"new", file, folder if in_folder else planted)

    assert found == planted
    assert (victim.read_bytes() if there else victim.exists()) == (b"mine" if there else False)
    assert not planted.is_symlink() and planted.read_bytes() == b"new"
    assert list(folder.iterdir()) == [planted]


@LINKS
def test_link_to_a_device_is_neither_followed_nor_replaced(tmp_path):
    planted = tmp_path / "out"
    planted.symlink_to(os.devnull)

    with pytest.raises(UsageError, match="link"):
        write_file(b"new", ChatFile("a.txt", "9f", ""), planted)

    assert planted.is_symlink()


@LINKS
def test_device_is_written(tmp_path):
    assert (
        str(write_file(b"x", ChatFile("a", "9f", ""), tmp_path.joinpath(os.devnull))) == os.devnull
    )


def test_earlier_file_is_replaced_whole_and_keeps_its_mode(tmp_path):
    target = tmp_path / "a"
    target.write_bytes(b"a longer text that was there before")
    target.chmod(0o600)

    write_file(b"x", ChatFile("a", "9f", ""), target)

    assert target.read_bytes() == b"x"
    assert stat.S_IMODE(target.stat().st_mode) in (0o600, 0o666)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", ["a\0b", "a\0/b"])
def test_nul_in_a_path_is_a_usage_error(tmp_path, name):
    with pytest.raises(UsageError, match="NUL"):
        write_file(b"x", ChatFile("a", "9f", ""), tmp_path / name)
    assert list(tmp_path.iterdir()) == []
