"""The network: three layers of tanh from a voxel's relative signals to its tissue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...acquisition import Acquisition
from ...parameters import KERNEL_PARAMETERS
from .inputs import relative_signal
from .scaling import Range
from .tissue import N_KERNEL, TARGETS, clip, coherence

HIDDEN = (150, 80, 55)
"""Units of the hidden layers (de Almeida Martins et al. 2021)."""

_FARTHEST = np.float32(10.0)
"""Inputs, [-1, 1] in training, are cut off here: no unit tells the difference, and nothing overflows."""


def build(n_inputs: int) -> nn.Sequential:
    """An untrained network, its random weights from torch's generator."""
    widths = (n_inputs, *HIDDEN)
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.Tanh()]
    layers.append(nn.Linear(HIDDEN[-1], len(TARGETS)))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def weight_shapes(n_inputs: int) -> dict[str, tuple[int, ...]]:
    """Shape of each weight by its name in the network's state."""
    with torch.device("meta"):
        return {name: tuple(weight.shape) for name, weight in build(n_inputs).state_dict().items()}


class Reading(NamedTuple):
    """What a network reads off n voxels.

    Attributes
    ----------
    tissue
        (n, 9) within bounds.
    clipped
        (n, 5) which of Di, De, Dp, f and p2 had to be brought within bounds.
    blank
        (n,) voxels without signal at b = 0, read as the middle of the training set.
    """

    tissue: NDArray[np.float64]
    clipped: NDArray[np.bool_]
    blank: NDArray[np.bool_]


CLIPPED = (*KERNEL_PARAMETERS, "p2")
"""Symbols of the columns of :attr:`Reading.clipped`."""


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network ready for use.

    Attributes
    ----------
    weights
        Its state.
    inputs, targets
        The ranges of relative signals and tissues that it calls [-1, 1].
    """

    weights: Mapping[str, torch.Tensor]
    inputs: Range
    targets: Range

    def read(self, signal: NDArray[np.floating], acquisition: Acquisition, device: torch.device) -> Reading:
        """Tissue of voxels.

        Parameters
        ----------
        signal
            (n, V) signal in any unit.
        acquisition
            The protocol it was trained for.
        device
            Where to work.
        """
        unit = self.inputs.to_unit(relative_signal(signal, acquisition)).clip(-_FARTHEST, _FARTHEST)
        blank = np.isnan(unit).any(axis=1)
        unit[blank] = 0.0
        with torch.device("meta"):  # no random numbers are drawn for weights that are given
            network = build(unit.shape[1])
        network.load_state_dict(dict(self.weights), assign=True)
        with torch.inference_mode():
            out = network.to(device)(torch.from_numpy(unit).to(device)).cpu().numpy()
        raw = self.targets.from_unit(out)
        tissue = clip(raw)
        clipped = np.column_stack([tissue[:, :N_KERNEL] != raw[:, :N_KERNEL], coherence(raw) > 1.0])
        return Reading(tissue, clipped, blank)
