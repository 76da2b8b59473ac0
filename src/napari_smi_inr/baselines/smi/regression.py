"""Polynomial regression from noisy invariants to parameters, in bounded memory."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...inr.state import State
from .polynomials import Polynomials

_TILE = 256
"""Columns of the normal equations worked on between pauses."""

_RIDGE = 1e-10
"""Added to the normal equations of unit columns, so that rounding cannot make them indefinite."""


@dataclass(frozen=True, eq=False)
class Regression:
    """A polynomial from features to parameters, for one noise level.

    Attributes
    ----------
    polynomials
        Its monomials.
    mean, whitening
        (d,) and (d, d): what brings the features to mean 0 and unit covariance, before monomials are made of them.
    coefficients
        (columns, T) of the monomials.
    """

    polynomials: Polynomials
    mean: torch.Tensor
    whitening: torch.Tensor
    coefficients: torch.Tensor

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, T) parameters of (N, d) features, neither clipped nor bounded."""
        rows = self.polynomials.rows
        parts = [self._predict(features[start : start + rows]) for start in range(0, len(features), rows)]
        return np.concatenate(parts)

    def _predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        white = (torch.as_tensor(features, device=self.mean.device) - self.mean) @ self.whitening
        found: NDArray[np.float64] = (self.polynomials.columns(white) @ self.coefficients).cpu().numpy()
        return found

    def state(self) -> State:
        """It in numbers."""
        names = ("mean", "whitening", "coefficients")
        return State({name: getattr(self, name) for name in names}, {})

    @classmethod
    def restored(cls, polynomials: Polynomials, n_targets: int, state: State, device: torch.device) -> Regression:
        """One of these monomials and so many targets, from its numbers.

        Raises
        ------
        ValueError, KeyError
            If they are of another.
        """
        d = polynomials.n_features
        shapes = {"mean": (d,), "whitening": (d, d), "coefficients": (polynomials.n_columns, n_targets)}
        return cls(polynomials, **{n: state.tensor(n, s, torch.float64).to(device) for n, s in shapes.items()})


class NormalEquations:
    """The normal equations of one regression: summed tile by tile of each block of rows, then solved in place.

    Attributes
    ----------
    gram
        (c, c) its lower triangle; step by step, its Cholesky factor.
    moments
        (c, T).
    norm
        (c,) of the columns, once they are brought to unit length.
    done
        Tiles summed and tiles factored.
    """

    def __init__(self, n_columns: int, n_targets: int, device: torch.device) -> None:
        self.gram = torch.zeros((n_columns, n_columns), dtype=torch.float64, device=device)
        self.moments = torch.zeros((n_columns, n_targets), dtype=torch.float64, device=device)
        self.norm = torch.zeros(n_columns, dtype=torch.float64, device=device)
        self.done = 0

    def state(self) -> State:
        """All that they are."""
        return State({"gram": self.gram, "moments": self.moments, "norm": self.norm}, {"done": self.done})

    def restore(self, state: State) -> None:
        """Go on with others of the same regression.

        Raises
        ------
        ValueError, KeyError
            If they are not.
        """
        for name in ("gram", "moments", "norm"):
            mine: torch.Tensor = getattr(self, name)
            mine.copy_(state.tensor(name, mine.shape, mine.dtype))
        self.done = state.count("done")


def n_pauses(n_rows: int, polynomials: Polynomials) -> int:
    """How often :func:`regress` pauses."""
    n_tiles = len(range(0, polynomials.n_columns, _TILE))
    return len(range(0, n_rows, polynomials.rows)) * n_tiles + n_tiles


def noisy(features: NDArray[np.float64], std: NDArray[np.float64], seed: tuple[int, ...]) -> NDArray[np.float64]:
    """(n, d) features with independent Gaussian noise of (d,) standard deviations."""
    return np.asarray(features + std * np.random.default_rng(seed).standard_normal(features.shape))


