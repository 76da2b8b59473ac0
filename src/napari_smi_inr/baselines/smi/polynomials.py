"""All monomials of a set of features up to a degree."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import comb

import torch

_BLOCK_VALUES = 1 << 23
"""Values of monomials held at a time (64 MB in double precision)."""

_MOST_ROWS = 8192


class Polynomials:
    """Monomials of d features up to a degree, the constant first: (d + degree choose degree) columns.

    Parameters
    ----------
    n_features, degree
        d and the degree.
    """

    def __init__(self, n_features: int, degree: int) -> None:
        self.n_features, self.n_columns = n_features, comb(n_features + degree, degree)
        # each monomial is one of a degree lower, times a feature that does not come before those it has
        self._levels: list[tuple[torch.Tensor, torch.Tensor]] = []
        before: dict[tuple[int, ...], int] = {(): 0}
        for k in range(1, degree + 1):
            combinations = list(combinations_with_replacement(range(n_features), k))
            parents, factors = [before[c[:-1]] for c in combinations], [c[-1] for c in combinations]
            self._levels.append((torch.tensor(parents), torch.tensor(factors)))
            before = {c: i for i, c in enumerate(combinations)}

    @property
    def rows(self) -> int:
        """Rows to work on at a time: bounds memory."""
        return min(max(_BLOCK_VALUES // self.n_columns, 1), _MOST_ROWS)

    def columns(self, features: torch.Tensor) -> torch.Tensor:
        """(n, columns) of (n, d) features."""
        levels = [torch.ones_like(features[:, :1])]
        for parents, factors in self._levels:
            levels.append(levels[-1][:, parents.to(features.device)] * features[:, factors.to(features.device)])
        return torch.cat(levels, dim=1)
