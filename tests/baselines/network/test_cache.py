"""Keeping networks: found again where they belong, trained anew where they do not, never trusted."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import torch
from safetensors.torch import load_file, safe_open, save_file

import napari_smi_inr as smi
from napari_smi_inr.baselines.network.cache import SUFFIX, Cache, Kept, dependencies, digest
from napari_smi_inr.baselines.network.model import TrainedNetwork, build
from napari_smi_inr.baselines.network.scaling import Range
from napari_smi_inr.methods import fit_steps, make_settings

QUICK = {"vectors": 200, "epochs": 1}


def fit(dataset, settings, **changed):
    return smi.fit(dataset, "nn", **{**settings, **QUICK, **changed})


def was_trained(result):
    return result.training["network"]["story"] == "trained for this fit"


def the_file(folder):
    (path,) = os.scandir(folder)
    return path.path


def network(n_inputs=154, seed=0):
    torch.manual_seed(seed)
    weights = {name: weight.detach().clone() for name, weight in build(n_inputs).state_dict().items()}
    spans = [Range(-np.ones(n, np.float32), np.ones(n, np.float32)) for n in (n_inputs, 9)]
    return Kept(TrainedNetwork(weights, *spans), np.zeros((3, 9), np.float32), {"seed": seed})


@pytest.fixture
def needs(clean_dataset):
    return dependencies(clean_dataset, make_settings("nn"), 50.0)


def test_a_kept_network_is_used_again_with_equal_numbers(clean_dataset, clean_fit):
    first, folder = clean_fit
    config = first.config.model_copy(update={"cache": str(folder)})
    steps = list(fit_steps(clean_dataset, config))
    assert {step.phase for step in steps} == {"fit"}
    again = steps[-1].field()
    assert was_trained(first)
    assert not was_trained(again)
    np.testing.assert_array_equal(again.scalars, first.scalars)
    np.testing.assert_array_equal(again.fod, first.fod)
    kept_record = {key: value for key, value in again.training["network"].items() if key != "story"}
    assert kept_record == {key: value for key, value in first.training["network"].items() if key != "story"}


@pytest.mark.parametrize(
    "changed",
    [
        {"vectors": 201},
        {"brain": 0.25},
        {"seed": 1},
        {"epochs": 2},
        {"patience": 6},
        {"batch_size": 60},
        {"learning_rate": 1e-4},
        {"snr": 30.0},
        {"reuse": "scan"},
    ],
)
def test_other_settings_are_another_network(clean_dataset, needs, changed):
    made = make_settings("nn", **changed)
    assert Cache("kept").path(dependencies(clean_dataset, made, made.snr)) != Cache("kept").path(needs)


@pytest.mark.parametrize("same", [{"device": "cpu"}, {"cache": "elsewhere"}, {"snr": "auto"}])
def test_what_training_does_not_depend_on_is_not_in_the_key(clean_dataset, needs, same):
    assert dependencies(clean_dataset, make_settings("nn", **same), 50.0) == needs


@pytest.mark.parametrize("part", ["b", "b_delta", "directions"])
def test_another_protocol_is_another_network(clean_dataset, needs, part):
    protocol = clean_dataset.acquisition
    numbers = getattr(protocol, part).copy()
    numbers[30] = np.nextafter(numbers[30], 0)  # the smallest change there is
    other = replace(clean_dataset, acquisition=replace(protocol, **{part: numbers}))
    assert dependencies(other, make_settings("nn"), 50.0)["protocol"] != needs["protocol"]


def test_another_scan_of_the_protocol_shares_the_network_unless_asked_not_to(clean_dataset, needs):
    other = replace(clean_dataset, signal=2 * clean_dataset.signal)
    assert dependencies(other, make_settings("nn"), 50.0) == needs
    own = [dependencies(scan, make_settings("nn", reuse="scan"), 50.0) for scan in (clean_dataset, other)]
    assert own[0]["scan"] != own[1]["scan"]
    uniform = make_settings("nn", reuse="scan", brain=0.0)  # nothing of the scan is in such a network
    assert dependencies(other, uniform, 50.0) == dependencies(clean_dataset, uniform, 50.0)


def test_the_record_tells_which_scan_seeded_the_network(clean_dataset, small):
    few = np.zeros_like(clean_dataset.mask)
    few[tuple(np.argwhere(clean_dataset.mask)[::15].T)] = True
    scan = replace(clean_dataset, mask=few, checksums={"dwi.nii.gz": "abc"})
    own = fit(scan, small, brain=0.5)
    other = fit(replace(scan, signal=1.5 * scan.signal, checksums={}), small, brain=0.5)
    assert was_trained(own)
    assert not was_trained(other)
    assert own.training["network"]["seeded_by_this_scan"]
    assert not other.training["network"]["seeded_by_this_scan"]
    assert other.training["network"]["seeds"] == own.training["network"]["seeds"]
    assert own.training["network"]["seeds"]["inputs"] == {"dwi.nii.gz": "abc"}
    (_, parents), *_ = [item for item in load_file(the_file(small["cache"])).items() if item[0] == "parents"]
    assert digest(parents.numpy()) == own.training["network"]["seeds"]["digest"]
    assert len(parents) == few.sum()


def rewritten(path, change_header=None, change=None):
    """The file with another header or other tensors, as a well-formed safetensors file."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["napari_smi_inr"])
    tensors = load_file(path)
    (change_header or (lambda h: None))(header)
    (change or (lambda t: None))(tensors)
    save_file(tensors, path, metadata={"napari_smi_inr": json.dumps(header)})


