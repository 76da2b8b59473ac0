"""napari layers whose content is replaced in one go, again and again, without a trace in the rest of the viewer.

Setting a layer's data and then its colours would slice and draw twice, with colours that do not fit in between, and
each time napari would work out the extent of all layers anew. So the arrays are made larger than needed, written in
place, and shown by one refresh that leaves the extent alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sampling.coordinates import NAPARI_AXES
from ..layer_origin import KEY
from ..napari_compat import unwrapped
from .fod_drawing import Drawing, Lines
from .fod_lattice import Lattice
from .glyph_mesh import Mesh

_SPARE = 1.5  # room made, over what is needed
_LEAST = 1000
_WASTE = 6  # times what is needed: then smaller arrays are made

_COMMON: dict[str, Any] = {"units": ("mm",) * 3, "axis_labels": NAPARI_AXES}


@dataclass(frozen=True, eq=False)
class FodOrigin:
    """In a layer's metadata: that it shows FODs.

    Attributes
    ----------
    show
        ``"glyphs"`` or ``"peaks"``.
    """

    show: str


def shows_fods(layer: Any) -> bool:
    """Whether a layer is one of ours, or a duplicate of one."""
    return layer is not None and isinstance(layer.metadata.get(KEY), FodOrigin)


class GlyphLayer:
    """A surface layer for meshes.

    napari cuts surfaces at half a unit of their data on each side of the slice. With the largest edge of a voxel for
    unit, glyphs stay on the screen until those of the next plane are there, and no slider gets smaller steps.
    """

    show = "glyphs"

    def __init__(self, viewer: Any, lattice: Lattice) -> None:
        self._unit, self._rest = _unit_and_rest(lattice)
        self.layer = unwrapped(
            viewer.add_surface(
                _room(_LEAST, _LEAST, self._rest),
                vertex_colors=np.zeros((_LEAST, 4), np.float32),
                name="FOD glyphs",
                shading="none",
                scale=(self._unit,) * 3,
                metadata={KEY: FodOrigin(self.show)},
                **_COMMON,
            )
        )

    def put(self, drawing: Drawing) -> None:
        """Show a drawing."""
        mesh, layer = drawing.content, self.layer
        assert isinstance(mesh, Mesh)
        n, m = len(mesh.vertices), len(mesh.faces)
        if _unfit(len(layer.vertices), n + 1) or _unfit(len(layer.faces), m):
            self._make_room(n + 1, m)
        vertices, faces, _ = layer.data
        vertices[:n], vertices[n:] = mesh.vertices / np.float32(self._unit), self._rest
        faces[:m], faces[m:] = mesh.faces, n  # of three times the same vertex: nothing is seen of them
        layer.vertex_colors[:n] = mesh.colours
        _blend(layer, drawing)
        layer.refresh(extent=False, thumbnail=False, highlight=False)

    def _make_room(self, n: int, m: int) -> None:
        n, m = (max(_LEAST, int(_SPARE * size)) for size in (n, m))
        data, colours = _room(n, m, self._rest), np.zeros((n, 4), np.float32)
        layer = self.layer
        # while colours and vertices do not match nobody may look; and as new data may move the sliders, whose slices
        # nobody can hold back, there are no colours at all meanwhile
        with layer.events.set_data.blocker(), layer.events.reload.blocker():
            layer.vertex_colors = None
            layer.data = data
            layer.vertex_colors = colours


class PeakLayer:
    """A vectors layer for lines."""

    show = "peaks"

    def __init__(self, viewer: Any, lattice: Lattice) -> None:
        self._unit, self._rest = _unit_and_rest(lattice)
        self.layer = unwrapped(
            viewer.add_vectors(
                _no_lines(_LEAST, self._rest),
                edge_color=np.zeros((_LEAST, 4), np.float32),
                name="FOD peaks",
                vector_style="line",
                scale=(self._unit,) * 3,
                metadata={KEY: FodOrigin(self.show)},
                **_COMMON,
            )
        )

    def put(self, drawing: Drawing) -> None:
        """Show a drawing."""
        lines, layer = drawing.content, self.layer
        assert isinstance(lines, Lines)
        n = len(lines.starts)
        if _unfit(len(layer.data), n):
            size = max(_LEAST, int(_SPARE * n))
            layer.data = _no_lines(size, self._rest)
            layer.edge_color = np.zeros((size, 4), np.float32)
        data, colours = layer.data, layer.edge_color
        data[:n, 0], data[:n, 1] = lines.starts / self._unit, lines.steps / self._unit
        data[n:] = _no_lines(1, self._rest)
        colours[:n], colours[n:] = lines.colours, 0.0
        width = lines.width / self._unit
        _blend(layer, drawing)
        if not 0.8 < width / layer.edge_width < 1.25:
            layer.edge_width = width  # refreshes, with all that belongs to it
        else:
            layer.refresh(extent=False, thumbnail=False, highlight=False)


def _unit_and_rest(lattice: Lattice) -> tuple[float, NDArray[np.float32]]:
    """Unit of the data [mm], and in it a place within the volume: what waits there changes no layer's extent."""
    unit = float(lattice.voxel.max())
    return unit, (lattice.anchor / unit).astype(np.float32)


def _room(n: int, m: int, rest: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
    """Vertices all at rest, faces of no extent, and the values that napari wants beside the colours."""
    return np.tile(rest, (n, 1)), np.zeros((m, 3), np.int32), np.zeros(n, np.float32)


def _no_lines(n: int, rest: NDArray[np.float32]) -> NDArray[np.float32]:
    lines = np.zeros((n, 2, 3), np.float32)
    lines[:, 0] = rest
    return lines


def _unfit(size: int, needed: int) -> bool:
    return needed > size or size > max(_WASTE * needed, 2 * _LEAST)


def _blend(layer: Any, drawing: Drawing) -> None:
    """In a flat view later triangles cover earlier ones; in 3-D nearer ones cover those behind."""
    blending = "translucent_no_depth" if drawing.request.view.flat else "translucent"
    if layer.blending != blending:
        layer.blending = blending
