import numpy as np
import pytest
import torch

from napari_smi_inr.baselines.smi.fod import FodFit
from napari_smi_inr.signal_model.kernel import kernel
from napari_smi_inr.signal_model.spherical_harmonics import P00, real_sh
from napari_smi_inr.signal_model.standard_model import predict_signal
from napari_smi_inr.simulation.protocol import paper_protocol

TISSUE = {"Di": 2.2, "De": 2.0, "Dp": 0.6, "f": 0.55, "S0": 1.0}


def crossing(lmax, n=20, seed=0):
    """(n, C) FODs of two lobes each."""
    axes = np.random.default_rng(seed).normal(size=(n, 2, 3))
    fod = 0.4 * real_sh(axes[:, 0], lmax) + 0.2 * real_sh(axes[:, 1], lmax)
    fod[:, 0] = P00
    return fod


def response(fit, tissue, n):
    Di, De, Dp, f = (torch.full((n, 1), float(tissue[key])).double() for key in ("Di", "De", "Dp", "f"))
    return kernel(torch.tensor(fit.b), torch.tensor(fit.b_delta), Di, De, Dp, f, fit.lmax).numpy()


@pytest.mark.parametrize("lmax", [2, 4, 6])
def test_the_truth_is_found_where_the_kernel_is_known(lmax):
    acquisition, truth = paper_protocol(), crossing(lmax)
    fit = FodFit(acquisition, lmax)
    signal = predict_signal({key: np.full(20, x) for key, x in TISSUE.items()}, truth, acquisition)
    found = fit.solve(signal, response(fit, TISSUE, 20), np.zeros(20))
    np.testing.assert_allclose(found[:, 0], P00)
    np.testing.assert_allclose(found, truth, atol=2e-3)


def test_an_order_that_the_tissue_does_not_pass_stays_bounded():
    """No axons and an isotropic outside: K_l = 0 for l > 0, and all directions look alike."""
    acquisition, n = paper_protocol(), 200
    fit = FodFit(acquisition, 4)
    nowhere = TISSUE | {"f": 0.0, "De": 1.0, "Dp": 1.0}
    signal = np.random.default_rng(0).normal(0.3, 0.02, (n, acquisition.n_volumes))
    found = fit.solve(signal, response(fit, nowhere, n), np.full(n, 0.02))
    np.testing.assert_allclose(found[:, 1:], 0, atol=1e-9)
    barely = response(fit, TISSUE | {"f": 1e-3, "De": 1.0, "Dp": 1.0}, n)
    assert np.abs(fit.solve(signal, barely, np.full(n, 0.02))[:, 1:]).max() < 0.5


def test_the_bound_costs_little_where_orders_are_well_measured():
    acquisition, truth = paper_protocol(), crossing(4, 400)
    fit = FodFit(acquisition, 4)
    signal = predict_signal({key: np.full(400, x) for key, x in TISSUE.items()}, truth, acquisition)
    signal += np.random.default_rng(0).normal(0, 0.02, signal.shape)
    plain, bounded = (fit.solve(signal, response(fit, TISSUE, 400), np.full(400, s)) for s in (0.0, 0.02))
    assert np.std(bounded - truth) < 1.02 * np.std(plain - truth)


def test_an_isotropic_fod_has_nothing_to_solve():
    fit = FodFit(paper_protocol(), 0)
    found = fit.solve(np.ones((3, 154)), np.ones((3, 6, 1)), np.zeros(3))
    np.testing.assert_allclose(found, P00)
