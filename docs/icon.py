"""Draw the plugin's icon: p2 of the phantom, in voxels on the left, as the field it is on the right.

python docs/icon.py
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

from napari_smi_inr.parameters import PARAMETERS
from napari_smi_inr.simulation.phantom import Phantom

ICON = Path(__file__).parents[1] / "src" / "napari_smi_inr" / "icon.png"
SIZE = 256  # pixels; the hub asks for at least 128
LEFT, BOTTOM, SIDE, HEIGHT = -24.0, -8.0, 48.0, 0.0  # mm of the phantom: callosum and both capsules
VOXEL = 4.0  # mm
ROUNDING = 40  # pixels, of the corners

steps = (np.arange(SIZE) + 0.5) / SIZE * SIDE
across, up = np.meshgrid(steps, steps[::-1])
in_voxels = across < SIDE / 2
across, up = (np.where(in_voxels, (np.floor(x / VOXEL) + 0.5) * VOXEL, x) for x in (across, up))
points = np.stack([LEFT + across, BOTTOM + up, np.full_like(up, HEIGHT)], axis=-1)
p2 = Phantom(lmax=8).evaluate(points.reshape(-1, 3))["p2"].reshape(SIZE, SIZE)

low, high = PARAMETERS["p2"].display or (0.0, 1.0)
colours = mpl.colormaps[PARAMETERS["p2"].colormap](np.clip((p2 - low) / (high - low), 0, 1))
beyond = np.maximum(np.abs(np.arange(SIZE) - (SIZE - 1) / 2) - (SIZE / 2 - ROUNDING), 0)
colours[..., 3] = np.clip(ROUNDING - np.hypot(beyond[:, None], beyond[None]), 0, 1)
Image.fromarray((colours * 255).astype(np.uint8)).save(ICON, optimize=True)
