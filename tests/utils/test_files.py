import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile

import pytest

from keras_incremental.utils import files


def leftovers(folder):
    return list(folder.glob(f"{files.PREFIX}*"))


def test_a_block_that_ends_replaces_the_file(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("old", "new"):
        with files.replacing(path) as part:
            part.write_text(text)
            assert path.exists() is (text == "new")
        assert path.read_text() == text
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EFBIG, "File too large"),
        KeyboardInterrupt(),
        RuntimeError("half way"),
    ],
    ids=str,
)
def test_a_block_that_raises_leaves_the_old_file(error, tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(type(error)), files.replacing(path) as part:
        part.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", ["fsync", "replace", "chmod"])
def test_a_disk_that_fails_at_the_end_leaves_the_old_file(
    name, tmp_path, monkeypatch
):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def fail(*args, **kwargs):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(OSError, match="Input/output"):
        files.write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert not leftovers(tmp_path)


def test_a_name_that_is_too_long_is_named_before_anything_is_written(tmp_path):
    path = tmp_path / ("a" * 300)
    with pytest.raises(OSError, match="too long.*aaa"):
        files.write_text(path, "new")
    assert not list(tmp_path.iterdir())


def test_the_longest_name_is_written(tmp_path):
    path = tmp_path / ("a" * 255)
    files.write_text(path, "new")
    assert path.read_text() == "new"


@contextlib.contextmanager
def without_rights():
    """Lets root be nobody, as nothing is forbidden to root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_folder_that_is_read_only_keeps_the_file():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.txt")
        files.write_text(path, "old")
        os.chmod(folder, 0o555)
        with without_rights(), pytest.raises(PermissionError, match="a.txt"):
            files.write_text(path, "new")
        os.chmod(folder, 0o700)
        assert os.listdir(folder) == ["a.txt"]
        with open(path) as file:
            assert file.read() == "old"


def test_a_link_is_followed_and_permissions_are_kept(tmp_path):
    path, link = tmp_path / "a.txt", tmp_path / "link.txt"
    files.write_text(path, "old")
    path.chmod(0o640)
    link.symlink_to(path)
    files.write_text(link, "new")
    assert link.is_symlink() and path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_what_is_no_file_is_written_directly():
    files.write_text(os.devnull, "text")
    assert not os.path.isfile(os.devnull)


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileExistsError, match="folder.*Choose a new name"):
        files.write_text(tmp_path / "folder", "text")


def test_a_new_folder_appears_as_a_whole(tmp_path):
    with files.replacing(tmp_path / "new") as part:
        (part / "inner").mkdir(parents=True)
        (part / "inner" / "a.txt").write_text("a")
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "new" / "inner" / "a.txt").read_text() == "a"


KILLED = """
import os, runpy, signal, sys
files = runpy.run_path(sys.argv[1])
with files["replacing"](sys.argv[2]) as part:
    part.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_leftovers_of_the_dead_are_removed_at_the_next_write(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    command = [sys.executable, "-c", KILLED, files.__file__, path]
    done = subprocess.run(command)
    assert done.returncode == -signal.SIGKILL
    (tmp_path / f"{files.PREFIX}empty").mkdir()
    assert path.read_text() == "old" and len(leftovers(tmp_path)) == 2
    files.write_text(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_write_leaves_what_another_writes_at_the_same_time(tmp_path):
    path = tmp_path / "a.txt"
    with files.replacing(path) as first:
        first.write_text("first")
        files.write_text(path, "second")
        assert path.read_text() == "second"
        assert leftovers(tmp_path)
    assert path.read_text() == "first"
    assert not leftovers(tmp_path)


WRITES = """
import runpy, sys
files = runpy.run_path(sys.argv[1])
for _ in range(40):
    files["write_text"](sys.argv[2], sys.argv[3] * 100_000)
"""


def test_processes_that_write_at_once_leave_a_whole_file(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "a" * 100_000)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITES, files.__file__, path, letter]
        )
        for letter in "bc"
    ]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        text = path.read_text()
        assert len(text) == 100_000 and len(set(text)) == 1
        seen.add(text[0])
    assert [writer.returncode for writer in writers] == [0, 0]
    assert {"b", "c"} <= seen
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
