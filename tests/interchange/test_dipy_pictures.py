"""FODs and maps as the page draws them with dipy: where they are, and along what they are."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from arc import lobe
from interchange_page import BLOCKS, run_python
from napari_smi_inr.io.maps import save_fod, save_map
from scan_files import AFFINES

pytest.importorskip("fury", reason="FURY, with which dipy draws, is not installed: python -m pip install 'fury<1'")

SHAPE, MIDDLE = (3, 3, 3), (1, 1, 1)  # the page's picture looks at the middle one
LMAX = 4

pytestmark = pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)


@pytest.fixture
def draw(affine, tmp_path, monkeypatch):
    """Run the page's code on a map of f and one FOD in the middle.

    Gives (N, 2) positions of bright pixels from the picture's middle, rightward and upward, and (2, 3) where right and
    up are in the scanner.
    """
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()

    def run(f, axis):
        fod = np.zeros((*SHAPE, len(lobe(np.eye(3)[:1], LMAX)[0])))
        fod[MIDDLE] = lobe(axis[None], LMAX)[0]
        save_fod(fod, affine, "results/dwi_model-sm_param-fod_dwimap.nii.gz", {})
        save_map("f", f, affine, "results/dwi_model-sm_param-f_dwimap.nii.gz", {})
        names = {}
        for language, code in BLOCKS:
            if language == "python" and ("sh_to_sf(" in code or "fod.png" in code):
                run_python(code, names)
        picture = imread("fod.png")[..., :3].max(axis=-1)
        rows, columns = np.nonzero(picture > 0.3)
        middle = (np.array(picture.shape) - 1) / 2
        pixels = np.stack([columns - middle[1], middle[0] - rows], axis=1)
        up = names["axes"][:, 1]
        return pixels, np.stack([np.cross(up, names["axes"][:, 2]), up])

    return run


@pytest.mark.parametrize("along", [(3, 1, 1), (-1, 3, 1), (2, -2, -1)], ids=str)
def test_a_fod_is_drawn_along_its_fibre(draw, affine, along):
    axis = affine[:3, :3] @ along
    axis /= np.linalg.norm(axis)
    pixels, screen = draw(np.zeros(SHAPE), axis)
    seen = screen @ axis
    _, _, (longest, _) = np.linalg.svd(pixels - pixels.mean(axis=0), full_matrices=False)
    assert abs(longest @ seen) / np.linalg.norm(seen) > np.cos(np.deg2rad(4))


def test_a_map_is_drawn_where_it_lies(draw, affine):
    f = np.zeros(SHAPE)
    f[0, 2, 1] = 1.0
    pixels, screen = draw(f, affine[:3, 2] / np.linalg.norm(affine[:3, 2]))
    across = screen @ (affine[:3, :3] @ (np.array([0, 2, 1]) - MIDDLE))
    far = pixels[np.linalg.norm(pixels, axis=1) > 150]  # beyond the FOD, which is seen from its end
    centre = far.mean(axis=0)
    assert centre @ across / np.linalg.norm(centre) / np.linalg.norm(across) > np.cos(np.deg2rad(5))
