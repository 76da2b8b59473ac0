"""What a fit sees: the truth has no misfit, and held-out volumes are out of reach."""

import dataclasses

import numpy as np
import pytest
import torch

import napari_smi_inr as smi
from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.errors import InputError
from napari_smi_inr.inr.common_signal import SignalModel
from napari_smi_inr.inr.config import FitConfig
from napari_smi_inr.inr.network import Tissue
from napari_smi_inr.inr.problem import Problem, held_out_volumes
from napari_smi_inr.parameters import KERNEL_PARAMETERS
from napari_smi_inr.signal_model.noise import rician_mean, rician_mean_square
from napari_smi_inr.signal_model.spherical_harmonics import P00, half_sphere
from napari_smi_inr.signal_model.standard_model import predict_signal
from napari_smi_inr.simulation.protocol import paper_protocol

CPU = torch.device("cpu")


def problem(dataset, **settings):
    return Problem(dataset, FitConfig(**{"lmax": 2, **settings}), CPU)


def true_tissue(dataset, scale, voxels=slice(None)):
    points = dataset.truth.centres[dataset.mask.ravel()][voxels]
    values = dataset.truth.evaluate(points)
    kernel = np.stack([values[key] for key in KERNEL_PARAMETERS], axis=1)
    parts = (kernel, values["S0"] / scale, values["fod"])
    return Tissue(*(torch.tensor(part, dtype=torch.float32) for part in parts))


def replaced(dataset, **changes):
    names = [f.name for f in dataclasses.fields(smi.DiffusionDataset)]
    return smi.DiffusionDataset(**{name: getattr(dataset, name) for name in names} | changes)


class TestHeldOutVolumes:
    @pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
    def test_every_shell_that_can_gives_its_share(self, share):
        protocol = paper_protocol()
        held = held_out_volumes(protocol, share, 0)
        for shell in protocol.shells():
            n, given = len(shell.volumes), held[shell.volumes].sum()
            assert given == (max(1, round(share * n)) if n >= 6 else 0)

    def test_few_b0_volumes_are_all_trained_on(self):
        protocol = paper_protocol()
        assert not held_out_volumes(protocol, 0.5, 0)[protocol.is_b0].any()

    def test_nothing_is_held_out_unless_asked_or_where_nothing_can_be_spared(self):
        assert not held_out_volumes(paper_protocol(), 0.0, 0).any()
        small = Acquisition(
            [0] + 5 * [1.0] + 5 * [2.0], np.ones(11), np.concatenate([half_sphere(1)] * 1 + [half_sphere(5)] * 2)
        )
        assert not held_out_volumes(small, 0.5, 0).any()

    def test_the_draw_follows_the_seed(self):
        draws = [held_out_volumes(paper_protocol(), 0.1, seed) for seed in (1, 1, 2)]
        np.testing.assert_array_equal(draws[0], draws[1])
        assert (draws[0] != draws[2]).any()

    def test_no_shell_is_emptied(self):
        protocol = paper_protocol()
        held = held_out_volumes(protocol, 0.5, 0)
        assert all((~held[shell.volumes]).sum() >= len(shell.volumes) / 2 - 1 for shell in protocol.shells())


