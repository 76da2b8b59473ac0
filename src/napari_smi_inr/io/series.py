"""Several series of one subject in one fit: read one by one, put one behind the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..acquisition import B0_THRESHOLD, Acquisition
from ..errors import InputError
from .files import naming, readable_file
from .gradients import Gradients, read_gradients
from .nifti import grid_of, open_image, read_volumes, require_same_place, room_for
from .nifti_header import Image

Given = str | Path | float | None
"""A file, or for shapes a number or a word."""

_SAME_SCALE = 1.1  # between b = 0 signals: more is another gain or echo time, not noise


@dataclass(frozen=True, eq=False)
class Series:
    """The series of one scan, in the order given.

    Attributes
    ----------
    images
        Their headers; all lie at one place.
    gradients
        Their protocols.
    """

    images: tuple[Image, ...]
    gradients: tuple[Gradients, ...]

    @property
    def acquisition(self) -> Acquisition:
        """All volumes, series by series.

        Raises
        ------
        InputError
            If no fit can make sense of them together.
        """
        parts = [one.acquisition for one in self.gradients]
        with naming({"acquisition": self.gradients[0].main_file}):
            whole = Acquisition(
                b=np.concatenate([part.b for part in parts]),
                b_delta=np.concatenate([part.b_delta for part in parts]),
                directions=np.concatenate([part.directions for part in parts]),
                b0_threshold=parts[0].b0_threshold,
            )
            whole.require_fittable()
        return whole

    @property
    def files(self) -> dict[str, Path]:
        """Every file by role; from the second series on, with its number."""
        told: dict[str, Path] = {}
        for number, (image, one) in enumerate(zip(self.images, self.gradients, strict=True), start=1):
            told |= {role_of(role, number): file for role, file in {"dwi": image.path, **one.files}.items()}
        return told

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noticed on reading protocols, by series if there are several."""
        if len(self.images) == 1:
            return self.gradients[0].notes
        named = [f"{image.path.name} ({image.shape[3]} volumes)" for image in self.images]
        order = f"{len(named)} series in one fit, in this order: {', '.join(named)}."
        pairs = zip(self.images, self.gradients, strict=True)
        return (order, *(f"{image.path.name}: {note}" for image, one in pairs for note in one.notes))

    def read(self) -> NDArray[np.float32]:
        """(X, Y, Z, V) signal of all volumes; memory holds it only once.

        Raises
        ------
        InputError
            If a file is damaged, or memory too small.
        """
        counts = [image.shape[3] for image in self.images]
        signal = room_for((*self.images[0].shape[:3], sum(counts)), self.images[0].path)
        for image, end in zip(self.images, np.cumsum(counts), strict=True):
            read_volumes(image, signal[..., end - image.shape[3] : end])
        return signal

    def scale_note(self, signal: NDArray[np.float32], mask: NDArray[np.bool_]) -> str:
        """Say where the b = 0 signal of series differs by more than one scanner session explains."""
        levels: dict[str, float] = {}
        start = 0
        for image, one in zip(self.images, self.gradients, strict=True):
            b0 = start + np.flatnonzero(one.acquisition.is_b0)
            start += image.shape[3]
            if len(b0):
                levels[image.path.name] = float(np.mean([np.median(signal[..., v][mask]) for v in b0]))
        if len(levels) < 2 or not 0 < min(levels.values()) * _SAME_SCALE < max(levels.values()):
            return ""
        low, high = (chosen(levels, key=levels.__getitem__) for chosen in (min, max))
        return (
            f"The b = 0 signal of {high} is {levels[high] / levels[low]:.2f} times that of {low}: the fit takes all "
            "series for one scan, with one gain and echo time."
        )


def open_series(
    dwi: str | Path | Sequence[str | Path], given: Mapping[str, Given | Sequence[Given]], b0_threshold: float
) -> Series:
    """Open one series or several and read their protocols.

    Parameters
    ----------
    dwi
        One 4-D NIfTI, or a list of them.
    given
        Arguments of :func:`~.gradients.read_gradients` by name; for several series, a list of one for each.
    b0_threshold
        Largest b-value [ms/µm²] that counts as b = 0.

    Raises
    ------
    InputError
        If a file is missing or damaged, a series lies elsewhere than the first, or a list has another length.
    """
    paths = [dwi] if isinstance(dwi, str | Path) else list(dwi)
    if not paths:
        raise InputError("dwi", "names no scan.", "Give one file, or a list of those of all series.")
    images = tuple(_open_scan(readable_file(path, "diffusion scan")) for path in paths)
    grid = grid_of(images[0])
    for image in images[1:]:
        require_same_place(image.path, "further series", grid_of(image), grid)
    told: dict[str, list[Any]] = {name: _one_for_each(value, name, len(images)) for name, value in given.items()}
    gradients = tuple(
        read_gradients(
            image.path,
            image.shape[3],
            grid.affine,
            **{name: values[k] for name, values in told.items()},
            b0_threshold=b0_threshold,
        )
        for k, image in enumerate(images)
    )
    return Series(images, gradients)


def threshold_of(b0_threshold: float | None) -> float:
    """The threshold [ms/µm²] from what a user gives [s/mm²], if anything."""
    return B0_THRESHOLD if b0_threshold is None else float(b0_threshold) / 1000


def one_by_one(value: Given | Sequence[Given]) -> list[Given]:
    """What is given, as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str | Path | float | int) else list(value)


def role_of(role: str, number: int) -> str:
    """What a file of the series of this number is called among what a scan was read from."""
    return role if number == 1 else f"{role}_{number}"


def _one_for_each(value: Given | Sequence[Given], name: str, n: int) -> list[Given]:
    values = one_by_one(value)
    if values and len(values) != n:
        fault = f"is given {len(values)} times, for {n} series."
        raise InputError(name, fault, "Give one for each series, in their order, or none.")
    return values or [None] * n


def _open_scan(path: Path) -> Image:
    image = open_image(path, "diffusion scan")
    if image.ndim != 4:
        fault = f"has {image.ndim} dimensions ({' x '.join(map(str, image.shape))}); a diffusion scan has 4."
        raise InputError(path, fault, "Give all volumes in one 4-D image.")
    return image
