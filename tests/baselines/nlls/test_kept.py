"""Least squares that were cut short go on with the voxels not yet done."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from napari_smi_inr.baselines.nlls.config import NllsConfig
from napari_smi_inr.baselines.nlls.fit import nlls_steps
from napari_smi_inr.errors import InputError
from napari_smi_inr.estimation.keep import Keep
from napari_smi_inr.inr.tensor_file import write_tensors

CONFIG = NllsConfig(lmax=2, device="cpu")
KEY = "napari_smi_inr"


@pytest.fixture(autouse=True)
def short_steps(monkeypatch):
    monkeypatch.setattr("napari_smi_inr.baselines.nlls.solve.STEP_SECONDS", 0.0)


@pytest.fixture(scope="module")
def whole(tiny_dataset):
    return list(nlls_steps(tiny_dataset, CONFIG))[-1]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "dwi.checkpoint.safetensors"


@pytest.fixture
def kept(tiny_dataset, path):
    """A fit left as soon as some voxels, but not all, are done."""
    steps = nlls_steps(tiny_dataset, CONFIG, Keep(path))
    step = next(steps)
    assert 0 < step.fraction < 1
    steps.close()
    return path


def assert_same(step, whole):
    assert step.fraction == 1.0
    assert step.losses.data == pytest.approx(whole.losses.data, rel=1e-6)
    one, other = step.field(), whole.field()
    for symbol, values in other.maps().items():
        np.testing.assert_allclose(one.maps()[symbol], values, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(one.fod_map(), other.fod_map(), atol=1e-5)
    for name in ("iterations", "share_converged", "failed_voxels"):
        assert one.quality[name] == other.quality[name]


def test_it_ends_as_if_it_had_never_been_cut_short(tiny_dataset, kept, whole):
    steps = list(nlls_steps(tiny_dataset, CONFIG, Keep(kept, resume=True)))
    assert steps[0].fraction > 0
    assert steps[0].elapsed > 0
    assert_same(steps[-1], whole)


def test_also_if_it_was_killed_and_had_no_time_to_say_so(tiny_dataset, path, whole):
    steps = nlls_steps(tiny_dataset, CONFIG, Keep(path, interval=0.0))
    next(steps)
    left = path.read_bytes()  # as after SIGKILL: what happens on leaving does not count
    steps.close()
    path.write_bytes(left)
    assert_same(list(nlls_steps(tiny_dataset, CONFIG, Keep(path, resume=True)))[-1], whole)


def test_also_if_all_was_done(tiny_dataset, path, whole):
    steps = nlls_steps(tiny_dataset, CONFIG, Keep(path))
    for step in steps:
        if step.fraction == 1.0:
            steps.close()
    (last,) = nlls_steps(tiny_dataset, CONFIG, Keep(path, resume=True))
    assert_same(last, whole)


def test_no_voxel_is_fitted_twice(tiny_dataset, kept, monkeypatch):
    fitted = []
    from napari_smi_inr.baselines.nlls import fit

    solve = fit.fit_voxels

    def counted(measured, order, config):
        fitted.extend(order)
        return solve(measured, order, config)

    monkeypatch.setattr(fit, "fit_voxels", counted)
    done = load_file(kept)["done"].numpy()
    list(nlls_steps(tiny_dataset, CONFIG, Keep(kept, resume=True)))
    assert sorted(fitted) == np.flatnonzero(~done).tolist()


def test_where_it_cannot_be_kept_the_fit_says_so_and_goes_on(tiny_dataset, tmp_path):
    (tmp_path / "file").write_text("in the way")
    keep = Keep(tmp_path / "file" / "dwi.checkpoint.safetensors", interval=0.0)
    step = list(nlls_steps(tiny_dataset, CONFIG, keep))[-1]
    assert step.fraction == 1.0
    assert "not kept" in step.notes[0]


def edit(path, change_header=lambda header: None, **tensors):
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[KEY])
    change_header(header)
    write_tensors(path, {**load_file(path), **tensors}, header)


FAULTS = {
    "fewer voxels": {"done": torch.ones(3, dtype=torch.bool)},
    "another order of FOD": {"fod": torch.zeros(3, 3)},
    "other maps": {"scalars": torch.zeros(3, 2)},
}


@pytest.mark.parametrize("tensors", FAULTS.values(), ids=FAULTS)
def test_what_does_not_fit_is_refused(tiny_dataset, kept, tensors):
    edit(kept, **tensors)
    with pytest.raises(InputError, match="damaged"):
        next(nlls_steps(tiny_dataset, CONFIG, Keep(kept, resume=True)))


def test_counts_that_are_none_are_refused(tiny_dataset, kept):
    edit(kept, lambda header: header["numbers"].pop("counts"))
    with pytest.raises(InputError, match=r"damaged.*counts"):
        next(nlls_steps(tiny_dataset, CONFIG, Keep(kept, resume=True)))


def test_a_fit_with_other_settings_is_not_gone_on_with(tiny_dataset, kept):
    with pytest.raises(InputError, match=r"other settings: starts \d, now 1"):
        next(nlls_steps(tiny_dataset, CONFIG.model_copy(update={"starts": 1}), Keep(kept, resume=True)))
