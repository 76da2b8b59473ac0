"""The fibre response between a few tensors of a shell, so that every voxel may have tensors of its own.

With non-uniform gradients no two voxels share a b-value. Yet within a shell b and b_delta vary little, and the
response is smooth in both: from a few nodes it is interpolated to every voxel by numbers known beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from ..parameters import PARAMETERS

TOLERANCE = 5e-5
"""Largest error of the response that interpolation may make, where S0 is 1."""

_POINT = 1e-6
"""Ranges of b or b_delta narrower than this are one value."""

_MOST = 24
"""Nodes that are enough for any range: exp(-32 t) over t in [0, 1] is then exact to 1e-10."""


@dataclass(frozen=True)
class KernelGrid:
    """Nodes of b and of b_delta that span a shell.

    Attributes
    ----------
    b, b_delta
        (Mb,) and (Md,) nodes; every pair of them is one tensor.
    """

    b: tuple[float, ...]
    b_delta: tuple[float, ...]

    @classmethod
    def over(cls, b: NDArray[np.floating], b_delta: NDArray[np.floating]) -> KernelGrid:
        """As few Chebyshev nodes as keep to :data:`TOLERANCE` over the ranges of some b and b_delta.

        Their number is found by trying: on the responses of compartments with every diffusivity the parameters'
        bounds allow, at every angle.
        """
        bs, shapes = _three(b), _three(b_delta)
        return cls(
            _enough(bs, lambda tried: _responses(tried, shapes).reshape(len(tried), -1)),
            _enough(shapes, lambda tried: np.moveaxis(_responses(bs, tried), 1, 0).reshape(len(tried), -1)),
        )

    @property
    def tensors(self) -> NDArray[np.float64]:
        """(M, 2) b and b_delta of every node, M = Mb Md."""
        return np.stack(np.meshgrid(self.b, self.b_delta, indexing="ij"), axis=-1).reshape(-1, 2)

    @cached_property
    def mixtures(self) -> NDArray[np.float64]:
        """(M, W) orthonormal mixtures of the nodes' responses, W <= M, that tell all of them to :data:`TOLERANCE`.

        Where both b and b_delta vary, fewer than the pairs of their nodes: the finest mixed terms are below it.
        """
        responses = _responses(np.array(self.b), np.array(self.b_delta)).reshape(len(self.tensors), -1)
        mixtures = np.linalg.svd(responses, full_matrices=False)[0]
        untold = np.cumsum(np.square(mixtures.T @ responses)[::-1], axis=0).max(axis=1)[::-1]  # without k to the last
        return np.asarray(mixtures[:, untold > TOLERANCE**2])

    def weights(self, b: torch.Tensor, b_delta: torch.Tensor) -> torch.Tensor:
        """How much of each node's response makes up that at other tensors.

        Parameters
        ----------
        b, b_delta
            (N, V) tensors within the ranges the grid was made for.

        Returns
        -------
        (N, M, V) weights, in the order of :attr:`tensors`.
        """
        along_b, along_shape = _lagrange(b, self.b), _lagrange(b_delta, self.b_delta)
        return torch.stack([one * other for one in along_b for other in along_shape], dim=1)


def _three(values: NDArray[np.floating]) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    return np.array([low, (low + high) / 2.0, high])


def _responses(b: NDArray[np.float64], b_delta: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B, S, …) exp(-B:D) of compartments within the parameters' bounds, at angles from along to across."""
    upper = {key: bounds[1] for key in ("Di", "De", "Dp") if (bounds := PARAMETERS[key].bounds)}
    axial = np.linspace(0.0, max(upper["Di"], upper["De"]), 21)[:, None, None]
    radial = np.linspace(0.0, upper["Dp"], 3)[:, None]
    cosine2 = np.linspace(0.0, 1.0, 5)
    share = ((1.0 - b_delta) / 3.0)[:, None, None, None] + b_delta[:, None, None, None] * cosine2
    return np.asarray(np.exp(-b[:, None, None, None, None] * (radial + (axial - radial) * share)))


def _enough(
    span: NDArray[np.float64], responses: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> tuple[float, ...]:
    """Chebyshev nodes over a range, as many as `responses` ((T,) values to (T, …)) need."""
    low, middle, high = span
    if high - low < _POINT:
        return (float(middle),)
    tried = np.linspace(low, high, 41)
    exact = responses(tried)
    for n in range(2, _MOST + 1):
        nodes = middle + (high - low) / 2.0 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
        weights = torch.stack(_lagrange(torch.as_tensor(tried), tuple(nodes)), dim=1).numpy()
        if np.abs(weights @ responses(nodes) - exact).max() <= TOLERANCE:
            break
    return tuple(nodes.tolist())


def _lagrange(x: torch.Tensor, nodes: tuple[float, ...]) -> list[torch.Tensor]:
    """The polynomial of each node, 1 there and 0 at the others, at some points."""
    polynomials = []
    for i, node in enumerate(nodes):
        value = torch.ones_like(x)
        for j, other in enumerate(nodes):
            if i != j:
                value = value * ((x - other) / (node - other))
        polynomials.append(value)
    return polynomials
