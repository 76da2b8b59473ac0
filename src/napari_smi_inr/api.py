"""The documented front door: load, simulate, fit, evaluate, save, open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, overload

from .checks.loading import load
from .checks.scan import check_scan as check
from .dataset import DiffusionDataset
from .estimation.assessment import assessed
from .estimation.step import Step
from .estimation.voxel_fit import VoxelFit
from .inr.field import FittedField
from .inr.field_file import open_field
from .methods import fit_steps, make_settings
from .simulation.simulate import simulate

__all__ = ["check", "fit", "fit_steps", "load", "make_settings", "open_field", "simulate"]

OnStep = Callable[[Step], object]


@overload
def fit(
    dataset: DiffusionDataset, method: Literal["inr"] = "inr", *, on_step: OnStep | None = None, **settings: Any
) -> FittedField: ...
@overload
def fit(
    dataset: DiffusionDataset, method: str, *, on_step: OnStep | None = None, **settings: Any
) -> FittedField | VoxelFit: ...
def fit(
    dataset: DiffusionDataset, method: str = "inr", *, on_step: OnStep | None = None, **settings: Any
) -> FittedField | VoxelFit:
    """Fit the Standard Model of white matter to a scan.

    Parameters
    ----------
    dataset
        The scan, from :func:`load` or :func:`simulate`.
    method
        ``"inr"``, the implicit neural representation, or a voxel-wise method to compare it with; see
        :data:`napari_smi_inr.methods.METHODS`.
    on_step
        Called with each :class:`~napari_smi_inr.estimation.step.Step`, for progress.
    **settings
        Any setting of the method. The INR's are those of :class:`FitConfig`: lmax, loss, seed, device, detail,
        epochs, …, and ``preset``, which is ``"fast"`` or ``"paper"`` for the published set-up.

    Returns
    -------
    FittedField or VoxelFit
        Every parameter at every point, or voxel by voxel. Both have ``maps()``, ``fod_map()`` and ``quality``.

    Raises
    ------
    InputError
        If a setting is wrong, or the dataset or this machine lacks something the method needs.

    Examples
    --------
    >>> field = fit(load("dwi.nii.gz", mask="wm_mask.nii.gz"), lmax=4, seed=0)  # doctest: +SKIP
    """
    last = None
    for last in fit_steps(dataset, make_settings(method, **settings)):
        if on_step is not None:
            on_step(last)
    assert last is not None  # a fit has at least one step
    result = assessed(last.field(), dataset)
    assert isinstance(result, FittedField | VoxelFit)
    return result
