from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_smi_inr.errors import InputError
from napari_smi_inr.parameters import KERNEL_PARAMETERS, SCALARS
from napari_smi_inr.signal_model.spherical_harmonics import P00, half_sphere, real_sh
from napari_smi_inr.simulation.phantom import Phantom

LIMITS = {"Di": (1.6, 2.8), "De": (1.4, 2.4), "Dp": (0.3, 1.0), "f": (0.3, 0.75), "S0": (70.0, 140.0)}
SHARPEST = {2: 2 / 5, 4: 4 / 7, 6: 2 / 3, 8: 8 / 11}
"""Mean of P2 under the lobe (n·t)^lmax, lmax / (lmax + 3)."""


def tissue(phantom: Phantom, n: int = 4000) -> NDArray[np.float64]:
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (3 * n, 3)) * phantom.field_of_view + phantom.centre
    return points[phantom.inside(points)][:n]


@pytest.mark.parametrize("lmax", [2, 4, 6, 8])
def test_fods_are_distributions(lmax: int) -> None:
    phantom = Phantom(lmax)
    fod = phantom.evaluate(tissue(phantom, 1500))["fod"]
    amplitude = fod @ real_sh(half_sphere(1500), lmax).T
    assert amplitude.min() >= 0
    np.testing.assert_array_equal(fod[:, 0], P00)
    np.testing.assert_allclose(amplitude.mean(axis=1) * 4 * np.pi, 1, atol=2e-3)


@pytest.mark.parametrize("lmax", [2, 4, 6, 8])
def test_coherence_comes_near_the_limit_of_its_order_and_never_over(lmax: int) -> None:
    phantom = Phantom(lmax)
    p2 = phantom.evaluate(tissue(phantom))["p2"]
    assert 0.85 * SHARPEST[lmax] < p2.max() <= SHARPEST[lmax]
    assert p2.min() < 0.3 * SHARPEST[lmax]


def test_parameters_keep_to_tissue_and_use_its_range() -> None:
    phantom = Phantom()
    truth = phantom.evaluate(tissue(phantom, 20_000))
    for symbol, (low, high) in LIMITS.items():
        values = truth[symbol]
        assert low <= values.min(), symbol
        assert values.max() <= high, symbol
        assert np.ptp(values) > 0.3 * (high - low), symbol
    assert np.all(truth["De"] > truth["Dp"])


def test_truth_is_continuous() -> None:
    phantom = Phantom(lmax=4)
    points = tissue(phantom, 20_000)
    step = 1e-3 * np.random.default_rng(1).normal(size=points.shape)  # mm; a voxel is 3
    here, there = phantom.evaluate(points), phantom.evaluate(points + step)
    for symbol in KERNEL_PARAMETERS:
        assert np.abs(here[symbol] - there[symbol]).max() < 5e-3, symbol
    assert np.abs(here["fod"] - there["fod"]).max() < 5e-3


def test_truth_has_smooth_places_and_sharp_edges() -> None:
    phantom = Phantom()
    points = tissue(phantom)
    ahead = points + np.array([0.0, 1.5, 0.0])  # half a voxel of 3 mm
    change = np.abs(phantom.evaluate(points)["f"] - phantom.evaluate(ahead)["f"])
    assert np.median(change) < 0.02
    assert change.max() > 0.06


def test_anatomy_scales_with_the_field_of_view_and_moves_with_its_centre() -> None:
    small, large = Phantom(4), Phantom(4, (210.0, 210.0, 60.0), (10.0, -20.0, 5.0))
    points = tissue(small, 500)
    moved = points * 2.5 + large.centre
    np.testing.assert_array_equal(small.inside(points), large.inside(moved))
    for symbol, values in small.evaluate(points).items():
        np.testing.assert_allclose(large.evaluate(moved)[symbol], values, rtol=1e-9, atol=1e-12)


def test_fibres_run_where_anatomy_says() -> None:
    phantom = Phantom(lmax=4, field_of_view=(200.0, 200.0, 60.0))  # so that millimetres are hundredths
    directions = half_sphere(4000)
    spots = {"callosum, body": (0, 0, 11), "capsule, left": (-25, -5, -20), "longitudinal, right": (43, 0, 13)}
    fod = phantom.evaluate(np.array(list(spots.values()), dtype=float))["fod"]
    main = np.abs(directions[np.argmax(fod @ real_sh(directions, 4).T, axis=1)])
    assert main[0, 0] > 0.95
    assert main[1, 2] > 0.9
    assert main[2, 1] > 0.9


def test_ventricles_and_sulci_are_fluid() -> None:
    phantom = Phantom(field_of_view=(200.0, 200.0, 60.0))
    horn, fissure, air, white = (9.0, 25, -8), (-1.3, 75, 10), (99, 99, 0), (30, -20, 10)
    points = np.array([horn, fissure, air, white])
    assert phantom.in_fluid(points).tolist() == [True, True, False, False]
    assert phantom.inside(points).tolist() == [False, False, False, True]


def test_scalars_alone_are_the_same() -> None:
    phantom = Phantom(lmax=8)
    points = tissue(phantom, 300)
    truth = phantom.evaluate(points)
    np.testing.assert_allclose(phantom.scalars(points), np.stack([truth[s] for s in SCALARS], axis=1), rtol=1e-12)


def test_columns_are_complete() -> None:
    truth = Phantom(lmax=6).evaluate(np.zeros((3, 3)))
    assert set(truth) == {*SCALARS, "fod"}
    assert truth["fod"].shape == (3, 28)
    assert len(Phantom().evaluate(np.empty((0, 3)))["f"]) == 0
    assert Phantom().inside(np.empty((0, 3))).shape == (0,)


@pytest.mark.parametrize("arguments", [{"lmax": 3}, {"lmax": 0}, {"field_of_view": (84.0, 0.0, 24.0)}])
def test_impossible_phantoms_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(arguments))):
        Phantom(**arguments)  # type: ignore[arg-type]
