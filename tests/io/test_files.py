"""Files appear whole or not at all, whatever becomes of the disk, the folder or the process."""

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.io.files import (
    is_missing,
    naming,
    output_folder,
    readable_file,
    replacing,
    sha256,
    sidecar_of,
    user_path,
)
from napari_smi_inr.io.maps import save_map
from napari_smi_inr.io.stream import stream_image
from read_only import read_only
from refusal import refused

KILLED = """
import os, signal, sys
from pathlib import Path
from napari_smi_inr.io.files import replacing
with replacing(Path(sys.argv[1])) as stream:
    stream.write(b"half of it" * 100_000)
    os.kill(os.getpid(), signal.SIGKILL)
"""

FULL = """
import resource, signal, sys
from pathlib import Path
from napari_smi_inr.errors import InputError
from napari_smi_inr.io.files import replacing
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with replacing(Path(sys.argv[1])) as stream:
        stream.write(b"more than there is room for" * 10_000)
except InputError as error:
    print(error)
"""


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "map.nii"
    path.write_bytes(b"old")
    return path


def run(script, path):
    return subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_who_is_killed_in_the_midst_leaves_the_old_file(old):
    assert run(KILLED, old).returncode == -signal.SIGKILL
    assert old.read_bytes() == b"old"
    (part,) = old.parent.glob(".*.part")
    with replacing(old) as stream:
        stream.write(b"new")
    assert old.read_bytes() == b"new"
    assert part.exists()  # it might be of someone who still writes
    os.utime(part, times=(time.time() - 7200,) * 2)
    with replacing(old) as stream:
        stream.write(b"newer")
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.skipif(os.name == "nt", reason="no limits on Windows")
def test_a_full_disk_leaves_the_old_file_and_says_so(old):
    said = run(FULL, old)
    assert said.stdout.startswith(f"{old}: cannot be written: File too large. Choose a folder"), said.stderr
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.ESTALE, errno.EIO, errno.EROFS])
def test_faults_that_come_when_the_disk_is_asked_to_keep_it_are_told(old, monkeypatch, code):
    def fail(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputError, match=os.strerror(code)), replacing(old) as stream:
        stream.write(b"new")
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


def test_a_folder_that_vanishes_meanwhile_is_told(tmp_path):
    folder = tmp_path / "share"
    folder.mkdir()
    with pytest.raises(InputError, match="No such file or directory"), replacing(folder / "map.nii"):
        shutil.rmtree(folder)
    with pytest.raises(InputError, match="No such file or directory"), replacing(folder / "map.nii") as stream:
        stream.write(b"new")


def test_a_read_only_folder_is_told_and_keeps_what_is_in_it(old):
    with read_only(old.parent):
        with (
            pytest.raises(InputError, match=r"cannot be written: .*Choose a folder") as caught,
            replacing(old) as stream,
        ):
            stream.write(b"new")
        with pytest.raises(InputError, match=r"cannot be made: .*Choose a folder"):
            output_folder(old.parent / "results")
        assert caught.value.where == str(old)
        assert list(old.parent.iterdir()) == [old]
        assert old.read_bytes() == b"old"


