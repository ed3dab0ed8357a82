import os
import stat

import pytest

from hwsim.errors import FileError
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
