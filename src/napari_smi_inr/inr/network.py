"""The network: features in, bounded tissue parameters and an FOD out."""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import nn

from ..parameters import KERNEL_PARAMETERS, PARAMETERS
from ..signal_model.spherical_harmonics import P00, n_coefficients
from .config import FitConfig

_ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}

_TYPICAL = {"Di": 2.2, "De": 1.9, "Dp": 0.6, "f": 0.5}
"""White matter in vivo: where the heads start when they start from data."""


class Tissue(NamedTuple):
    """What the network says of N points, in its own units (signal divided by the dataset's scale)."""

    kernel: torch.Tensor  # (N, 4) Di, De, Dp, f
    S0: torch.Tensor  # (N,)
    fod: torch.Tensor  # (N, C), first column 1/sqrt(4π)


class StandardModelNetwork(nn.Module):
    """A multilayer perceptron with one bounded head for each parameter (arXiv 2506.15762, section 2.3).

    Parameters
    ----------
    n_features
        Length of the encoded position.
    config
        Width, depth, activation, sharing and lmax.
    """

    lower: torch.Tensor
    span: torch.Tensor

    def __init__(self, n_features: int, config: FitConfig) -> None:
        super().__init__()
        self.lmax = config.lmax
        activation = _ACTIVATIONS[config.activation]
        self.body = nn.Sequential(
            *(module for layer in _hidden(n_features, config) for module in (layer, activation()))
        )
        # One matrix for all heads: S0, the four kernel parameters, then the FOD above l = 0.
        self.heads = nn.Linear(config.width, 1 + len(KERNEL_PARAMETERS) + n_coefficients(config.lmax) - 1)
        bounds = torch.tensor([PARAMETERS[key].bounds for key in KERNEL_PARAMETERS])
        self.register_buffer("lower", bounds[:, 0], persistent=False)
        self.register_buffer("span", bounds[:, 1] - bounds[:, 0], persistent=False)
        if config.start_from_data:
            self._start_at_typical_values()

    @property
    def n_fod(self) -> int:
        """FOD coefficients, the constant first one included."""
        return n_coefficients(self.lmax)

    def _start_at_typical_values(self) -> None:
        """Start from an isotropic FOD in ordinary white matter, S0 near the dataset's scale."""
        typical = torch.tensor([_TYPICAL[key] for key in KERNEL_PARAMETERS])
        with torch.no_grad():
            self.heads.weight.mul_(0.1)
            self.heads.bias.zero_()
            self.heads.bias[0] = 0.4  # softplus(0.4) = 0.91 of the 95th percentile
            self.heads.bias[1:5] = torch.logit((typical - self.lower) / self.span)

    def train(self, mode: bool = True) -> Self:
        """As torch has it; out of training, activations take the place of their input, which nothing needs again."""
        for module in self.body:
            if isinstance(module, nn.ReLU | nn.SiLU):
                module.inplace = not mode
        return super().train(mode)

    def forward(self, features: torch.Tensor) -> Tissue:
        """(N, n_features) to the tissue at N points."""
        return self.after_first(self.first(features))

    def first(self, features: torch.Tensor) -> torch.Tensor:
        """(N, n_features) to the (N, width) sums of the first layer, linear in the features."""
        sums: torch.Tensor = self.body[0](features)
        return sums

    def after_first(self, sums: torch.Tensor) -> Tissue:
        """What :meth:`first` gives, no longer needed, to the tissue at N points."""
        out = self.heads(self.body[1:](sums))
        kernel = self.lower + self.span * torch.sigmoid(out[:, 1:5])
        fod = nn.functional.pad(out[:, 5:], (1, 0), value=float(P00))
        return Tissue(kernel, nn.functional.softplus(out[:, 0]), fod)


def _hidden(n_features: int, config: FitConfig) -> list[nn.Linear]:
    """The hidden layers, the middle ones sharing a matrix where asked."""
    first = nn.Linear(n_features, config.width)
    n_middle = config.layers - 2
    if config.share_hidden and n_middle > 0:
        middle = [nn.Linear(config.width, config.width)] * n_middle
    else:
        middle = [nn.Linear(config.width, config.width) for _ in range(n_middle)]
    last = [nn.Linear(config.width, config.width)] if config.layers > 1 else []
    return [first, *middle, *last]
