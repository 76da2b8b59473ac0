"""
Fibre orientations between the voxels
=====================================

FODs of the field on a grid finer than the scan's, above a map of p2, and how to write them for other programs.
"""

import tempfile
from pathlib import Path

import napari_smi_inr as smi
from napari_smi_inr.figures import VoxelBox, draw_fods, sample_fods
from napari_smi_inr.results import write_results

data = smi.simulate(shape=(20, 20, 5), voxel_size=4.0, lmax=4, snr=50, seed=0)
field = smi.fit(data, lmax=4, seed=0)

# %%
# In a region of a few voxels, at their own spacing and three times as fine along each axis.

box: VoxelBox = ((8, 15), (9, 10), (1, 4))
grids = {f"{factor}x": sample_fods(field, "coronal", 9, box, factor) for factor in (1, 3)}
figure = draw_fods(grids, field.affine, field.maps()["p2"], axis="coronal", index=9, box=box)

# %%
# Maps, FOD (MRtrix basis) and the field file, each with a record of how it came about.

with tempfile.TemporaryDirectory() as folder:
    for path in write_results(field, Path(folder), "phantom"):
        print(path.name)
