"""The open scan, fetched from a server of our own: sound, cut short, altered, absent, unreachable."""

import gc
import hashlib
import threading
import warnings
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.cli import app
from napari_smi_inr.dataset import DiffusionDataset
from napari_smi_inr.errors import InputError
from napari_smi_inr.io import open_scan
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.io.open_scan import FILES, NAME, SHAPES, Published, fetch_scan, fingerprint
from napari_smi_inr.io.scan import load_scan
from scan_files import AFFINES

pytest.importorskip("pooch", reason="pooch is not installed")


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder in silence; a file can be cut short although its length was promised."""

    cut = ()
    asked = ()

    def log_message(self, *_):
        pass

    def do_GET(self):
        type(self).asked += (self.path,)
        super().do_GET()

    def copyfile(self, source, outputfile):
        content = source.read()
        outputfile.write(content[: len(content) // 2] if self.path.endswith(self.cut or ("\0",)) else content)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A server of a scan of 70 volumes, as small as can be; its address, and its files as published."""
    folder = tmp_path / "server"
    shape = np.concatenate([np.full(n, value, float) for value, n in SHAPES])
    b = np.concatenate([[0], np.linspace(1, 2, 69)])
    directions = np.random.default_rng(0).normal(size=(70, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    signal = np.random.default_rng(0).uniform(50, 150, (4, 4, 2, 70)).astype(np.float32)
    whole = DiffusionDataset(signal, Acquisition(b, shape, directions), np.ones((4, 4, 2), bool), AFFINES["LAS"])
    save_scan(whole, folder, NAME)
    (folder / NAME).mkdir()
    for name, file in FILES.items():
        source = folder / ("mask.nii.gz" if "mask" in name else name)
        source.rename(folder / file.path)
    files = {}
    for name, file in FILES.items():
        content = (folder / file.path).read_bytes()
        algorithm = file.checksum.partition(":")[0]
        checksum = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
        files[name] = Published(file.path, checksum, fingerprint(folder / file.path))
    handler = type("Own", (Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *given: handler(*given, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    monkeypatch.setenv("NO_PROXY", "*")
    address = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setattr(open_scan, "SOURCE", address)
    monkeypatch.setattr(open_scan, "FILES", files)
    yield folder, address, files, handler
    server.shutdown()
    server.server_close()
    thread.join()
    with warnings.catch_warnings():  # pooch leaves a connection that breaks to the collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def refusal(target, address, files):
    with pytest.raises(InputError) as caught:
        fetch_scan(target, address, files)
    assert caught.value.fault.endswith(".")
    assert "fetch it by other means from" in caught.value.remedy
    return caught.value


def test_a_sound_scan_arrives_and_loads_with_its_shapes(published, tmp_path):
    _, address, files, handler = published
    scan = fetch_scan(tmp_path / "here", address, files)
    data = load_scan(scan.dwi, scan.mask)
    assert data.acquisition.n_volumes == 70
    np.testing.assert_array_equal(data.acquisition.b_delta, [shape for shape, n in SHAPES for _ in range(n)])
    assert data.read_from["bdelta"] == f"{NAME}.bdelta"
    asked = len(handler.asked)
    assert fetch_scan(tmp_path / "here", address, files) == scan
    assert len(handler.asked) == asked  # nothing anew


def test_a_copy_that_was_damaged_since_is_fetched_anew(published, tmp_path):
    _, address, files, _ = published
    scan = fetch_scan(tmp_path / "here", address, files)
    sound = scan.dwi.read_bytes()
    scan.dwi.write_bytes(sound[:-40])
    fetch_scan(tmp_path / "here", address, files)
    assert scan.dwi.read_bytes() == sound


def test_a_file_that_was_altered_is_refused_and_not_kept(published, tmp_path):
    folder, address, files, _ = published
    path = folder / files[f"{NAME}.nii.gz"].path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    error = refusal(tmp_path / "here", address, files)
    assert error.where == address + f"{NAME}/{NAME}.nii.gz"
    assert "its checksum is another" in error.fault
    assert not list((tmp_path / "here").glob("*"))


def test_a_file_of_another_fingerprint_in_git_is_refused_too(published, tmp_path):
    """MD5 alone is not to be relied on: who can alter a file can keep it."""
    _, address, files, _ = published
    name = f"{NAME}.nii.gz"
    other = files | {name: files[name]._replace(git="0" * 40)}
    assert "fingerprint in git is another" in refusal(tmp_path / "here", address, other).fault
    assert not (tmp_path / "here" / name).exists()


def test_a_file_cut_short_on_its_way_is_refused_and_not_kept(published, tmp_path):
    _, address, files, handler = published
    handler.cut = (".nii.gz",)
    error = refusal(tmp_path / "here", address, files)
    assert "could not be fetched" in error.fault or "did not arrive whole" in error.fault
    assert not list((tmp_path / "here").glob("*.gz"))


def test_a_file_that_is_gone_is_told(published, tmp_path):
    folder, address, files, _ = published
    (folder / files[f"{NAME}.bvec"].path).unlink()
    error = refusal(tmp_path / "here", address, files)
    assert "the server says 404" in error.fault
    assert error.where.endswith(".bvec")


def test_without_a_network_that_is_said(published, tmp_path):
    _, _, files, _ = published
    error = refusal(tmp_path / "here", "http://127.0.0.1:9/", files)  # nobody listens there
    assert "could not be fetched (no connection)" in error.fault
    assert "connected to the internet" in error.remedy


def test_without_pooch_it_is_said_how_to_get_it(published, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_smi_inr.errors.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"napari-smi-inr\[samples\]"):
        fetch_scan(tmp_path)


def test_a_folder_that_cannot_be_written_to_is_told(published, tmp_path):
    _, address, files, _ = published
    (tmp_path / "here").write_text("a file")
    with pytest.raises(InputError, match="cannot be made"):
        fetch_scan(tmp_path / "here", address, files)


def test_the_command_fetches_and_says_how_to_go_on(published, tmp_path, monkeypatch):
    _, address, files, _ = published
    fetch = open_scan.fetch_scan
    monkeypatch.setattr(open_scan, "fetch_scan", partial(fetch, source=address, files=files))
    result = CliRunner().invoke(app, ["fetch-sample", "--out", str(tmp_path / "here")], catch_exceptions=False)
    assert result.exit_code == 0
    words = result.stdout.strip().splitlines()[-1].partition("smi-inr ")[2].split()
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    monkeypatch.setattr(open_scan, "fetch_scan", partial(fetch, source="http://127.0.0.1:9/", files=files))
    result = CliRunner().invoke(app, ["fetch-sample", "--out", str(tmp_path / "there")], catch_exceptions=False)
    assert result.exit_code == 2
    assert "internet" in result.stderr


def test_what_is_published_is_pinned():
    """To one commit, with whole fingerprints; shapes for every volume."""
    assert len(open_scan.SOURCE.split("/")[5]) == 40
    assert sum(n for _, n in SHAPES) == 70
    lengths = {"md5": 32, "sha256": 64}
    for file in FILES.values():
        algorithm, _, digest = file.checksum.partition(":")
        assert (len(digest), len(file.git)) == (lengths[algorithm], 40)


def test_dipy_knows_the_same_file():
    fetcher = pytest.importorskip("dipy.data.fetcher")
    source = Path(fetcher.__file__).read_text(encoding="utf-8")
    assert FILES[f"{NAME}.nii.gz"].checksum.removeprefix("md5:") in source


def test_the_fingerprint_is_gits(tmp_path):
    (tmp_path / "hello").write_bytes(b"hello\n")
    assert fingerprint(tmp_path / "hello") == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object
