"""Maps: every picture is its plane, in the contrast of its column, with the sides named."""

import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.figures import draw_maps
from napari_smi_inr.figures.planes import View
from napari_smi_inr.figures.style import BACKDROP, PAPER
from napari_smi_inr.metrics import rmse
from napari_smi_inr.parameters import PARAMETERS

SHAPE = (6, 5, 4)


@pytest.fixture
def truth():
    """Maps with a mask that leaves the first planes out."""
    rng = np.random.default_rng(0)
    maps = {symbol: rng.uniform(0.2, 0.8, SHAPE) for symbol in ("Di", "f", "S0")}
    for values in maps.values():
        values[:2] = np.nan
    return maps


def pictures(figure):
    """(across, up) arrays shown, row by row within a column, with their images."""
    return [
        (np.ma.filled(np.ma.asarray(axes.images[0].get_array(), float), np.nan).T, axes.images[0])
        for axes in figure.axes
        if axes.images
    ]


@pytest.mark.parametrize("axis", ["sagittal", "coronal", "axial"])
def test_pictures_are_the_planes_of_the_maps(affine, truth, axis):
    view = View.of(axis, affine, SHAPE)
    mask = np.isfinite(truth["f"])
    inr = {symbol: values + 0.1 for symbol, values in truth.items()}
    figure = draw_maps({"inr": inr}, affine, truth=truth, axis=axis)
    shown = iter(pictures(figure))
    for symbol in ("Di", "f", "S0"):
        for maps in (truth, inr):
            picture, image = next(shown)
            assert np.array_equal(picture, view.picture(maps[symbol], view.fullest(mask)), equal_nan=True)
            if PARAMETERS[symbol].display:
                assert image.get_clim() == PARAMETERS[symbol].display
            assert image.get_cmap().name == PARAMETERS[symbol].colormap
    first = figure.axes[0]
    assert {view.letters[0], view.letters[1]} <= {text.get_text() for text in first.texts}
    assert {"truth", "INR"} <= {text.get_text() for text in figure.texts}


def test_outside_the_mask_the_page_shows(truth):
    figure = draw_maps({"nn": truth}, np.eye(4), ("f",))
    axes = figure.axes[0]
    assert axes.get_facecolor()[:3] == pytest.approx(tuple(int(PAPER[i : i + 2], 16) / 255 for i in (1, 3, 5)))
    image = axes.images[0]
    colours = image.cmap(image.norm(image.get_array()))
    assert (colours[:, :2, 3] == 0).all()  # transparent
    assert (colours[:, 2:, 3] == 1).all()


def test_differences_are_symmetric_about_zero_with_the_error_of_the_whole_volume(truth):
    rng = np.random.default_rng(1)
    rows = {name: {"f": truth["f"] + rng.normal(bias, 0.02, SHAPE)} for name, bias in (("inr", 0.0), ("smi", 0.1))}
    figure = draw_maps(rows, np.eye(4), truth=truth, difference=True, index=2)
    (true, _), (inr, image), (smi, other) = pictures(figure)
    assert np.array_equal(true, truth["f"][:, :, 2], equal_nan=True)
    assert inr == pytest.approx((rows["inr"]["f"] - truth["f"])[:, :, 2], nan_ok=True)
    low, high = image.get_clim()
    assert low == -high
    assert other.get_clim() == (low, high)
    assert high == pytest.approx(np.nanmax(np.abs(smi)), rel=0.2)
    assert image.axes.get_facecolor()[:3] == pytest.approx(tuple(int(BACKDROP[i : i + 2], 16) / 255 for i in (1, 3, 5)))
    mask = np.isfinite(truth["f"])
    for shown, name in ((image, "inr"), (other, "smi")):
        expected = f"RMSE {rmse(rows[name]['f'][mask], truth['f'][mask]):.2g}"
        assert expected in {text.get_text() for text in shown.axes.texts}


def test_contrast_can_be_given_and_a_missing_map_leaves_a_gap(truth):
    rows = {"inr": truth, "nlls": {"f": truth["f"]}}
    figure = draw_maps(rows, np.eye(4), ("Di", "f"), limits={"f": (0.1, 0.2)})
    shown = pictures(figure)
    assert len(shown) == 3
    assert [image.get_clim() for _, image in shown[1:]] == [(0.1, 0.2)] * 2


def test_a_constant_map_can_be_drawn():
    figure = draw_maps({"inr": {"S0": np.full(SHAPE, 7.0)}}, np.eye(4))
    assert pictures(figure)[0][1].get_clim() == (6.5, 7.5)


def test_what_cannot_be_drawn_is_refused(truth):
    for call, fault in (
        (lambda: draw_maps({}, np.eye(4)), "is empty"),
        (lambda: draw_maps({"inr": {}}, np.eye(4)), "holds no parameter"),
        (lambda: draw_maps({"inr": truth}, np.eye(4), ("p2",)), "p2 is in no row"),
        (lambda: draw_maps({"inr": truth}, np.eye(4), difference=True), "truth: is missing"),
        (lambda: draw_maps({"inr": {"f": np.zeros((2, 2))}}, np.eye(4)), "shapes"),
        (lambda: draw_maps({"inr": truth, "nn": {"f": np.zeros((2, 2, 2))}}, np.eye(4)), "shapes"),
        (lambda: draw_maps({"inr": {"f": np.full(SHAPE, np.nan)}}, np.eye(4)), "has no value"),
        (lambda: draw_maps({"inr": truth}, np.eye(4), index=4), "4 is not one of the 4 axial planes"),
    ):
        with pytest.raises(InputError, match=fault):
            call()
