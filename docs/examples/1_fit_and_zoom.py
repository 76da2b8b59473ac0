"""
Fit a scan, and look between its voxels
=======================================

A scan of the phantom, fitted as one continuous field, and that field at eight times the resolution of the scan. As the
phantom's truth is known at every point, one can see how far to trust what lies between the voxels.
"""

import napari_smi_inr as smi
from napari_smi_inr.figures import compare_interpolation, draw_comparison, draw_maps

# %%
# The scan has 28 x 28 x 8 voxels of 3 mm, 154 volumes of three b-tensor shapes, and noise at SNR 50. ``smi.load`` would
# read one from files.

data = smi.simulate(lmax=4, snr=50, seed=0)
print(data.acquisition.verdict().text)

# %%
# Fitting takes seconds. The detail, the shortest distance over which the field may vary, is read from the data.

field = smi.fit(data, lmax=4, seed=0)
print(f"finest detail {field.detail:.1f} mm, {field.quality['epochs']:g} epochs")

# %%
# Maps at the voxel centres, beside the truth.

figure = draw_maps({"inr": field.maps()}, data.affine, ["Di", "f", "p2"], truth=data.truth.maps())

# %%
# And between them: the fitted map, interpolated, against the field itself and the true values at every fine point.

comparison = compare_interpolation(field, field.maps(), data.truth, "p2", factor=8, plane=2)
figure = draw_comparison(comparison, (15.0, 45.0, 42.0, 72.0))

# %%
# A single point can be asked, too; positions are millimetres of the scanner.

values = field.evaluate([[3.0, 2.0, 0.0]])
print({symbol: round(float(values[symbol][0]), 3) for symbol in field.parameters})
