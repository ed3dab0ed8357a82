"""What exists is not overwritten."""

import re
from pathlib import Path

import pytest

from hwsim.errors import FileError
from hwsim.files.existing import check_apart, check_free, write_report

OURS = re.compile(b"ours,")


def test_a_file_is_replaced_only_when_told_to(tmp_path):
    path = tmp_path / "made"
    check_free(path, force=False)
    path.write_text("")
    with pytest.raises(FileError, match="made: is there; write elsewhere, or give --force to replace it"):
        check_free(path, force=False)
    check_free(path, force=True)


@pytest.mark.parametrize("there", [None, "", "ours,old"])
def test_a_report_takes_a_free_place_or_that_of_another(there, tmp_path):
    if there is not None:
        (tmp_path / "made").write_text(there)
    write_report(tmp_path / "made", "ours,new", OURS)
    assert (tmp_path / "made").read_text() == "ours,new"


def test_a_report_replaces_nothing_else(tmp_path):
    (tmp_path / "thesis").write_text("mine, all of it")
    (tmp_path / "link").symlink_to(tmp_path / "thesis")
    for name in ("thesis", "link"):
        with pytest.raises(FileError, match=f"{name}: is there, and is no report of hwsim's; write elsewhere, or move"):
            write_report(tmp_path / name, "ours,", OURS)
    assert (tmp_path / "thesis").read_text() == "mine, all of it"
    with pytest.raises(FileError, match="is a folder; write the name of a file"):
        write_report(tmp_path, "ours,", OURS)
    with pytest.raises(FileError, match=r"none/made: there is no folder .*none; make it, or write elsewhere"):
        write_report(tmp_path / "none" / "made", "ours,", OURS)


def test_two_reports_in_one_place_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("made").write_text("")
    Path("link").symlink_to("made")
    check_apart([Path("one"), None, Path("two"), None])
    check_apart([Path("/dev/null"), Path("/dev/null")])
    for two in ("made", "./made", "link", tmp_path / "made"):
        with pytest.raises(FileError, match=r"is named for two reports \(made\); give each a file of its own"):
            check_apart([Path("made"), Path(two)])
