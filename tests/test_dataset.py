import numpy as np
import pytest

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.dataset import DiffusionDataset
from napari_smi_inr.errors import InputError

AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])


def parts(**changes):
    """Keyword arguments of a small, sound dataset with some replaced."""
    acquisition = Acquisition([0, 0, 1, 2], np.ones(4), np.eye(3)[[0, 1, 2, 0]])
    signal = np.full((3, 4, 2, 4), 100, np.float32)
    return {"signal": signal, "acquisition": acquisition, "mask": np.ones((3, 4, 2), bool), "affine": AFFINE} | changes


def test_geometry_is_read_off_the_affine():
    mask = np.zeros((3, 4, 2), bool)
    mask[1, 2] = True
    data = DiffusionDataset(**parts(mask=mask))
    assert data.shape == (3, 4, 2)
    assert data.n_voxels == 2
    np.testing.assert_allclose(data.voxel_size, [2, 2, 3])


def test_scale_is_the_bright_end_of_b0_inside_the_mask_alone():
    signal = np.ones((3, 4, 2, 4), np.float32)
    signal[..., :2] = np.arange(24, dtype=np.float32).reshape(3, 4, 2, 1)
    signal[..., 0] += 2
    mask = np.ones((3, 4, 2), bool)
    mask[2] = False
    data = DiffusionDataset(**parts(signal=signal, mask=mask))
    assert data.scale == pytest.approx(np.percentile(np.arange(16) + 1, 95))


def holed(value, at):
    signal = np.ones((3, 4, 2, 4), np.float32)
    signal[at] = value
    return signal


@pytest.mark.parametrize(
    ("changes", "where", "fault"),
    [
        ({"signal": np.ones((3, 4, 2), np.float32)}, "signal", "shape"),
        ({"signal": np.ones((3, 4, 2, 5), np.float32)}, "signal", r"\(3, 4, 2, 4\)"),
        ({"mask": np.ones((3, 4, 3), bool)}, "signal", r"\(3, 4, 3, 4\)"),
        ({"mask": np.zeros((3, 4, 2), bool)}, "mask", "no voxel"),
        ({"mask": np.ones((3, 4, 2))}, "mask", "float64"),
        ({"affine": np.eye(3)}, "affine", "does not place"),
        ({"affine": np.diag([1.0, 0, 1, 1])}, "affine", "does not place"),
        ({"signal": holed(np.nan, (1, 1, 1, 2))}, "signal", r"volumes \[2\]"),
        ({"noise": -1.0}, "noise", "is -1, which"),
        ({"noise": np.zeros((3, 4, 2), np.float32)}, "noise", "24 of 24"),
        ({"noise": np.ones((3, 4), np.float32)}, "noise", "shape"),
    ],
)
def test_inconsistent_parts_are_refused(changes, where, fault):
    with pytest.raises(InputError, match=fault) as caught:
        DiffusionDataset(**parts(**changes))
    assert caught.value.where == where


def test_one_shell_is_refused():
    acquisition = Acquisition([0, 1, 1, 1], np.ones(4), np.eye(3)[[0, 1, 2, 0]])
    with pytest.raises(InputError, match="one shell"):
        DiffusionDataset(**parts(acquisition=acquisition))


def test_holes_outside_the_mask_do_no_harm():
    mask = np.ones((3, 4, 2), bool)
    mask[0] = False
    noise = np.where(mask, 2, np.nan).astype(np.float32)
    data = DiffusionDataset(**parts(signal=holed(np.nan, 0), mask=mask, noise=noise))
    assert np.isfinite(data.scale)