def test_no_description_outlives_its_image(tmp_path, monkeypatch):
    """Killed between an image and its side-car, what is left is an image without one."""
    values, path = np.ones((2, 2, 2), np.float32), tmp_path / "f.nii.gz"
    save_map("f", values, np.eye(4), path, {"Fit": {"seed": 1}})
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("napari_smi_inr.io.maps.write_sidecar", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            save_map("f", 2 * values, np.eye(4), path, {"Fit": {"seed": 2}})
    assert path.read_bytes() != before
    assert not (tmp_path / "f.json").exists()


def test_an_export_that_is_broken_off_leaves_the_old_image_and_its_description(tmp_path):
    path = tmp_path / "f.nii.gz"
    save_map("f", np.ones((2, 2, 2), np.float32), np.eye(4), path, {})
    before = path.read_bytes(), (tmp_path / "f.json").read_bytes()

    def pieces():
        yield np.ones(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream_image(path, (2, 2, 2), np.eye(4), pieces())
    assert (path.read_bytes(), (tmp_path / "f.json").read_bytes()) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.json", "f.nii.gz"]


class TestReadable:
    def test_a_file_is_given_back_its_home_written_out(self, tmp_path, monkeypatch):
        (tmp_path / "a.txt").write_text("x")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        assert readable_file("~/a.txt", "table") == tmp_path / "a.txt"

    @pytest.mark.parametrize(
        ("name", "fault", "remedy"),
        [
            ("missing", "there is no such file (table).", "Check the path."),
            ("folder", "is a folder, not a file (table).", "Give the file inside it."),
            ("empty", "is empty (table).", "Copy or export it again."),
            ("file/inside", "cannot be read: Not a directory.", "Check its path and permissions."),
        ],
    )
    def test_what_cannot_be_read_is_told_apart(self, tmp_path, name, fault, remedy):
        (tmp_path / "folder").mkdir()
        (tmp_path / "empty").touch()
        (tmp_path / "file").write_text("x")
        with pytest.raises(InputError) as caught:
            readable_file(tmp_path / name, "table")
        assert (caught.value.where, caught.value.fault, caught.value.remedy) == (str(tmp_path / name), fault, remedy)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names on Windows")
    def test_a_pipe_is_no_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with refused(tmp_path / "pipe", r"^is no ordinary file but a device or a pipe \(table\)"):
            readable_file(tmp_path / "pipe", "table")

    def test_the_home_of_no_one_is_part_of_a_name(self):
        assert user_path("~no-such-user/a.txt") == Path("~no-such-user/a.txt")
        with refused("~no-such-user/a.txt", "^there is no such file"):
            readable_file("~no-such-user/a.txt", "table")

    def test_what_cannot_be_looked_at_is_not_taken_for_missing(self, tmp_path):
        (tmp_path / "there").touch()
        found = [is_missing(tmp_path / name) for name in ("there", "elsewhere", "there/inside", "x" * 300, "a\0b")]
        assert found == [False, True, True, False, False]

    def test_a_name_with_a_zero_byte_is_no_path(self):
        with refused("'a\\x00b'", r"^is no path \("):
            readable_file("a\0b", "table")


def test_a_fingerprint_is_that_of_the_whole_file(tmp_path):
    content = np.random.default_rng(0).bytes((1 << 20) + 17)
    (tmp_path / "a").write_bytes(content)
    assert sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii"])
def test_the_description_of_an_image_stands_beside_it(name):
    assert sidecar_of(Path("folder") / name) == Path("folder/a.json")


def test_an_argument_that_came_from_a_file_is_blamed_on_it():
    def blamed(files):
        with pytest.raises(InputError) as caught, naming(files):
            raise InputError("b", "is odd.", "Mend it.")
        return str(caught.value)

    assert blamed({"b": Path("x.bval")}) == "x.bval: is odd. Mend it."
    assert blamed({"c": "x.bval"}) == blamed({"b": None}) == "b: is odd. Mend it."


def test_a_folder_is_made_with_its_parents_or_it_is_told_why_not(tmp_path, monkeypatch):
    assert output_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert output_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("in the way")
    with refused(tmp_path / "file", "^cannot be made: File exists"):
        output_folder(tmp_path / "file")
    with refused(tmp_path / "a\0b", "^cannot be made: .*embedded null"):
        output_folder(tmp_path / "a\0b")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert output_folder("~/c") == tmp_path / "c"


def test_of_many_who_write_one_file_at_once_one_wins_whole(tmp_path):
    path = tmp_path / "map.nii"
    contents = [bytes([n]) * 300_000 for n in range(8)]

    def write(content):
        with replacing(path) as stream:
            stream.write(content)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, contents))
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]
