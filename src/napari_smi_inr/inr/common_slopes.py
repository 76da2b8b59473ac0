"""Each voxel's own signal, learnt from by the slopes of the protocol all were meant to have."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .loss import SignalModel
from .network import Tissue
from .voxel_signal import VoxelSignalModel


class CommonSlopes(nn.Module):
    """Predicts what `own` predicts; its gradient is that of `common`, which costs a fraction.

    A descent that follows slopes somewhat off still comes to rest only where the predictions fit: gradients that
    deviate by some percent turn the slopes by as much, and what is predicted not at all. This is Gauss-Newton's chord
    method, with the residual of each voxel's own b-tensors.

    Parameters
    ----------
    own
        The model of each voxel's own protocol.
    common
        The reduced model of the protocol asked for, of the same volumes.
    """

    volumes: torch.Tensor

    def __init__(self, own: VoxelSignalModel, common: SignalModel) -> None:
        super().__init__()
        self.own, self.common = own, common
        self.register_buffer("spread", common.project[:, own.volumes])  # (R, V) from what it predicts to volumes

    def measure(self, signal: torch.Tensor) -> torch.Tensor:
        """(N, V) measured signal in the order that :meth:`forward` predicts."""
        return self.own.measure(signal)

    def forward(self, tissue: Tissue, voxels: torch.Tensor) -> torch.Tensor:
        """(n·K, V) predictions of n voxels, by their indices, from the tissue at K points of each."""
        with torch.no_grad():
            predicted: torch.Tensor = self.own(tissue, voxels)
        if not torch.is_grad_enabled():
            return predicted
        followed: torch.Tensor = _Follow.apply(self.common(tissue), predicted, self.spread)  # type: ignore[no-untyped-call]
        return followed


class _Follow(torch.autograd.Function):
    """One thing's value, another's slopes."""

    @staticmethod
    def forward(ctx: Any, reduced: torch.Tensor, predicted: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(spread)
        return predicted

    @staticmethod
    def backward(ctx: Any, *slopes: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (spread,) = ctx.saved_tensors
        return slopes[0] @ spread.T, None, None
