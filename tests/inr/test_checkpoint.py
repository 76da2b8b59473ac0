"""A fit that was cut short, wherever, goes on as if nothing had happened; from nothing but its own checkpoint."""

import dataclasses
import json
from functools import cache

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import napari_smi_inr as smi
from napari_smi_inr.errors import InputError
from napari_smi_inr.estimation.keep import Keep
from napari_smi_inr.inr import checkpoint, training
from napari_smi_inr.inr.checkpoint import SHARE, peek
from napari_smi_inr.inr.config import FitConfig
from napari_smi_inr.inr.tensor_file import write_tensors
from napari_smi_inr.inr.training import fit_steps

ALWAYS = 0.0
KEY = "napari_smi_inr"


def config(**settings):
    quick = {"lmax": 2, "epochs": 12, "batch_size": 40, "width": 32, "features": 16, "detail": 12.0, "device": "cpu"}
    return FitConfig(**{**quick, **settings})


@pytest.fixture(autouse=True)
def every_batch(monkeypatch):
    """A step is one batch."""
    monkeypatch.setattr(training, "STEP_SECONDS", 0.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "dwi.checkpoint.safetensors"


def last(steps):
    return list(steps)[-1]


def cut_short(dataset, settings, path, batches):
    """Leave a fit after so many batches."""
    steps = fit_steps(dataset, settings, Keep(path))
    for _ in range(batches):
        step = next(steps)
    steps.close()
    return step


@pytest.fixture
def kept(tiny_dataset, path):
    """A checkpoint in the midst of the third epoch."""
    cut_short(tiny_dataset, config(), path, 11)
    return path


def edit(path, change_header=lambda header: None, **tensors):
    """Change numbers of a checkpoint, and sign it as if nothing had been."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[KEY])
    change_header(header)
    write_tensors(path, {**load_file(path), **tensors}, header)


@pytest.fixture(scope="module")
def whole_fit(tiny_dataset):
    """The last step of a fit that nothing befell."""

    @cache
    def of(**settings):
        return last(fit_steps(tiny_dataset, config(**settings)))

    return of


class TestGoingOn:
    @pytest.mark.parametrize("batches", [1, 4, 11, 47, 48])
    @pytest.mark.parametrize("settings", [{}, {"schedule": "decay", "loss": "rician", "held_out": 0.0}], ids=str)
    def test_it_ends_as_if_it_had_never_been_cut_short(self, tiny_dataset, whole_fit, path, settings, batches):
        whole = whole_fit(**settings)
        before = cut_short(tiny_dataset, config(**settings), path, batches)
        after = last(fit_steps(tiny_dataset, config(**settings), Keep(path, resume=True)))
        assert before.iteration == batches
        assert after.iteration == whole.iteration
        assert after.losses.data == whole.losses.data
        assert after.elapsed > before.elapsed
        one, other = whole.field(), after.field()
        np.testing.assert_array_equal(other.fod_map(), one.fod_map())
        for symbol, values in one.maps().items():
            np.testing.assert_array_equal(other.maps()[symbol], values)
        assert json.dumps(other.quality) == json.dumps(one.quality)  # NaN is NaN
        assert other.config == one.config

    @pytest.mark.parametrize("batches", [3, 13])  # as corrections are found, and as they are taken over
    def test_so_does_one_with_gradients_of_each_voxels_own(self, path, batches):
        scan = smi.simulate(shape=(6, 6, 3), voxel_size=4.0, snr=50, lmax=2, deviation=0.05)
        settings = config(batch_size=10)
        cut_short(scan, settings, path, batches)
        other = last(fit_steps(scan, settings, Keep(path, resume=True))).field()
        np.testing.assert_array_equal(other.fod_map(), last(fit_steps(scan, settings)).field().fod_map())

    def test_also_when_cut_short_again_and_again(self, tiny_dataset, path):
        cut_short(tiny_dataset, config(), path, 5)
        for _ in range(3):
            steps = fit_steps(tiny_dataset, config(), Keep(path, resume=True))
            next(steps)
            steps.close()
        other = last(fit_steps(tiny_dataset, config(), Keep(path, resume=True))).field()
        np.testing.assert_array_equal(other.fod_map(), last(fit_steps(tiny_dataset, config())).field().fod_map())

    def test_a_decision_to_end_early_is_remembered(self, path):
        noisy = smi.simulate(shape=(10, 10, 3), voxel_size=3.0, snr=8, lmax=2)
        eager = {"detail": 1.0, "width": 64, "nonnegativity": 0.0, "lmax": 6, "held_out": 0.2}
        settings = config(epochs=40, learning_rate=0.02, **eager)
        ends = [step.n_iterations for step in fit_steps(noisy, settings)]
        decided = next(i for i, end in enumerate(ends) if end < ends[0])
        cut_short(noisy, settings, path, decided + 3)
        steps = list(fit_steps(noisy, settings, Keep(path, resume=True)))
        assert {step.n_iterations for step in steps} == {ends[-1]}
        other = last(fit_steps(noisy, settings)).field()
        np.testing.assert_array_equal(steps[-1].field().fod_map(), other.fod_map())

    def test_on_another_device_it_may_go_on(self, tiny_dataset, kept):
        assert last(fit_steps(tiny_dataset, config(device="auto"), Keep(kept, resume=True))).fraction == 1.0


class TestPace:
    def test_a_fit_of_moments_writes_nothing(self, tiny_dataset, path):
        last(fit_steps(tiny_dataset, config(), Keep(path)))
        assert not path.parent.exists()

    def test_one_that_takes_longer_is_kept_while_it_runs(self, tiny_dataset, path):
        seen = set()
        for step in fit_steps(tiny_dataset, config(), Keep(path, interval=ALWAYS)):
            if path.exists():
                seen.add(round(peek(path).fraction * 48))
                assert peek(path).fraction <= step.fraction
        assert len(seen) >= 1

    def test_writing_takes_a_small_share_of_the_time(self, tiny_dataset, path, monkeypatch):
        now = [0.0]
        monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])

        def slow_disk(*_):
            now[0] += 3.0

        monkeypatch.setattr(checkpoint, "write_tensors", slow_disk)
        kept = checkpoint.Checkpoints(Keep(path), tiny_dataset, config(), config())
        state = training._Run(tiny_dataset, config(), None).trainer.state()
        while not kept.due:
            now[0] += 1.0
        assert now[0] == 20.0
        kept.write(state, 0.0, 0.5)
        while not kept.due:
            now[0] += 1.0
        assert now[0] == 20.0 + 3.0 + 3.0 / SHARE

    def test_where_it_cannot_be_written_the_fit_says_so_and_goes_on(self, tiny_dataset, tmp_path):
        (tmp_path / "file").write_text("in the way")
        path = tmp_path / "file" / "dwi.checkpoint.safetensors"
        step = last(fit_steps(tiny_dataset, config(), Keep(path, interval=ALWAYS)))
        assert step.fraction == 1.0
        assert "not kept" in step.text
        assert str(tmp_path / "file") in step.field().quality["notes"][0]


def of_other_settings(dataset, settings, path):
    return dataset, settings.model_copy(update={"epochs": 13, "seed": 1})


def of_another_scan(dataset, settings, path):
    signal = dataset.signal.copy()
    signal[tuple(np.argwhere(dataset.mask)[0])] *= 1.01
    names = [f.name for f in dataclasses.fields(smi.DiffusionDataset)]
    return smi.DiffusionDataset(**{name: getattr(dataset, name) for name in names} | {"signal": signal}), settings


def of_another_mask(dataset, settings, path):
    mask = dataset.mask.copy()
    mask[tuple(np.argwhere(mask)[0])] = False
    return smi.DiffusionDataset(dataset.signal, dataset.acquisition, mask, dataset.affine, dataset.noise), settings


def of_another_torch(dataset, settings, path):
    edit(path, lambda header: header["of"]["versions"].update(torch="1.0"))


def a_bit_has_flipped(dataset, settings, path):
    raw = bytearray(path.read_bytes())
    raw[-1000] ^= 4
    path.write_bytes(raw)


def gone(dataset, settings, path):
    path.unlink()


def cut(dataset, settings, path):
    path.write_bytes(path.read_bytes()[:-1000])


def no_checkpoint(dataset, settings, path):
    last(fit_steps(dataset, settings)).field().save(path)


def from_the_future(dataset, settings, path):
    edit(path, lambda header: header.update(version=3))


def weights_are_no_numbers(dataset, settings, path):
    edit(path, **{"adam.weights": torch.full_like(load_file(path)["adam.weights"], torch.nan)})


def weights_of_another_size(dataset, settings, path):
    edit(path, **{"adam.mean": torch.zeros(7)})


def an_order_that_is_none(dataset, settings, path):
    edit(path, **{"fit.order": torch.zeros_like(load_file(path)["fit.order"])})


def beyond_its_end(dataset, settings, path):
    edit(path, lambda header: header["numbers"]["fit"].update(done=10**6))


def without_a_clock(dataset, settings, path):
    edit(path, lambda header: header.pop("worked"))


def a_generator_of_nothing(dataset, settings, path):
    edit(path, **{"fit.shuffle": torch.zeros(5, dtype=torch.uint8)})


FAULTS = {
    of_other_settings: r"other settings: seed 0, now 1, epochs 12, now 13",
    of_another_scan: "another scan",
    of_another_mask: "another scan, mask",
    of_another_torch: r"other versions: torch '1.0', now",
    a_bit_has_flipped: "damaged.*changed since",
    gone: "no such file",
    cut: "not a readable checkpoint",
    no_checkpoint: "'napari-smi-inr field', not a checkpoint",
    from_the_future: "newer version",
    weights_are_no_numbers: "damaged.*weights",
    weights_of_another_size: "damaged.*mean",
    an_order_that_is_none: "damaged.*order",
    beyond_its_end: "damaged.*end",
    without_a_clock: "damaged.*worked",
    a_generator_of_nothing: "damaged",
}


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__)
def test_nothing_but_its_own_sound_checkpoint_is_gone_on_from(tiny_dataset, kept, spoil):
    dataset, settings = spoil(tiny_dataset, config(), kept) or (tiny_dataset, config())
    with pytest.raises(InputError, match=FAULTS[spoil]) as error:
        next(fit_steps(dataset, settings, Keep(kept, resume=True)))
    assert error.value.where == str(kept)
    assert error.value.remedy


def test_it_holds_numbers_and_json_alone(kept):
    with safe_open(kept, framework="pt") as file:
        header = json.loads(file.metadata()[KEY])
        assert set(file.keys()) >= {"adam.weights", "adam.mean", "adam.square", "fit.order", "fit.shuffle", "fit.best"}
    assert header["of"]["settings"]["epochs"] == 12
    assert b"pickle" not in kept.read_bytes()
