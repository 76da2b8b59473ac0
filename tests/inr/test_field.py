"""A field is a function of position: continuous, the same however it is asked, physical everywhere."""

import numpy as np
import pytest

import napari_smi_inr as smi
from napari_smi_inr.inr import evaluation
from napari_smi_inr.parameters import KERNEL_PARAMETERS, PARAMETERS, SCALARS
from napari_smi_inr.signal_model.spherical_harmonics import P00, half_sphere, rotational_invariants
from napari_smi_inr.signal_model.standard_model import predict_signal


@pytest.fixture(scope="module")
def centres(tiny_field):
    return np.argwhere(tiny_field.mask) @ tiny_field.affine[:3, :3].T + tiny_field.affine[:3, 3]


def anywhere(field, n, seed=0):
    """Points in and around the scan."""
    low, high = field.affine[:3, 3] - 5, (field.affine @ [*field.shape, 1])[:3] + 5
    return np.random.default_rng(seed).uniform(low, high, (n, 3))


def test_maps_hold_every_parameter_inside_the_mask_and_nan_outside(tiny_field):
    maps = tiny_field.maps()
    assert tuple(maps) == SCALARS == tiny_field.parameters
    for values in maps.values():
        assert values.shape == tiny_field.shape
        assert values.dtype == np.float32
        np.testing.assert_array_equal(np.isfinite(values), tiny_field.mask)


def test_maps_are_the_values_at_voxel_centres(tiny_field, centres):
    values = tiny_field.evaluate(centres)
    for key, volume in tiny_field.maps().items():
        np.testing.assert_array_equal(volume[tiny_field.mask], values[key])


def test_fod_map_holds_the_coefficients_inside_the_mask_and_zero_outside(tiny_field, centres):
    fod = tiny_field.fod_map()
    assert fod.shape == (*tiny_field.shape, 6)
    np.testing.assert_array_equal(fod[tiny_field.mask], tiny_field.evaluate(centres)["fod"])
    assert (fod[~tiny_field.mask] == 0).all()


def test_sample_and_evaluate_say_the_same(tiny_field):
    points = anywhere(tiny_field, 200)
    values, columns = tiny_field.evaluate(points), tiny_field.sample(points)
    assert set(values) == {*SCALARS, "fod"}
    assert columns.dtype == np.float32
    np.testing.assert_array_equal(columns, np.stack([values[key] for key in SCALARS], axis=1))
    np.testing.assert_allclose(values["p2"], rotational_invariants(values["fod"])[:, 1], rtol=1e-5)


def test_values_are_physical_everywhere_even_far_outside(tiny_field):
    values = tiny_field.evaluate(anywhere(tiny_field, 500) * [1, 10, 100])
    for key in KERNEL_PARAMETERS:
        low, high = PARAMETERS[key].bounds
        assert ((values[key] >= low) & (values[key] <= high)).all()
    assert (values["S0"] >= 0).all()
    np.testing.assert_array_equal(values["fod"][:, 0], np.float32(P00))


def test_between_voxels_there_are_no_steps(tiny_field):
    # On a line through several voxels, steps a tenth as long change the values a tenth as much.
    start, stop = centres_of_row(tiny_field)
    jumps = []
    for n in (301, 3001):
        line = start + np.linspace(0, 1, n)[:, None] * (stop - start)
        jumps.append(np.abs(np.diff(tiny_field.sample(line), axis=0)).max(axis=0))
    ratio = jumps[1] / jumps[0]
    assert (jumps[0] > 0).all()
    assert (ratio < 0.15).all()


def centres_of_row(field):
    first, last = np.array([0, 5, 1]), np.array([9, 5, 1])
    return (field.affine[:3, :3] @ v + field.affine[:3, 3] for v in (first, last))


def test_the_field_varies_within_a_voxel(tiny_field, centres):
    edge = tiny_field.affine[:3, :3] @ [0.5, 0.0, 0.0]
    inside, face = tiny_field.sample(centres), tiny_field.sample(centres + edge)
    assert (np.abs(face - inside).max(axis=0) > 0).all()


