"""
Four estimators, one contract
=============================

The field beside voxel-wise nonlinear least squares and polynomial regression, on the same small scan.
"""

import napari_smi_inr as smi
from napari_smi_inr.figures import draw_densities
from napari_smi_inr.metrics import rmse

# %%
# A small phantom, so that all of them are done in seconds. (The fourth, ``"nn"``, trains for minutes first.)

data = smi.simulate(shape=(18, 18, 5), voxel_size=4.5, lmax=2, snr=50, seed=1)
fits = {
    "inr": smi.fit(data, lmax=2),
    "nlls": smi.fit(data, "nlls", lmax=2),
    "smi": smi.fit(data, "smi", lmax=2),
}

# %%
# All give maps of the same names and units, so that they can be compared with the truth by one line each.

truth = data.truth.maps()
symbols = ["Di", "De", "Dp", "f"]
pairs = {name: {s: (fit.maps()[s], truth[s]) for s in symbols} for name, fit in fits.items()}
figure = draw_densities(pairs, symbols)

# %%
# Root mean square errors over the mask:

for name, row in pairs.items():
    errors = {s: rmse(estimate[data.mask], true[data.mask]) for s, (estimate, true) in row.items()}
    print(f"{name:5}", "  ".join(f"{symbol} {error:.3f}" for symbol, error in errors.items()))
