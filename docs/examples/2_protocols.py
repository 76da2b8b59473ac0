"""
What a protocol can tell, and what it cannot
============================================

Two quite different tissues that a scan with one b-tensor shape cannot tell apart, and how a second shape does.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

import napari_smi_inr as smi
from napari_smi_inr.signal_model.kernel import kernel
from napari_smi_inr.signal_model.standard_model import predict_signal

# %%
# The tissue on the branch Di > De. We look for another with Di < De whose signal is as near as possible for linear
# encoding up to b = 2 ms/µm², by trying many.

b = torch.linspace(0.2, 2.0, 10, dtype=torch.float64)
one = torch.tensor([2.3, 1.6, 0.7, 0.55], dtype=torch.float64)
rng = np.random.default_rng(0)
tried = torch.tensor(rng.uniform([0.3, 1.0, 0.2, 0.2], [1.4, 3.5, 1.4, 0.9], (200_000, 4)))


def signals(tissue, shape):
    """Kernel of orders 0 and 2 at every b, for tissues in rows."""
    Di, De, Dp, f = (column[:, None] for column in tissue.T)
    return kernel(b, torch.full_like(b, shape), Di, De, Dp, f, lmax=2)


misfit = (signals(tried, 1.0) - signals(one[None], 1.0)).abs().amax((1, 2))
other = tried[misfit.argmin()]
print("tissue one", one.numpy(), "other", other.numpy().round(2), f"largest difference {float(misfit.min()):.4f}")

# %%
# With linear encoding the two lie on top of each other, with spherical b-tensors they do not.

_, panels = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True)
for axes, (name, shape) in zip(panels, {"linear": 1.0, "spherical": 0.0}.items(), strict=True):
    for label, tissue in {"Di > De": one, "Di < De": other}.items():
        axes.semilogy(b, signals(tissue[None], shape)[0, :, 0], "o-", ms=4, label=label)
    axes.set(title=f"{name} encoding", xlabel="b [ms/µm²]")
panels[0].set_ylabel("signal, mean over directions")
panels[0].legend()
plt.tight_layout()

# %%
# The program says so of any protocol.

directions = rng.normal(size=(64, 3))
directions /= np.linalg.norm(directions, axis=1, keepdims=True)
strengths = np.repeat([0.0, 1.0, 2.0], [4, 30, 30])
for shapes in (np.ones(64), np.where(np.arange(64) % 4, 1.0, 0.0)):
    protocol = smi.Acquisition(strengths, shapes, directions)
    print(protocol.verdict().text, end="\n\n")

# %%
# The forward model of whole voxels is there as well: parameters and an FOD to the signal of each volume.

fod = np.array([[1 / np.sqrt(4 * np.pi), 0.0, 0.0, 0.15, 0.0, 0.0]])
tissue = {"Di": [2.3], "De": [1.6], "Dp": [0.7], "f": [0.55], "S0": [100.0]}
print(predict_signal(tissue, fod, protocol)[0, :6].round(1))
