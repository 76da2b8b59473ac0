"""Work done in one go or, where memory is short, in parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from ..memory import give_back_memory, is_out_of_memory
from .setbacks import Setbacks

T = TypeVar("T")

_FEWEST = 8
"""Voxels worked through at a time, at least."""


class Portions:
    """In how many parts a batch is worked through: one, until memory runs out.

    Parameters
    ----------
    batch
        Voxels of a batch.
    device
        Whose memory it is.
    setbacks
        Is told.
    """

    def __init__(self, batch: int, device: torch.device, setbacks: Setbacks) -> None:
        self.count = 1
        self._batch, self._device, self._setbacks = batch, device, setbacks

    def of(self, voxels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The parts of a batch."""
        return (voxels,) if self.count == 1 else voxels.tensor_split(self.count)

    def work(self, action: Callable[[], T], spare: Callable[[], object]) -> T:
        """Do something; where memory runs out, again in more parts, after `spare` has let go of what can be spared.

        Raises
        ------
        RuntimeError, MemoryError
            If it runs out also for the smallest parts.
        """
        while True:
            try:
                return action()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or 2 * self.count * _FEWEST > self._batch:
                    raise
            self.count *= 2  # here, where the error no longer keeps what it saw
            spare()
            give_back_memory()
            how = f"the {self._batch} voxels of a step are worked through in {self.count} parts"
            self._setbacks.note("memory", f"Memory ran out on {self._device.type}: since then {how}.")
