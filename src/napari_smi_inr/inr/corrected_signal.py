"""Each voxel's own signal, as that of the protocol all were meant to have and a correction now and then found anew."""

from __future__ import annotations

import torch
from torch import nn

from .common_signal import SignalModel
from .network import Tissue
from .state import State
from .voxel_signal import VoxelSignalModel


class CorrectedSignal(nn.Module):
    """Predicts what each voxel's own protocol gives, at the cost of the common one.

    What deviating gradients do to the signal changes with the tissue far more slowly than the signal itself: what they
    did when :meth:`correct` last looked is added to the prediction of the common protocol. Once the tissue has settled
    that is exact, and a descent comes to rest just where the voxel's own predictions fit: a deferred correction, along
    the slopes of the common protocol (Gauss-Newton's chord method).

    Parameters
    ----------
    own
        The model of each voxel's own protocol.
    common
        The model of the protocol asked for, of the same volumes.
    n_voxels
        N.
    """

    spread: torch.Tensor
    correction: torch.Tensor

    def __init__(self, own: VoxelSignalModel, common: SignalModel, n_voxels: int) -> None:
        super().__init__()
        self.own, self.common = own, common
        self.register_buffer("spread", common.project[:, own.volumes].T.contiguous())  # (V, R)
        self.register_buffer("correction", torch.zeros(n_voxels, len(common.project)))

    def measure(self, signal: torch.Tensor) -> torch.Tensor:
        """(N, V) measured signal to the (N, R) numbers that :meth:`forward` predicts."""
        return self.common.measure(signal)

    def forward(self, tissue: Tissue, voxels: torch.Tensor) -> torch.Tensor:
        """(n·K, R) predictions of n voxels, by their indices, from the tissue at K points of each."""
        predicted: torch.Tensor = self.common(tissue)
        correction = self.correction.index_select(0, voxels)
        return (predicted.view(len(voxels), -1, correction.shape[1]) + correction[:, None]).flatten(0, 1)

    @torch.no_grad()
    def correct(self, tissue: Tissue, voxels: torch.Tensor) -> None:
        """Look what the protocols of these n voxels make of their tissue."""
        wrong = self.own(tissue, voxels) @ self.spread - self.common(tissue)
        self.correction[voxels] = wrong.view(len(voxels), -1, wrong.shape[1]).mean(1)

    def state(self) -> State:
        """The corrections in force."""
        return State({"correction": self.correction}, {})

    def restore(self, state: State) -> None:
        """Go on with other corrections; a ValueError if they cannot be of this scan."""
        self.correction.copy_(state.tensor("correction", self.correction.shape, self.correction.dtype))