def test_order_and_company_of_points_do_not_matter(tiny_field, monkeypatch):
    points = anywhere(tiny_field, 100)
    whole = tiny_field.sample(points)
    np.testing.assert_allclose(tiny_field.sample(points[::-1])[::-1], whole, rtol=1e-4, atol=1e-5)
    monkeypatch.setattr(evaluation, "_CHUNK", 7)
    np.testing.assert_allclose(tiny_field.sample(points), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_points_of_any_number_type_and_memory_layout_are_taken(tiny_field, dtype):
    points = np.asfortranarray(np.round(anywhere(tiny_field, 20)).astype(dtype))
    expected = tiny_field.sample(points.astype(np.float64).copy(order="C"))
    np.testing.assert_array_equal(tiny_field.sample(points), expected)
    points.flags.writeable = False
    np.testing.assert_array_equal(tiny_field.sample(points), expected)


def test_no_points_give_no_values(tiny_field):
    assert tiny_field.sample(np.empty((0, 3))).shape == (0, 6)
    assert tiny_field.evaluate(np.empty((0, 3)))["fod"].shape == (0, 6)
    assert tiny_field.predict(np.empty((0, 3))).shape == (0, 154)


def test_predictions_explain_the_scan(tiny_field, tiny_dataset, centres):
    measured = tiny_dataset.signal[tiny_dataset.mask]
    predicted = tiny_field.predict(centres)
    assert predicted.shape == measured.shape
    unexplained = np.sum((predicted - measured) ** 2) / np.sum((measured - measured.mean()) ** 2)
    assert unexplained < 0.05
    assert abs(predicted.mean() / measured.mean() - 1) < 0.02


def test_predictions_follow_the_forward_model_for_any_protocol(tiny_field, centres):
    other = smi.Acquisition([0.0, 1.5, 1.5], [1.0, -0.5, 0.0], [[0, 0, 0], [0, 0, 1], [0, 0, 0]])
    values = tiny_field.evaluate(centres)
    expected = predict_signal(values, values["fod"], other)
    np.testing.assert_array_equal(tiny_field.predict(centres, other), expected)
    np.testing.assert_allclose(expected[:, 0], values["S0"], rtol=1e-6)


def test_predictions_do_not_depend_on_the_sign_of_directions(tiny_field, centres):
    directions = half_sphere(10)
    there, back = (smi.Acquisition(np.full(10, 3.0), np.ones(10), s * directions) for s in (1, -1))
    np.testing.assert_allclose(tiny_field.predict(centres, there), tiny_field.predict(centres, back), rtol=1e-6)


def test_s0_is_in_the_scans_units(tiny_field, tiny_dataset):
    b0 = tiny_dataset.signal[..., tiny_dataset.acquisition.is_b0].mean(axis=-1)[tiny_dataset.mask]
    assert np.median(tiny_field.maps()["S0"][tiny_field.mask] / b0) == pytest.approx(1, abs=0.03)


def test_maps_resemble_the_truth(tiny_field, tiny_dataset):
    truth = tiny_dataset.truth_maps()
    for key in ("f", "p2", "S0"):
        pair = tiny_field.maps()[key][tiny_field.mask], truth[key][tiny_field.mask]
        assert np.corrcoef(*pair)[0, 1] > 0.5, key


def test_quality_tells_how_many_voxels_sit_at_a_bound(tiny_field):
    share = tiny_field.quality["share_at_bound"]
    assert set(share) == set(KERNEL_PARAMETERS)
    for key, value in share.items():
        low, high = PARAMETERS[key].bounds
        inside = tiny_field.maps()[key][tiny_field.mask]
        margin = 0.01 * (high - low)
        expected = np.mean((inside < low + margin) | (inside > high - margin))
        assert value == pytest.approx(expected, abs=1e-4)
    assert tiny_field.quality["held_out_rmse"] > 0


def test_maps_belong_to_the_caller(tiny_field):
    tiny_field.maps()["f"][:] = -1
    tiny_field.fod_map()[:] = -1
    assert np.nanmin(tiny_field.maps()["f"]) >= 0
    assert tiny_field.fod_map().max() > 0


def test_geometry_is_that_of_the_scan(tiny_field, tiny_dataset):
    np.testing.assert_array_equal(tiny_field.affine, tiny_dataset.affine)
    np.testing.assert_array_equal(tiny_field.mask, tiny_dataset.mask)
    assert tiny_field.shape == tiny_dataset.shape
    assert tiny_field.lmax == 2
    assert tiny_field.acquisition.n_volumes == 154