def regress(
    features: NDArray[np.float64],
    targets: NDArray[np.float64],
    std: NDArray[np.float64],
    polynomials: Polynomials,
    seed: tuple[int, ...],
    equations: NormalEquations,
) -> Generator[None, None, Regression]:
    """Fit by least squares, pausing every fraction of a second.

    The design matrix is never held: its normal equations are summed block by block, in double precision, and solved
    by Cholesky. Squaring the design is safe here, for the features are first brought to unit covariance: for the
    published protocol its condition number is then 90 or less, where monomials of the plain features have up to
    6e9. That is a linear map, which leaves the set of polynomials up to a degree, and hence their best fit, as it
    is. For c columns, memory is 8 c² bytes and 0.3 GB: 0.85 GB for 8436; while a checkpoint is written, 8 c² more.

    Parameters
    ----------
    features
        (n, d) noise-free.
    targets
        (n, T).
    std
        (d,) noise to add to the features.
    polynomials
        Monomials to fit with.
    seed
        Of the noise.
    equations
        Its normal equations, on the device where to work: fresh ones, or as an earlier call had left them at a pause.

    Returns
    -------
    The regression, at the generator's end.
    """
    scale, tiles = _Whitening(features, std, equations.gram.device), _tiles(polynomials.n_columns)
    starts = range(0, len(features), polynomials.rows)
    for block in range(equations.done // len(tiles), len(starts)):
        part = slice(starts[block], starts[block] + polynomials.rows)
        columns = polynomials.columns(scale(noisy(features[part], std, (*seed, block))))
        yield from _sum(equations, columns, targets[part], tiles[equations.done - block * len(tiles) :])
    coefficients = yield from _solve(equations, equations.done - len(starts) * len(tiles))
    return Regression(polynomials, scale.mean, scale.matrix, coefficients)


def _sum(
    equations: NormalEquations, columns: torch.Tensor, targets: NDArray[np.float64], tiles: list[tuple[slice, slice]]
) -> Generator[None, None, None]:
    """Add a block of rows, or those tiles of it that are left, pausing after each."""
    for tile, left in tiles:
        if tile.start == 0:
            equations.moments.addmm_(columns.T, torch.as_tensor(targets, device=columns.device))
        equations.gram[tile, left].addmm_(columns[:, tile].T, columns[:, left])
        equations.done += 1
        yield


class _Whitening:
    """Brings noisy features to mean 0 and unit covariance, as known before the noise is drawn."""

    def __init__(self, features: NDArray[np.float64], std: NDArray[np.float64], device: torch.device) -> None:
        covariance = np.cov(features, rowvar=False) + np.diag(std**2)
        variances, axes = np.linalg.eigh(covariance)
        self.mean = torch.as_tensor(features.mean(axis=0), device=device)
        self.matrix = torch.as_tensor(axes / np.sqrt(np.maximum(variances, 1e-14 * variances[-1])), device=device)

    def __call__(self, features: NDArray[np.float64]) -> torch.Tensor:
        return (torch.as_tensor(features, device=self.mean.device) - self.mean) @ self.matrix


def _tiles(n: int) -> list[tuple[slice, slice]]:
    """Rows of a symmetric matrix, and the columns that hold its lower triangle there."""
    return [(slice(start, min(start + _TILE, n)), slice(0, min(start + _TILE, n))) for start in range(0, n, _TILE)]


def _solve(equations: NormalEquations, factored: int) -> Generator[None, None, torch.Tensor]:
    """Solve normal equations, brought to unit columns, of which so many tiles are factored; they are overwritten."""
    gram, moments, norm = equations.gram, equations.moments, equations.norm
    if factored == 0:
        norm.copy_(gram.diagonal().sqrt())
        gram /= norm[:, None]
        gram /= norm
        gram.diagonal().add_(_RIDGE)
    for _ in _cholesky(gram, factored):
        equations.done += 1
        yield
    return _substitute(gram, moments / norm[:, None]) / norm[:, None]


def _cholesky(matrix: torch.Tensor, factored: int) -> Generator[None, None, None]:
    """Replace what is left of the lower triangle of a matrix by its Cholesky factor, pausing after each tile."""
    for tile, _ in _tiles(len(matrix))[factored:]:
        known, rest = slice(0, tile.start), slice(tile.stop, None)
        matrix[tile.start :, tile] -= matrix[tile.start :, known] @ matrix[tile, known].T
        factor = torch.linalg.cholesky(matrix[tile, tile])
        matrix[tile, tile] = factor
        matrix[rest, tile] = torch.linalg.solve_triangular(factor.T, matrix[rest, tile], upper=True, left=False)
        yield


def _substitute(factor: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Solve L Lᵀ x = right, tile by tile, where the library's own solver would copy L."""
    x, tiles = right.clone(), [tile for tile, _ in _tiles(len(factor))]
    for tile in tiles:
        x[tile] -= factor[tile, : tile.start] @ x[: tile.start]
        x[tile] = torch.linalg.solve_triangular(factor[tile, tile], x[tile], upper=False)
    for tile in reversed(tiles):
        x[tile] -= factor[tile.stop :, tile].T @ x[tile.stop :]
        x[tile] = torch.linalg.solve_triangular(factor[tile, tile].T, x[tile], upper=True)
    return x
