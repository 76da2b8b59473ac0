"""The documented front door: load, simulate, fit, evaluate, save, open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .dataset import DiffusionDataset
from .inr.config import FitConfig
from .inr.field import FittedField
from .inr.field_file import open_field
from .inr.training import FitStep, fit_steps
from .io.scan import load_scan as load
from .simulation.simulate import simulate

__all__ = ["fit", "fit_steps", "load", "open_field", "simulate"]


def fit(
    dataset: DiffusionDataset,
    preset: str = "fast",
    *,
    on_step: Callable[[FitStep], object] | None = None,
    **settings: Any,
) -> FittedField:
    """Fit an implicit neural representation of the Standard Model to a scan.

    Parameters
    ----------
    dataset
        The scan, from :func:`load` or :func:`simulate`.
    preset
        ``"fast"``, or ``"paper"`` for the published set-up.
    on_step
        Called with each :class:`FitStep`, for progress.
    **settings
        Any setting of :class:`FitConfig`: lmax, loss, seed, device, detail, epochs, ….

    Returns
    -------
    FittedField
        Every parameter at every point.

    Raises
    ------
    InputError
        If a setting is wrong, or the device or noise level it needs is not there.

    Examples
    --------
    >>> field = fit(load("dwi.nii.gz", mask="wm_mask.nii.gz"), lmax=4, seed=0)  # doctest: +SKIP
    """
    last = None
    for last in fit_steps(dataset, FitConfig.from_preset(preset, **settings)):
        if on_step is not None:
            on_step(last)
    assert last is not None  # a fit has at least one step
    return last.field()
