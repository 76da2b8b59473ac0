"""Where things are: against ordinary layers, against scanner millimetres, oblique scans and 3-D."""

from __future__ import annotations

import numpy as np
import pytest

from napari_smi_inr.plugin import add_parameter_layers, add_zoom_layer
from napari_smi_inr.plugin.canvas_orientation import show_plane
from napari_smi_inr.sampling.grid_field import GridField

PLANES = ("axial", "coronal", "sagittal")
SPOT = np.array([8.0, -5.0, 3.5])  # RAS mm; its z lies on a plane of voxel centres in the straight scan


def rotation(axis, degrees):
    a = np.deg2rad(degrees)
    matrix = np.eye(3)
    i, j = (k for k in range(3) if k != axis)
    matrix[[i, i, j, j], [i, j, i, j]] = np.cos(a), -np.sin(a), np.sin(a), np.cos(a)
    return matrix


def scan(turn=None):
    """Affine of a 24 x 20 x 16 scan of 3 mm voxels, centred near the origin."""
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if turn is None else turn) * 3.0
    affine[:3, 3] = np.array([0.5, 1.0, 0.5]) - affine[:3, :3] @ np.array([11.5, 9.5, 7.5])
    return affine


class Spot:
    """A Gaussian of 5 mm around SPOT."""

    parameters = ("f",)

    def __init__(self, affine, shape=(24, 20, 16)):
        self.affine, self.mask = affine, np.ones(shape, bool)

    def sample(self, points):
        return np.exp(-np.sum((points - SPOT) ** 2, axis=1, keepdims=True) / 50).astype(np.float32)


def centroid(viewer):
    """Row and column of the brightness on the canvas, which must be grey on black."""
    overlays = viewer.canvas.overlays
    for name in [n for n in overlays if not n.startswith("_")]:
        overlays[name].visible = False
    picture = viewer.screenshot(flash=False)[:, :, 0].astype(float)
    picture[picture < 3] = 0
    rows, columns = np.indices(picture.shape) + 0.5
    return np.array([(rows * picture).sum(), (columns * picture).sum()]) / picture.sum()


def expected(viewer):
    """Where the spot ought to be, from the camera alone: rows count down, superior and anterior are up."""
    height, width = viewer.canvas.size
    camera = viewer.scene.camera
    vertical, horizontal = SPOT[::-1][list(viewer.dims.displayed)]
    row = height / 2 - (vertical - camera.center[-2]) * camera.zoom
    return np.array([row, width / 2 + (horizontal - camera.center[-1]) * camera.zoom])


def look_at_spot(viewer, plane, zoom):
    from napari_smi_inr.plugin.zoom.slider import set_exactly

    show_plane(viewer, plane)
    set_exactly(viewer.dims, viewer.dims.order[0], SPOT[::-1][viewer.dims.order[0]])
    viewer.scene.camera.center = (0, *(SPOT[::-1][list(viewer.dims.displayed)] + (2.0, -3.0)))
    viewer.scene.camera.zoom = zoom


def bare(layer):
    layer.colormap = "gray"
    layer.colorbar.visible = layer.name_overlay.visible = False


@pytest.mark.parametrize("turn", [rotation(0, 12), rotation(2, 20) @ rotation(1, -15)], ids=["single", "double"])
def test_oblique_scans_lie_where_the_scanner_says(window, settle, turn):
    viewer, _ = window()
    layer = add_zoom_layer(viewer, Spot(scan(turn)), "f")
    bare(layer)
    for plane in PLANES:
        look_at_spot(viewer, plane, 4.0)
        settle(layer)
        np.testing.assert_allclose(centroid(viewer), expected(viewer), atol=0.5)


def test_straight_scans_lie_where_ordinary_layers_do(window, settle):
    viewer, _ = window()
    affine = scan() @ np.diag([-1, 1, 1, 1])  # x runs to the left, as in most scans
    affine[:3, 3] += [69 + 0, 0, 0]
    field = Spot(affine)
    voxels = np.stack(np.indices(field.mask.shape), -1).reshape(-1, 3) @ affine[:3, :3].T + affine[:3, 3]
    values = field.sample(voxels).reshape(field.mask.shape)
    static = add_parameter_layers(viewer, {"f": values}, affine, interpolation="linear")["f"]
    zoom = add_zoom_layer(viewer, GridField({"f": values}, affine), "f")
    for layer in (static, zoom):
        bare(layer)
    for plane in PLANES:
        for scale in (1.0, 4.0):
            look_at_spot(viewer, plane, scale)
            axis = viewer.dims.order[0]
            grid = static.translate[axis] + 3.0 * np.arange(30)  # on voxel centres the two planes are one
            viewer.dims.set_point(axis, grid[np.argmin(np.abs(grid - SPOT[::-1][axis]))])
            seen = []
            for shown, hidden in ((static, zoom), (zoom, static)):
                shown.visible, hidden.visible = True, False
                settle(zoom)
                seen.append(centroid(viewer))
            np.testing.assert_allclose(*seen, atol=0.1)


def test_the_volume_lies_where_ordinary_layers_do_in_3d(window, settle, pump):
    viewer, _ = window()
    affine = scan()
    field = Spot(affine)
    voxels = np.stack(np.indices(field.mask.shape), -1).reshape(-1, 3) @ affine[:3, :3].T + affine[:3, 3]
    values = field.sample(voxels).reshape(field.mask.shape)
    static = add_parameter_layers(viewer, {"f": values}, affine, interpolation="linear")["f"]
    zoom = add_zoom_layer(viewer, field, "f")
    viewer.dims.ndisplay = 3
    viewer.scene.camera.angles = (10, 25, -30)
    settle(zoom)
    seen = []
    for shown, hidden in ((static, zoom), (zoom, static)):
        bare(shown)
        shown.visible, hidden.visible = True, False
        settle(zoom)
        seen.append(centroid(viewer))
    np.testing.assert_allclose(*seen, atol=0.05)
