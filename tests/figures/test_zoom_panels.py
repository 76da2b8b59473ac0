"""Zoom panels: regions of several planes, with errors against the truth at the points shown."""

import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.figures import compare_planes, draw_zoom_panels
from napari_smi_inr.sampling.coordinates import nearest_voxel_axes, voxel_to_world
from napari_smi_inr.sampling.grid_field import GridField

SHAPE = (8, 7, 6)
BOX = ((2, 6), (1, 6), (2, 5))
GRADIENT = np.array([0.01, 0.02, 0.03])  # 1/mm


class Plane:
    """A field that rises linearly in space, so that linear interpolation of its voxels has no error."""

    def __init__(self, affine, offset=0.0):
        self.affine, self.mask, self.parameters, self.offset = affine, np.ones(SHAPE, bool), ("f",), offset

    def sample(self, points_mm):
        return (points_mm @ GRADIENT[:, None] + 0.4 + self.offset).astype(np.float32)

    def map(self):
        """(X, Y, Z) values at the voxels."""
        voxels = np.moveaxis(np.indices(SHAPE), 0, -1).reshape(-1, 3)
        return self.sample(voxel_to_world(self.affine, voxels)).reshape(SHAPE)


def test_errors_and_places_are_those_of_the_region(affine):
    truth = Plane(affine)
    comparisons = compare_planes(
        truth.map() - 0.02, affine, {"INR": Plane(affine, 0.05)}, truth, "f", box=BOX,
        planes=("coronal", "sagittal", "axial"), factor=4,
    )  # fmt: skip
    assert [comparison.plane for comparison in comparisons] == ["coronal", "sagittal", "axial"]
    for comparison in comparisons:
        native, linear, cubic, inr, exact = comparison.panels
        assert (linear.error, inr.error, exact.error) == (pytest.approx(0.02, 1e-3), pytest.approx(0.05, 1e-3), None)
        assert np.sqrt(np.mean((cubic.values - exact.values) ** 2)) == pytest.approx(cubic.error, rel=1e-4)
        left, right, bottom, top = comparison.region
        size = (right - left) / exact.values.shape[0], (top - bottom) / exact.values.shape[1]
        own = np.array(comparison.extent)[1::2] / native.values.shape
        assert np.array(size) * 4 == pytest.approx(own)
        first, low = np.rint([left / own[0], bottom / own[1]]).astype(int)
        through = nearest_voxel_axes(affine)[["sagittal", "coronal", "axial"].index(comparison.plane)]
        aside = affine[:3, through] @ GRADIENT / 8  # the plane is half a fine voxel from the middle of the voxels
        assert exact.values[:4, :4].mean() == pytest.approx(native.values[first, low] + 0.02 + aside, abs=1e-4)


def test_without_a_truth_there_are_no_errors():
    field = GridField({"f": Plane(np.eye(4)).map()}, np.eye(4))
    (comparison,) = compare_planes(Plane(np.eye(4)).map(), np.eye(4), {"INR": field}, parameter="f", planes=("axial",))
    assert [panel.title for panel in comparison.panels] == ["fitted map", "linear", "cubic", "INR"]
    assert {panel.error for panel in comparison.panels} == {None}
    assert comparison.truth is None
    figure = draw_zoom_panels([comparison])
    assert not [text for axes in figure.axes for text in axes.texts if "RMSE" in text.get_text()]


def test_a_map_and_its_interpolations_can_say_whose_they_are():
    values = Plane(np.eye(4)).map()
    (named,) = compare_planes(values, np.eye(4), {}, parameter="f", planes=("axial",), method="NLLS")
    assert [panel.title for panel in named.panels] == ["NLLS map", "NLLS linear", "NLLS cubic"]


def test_planes_can_be_chosen_and_default_to_the_middle_of_the_box():
    values = np.broadcast_to(np.arange(6.0), SHAPE).copy()
    (middle,) = compare_planes(values, np.eye(4), {}, parameter="f", box=BOX, planes=("axial",), factor=1)
    (chosen,) = compare_planes(
        values, np.eye(4), {}, parameter="f", box=BOX, planes=("axial",), indices={"axial": 1}, factor=1
    )
    assert np.unique(middle.panels[0].values) == [3.0]
    assert np.unique(chosen.panels[1].values) == [1.0]


def test_figure_shows_every_panel_with_its_error_and_frames_the_region():
    truth = Plane(np.eye(4))
    comparisons = compare_planes(truth.map(), np.eye(4), {"INR": Plane(np.eye(4), 0.05)}, truth, "f", box=BOX, factor=2)
    figure = draw_zoom_panels(comparisons)
    titles = {text.get_text() for text in figure.texts}
    assert {"fitted map", "linear", "cubic", "INR", "truth", "coronal", "sagittal"} <= titles
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 10
    for comparison, row in zip(comparisons, (shown[:5], shown[5:]), strict=True):
        (frame,) = row[0].patches
        left, right, bottom, top = comparison.region
        assert (frame.get_x(), frame.get_y(), frame.get_width(), frame.get_height()) == pytest.approx(
            (left, bottom, right - left, top - bottom)
        )
        assert {comparison.sides[0], comparison.sides[1]} <= {text.get_text() for text in row[0].texts}
        for panel, axes in zip(comparison.panels, row, strict=True):
            words = f"2× · RMSE {panel.error:.2g}" if panel.error is not None else None
            assert words is None or words in {text.get_text() for text in axes.texts}
        limits = {axes.images[0].get_clim() for axes in shown}
        assert len(limits) == 1


def test_what_cannot_be_compared_or_drawn_is_refused():
    values, field = Plane(np.eye(4)).map(), Plane(np.eye(4))
    with pytest.raises(InputError, match="native"):
        compare_planes(values * np.nan, np.eye(4), {}, parameter="f")
    with pytest.raises(InputError, match="native"):
        compare_planes(values[0], np.eye(4), {}, parameter="f")
    with pytest.raises(InputError, match="box"):
        compare_planes(values, np.eye(4), {}, parameter="f", box=((0, 9), (0, 7), (0, 6)))
    with pytest.raises(InputError, match="a field has no 'p2'"):
        compare_planes(values, np.eye(4), {"INR": field}, parameter="p2")
    with pytest.raises(InputError, match="there are none"):
        draw_zoom_panels([])
    ways = compare_planes(values, np.eye(4), {"INR": field}, parameter="f", planes=("axial",), factor=1)
    none = compare_planes(values, np.eye(4), {}, parameter="f", planes=("axial",), factor=1)
    with pytest.raises(InputError, match="differ"):
        draw_zoom_panels([*ways, *none])
