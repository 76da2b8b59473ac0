"""Voxel maps as layers: their look, their place, and updates while a fit runs."""

from __future__ import annotations

import numpy as np
import pytest

from napari_smi_inr.plugin import add_parameter_layers, update_parameter_layers
from napari_smi_inr.plugin.zoom.session import session_of


def maps(seed=0, shape=(12, 10, 4)):
    rng = np.random.default_rng(seed)
    volumes = {"f": rng.random(shape), "Di": 1 + rng.random(shape), "S0": 100 * rng.random(shape)}
    for volume in volumes.values():
        volume[0] = np.nan
    return volumes


def oblique():
    a = np.deg2rad(15)
    affine = np.diag([3.0, 3.0, 4.0, 1.0])
    affine[:2, :2] = 3 * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return affine


def flipped():
    """Axes permuted and flipped, but straight."""
    affine = np.zeros((4, 4))
    affine[0, 1], affine[1, 0], affine[2, 2], affine[3, 3] = -3, 3, 4, 1
    affine[:3, 3] = (10, -20, 5)
    return affine


@pytest.mark.parametrize("affine", [flipped(), oblique()], ids=["straight", "oblique"])
def test_maps_appear_in_place_and_change_in_place(window, settle, pump, affine):
    viewer, _ = window()
    before, after = maps(), maps(seed=1)
    layers = add_parameter_layers(viewer, before, affine)
    assert [layer.visible for layer in layers.values()] == [True, False, False]
    assert layers["f"].name == "f · intra-axonal signal fraction · voxels"
    assert tuple(layers["Di"].contrast_limits) == (1, 3)
    assert layers["Di"].colormap.name == "magma"
    assert all(str(u) == "millimeter" for layer in layers.values() for u in layer.units)
    count = len(viewer.layers)
    for values in (before, after):
        if values is after:
            update_parameter_layers(layers, after)
        if session_of(layers["f"]):
            settle(layers["f"])
        pump(50)
        voxel = np.array([5, 4, 2])
        x, y, z = (affine @ [*voxel, 1])[:3]
        for _ in range(2):
            viewer.dims.set_point(0, z)
        pump(50)
        if session_of(layers["f"]):
            settle(layers["f"])
        value = layers["f"].get_value((z, y, x), world=True)
        value = value[1] if isinstance(value, tuple) else value
        assert value == pytest.approx(values["f"][tuple(voxel)], abs=1e-6)
    assert len(viewer.layers) == count
    assert layers["S0"].contrast_limits[1] > 50  # from the data


def test_updating_after_the_user_removed_a_layer_does_no_harm(window, pump):
    viewer, _ = window()
    layers = add_parameter_layers(viewer, maps(), np.diag([3.0, 3.0, 3.0, 1.0]), visible="Di")
    assert layers["Di"].visible
    viewer.layers.remove(layers["f"].name)
    update_parameter_layers(layers, maps(seed=2))
    pump(50)
    assert len(viewer.layers) == 2


def test_hidden_maps_have_the_thumbnail_they_have_when_seen(window, pump):
    viewer, _ = window()
    layers = add_parameter_layers(viewer, {s: np.repeat(v, 4, axis=0) for s, v in maps().items()}, flipped())
    hidden = layers["Di"]
    unseen = hidden.thumbnail.astype(float)
    assert unseen[..., :3].max() > 100
    hidden.visible = True
    pump(50)
    seen = hidden.thumbnail.astype(float)
    np.testing.assert_array_equal(unseen[..., :3].sum(axis=2) > 0, seen[..., :3].sum(axis=2) > 0)
    assert np.abs(unseen - seen).mean() < 0.05 * 255
