"""One network learning: which voxels it sees, what it remembers, what it leaves alone."""

import math
import time

import numpy as np
import pytest
import torch

import napari_smi_inr as smi
from napari_smi_inr.inr import voxel_tissue
from napari_smi_inr.inr.config import FitConfig
from napari_smi_inr.inr.problem import Problem
from napari_smi_inr.inr.trainer import Trainer, batches_per_epoch

EPOCHS = 5


def trainer(dataset, epochs=EPOCHS, **settings):
    config = FitConfig(**{"lmax": 2, "batch_size": 40, "width": 32, "features": 16, "epochs": epochs, **settings})
    return Trainer(Problem(dataset, config, torch.device("cpu")), config, 12.0)


def run(t):
    for _ in batches(t):
        pass
    return t


def batches(t):
    """Train, one batch at a time."""
    while not t.finished:
        t.advance(0.0)
        yield


def after_each_epoch(t):
    return [t.losses for _ in batches(t) if t.epoch == int(t.epoch)]


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize(
    ("n_voxels", "batch_size", "expected"), [(1000, 256, 4), (1, 256, 1), (127, 256, 1), (600, 256, 2), (256, 1, 256)]
)
def test_batches_are_even(n_voxels, batch_size, expected):
    assert batches_per_epoch(n_voxels, batch_size) == expected


def test_every_epoch_sees_every_voxel_once(tiny_dataset, monkeypatch):
    t, seen = trainer(tiny_dataset), []
    misfit = t.problem.misfit
    monkeypatch.setattr(t.problem, "misfit", lambda tissue, voxels: (seen.append(voxels), misfit(tissue, voxels))[1])
    run(t)
    epochs = torch.cat(seen).reshape(EPOCHS, -1).numpy()
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(tiny_dataset.n_voxels), (EPOCHS, 1)))
    assert (epochs[0] != epochs[1]).any()
    assert np.ptp([len(batch) for batch in seen]) <= 1


def test_learning_lowers_both_misfits(tiny_dataset):
    t = trainer(tiny_dataset, epochs=30)
    readings = after_each_epoch(t)
    assert readings[-1].data < 0.8 * readings[0].data  # both include the noise, 0.02 or so
    assert readings[-1].held_out < 0.85 * readings[0].held_out


def test_the_best_network_is_remembered(tiny_dataset, monkeypatch):
    t, told = trainer(tiny_dataset, held_out=0.2), iter([0.3, 0.1, 0.2, 0.2, 0.2])
    monkeypatch.setattr(t.problem, "held_out_error", lambda tissue: next(told))
    states = [weights(t.model).clone() for _ in batches(t) if t.epoch == int(t.epoch)]
    assert t.best_error == 0.1
    assert torch.equal(weights(t.best_model()), states[1])
    assert not torch.equal(states[1], states[-1])


def test_the_remembered_network_errs_as_was_said(tiny_dataset):
    # A learning rate that makes the error jump about: the last network is not the best.
    t = trainer(tiny_dataset, epochs=25, learning_rate=0.1, schedule="decay", held_out=0.2, seed=1)
    errors = [losses.held_out for losses in after_each_epoch(t)]
    assert min(errors) < errors[-1]
    assert t.best_error == min(errors)
    with torch.no_grad():
        again = t.problem.held_out_error(t.best_model()(t.problem.points(t.problem.judged)))
    assert again == pytest.approx(min(errors), rel=1e-5)


def test_with_nothing_held_out_the_last_network_is_the_result(tiny_dataset):
    t = run(trainer(tiny_dataset, held_out=0.0))
    assert math.isnan(t.best_error)
    assert math.isnan(t.losses.held_out)
    assert torch.equal(weights(t.best_model()), weights(t.model))


def test_the_best_network_is_a_copy(tiny_dataset):
    t = trainer(tiny_dataset)
    t.advance(0.0)
    kept = t.best_model()
    before = weights(kept).clone()
    run(t)
    assert torch.equal(weights(kept), before)
    assert not torch.equal(weights(t.model), before)
    assert not any(p.requires_grad for p in kept.parameters())


@pytest.mark.parametrize("schedule", ["one-cycle", "decay"])
def test_seeds_decide_everything(tiny_dataset, schedule):
    torch.manual_seed(1)
    one = run(trainer(tiny_dataset, seed=3, schedule=schedule))
    torch.manual_seed(2)
    same, other = (run(trainer(tiny_dataset, seed=seed, schedule=schedule)) for seed in (3, 4))
    assert torch.equal(weights(one.model), weights(same.model))
    assert not torch.equal(weights(one.model), weights(other.model))


def test_the_callers_random_numbers_are_left_alone(tiny_dataset):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    state = np.random.get_state()[1].copy()  # noqa: NPY002 (the state others may rely on)
    run(trainer(tiny_dataset))
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_large_scans_are_encoded_batch_by_batch_with_the_same_result(tiny_dataset, monkeypatch):
    kept = run(trainer(tiny_dataset))
    monkeypatch.setattr(voxel_tissue, "_CACHED_FEATURES", 0)
    anew = run(trainer(tiny_dataset))
    torch.testing.assert_close(weights(anew.model), weights(kept.model), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("epochs", [1, 2])
def test_the_shortest_fits_end_where_they_should(tiny_dataset, epochs):
    t = run(trainer(tiny_dataset, epochs=epochs))
    assert t.epoch == epochs
    assert math.isfinite(t.best_error)


def test_one_voxel_is_enough(tiny_dataset):
    mask = np.zeros_like(tiny_dataset.mask)
    mask[tuple(np.argwhere(tiny_dataset.mask)[40])] = True
    lonely = smi.DiffusionDataset(tiny_dataset.signal, tiny_dataset.acquisition, mask, tiny_dataset.affine)
    t = run(trainer(lonely, epochs=60))
    assert t.best_error < 0.2
    assert torch.isfinite(weights(t.best_model())).all()


def test_training_takes_the_time_it_is_given(tiny_dataset):
    t = trainer(tiny_dataset, epochs=100_000)
    t.advance(0.0)
    assert t.done == 1
    started = time.perf_counter()
    t.advance(0.2)
    assert 0.2 <= time.perf_counter() - started < 5
    assert t.done > 2
    assert not t.finished


def test_training_does_not_go_beyond_its_end(tiny_dataset):
    t = trainer(tiny_dataset, epochs=2)
    t.advance(600.0)
    assert t.finished
    assert t.epoch == 2
    before = weights(t.model).clone()
    t.advance(1.0)
    assert torch.equal(weights(t.model), before)


def test_the_number_of_threads_is_given_back(tiny_dataset):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run(trainer(tiny_dataset, epochs=1))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