def test_points_are_the_centres_of_the_masks_voxels(tiny_dataset):
    points = problem(tiny_dataset).points().numpy()
    np.testing.assert_allclose(points, tiny_dataset.truth.centres[tiny_dataset.mask.ravel()], atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_without_noise_the_truth_has_no_misfit(share):
    clean = smi.simulate(shape=(10, 10, 2), voxel_size=3.0, snr=np.inf, lmax=2)
    p = problem(clean, held_out=share)
    everyone = torch.arange(p.n_voxels)
    truth = true_tissue(clean, p.scale)
    assert p.misfit(truth, everyone).item() < 1e-8
    wrong = truth._replace(S0=1.1 * truth.S0)
    assert p.misfit(wrong, everyone).item() > 0.01
    if share:
        assert p.held_out_error(true_tissue(clean, p.scale, p.judged)) < 1e-5


def test_with_noise_the_truths_held_out_error_is_the_noise(tiny_dataset):
    p = problem(tiny_dataset, held_out=0.3)
    sigma = np.sqrt(np.mean(tiny_dataset.noise[tiny_dataset.mask] ** 2)) / p.scale
    assert p.held_out_error(true_tissue(tiny_dataset, p.scale, p.judged)) == pytest.approx(sigma, rel=0.05)


def test_errors_are_told_in_one_unit_whatever_the_network_works_in(tiny_dataset):
    bright = tiny_dataset.signal.copy()
    bright[~tiny_dataset.mask] *= 3.0
    mask, image = (problem(replaced(tiny_dataset, signal=bright), held_out=0.3, scale=s) for s in ("mask", "image"))
    assert image.scale > 1.2 * mask.scale
    held = [p.held_out_error(true_tissue(tiny_dataset, p.scale, p.judged)) for p in (mask, image)]
    assert held[0] == pytest.approx(held[1], rel=1e-5)
    everyone = torch.arange(mask.n_voxels)
    trained = [p.per_measurement(p.misfit(true_tissue(tiny_dataset, p.scale), everyone).item()) for p in (mask, image)]
    assert trained[0] == pytest.approx(trained[1], rel=1e-4)


def test_negative_signals_are_taken_as_they_are_unless_asked(tiny_dataset):
    lower = replaced(tiny_dataset, signal=tiny_dataset.signal - 0.5 * tiny_dataset.scale)
    kept, clipped = (problem(lower, loss="rician", held_out=0.0, clip_negative=clip) for clip in (False, True))
    assert kept.measured.min() < -0.1
    assert clipped.measured.min() == 0.0
    above = kept.measured > 0
    assert torch.equal(kept.measured[above], clipped.measured[above])


def test_an_image_that_is_dark_but_for_its_mask_is_no_unit(tiny_dataset):
    few = np.zeros_like(tiny_dataset.mask)
    few[tuple(np.argwhere(tiny_dataset.mask)[0])] = True
    dark = replaced(tiny_dataset, signal=np.where(few[..., None], tiny_dataset.signal, 0.0), mask=few)
    assert problem(dark, scale="mask").scale > 0
    with pytest.raises(InputError, match="dark"):
        problem(dark, scale="image")


def test_nothing_held_out_has_no_error(tiny_dataset):
    p = problem(tiny_dataset, held_out=0.0)
    assert np.isnan(p.held_out_error(true_tissue(tiny_dataset, p.scale, p.judged)))


@pytest.mark.parametrize("loss", ["mse", "rician"])
def test_held_out_volumes_leave_no_trace_in_what_is_trained_on(tiny_dataset, loss):
    held = held_out_volumes(tiny_dataset.acquisition, 0.1, 0)
    signal = tiny_dataset.signal.copy()
    signal[..., held] = 1e4
    one, other = (problem(d, held_out=0.1, loss=loss) for d in (tiny_dataset, replaced(tiny_dataset, signal=signal)))
    np.testing.assert_array_equal(one.held, held)
    assert torch.equal(one.measured, other.measured)
    truth = true_tissue(tiny_dataset, one.scale)
    everyone = torch.arange(one.n_voxels)
    assert torch.equal(one.misfit(truth, everyone), other.misfit(truth, everyone))
    judged = true_tissue(tiny_dataset, one.scale, one.judged)
    assert other.held_out_error(judged) > 10 * one.held_out_error(judged)


def test_the_rician_loss_prefers_the_truth_to_the_noise_floor():
    scan = smi.simulate(shape=(10, 10, 3), voxel_size=3.0, snr=5, lmax=2, noise="rician")
    p = problem(scan, loss="rician", held_out=0.0)
    everyone = torch.arange(p.n_voxels)
    truth = true_tissue(scan, p.scale)
    slower = truth._replace(kernel=truth.kernel * torch.tensor([0.7, 1.0, 1.0, 1.0]))  # explains a raised floor
    assert p.misfit(truth, everyone) < p.misfit(slower, everyone)


def test_rician_data_are_judged_against_the_magnitude_to_be_expected():
    """At SNR 5 and b = 8 the signal is below the noise, and so below every magnitude."""
    scan = smi.simulate(shape=(10, 10, 3), voxel_size=3.0, snr=5, lmax=2, noise="rician")
    rician, plain = (problem(scan, loss=loss, held_out=0.3) for loss in ("rician", "mse"))
    truth = true_tissue(scan, rician.scale, rician.judged)
    clean = predict_signal(
        {s: m[scan.mask] for s, m in scan.truth_maps().items()},
        scan.truth.fod_map()[scan.mask],
        scan.acquisition.select(rician.held),
    )
    sigma = scan.noise[scan.mask][:, None]
    spread = np.sqrt(np.mean(rician_mean_square(clean, sigma) - rician_mean(clean, sigma) ** 2)) / rician.scale
    assert rician.held_out_error(truth) == pytest.approx(spread, rel=0.03)
    assert plain.held_out_error(truth) > 1.1 * spread


def test_the_rician_loss_takes_a_number_or_a_map(tiny_dataset):
    level = float(tiny_dataset.noise[tiny_dataset.mask].mean())
    constant = np.full(tiny_dataset.shape, level, np.float32)
    number, flat = (problem(replaced(tiny_dataset, noise=n), loss="rician") for n in (level, constant))
    assert torch.equal(number.sigma.expand(number.n_voxels, 1), flat.sigma)
    assert number.sigma[0].item() == pytest.approx(level / tiny_dataset.scale)


def test_the_rician_loss_needs_a_noise_level(tiny_dataset):
    with pytest.raises(InputError, match="needs the noise level") as caught:
        problem(replaced(tiny_dataset, noise=None), loss="rician")
    assert caught.value.where == "noise"


def test_the_data_term_reads_as_the_error_of_a_measurement(tiny_dataset):
    """Reduced or not, what is reported is the plain root mean square residual of the trained volumes."""
    fit = problem(tiny_dataset)
    n, trained = fit.n_voxels, ~fit.held
    kernel, fod = torch.tensor([2.0, 1.8, 0.5, 0.6]), torch.tensor([P00, 0.1, 0.0, 0.0, 0.05, 0.0])
    tissue = Tissue(kernel.repeat(n, 1), torch.full((n,), 0.9), fod.float().repeat(n, 1))
    full = SignalModel(tiny_dataset.acquisition.select(trained), 2, reduced=False)
    signal = torch.from_numpy(tiny_dataset.signal[tiny_dataset.mask][:, trained] / fit.scale).float()
    residual = full(tissue) - full.measure(signal)
    reading = fit.per_measurement(float(fit.misfit(tissue, torch.arange(n))))
    assert reading == pytest.approx(float(residual.square().mean().sqrt()), rel=1e-4)


@pytest.mark.parametrize("snr", [10, 50])
def test_the_noise_is_known_from_what_no_tissue_explains(snr):
    """Truth of lmax 2 seen at lmax 2: all that the shells' SH cannot express is noise, S0/SNR in each voxel."""
    dataset = smi.simulate((10, 10, 3), voxel_size=8.0, snr=snr, seed=3)
    fit = problem(dataset)
    expected = np.mean(np.square(dataset.noise[dataset.mask] / fit.scale))
    assert fit.noise_variance == pytest.approx(expected, rel=0.05)


def test_b_values_that_scatter_leave_the_noise_to_be_seen():
    plain = paper_protocol()
    scatter = 1.0 + 0.01 * np.random.default_rng(0).standard_normal(plain.n_volumes)
    protocol = Acquisition(plain.b * scatter, plain.b_delta, plain.directions)
    fit = problem(dataset := smi.simulate((10, 10, 3), voxel_size=8.0, snr=20, seed=3, protocol=protocol))
    assert fit.measured.shape[1] < 80  # of 146
    assert fit.noise_variance == pytest.approx(np.mean(np.square(dataset.noise[dataset.mask] / fit.scale)), rel=0.05)


def test_a_given_noise_level_is_taken_as_it_is():
    dataset = smi.simulate((10, 10, 3), voxel_size=8.0, snr=20, noise="rician", seed=3)
    fit = problem(dataset, loss="rician")
    assert fit.noise_variance == pytest.approx(np.mean(np.square(dataset.noise[dataset.mask] / fit.scale)), rel=1e-5)


def test_without_noise_there_is_none():
    dataset = smi.simulate((10, 10, 3), voxel_size=8.0, snr=np.inf, seed=3)
    assert problem(dataset).noise_variance < 1e-8
