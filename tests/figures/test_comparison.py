"""Figures: what they compare, and that errors are what they say."""

import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.figures import compare_interpolation, draw_comparison, save_figure
from napari_smi_inr.sampling.grid_field import GridField


@pytest.fixture
def field():
    """A field that linear interpolation reproduces, but for a known offset."""
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    x, y, _ = np.indices((6, 5, 3))
    return GridField({"f": 0.1 * x + 0.05 * y}, affine)


class Raised:
    """A field a constant above another."""

    def __init__(self, field, by):
        self.field, self.by = field, by
        self.affine, self.mask, self.parameters = field.affine, field.mask, field.parameters

    def sample(self, points_mm):
        return self.field.sample(points_mm) + np.float32(self.by)


def test_errors_are_taken_against_the_truth_at_every_fine_point(field):
    x, y, _ = np.indices(field.mask.shape)
    maps = {"f": 0.1 * x + 0.05 * y}
    comparison = compare_interpolation(Raised(field, 0.02), maps, Raised(field, 0.05), "f", factor=4, plane=1)
    errors = {panel.title: panel.error for panel in comparison.panels}
    assert errors["linear"] == pytest.approx(0.05, rel=1e-3)
    assert errors["INR"] == pytest.approx(0.03, rel=1e-3)
    assert errors["truth"] is None
    assert [panel.values.shape for panel in comparison.panels] == [(6, 5), *[(24, 20)] * 4]
    assert comparison.extent == (0.0, 12.0, 0.0, 15.0)


def test_the_right_is_on_the_right_whichever_way_the_voxels_run(field):
    x, _, _ = np.indices(field.mask.shape)
    upright = compare_interpolation(field, {"f": x}, field, "f")
    mirrored = GridField({"f": x}, np.diag([-2.0, 3.0, 4.0, 1.0]))
    flipped = compare_interpolation(mirrored, {"f": x}, mirrored, "f")
    assert upright.sides == flipped.sides == ("L", "R", "P", "A")
    assert np.array_equal(upright.panels[0].values, flipped.panels[0].values[::-1])


def test_a_plane_outside_is_refused(field):
    with pytest.raises(InputError, match="plane"):
        compare_interpolation(field, {"f": np.zeros(field.mask.shape)}, field, "f", plane=3)


def test_figure_shows_every_panel_with_its_error(tiny_dataset, tiny_field, tmp_path):
    comparison = compare_interpolation(tiny_field, tiny_field.maps(), tiny_dataset.truth, "p2", factor=2)
    figure = draw_comparison(comparison, (3.0, 15.0, 3.0, 15.0))
    assert [axes.get_title() for axes in figure.axes[:5]] == ["fitted map", "linear", "cubic", "INR", "truth"]
    words = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {f"2× · RMSE {panel.error:.2g}" for panel in comparison.panels if panel.error is not None} <= words
    assert {"L", "R"} <= words
    path = save_figure(figure, tmp_path / "new" / "figure.png")
    assert path.read_bytes()[:4] == b"\x89PNG"
