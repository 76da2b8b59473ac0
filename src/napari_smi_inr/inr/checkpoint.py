"""Checkpoints: a fit under way in a file, and back.

Numbers and JSON only, as a field file. A checkpoint is of one scan and of the settings of one fit, on any device;
versions of the libraries count as well, for other ones might draw other random numbers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch

from ..dataset import DiffusionDataset
from ..errors import InputError
from ..estimation.keep import Keep
from ..estimation.settings import Settings
from ..estimation.step import Step
from ..io.files import output_folder
from ..memory import is_out_of_memory
from .state import State
from .tensor_file import Build, damaged, read_tensors, write_tensors

S = TypeVar("S", bound=Step)

_KNOWN = {"format": "napari-smi-inr checkpoint", "version": 2}
_PACKAGES = ("napari-smi-inr", "numpy", "torch")
_REMEDY = "Remove it, and fit from the beginning."
_UNKEPT = "The fit is not kept for the case that it is cut short:"

SHARE = 0.01
"""Largest share of the time that writing them may take."""


class Checkpoint(NamedTuple):
    """A fit under way, as kept."""

    state: State
    worked: float  # seconds
    config: dict[str, Any]  # the settings asked for, unchecked
    fraction: float  # of the work done


class Checkpoints:
    """Keeps one fit in a file, now and then.

    Parameters
    ----------
    keep
        Where; None for nowhere.
    dataset, config, settled
        The scan, what was asked for, and what became of it once the scan was known, where that differs.
    """

    def __init__(
        self, keep: Keep | None, dataset: DiffusionDataset, config: Settings, settled: Settings | None = None
    ) -> None:
        self._keep, self._dataset, self._config, self._settled = keep, dataset, config, settled or config
        self._known: dict[str, Any] | None = None
        self._next = time.monotonic() + (keep.interval if keep is not None else 0.0)

    @property
    def due(self) -> bool:
        """Whether it is time for the next."""
        return self._keep is not None and time.monotonic() >= self._next

    def read(self) -> Checkpoint | None:
        """The one to go on from, if that is wanted.

        Raises
        ------
        InputError
            If it is missing, damaged, or of another fit.
        """
        if self._keep is None or not self._keep.resume:
            return None
        path = self._keep.path

        def build(header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> Checkpoint:
            _compare(path, header["of"], self._of)
            return _checkpoint(header, tensors)

        return _read(path, build)

    def write(self, state: State, worked: float, fraction: float) -> str:
        """Write one, if there is a place for it; returns what went wrong, in a sentence, if anything did.

        The fit need not end for that: its state is still in memory.
        """
        if self._keep is None:
            return ""
        header = {**_KNOWN, "of": self._of, "config": self._config.model_dump(), "worked": worked, "fraction": fraction}
        began = time.monotonic()
        try:
            output_folder(self._keep.path.parent)
            write_tensors(self._keep.path, state.tensors, {**header, "numbers": state.numbers})
        except InputError as error:
            return f"{_UNKEPT} {error}"
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return f"{_UNKEPT} Memory has run out."
        finally:
            ended = time.monotonic()
            self._next = ended + max(self._keep.interval, (ended - began) / SHARE)
        return ""

    def go_on(self, restore: Callable[[State], None]) -> float:
        """Bring a fit to where it stood, if that is wanted; the seconds that were worked until then.

        Raises
        ------
        InputError
            As :meth:`read`, or if there is no going on from what it holds.
        """
        begun = self.read()
        if begun is None:
            return 0.0
        with self.blamed():
            restore(begun.state)
        return begun.worked

    def follow(self, steps: Iterator[S], state: Callable[[], State]) -> Iterator[S]:
        """The same steps of a fit, which is written down now and then, and when it is left before its end.

        Parameters
        ----------
        steps
            Of the fit.
        state
            Gives what it is between two of them.

        Yields
        ------
        The steps; those that follow a checkpoint that could not be written say so.
        """
        step, note = None, ""
        try:
            for step in steps:
                if self.due:
                    note = self.write(state(), step.elapsed, step.fraction)
                yield replace(step, notes=(*step.notes, note)) if note else step
        except GeneratorExit:  # stopped: who wants to can go on from here
            if step is not None:
                self.write(state(), step.elapsed, step.fraction)
            raise

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Blame the file for what goes wrong while its content is used."""
        try:
            yield
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            if self._keep is None or is_out_of_memory(error):
                raise
            raise damaged(self._keep.path, error, _REMEDY) from error

    @property
    def _of(self) -> dict[str, Any]:
        """What the fit is of; computed when first needed, which in a short fit is never."""
        if self._known is None:
            self._known = {
                "versions": {name: version(name) for name in _PACKAGES},
                "scan": self._dataset.digest,
                "settings": self._settled.model_dump(exclude={"device"}),
            }
        return self._known


def peek(path: Path) -> Checkpoint:
    """What a checkpoint of whatever fit tells of itself, without its tensors.

    Raises
    ------
    InputError
        If it is missing or damaged.
    """
    return read_tensors(path, "checkpoint", _KNOWN, _checkpoint, _REMEDY, only_header=True)


def _read(path: Path, build: Build[Checkpoint]) -> Checkpoint:
    return read_tensors(path, "checkpoint", _KNOWN, build, _REMEDY)


def _checkpoint(header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> Checkpoint:
    fraction, worked = float(header["fraction"]), float(header["worked"])
    if not (0.0 <= fraction <= 1.0 and 0.0 <= worked < math.inf):
        raise ValueError("its progress is none")
    return Checkpoint(State(tensors, dict(header["numbers"])), worked, dict(header["config"]), fraction)


def _compare(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse to go on from another fit, and say in what it differs."""
    if found["scan"] != wanted["scan"]:
        raise InputError(path, "is of another scan, mask or protocol.", "Give those it is of, or remove it.")
    for name, remedy in (("settings", "Give those again, or remove it."), ("versions", "Remove it, and fit anew.")):
        there, here = found[name], wanted[name]
        other = [key for key in here if key not in there or there[key] != here[key]]
        if other:
            told = ", ".join(f"{key} {there.get(key)!r}, now {here[key]!r}" for key in other)
            raise InputError(path, f"is of a fit with other {name}: {told}.", remedy)
