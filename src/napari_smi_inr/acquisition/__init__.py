"""What was measured: b-value, shape and direction of every volume, and what that can tell."""

from .protocol import MOST_VOLUMES, TABLE_HEADER, Acquisition
from .shells import B0_THRESHOLD, HIGHEST_B0_THRESHOLD, SPHERICAL_TOLERANCE, Shell
from .verdict import Verdict
from .voxel_gradients import VoxelGradients, axially_symmetric, b_tensors, voxel_gradients

__all__ = [
    "B0_THRESHOLD",
    "HIGHEST_B0_THRESHOLD",
    "MOST_VOLUMES",
    "SPHERICAL_TOLERANCE",
    "TABLE_HEADER",
    "Acquisition",
    "Shell",
    "Verdict",
    "VoxelGradients",
    "axially_symmetric",
    "b_tensors",
    "voxel_gradients",
]
