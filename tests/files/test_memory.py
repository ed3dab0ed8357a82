"""How much memory may be asked for: what is stated, what the computer has left, what control groups allow."""

import pytest

from hwsim.errors import HwsimError, NetworkError
from hwsim.files import memory

GIB = 2**30


@pytest.fixture
def computer(tmp_path, monkeypatch):
    """A computer with 16 GiB left, and a folder for its control groups."""
    monkeypatch.delenv(memory.MEMORY, raising=False)
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "MOUNT", tmp_path / "mount")
    (tmp_path / "meminfo").write_text(f"MemTotal:  99999999 kB\nMemAvailable:   {16 * 2**20} kB\nCached: 1 kB\n")
    return tmp_path


def group(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


@pytest.mark.parametrize(
    ("stated", "expected"),
    [("4G", 4 * GIB), ("512M", 2**29), ("1.5 GiB", 3 * GIB // 2), ("2000000000", 2 * 10**9), ("64KB", 2**16), ("0", 0)],
)
def test_what_is_stated_holds(computer, monkeypatch, stated, expected):
    monkeypatch.setenv("HWSIM_MEMORY", stated)
    assert memory.memory_limit() == expected


@pytest.mark.parametrize("stated", ["much", "-1G", "4 X", "1e9", "G", "1.5.2G", "٤G"])
def test_what_is_stated_is_no_number(computer, monkeypatch, stated):
    monkeypatch.setenv("HWSIM_MEMORY", stated)
    with pytest.raises(HwsimError, match=r"^HWSIM_MEMORY: .* is no number of bytes; write 4G, 512M or 2000000000$"):
        memory.memory_limit()


def test_three_quarters_of_what_the_computer_has_left(computer):
    assert memory.memory_limit() == 12 * GIB
    (computer / "meminfo").unlink()  # another system, which knows its memory at best
    assert memory.memory_limit() > 0


def test_a_control_group_and_those_that_it_is_in(computer):
    (computer / "groups").write_text("0::/outer/inner\n")
    inner = computer / "mount" / "outer" / "inner"
    group(inner, memory__max=8 * GIB, memory__current=3 * GIB, memory__stat=f"anon 5\ninactive_file {GIB}\nfile 7")
    assert memory.memory_limit() == 0.75 * 6 * GIB
    group(inner.parent, memory__max=4 * GIB, memory__current=GIB)
    assert memory.memory_limit() == 0.75 * 3 * GIB
    group(inner.parent, memory__max="max")
    assert memory.memory_limit() == 0.75 * 6 * GIB
    group(inner, memory__current=99 * GIB)
    assert memory.memory_limit() == 0


def test_the_group_of_a_container_is_the_mount_itself(computer):
    (computer / "groups").write_text("0::/somewhere/outside\n")
    group(computer / "mount", memory__max=2 * GIB, memory__current=0)
    assert memory.memory_limit() == 1.5 * GIB


def test_control_groups_of_the_first_version(computer):
    (computer / "groups").write_text("9:name=systemd:/\n4:cpu,memory:/mine\n0::/\n")
    group(computer / "mount" / "memory" / "mine", memory__limit_in_bytes=5 * GIB, memory__usage_in_bytes=GIB)
    assert memory.memory_limit() == 3 * GIB


def test_what_needs_more_is_refused_in_one_line_and_little_never(computer, monkeypatch):
    memory.expect_memory(12 * GIB, "this", "do less", NetworkError)
    with pytest.raises(NetworkError) as error:
        memory.expect_memory(12 * GIB + 1, "this", "do less", NetworkError)
    assert str(error.value) == (
        "this: needs 12.0 GiB of memory, and 12.0 GiB may be asked for; do less, or set HWSIM_MEMORY if there is more"
    )
    monkeypatch.setenv("HWSIM_MEMORY", "1")
    memory.expect_memory(64 * 2**20, "this", "do less", NetworkError)
    with pytest.raises(NetworkError, match=r"needs 64\.0 MiB of memory, and 0\.0 MiB may be asked for"):
        memory.expect_memory(64 * 2**20 + 1, "this", "do less", NetworkError)
