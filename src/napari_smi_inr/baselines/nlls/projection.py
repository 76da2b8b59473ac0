"""Variable projection: for given kernel parameters the best FOD is known, and with it the cost and its slope.

Golub and Pereyra (doi:10.1137/0710036), with Kaufman's simplified Jacobian (doi:10.1007/BF01932995). For rows y, map
A(θ) and x(θ) that minimises |y - A x|² + λ|x_l>0|², the residual's derivative along θ_k is -P u_k, with
u_k = (∂A/∂θ_k) x and P the projection onto what A cannot explain. The gradient is exact; the curvature lacks what
a Gauss-Newton matrix lacks, and one term more that is as small as the residual.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import torch

from .design import Design, back_project, predict_orders


class Projection(NamedTuple):
    """The problem of N voxels at one point each."""

    cost: torch.Tensor  # (N,) |y - A x|² + λ|x|², infinite where no x was found
    gradient: torch.Tensor  # (N, 4) half the derivative of the cost
    curvature: torch.Tensor  # (N, 4, 4) JᵀJ
    coefficients: torch.Tensor  # (N, C) the best x

    def where(self, mask: torch.Tensor, other: Projection) -> Projection:
        """Keep this one in the voxels of a mask, take another in the rest."""
        pairs = zip(self, other, strict=True)
        return Projection(*(torch.where(mask.reshape(-1, *[1] * (a.ndim - 1)), a, b) for a, b in pairs))

    def take(self, voxels: torch.Tensor) -> Projection:
        """Some of the voxels, by index."""
        return Projection(*(part[voxels] for part in self))

    def join(self, other: Projection) -> Projection:
        """These voxels and more."""
        return Projection(*(torch.cat(pair) for pair in zip(self, other, strict=True)))


class Problem(NamedTuple):
    """The least-squares problem of N voxels in their kernel parameters.

    Attributes
    ----------
    design
        How tissue enters.
    rows
        (N, R) what was measured.
    ridge
        λ, relative to what the V volumes tell of a coefficient where the kernel is 1 (4π V).
    """

    design: Design
    rows: torch.Tensor
    ridge: float

    def take(self, voxels: torch.Tensor) -> Self:
        """The problem of some of the voxels, by index; repeats are welcome."""
        return self._replace(design=self.design.take(voxels), rows=self.rows[voxels])

    def join(self, other: Problem) -> Self:
        """These voxels and more, of a design of the same kind."""
        return self._replace(design=self.design.join(other.design), rows=torch.cat([self.rows, other.rows]))

    @property
    def weight(self) -> float:
        """λ in the rows' units."""
        return self.ridge * 4.0 * torch.pi * self.design.n_volumes

    def project(self, parameters: torch.Tensor) -> Projection:
        """Solve for x at (N, 4) parameters Di, De, Dp, f."""
        design, rows = self.design, self.rows
        kernel, slopes = design.kernel(parameters)
        normal = design.normal(kernel)
        normal.diagonal(dim1=1, dim2=2)[:, 1:] += self.weight
        factor, failure = torch.linalg.cholesky_ex(normal)
        x = torch.cholesky_solve(back_project(design, kernel, rows[:, None]).mT, factor)[..., 0]
        orders = predict_orders(design, x)  # (N, L, R)
        residual = rows - (kernel * orders).sum(1)
        tangents = (slopes * orders[:, None]).sum(2)  # (N, 4, R) the u_k
        seen = torch.linalg.solve_triangular(factor, back_project(design, kernel, tangents).mT, upper=False)
        cost = residual.square().sum(1) + self.weight * x[:, 1:].square().sum(1)
        return Projection(
            cost=torch.where((failure == 0) & cost.isfinite(), cost, torch.inf),
            gradient=-(tangents @ residual[..., None])[..., 0],
            curvature=tangents @ tangents.mT - seen.mT @ seen,
            coefficients=x,
        )
