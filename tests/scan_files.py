"""A small scan on disk and ways to spoil it: what tests of reading, of the command line and of the window share."""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.dataset import DiffusionDataset


def turned(axis, degrees):
    """Rotation about an axis by the Rodrigues formula."""
    k = np.asarray(axis, float) / np.linalg.norm(axis)
    cross = np.cross(np.eye(3), k)
    angle = np.deg2rad(degrees)
    return np.eye(3) - np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def affine_of(rotation, flips, voxel=(2.0, 2.0, 3.0), origin=(-31.0, 12.0, 7.0)):
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag(np.multiply(flips, voxel))
    affine[:3, 3] = origin
    return affine


AFFINES = {
    "RAS": affine_of(np.eye(3), (1, 1, 1)),
    "LAS": affine_of(np.eye(3), (-1, 1, 1)),
    "LPS": affine_of(np.eye(3), (-1, -1, 1)),
    "oblique right-handed": affine_of(turned((1, 2, 0.5), 23), (1, 1, 1)),
    "oblique left-handed": affine_of(turned((0.2, -1, 0.7), 31), (-1, 1, 1)),
    "coronal": affine_of(np.eye(3)[[2, 0, 1]], (1, 1, 1)),
}


def small_dataset(affine=AFFINES["LAS"], shape=(5, 6, 3), seed=0):
    """A scan of noise with a mask, on the smallest protocol of three shapes."""
    rng = np.random.default_rng(seed)
    b = np.array([0, 0.05, 1, 1.003, 0.998, 2, 2, 2, 2, 1.5, 1.5])
    b_delta = np.array([1, 1, 1, 1, 1, 1, 1, -0.5, -0.5, 0, 0])
    u = rng.normal(size=(11, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    u[[0, 9]] = 0
    signal = rng.uniform(50, 150, (*shape, 11)).astype(np.float32)
    mask = rng.uniform(size=shape) > 0.3
    return DiffusionDataset(signal, Acquisition(b, b_delta, u), mask, affine, noise=3.5)


@dataclass(frozen=True)
class ScanFiles:
    """The files of a sound scan, and ways to spoil them."""

    folder: Path

    def __truediv__(self, name):
        return self.folder / name

    @property
    def dwi(self):
        return self.folder / "dwi.nii.gz"

    def arguments(self):
        return {"dwi": self.dwi, "mask": self.folder / "mask.nii.gz"}

    def write(self, name, data, affine=None):
        data = np.asarray(data)
        nib.save(nib.Nifti1Image(data, nib.load(self.dwi).affine if affine is None else affine), self.folder / name)

    def edit(self, name, change):
        """Replace an image by ``change(data)``."""
        image = nib.load(self.folder / name)
        data = change(np.asarray(image.dataobj).copy())
        nib.save(nib.Nifti1Image(data, image.affine), self.folder / name)

    def edit_table(self, name, change):
        """Replace a table of numbers by ``change(rows)``."""
        np.savetxt(self.folder / name, np.atleast_2d(change(np.loadtxt(self.folder / name))), fmt="%.8g")