def poke(name, value):
    def change(tensors):
        tensors[name].view(-1)[3] = value

    return change


DAMAGE = {
    "cut short": lambda path: os.truncate(path, os.path.getsize(path) - 10),
    "empty": lambda path: os.truncate(path, 0),
    "not a safetensors file": lambda path: Path(path).write_bytes(b"\x80\x04pickled, or so"),
    "no header": lambda path: save_file(load_file(path), path),
    "another format": lambda path: rewritten(path, lambda h: h.update(format="else")),
    "another recipe": lambda path: rewritten(path, lambda h: h["depends"].update(recipe=0)),
    "another protocol": lambda path: rewritten(path, lambda h: h["depends"].update(protocol="0")),
    "a changed weight": lambda path: rewritten(path, None, poke("weight.0.weight", 0.1)),
    "a weight that is not finite": lambda path: rewritten(path, None, poke("weight.2.bias", float("nan"))),
    "a missing tensor": lambda path: rewritten(path, None, lambda t: t.pop("inputs.low")),
    "another shape": lambda path: rewritten(path, None, lambda t: t.update({"weight.6.bias": torch.zeros(8)})),
    "another type": lambda path: rewritten(path, None, lambda t: t.update({"weight.6.bias": torch.zeros(9).double()})),
    "a changed record": lambda path: rewritten(path, lambda h: h["record"].update(seed=1)),
    "a record that is none": lambda path: rewritten(path, lambda h: h.update(record=5)),
    "nothing but brackets": lambda path: rewritten_text(path, "[]"),
    "text that is no JSON": lambda path: rewritten_text(path, "{"),
}


def rewritten_text(path, text):
    save_file(load_file(path), path, metadata={"napari_smi_inr": text})


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_that_is_not_what_it_should_be_is_not_used_and_replaced(needs, tmp_path, damage):
    cache = Cache(str(tmp_path))
    assert cache.write(needs, network()) is None
    DAMAGE[damage](cache.path(needs))
    found, note = cache.read(needs)
    assert found is None
    assert "trained anew" in note
    assert cache.write(needs, network()) is None
    assert cache.read(needs)[0] is not None


def test_a_damaged_file_is_trained_over_with_a_note(clean_dataset, small):
    first = fit(clean_dataset, small)
    os.truncate(the_file(small["cache"]), 1000)
    again = fit(clean_dataset, small)
    assert was_trained(again)
    assert "trained anew" in again.training["notes"][0]
    np.testing.assert_array_equal(again.scalars, first.scalars)
    assert not was_trained(fit(clean_dataset, small))


def test_where_nothing_can_be_written_the_fit_goes_on_with_a_note(clean_dataset, small, tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    result = fit(clean_dataset, small, cache=str(tmp_path / "taken" / "networks"))
    assert np.isfinite(result.scalars).all()
    assert "not kept" in " ".join(result.training["notes"])


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", lambda: 1)() == 0, reason="may write anywhere")
def test_a_read_only_folder_is_no_obstacle(clean_dataset, small, tmp_path):
    folder = tmp_path / "read_only"
    folder.mkdir(mode=0o500)
    result = fit(clean_dataset, small, cache=str(folder))
    assert "not kept" in " ".join(result.training["notes"])
    assert not list(folder.iterdir())


def test_off_keeps_nothing(clean_dataset, small, tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *a, **k: tmp_path / "user")
    assert was_trained(fit(clean_dataset, small, cache="off"))
    assert was_trained(fit(clean_dataset, small, cache="off"))
    assert not list(tmp_path.rglob(f"*{SUFFIX}"))


def test_by_default_networks_are_kept_in_the_users_cache_folder(needs, tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *a, **k: tmp_path / "user")
    assert make_settings("nn").cache == "auto"
    assert Cache("auto").path(needs).is_relative_to(tmp_path / "user")


def test_writers_at_once_leave_a_whole_file(needs, tmp_path):
    cache = Cache(str(tmp_path))

    def work(seed):
        notes = [cache.write(needs, network(seed=seed))]
        found, note = cache.read(needs)
        return [*notes, note], found.record["seed"]

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(work, range(16)))
    assert all(notes == [None, None] for notes, _ in results)
    assert {seed for _, seed in results} <= set(range(16))
    assert [path.name for path in tmp_path.iterdir()] == [cache.path(needs).name]
