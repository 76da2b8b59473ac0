"""All that a fit in the middle of training is, as numbers: to go back to, to move elsewhere, or to write down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

import torch


class State(NamedTuple):
    """Tensors, and numbers in JSON's types, by name.

    What :meth:`state` of a part gives are the part's own tensors, which change as it works on; take a :meth:`copy`
    to keep them. What :meth:`restore` takes may come from a file: whatever does not fit is a ValueError, KeyError or
    TypeError.
    """

    tensors: Mapping[str, torch.Tensor]
    numbers: Mapping[str, Any]

    @classmethod
    def of(cls, parts: Mapping[str, Self]) -> Self:
        """Several in one; names begin with the part's."""
        tensors = {f"{part}.{name}": t for part, state in parts.items() for name, t in state.tensors.items()}
        return cls(tensors, {part: state.numbers for part, state in parts.items()})

    def part(self, name: str) -> State:
        """One of several."""
        start = f"{name}."
        tensors = {key.removeprefix(start): t for key, t in self.tensors.items() if key.startswith(start)}
        return State(tensors, self.numbers[name])

    def copy(self, fixed: Iterable[str] = ()) -> State:
        """The same, not to change any more; the `fixed` tensors do not change as it is."""
        kept = set(fixed)
        tensors = {name: t if name in kept else t.detach().clone() for name, t in self.tensors.items()}
        return self._replace(tensors=tensors)

    def on(self, device: torch.device) -> State:
        """The same on a device."""
        return self._replace(tensors={name: t.to(device) for name, t in self.tensors.items()})

    def tensor(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """A tensor of this name, shape and type, finite."""
        found = self.tensors[name]
        if found.shape != shape or found.dtype != dtype or not bool(torch.isfinite(found).all()):
            raise ValueError(f"its {name} do not fit its settings")
        return found

    def number(self, name: str) -> float:
        """A number of this name."""
        return float(self.numbers[name])

    def count(self, name: str) -> int:
        """A whole number of this name, not below zero."""
        found = self.numbers[name]
        if not isinstance(found, int) or found < 0:
            raise ValueError(f"its {name} is no count")
        return found
