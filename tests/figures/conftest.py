"""Grids of every kind that scans come on: upright, mirrored, permuted and oblique."""

import numpy as np
import pytest

SIZES = (2.0, 2.5, 3.0)


def _affine(matrix):
    affine = np.eye(4)
    affine[:3, :3] = matrix @ np.diag(SIZES)
    affine[:3, 3] = (-7.0, 12.0, 5.0)
    return affine


def _turn(degrees, first, second):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    matrix[[first, first, second, second], [first, second, first, second]] = (c, -s, s, c)
    return matrix


OBLIQUE = _turn(20, 0, 1) @ _turn(-12, 1, 2)
MATRICES = {
    "upright": np.eye(3),
    "left-handed": np.diag([-1.0, 1.0, 1.0]),
    "permuted": np.eye(3)[:, [1, 2, 0]] * [1.0, -1.0, 1.0],
    "oblique": OBLIQUE,
    "oblique left-handed": OBLIQUE @ np.diag([-1.0, 1.0, -1.0])[:, [0, 2, 1]],
}


@pytest.fixture(params=MATRICES.values(), ids=MATRICES.keys())
def affine(request):
    """(4, 4) of a grid with voxels of three different edges."""
    return _affine(request.param)
