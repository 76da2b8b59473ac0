"""The average over a voxel: exact where it should be, and what a fit makes of it."""

import numpy as np
import pytest
import torch

import napari_smi_inr as smi
from napari_smi_inr.inr.config import FitConfig
from napari_smi_inr.inr.network import Tissue
from napari_smi_inr.inr.problem import Problem
from napari_smi_inr.inr.voxel_points import voxel_offsets
from napari_smi_inr.parameters import KERNEL_PARAMETERS, SCALARS
from napari_smi_inr.signal_model.standard_model import predict_signal


@pytest.fixture(scope="module")
def coarse():
    """Noise-free, in voxels so large that their average is not their centre."""
    return smi.simulate((10, 10, 3), voxel_size=8.4, snr=np.inf, lmax=2, subvoxel=4)


def oblique(rng):
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([1.5, 2.0, 4.0])
    return affine


def test_four_points_average_any_quadratic_as_the_voxel_does():
    rng = np.random.default_rng(0)
    affine = oblique(rng)
    quadratic, linear = rng.normal(size=(3, 3)), rng.normal(size=3)
    points = voxel_offsets(affine, average=True)
    mean = np.mean(np.einsum("ki,ij,kj->k", points, quadratic, points) + points @ linear)
    edges = affine[:3, :3]
    assert mean == pytest.approx(np.trace(edges.T @ quadratic @ edges) / 12)  # of t² over [-1/2, 1/2] is 1/12


def test_without_averaging_the_centre_stands_for_the_voxel():
    np.testing.assert_array_equal(voxel_offsets(oblique(np.random.default_rng(0)), average=False), np.zeros((1, 3)))


def misfit_of_the_truth(dataset, average):
    """Mean squared error of a measurement that the truth at the problem's own points leaves."""
    problem = Problem(dataset, FitConfig(lmax=2, held_out=0.0, voxel_average=average), torch.device("cpu"))
    values = dataset.truth.evaluate(problem.points().double().numpy())
    kernel = np.stack([values[key] for key in KERNEL_PARAMETERS], axis=1)
    tissue = Tissue(
        *(torch.tensor(v, dtype=torch.float32) for v in (kernel, values["S0"] / problem.scale, values["fod"]))
    )
    return problem.misfit(tissue, torch.arange(problem.n_voxels)).item()


def test_the_truth_explains_averages_far_better_when_averaged(coarse):
    assert misfit_of_the_truth(coarse, True) < 0.3 * misfit_of_the_truth(coarse, False)


def test_predictions_of_voxels_are_averages_too(coarse):
    field = smi.fit(coarse, lmax=2, epochs=3, detail=12.0, device="cpu", voxel_average=True)
    centres = coarse.truth.centres[coarse.mask.ravel()]
    parts = []
    for offset in voxel_offsets(coarse.affine, average=True):
        values = field.evaluate(centres + offset)
        parts.append(predict_signal({s: values[s] for s in SCALARS}, values["fod"], coarse.acquisition))
    np.testing.assert_allclose(field.predict_voxels(), np.mean(parts, axis=0), rtol=1e-6)


def test_a_fit_of_averages_sees_finer_than_the_voxels():
    scan = smi.simulate((16, 16, 3), voxel_size=5.25, snr=200, lmax=4, subvoxel=4)
    rng = np.random.default_rng(0)
    voxels = np.argwhere(scan.mask)[:, None] + rng.uniform(-0.5, 0.5, size=(scan.n_voxels, 20, 3))
    points = voxels.reshape(-1, 3) @ scan.affine[:3, :3].T + scan.affine[:3, 3]
    points = points[scan.truth.phantom.inside(points)]
    truth = scan.truth.sample(points)[:, 5]
    errors = []
    for average in (True, False):
        field = smi.fit(scan, lmax=4, detail=10.0, epochs=100, batch_size=128, device="cpu", voxel_average=average)
        errors.append(np.sqrt(np.mean((field.sample(points)[:, 5] - truth) ** 2)))
    assert errors[0] < 0.95 * errors[1]  # 0.88 as measured
