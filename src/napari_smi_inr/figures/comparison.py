"""A plane made finer in several ways, and how far each is from the truth: numbers first, drawn elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..metrics import rmse
from ..sampling.field import Field
from ..sampling.grid_field import GridField, Interpolation
from ..sampling.request import SampleRequest
from ..sampling.sampler import Sampler
from .planes import Extent, View, VoxelBox

NATIVE, TRUTH = "fitted map", "truth"
"""Titles of the first panel, where nobody says whose map it is, and of the last."""

_INTERPOLATIONS: tuple[Interpolation, ...] = ("linear", "cubic")


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture of a plane.

    Attributes
    ----------
    title, subtitle
        What it is, and how fine.
    values
        (across, up), NaN outside the mask.
    extent
        Where it lies [mm].
    error
        Root mean square error against the truth; None where there is nothing to compare.
    """

    title: str
    subtitle: str
    values: NDArray[np.float32]
    extent: Extent
    error: float | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """One plane of one parameter: as fitted, made finer in several ways, and as it truly is.

    Attributes
    ----------
    parameter
        Its symbol.
    plane
        Its orientation: sagittal, coronal or axial.
    extent
        Left, right, bottom and top of the plane [mm], from its corner.
    filled
        The part of it that the mask fills, with a margin.
    region
        The part of it that was made finer.
    sides
        What lies on the left, right, bottom and top: L, R, P, A, I or S.
    panels
        The native map, which shows all of the plane; then the finer ones of the region; the truth last, if known.
    """

    parameter: str
    plane: str
    extent: Extent
    filled: Extent
    region: Extent
    sides: tuple[str, str, str, str]
    panels: tuple[Panel, ...]

    @property
    def truth(self) -> Panel | None:
        """The panel that the others are compared with."""
        return self.panels[-1] if self.panels[-1].title == TRUTH else None


def compare_interpolation(
    field: Field,
    maps: Mapping[str, NDArray[np.floating]],
    truth: Field,
    parameter: str = "p2",
    factor: int = 8,
    plane: int | None = None,
) -> Comparison:
    """Sample an axial plane of a field finely and set it against interpolation of its voxel map and against the truth.

    Parameters
    ----------
    field
        The fitted field.
    maps
        (X, Y, Z) its maps on the scan's grid.
    truth
        What it should be, such as a phantom's.
    parameter
        Symbol of the map.
    factor
        How much finer the plane's grid is along each axis.
    plane
        Index along the voxel axis nearest to the vertical; the middle by default.

    Returns
    -------
    Comparison
        Errors are taken over every fine point inside the mask.

    Raises
    ------
    InputError
        If the plane lies outside the volume.
    """
    view = View.of("axial", field.affine, field.mask.shape)
    middle = view.shape[view.axes[0]] // 2 if plane is None else plane
    return _compare(view, middle, maps[parameter], {"INR": field}, truth, parameter, None, factor, field.mask)


def compare_planes(
    native: NDArray[np.floating],
    affine: NDArray[np.floating],
    ways: Mapping[str, Field],
    truth: Field | None = None,
    parameter: str = "p2",
    *,
    box: VoxelBox | None = None,
    planes: Sequence[str] = ("coronal", "sagittal"),
    indices: Mapping[str, int] | None = None,
    factor: int = 8,
    radiological: bool = False,
    method: str = "",
) -> list[Comparison]:
    """Sample a region of several planes finely: interpolations of a voxel map, any fields, and the truth.

    Parameters
    ----------
    native
        (X, Y, Z) fitted map, NaN outside the mask; linear and cubic interpolation of it are always compared.
    affine
        (4, 4) from its voxel indices to RAS millimetres.
    ways
        Fields by title, such as ``{"INR": field}``, that have the parameter.
    truth
        What it should be; without it there are no errors.
    parameter
        Symbol of the map.
    box
        Region to make finer, in voxels (see :data:`~.planes.VoxelBox`); all of the volume by default. Its extent
        along the axis looked along is ignored, so that one box serves every plane.
    planes
        Which orientations.
    indices
        Plane of each orientation, counted along its voxel axis; by default the middle of the box.
    factor
        How much finer the grid is along each axis.
    radiological
        Show the patient's right on the left.
    method
        Whose map it is, for the titles of the map and of its interpolations.

    Returns
    -------
    One comparison a plane. Errors are taken over the fine points of the region where every way has a value.

    Raises
    ------
    InputError
        If the map is empty or no volume, or a plane or the region lies outside it.
    """
    mask = np.isfinite(native)
    if np.ndim(native) != 3 or not mask.any():
        raise InputError("native", f"has shape {np.shape(native)} and {mask.sum()} values.", "Give an (X, Y, Z) map.")
    found = []
    for name in planes:
        view = View.of(name, affine, native.shape, radiological)
        index = (indices or {}).get(name, sum((box or view.whole())[view.axes[0]]) // 2)
        found.append(_compare(view, index, native, ways, truth, parameter, box, factor, mask, method))
    return found


def _compare(
    view: View, index: int, native: NDArray[np.floating], ways: Mapping[str, Field], truth: Field | None,
    parameter: str, box: VoxelBox | None, factor: int, mask: NDArray[np.bool_], method: str = "",
) -> Comparison:  # fmt: skip
    voxels = {parameter: native}
    fields: dict[str, Field] = {
        **{f"{method} {kind}".strip(): GridField(voxels, view.affine, mask, kind) for kind in _INTERPOLATIONS},
        **ways,
        **({} if truth is None else {TRUTH: truth}),
    }
    request, region = view.request(index, box, factor), view.extent(box)
    finer = {name: _sample(field, parameter, request) for name, field in fields.items()}
    where = np.all([np.isfinite(values) for values in finer.values()], axis=0)
    title = f"{method} map" if method else NATIVE
    panels = [Panel(title, f"{view.size[0]:.3g} mm voxels", view.picture(native, index), view.extent())]
    for name, values in finer.items():
        scored = truth is not None and name != TRUTH and where.any()
        error = rmse(values[where], finer[TRUTH][where]) if scored else None
        panels.append(Panel(name, f"{factor}×", values, region, error))
    return Comparison(
        parameter, view.name, view.extent(), view.around(mask, index), region, view.letters, tuple(panels)
    )


def _sample(field: Field, parameter: str, request: SampleRequest) -> NDArray[np.float32]:
    if parameter not in field.parameters:
        raise InputError(
            "parameter", f"a field has no {parameter!r}.", f"Choose one of: {', '.join(field.parameters)}."
        )
    values = Sampler(field).sample(request)
    assert values is not None  # nobody cancels
    return values[:, :, 0, field.parameters.index(parameter)]
