"""How a viewer was before something else is shown in it: visible layers, selection and grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..napari_compat import camera, grid, unwrapped

FORM: dict[str, Any] = {"stride": -1, "shape": (-1, -1), "spacing": 3}
"""Of the grid: one layer in each cell, the topmost first, as square as can be, and some pixels apart."""


class ViewMemory:
    """Remembers a viewer as it is when this is made.

    Parameters
    ----------
    viewer
        A napari viewer.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = unwrapped(viewer)
        layers = self._viewer.layers
        self._visible = {layer: bool(layer.visible) for layer in layers}
        self._selected, self._active = set(layers.selection), layers.selection.active
        self._in_grid = bool(grid(viewer).enabled)
        self._form = {name: getattr(grid(viewer), name) for name in FORM}
        self._shrunk = 1.0

    def show_only(self, kept: Callable[[Any], bool]) -> None:
        """Hide the remembered layers for which ``kept`` is false; the others are as they were."""
        for layer, visible in self._here():
            if layer.visible != (visible and kept(layer)):
                layer.visible = visible and kept(layer)

    def spread(self) -> None:
        """Give each visible layer a cell of a grid, the topmost first, and zoom until it shows what the canvas did."""
        before = self._cell()
        self._set_grid(True, FORM)
        self._zoom(min(now / then for now, then in zip(self._cell(), before, strict=True)))

    def gather(self) -> None:
        """Leave the grid, and its zoom."""
        self._set_grid(False, self._form)
        self._zoom(1 / self._shrunk)

    def put_back(self) -> None:
        """Make everything as it was, but for what has been removed, added or zoomed since."""
        self.gather()
        self.show_only(lambda layer: True)
        self._set_grid(self._in_grid, self._form)
        layers = self._viewer.layers
        layers.selection.active = self._active if self._active in layers else None
        layers.selection.update(layer for layer in self._selected if layer in layers)

    def _set_grid(self, enabled: bool, form: dict[str, Any]) -> None:
        """Switch the grid; its form is set in silence, for napari builds its scene anew at each change."""
        cells = grid(self._viewer)
        cells.enabled = enabled and cells.enabled
        for name, value in form.items():
            if getattr(cells, name) != value:
                with getattr(cells.events, name).blocker():
                    setattr(cells, name, value)
        cells.enabled = enabled

    def _here(self) -> list[tuple[Any, bool]]:
        return [(layer, visible) for layer, visible in self._visible.items() if layer in self._viewer.layers]

    def _cell(self) -> tuple[float, float]:
        height, width = self._viewer.canvas.viewbox_size(self._viewer.layers)
        return float(height), float(width)

    def _zoom(self, factor: float) -> None:
        if factor != 1:
            camera(self._viewer).zoom *= factor
            self._shrunk *= factor
