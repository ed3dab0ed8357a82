import os
import stat

import pytest
import steps

from hwsim.errors import FileError
from hwsim.files import whole as module
from hwsim.files.whole import whole, write_whole


def test_a_file_is_written_and_replaced_and_nothing_lies_beside_it(tmp_path):
    path = tmp_path / "made.txt"
    for content in ("first", "zweites, länger"):
        write_whole(path, content)
        assert path.read_text("utf-8") == content
    assert os.listdir(tmp_path) == ["made.txt"]
    (tmp_path / "plain.txt").write_text("")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain.txt").stat().st_mode)


@pytest.mark.parametrize("stopped", [KeyboardInterrupt, OSError(28, "No space left on device"), ValueError])
def test_what_was_there_stays_when_writing_stops(stopped, tmp_path):
    path = tmp_path / "made.txt"
    path.write_text("before")

    def write():
        with whole(path) as file:
            file.write(b"half")
            raise stopped

    with pytest.raises((KeyboardInterrupt, OSError, ValueError)):
        write()
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["made.txt"]


def test_a_link_stays_one(tmp_path):
    (tmp_path / "linked").symlink_to(tmp_path / "made.txt")
    write_whole(tmp_path / "linked", b"\0bytes")
    assert (tmp_path / "linked").is_symlink()
    assert (tmp_path / "made.txt").read_bytes() == b"\0bytes"


def test_what_is_no_file_is_written_to():
    write_whole("/dev/null", "gone")
    assert not os.path.isfile("/dev/null")


def test_where_nothing_can_be_written_is_said(tmp_path):
    with pytest.raises(FileError, match=r"none/made.txt: cannot be written \(No such file or directory\)"):
        write_whole(tmp_path / "none" / "made.txt", "text")


def test_what_is_moved_is_on_the_disk_before_and_its_folder_after(tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr(module, "before", lambda step, size=0: taken.append((step, size)))
    write_whole(tmp_path / "made.txt", "content")
    assert taken == [("write", 7), ("fsync", 0), ("rename", 0), ("fsync", 0)]


@pytest.mark.parametrize("room", [0, 3, 9])
def test_a_full_disk_leaves_what_was_there(room, tmp_path, monkeypatch):
    path = tmp_path / "made.txt"
    path.write_text("before")
    monkeypatch.setattr(module, "before", steps.filling(room))
    with pytest.raises(FileError, match=r"made.txt: cannot be written \(No space left on device\)"):
        write_whole(path, "0123456789")
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["made.txt"]
    monkeypatch.setattr(module, "before", steps.filling(10))
    write_whole(path, "0123456789")
    assert path.read_text() == "0123456789"


def test_nobody_can_lay_a_link_where_a_file_will_be_written(tmp_path, monkeypatch):
    """Names differ each time, and what is there already is not opened."""
    names, opened = set(), os.open

    def watched(path, flags, *rest, **others):
        if str(path).endswith(".partial"):
            names.add(str(path))
            assert flags & os.O_EXCL
            assert flags & os.O_NOFOLLOW
        return opened(path, flags, *rest, **others)

    monkeypatch.setattr(os, "open", watched)
    for _ in range(20):
        write_whole(tmp_path / "made.txt", "text")
    assert len(names) == 20
    assert {os.path.dirname(name) for name in names} == {str(tmp_path)}


def test_as_long_a_name_as_there_can_be(tmp_path):
    path = tmp_path / ("層" * 84 + "xyz")  # 255 bytes
    write_whole(path, "text")
    assert path.read_text() == "text"
