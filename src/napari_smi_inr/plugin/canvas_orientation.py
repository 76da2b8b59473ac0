"""Which way is up: anterior and superior, in every plane, with the letters on the canvas that say so."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary, ref

from .keys import bind_keys
from .napari_compat import (
    camera,
    grid,
    leave_cells,
    overlays,
    return_to_cells,
    show_scale_bar,
    text_overlay,
    unwrapped,
)
from .zoom.view_state import ViewState

ENDS = (("S", "I"), ("A", "P"), ("R", "L"))
"""Letters at the high and low end of napari's world axes z, y, x."""

PLACES = ("top_center", "bottom_center", "middle_right", "middle_left")

_NARROW = 420
"""Pixels of a canvas on which the name of the layer and the scale bar reach the middle, where letters would stand."""

UPRIGHT = {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}
"""Order of the world axes (sliced, vertical, horizontal) in which each plane stands upright."""

_attached: WeakKeyDictionary[Any, CanvasOrientation] = WeakKeyDictionary()


def letters(displayed: tuple[int, ...]) -> tuple[str, str, str, str]:
    """Letters for the top, bottom, right and left of the canvas; empty in 3-D and on axes that are not the world's.

    Parameters
    ----------
    displayed
        World axes (0 z, 1 y, 2 x) on the canvas, vertical first; others are negative.
    """
    if len(displayed) != 2:
        return "", "", "", ""
    (top, bottom), (right, left) = (ENDS[axis] if axis >= 0 else ("", "") for axis in displayed)
    return top, bottom, right, left


def upright(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...]:
    """Give the order of axes to show when the user rolls from one to another.

    Rolling takes napari from the sagittal plane to a coronal one lying on its side (right is up). That order is
    replaced by the upright one; and because the next roll would then lead astray, it is led on to the axial plane.
    Any other change, such as a transpose, is the user's wish and stays.

    Parameters
    ----------
    before, after
        Orders of the world axes (sliced, vertical, horizontal).
    """
    lying = (1, 2, 0)
    if before == UPRIGHT["sagittal"] and after == lying:
        return UPRIGHT["coronal"]
    if before == UPRIGHT["coronal"] and after == _rolled(before):
        return UPRIGHT["axial"]
    return after


def _rolled(order: tuple[int, ...]) -> tuple[int, ...]:
    return order[-1:] + order[:-1]


def show_plane(viewer: Any, plane: str) -> None:
    """Turn a viewer to the ``"axial"``, ``"coronal"`` or ``"sagittal"`` plane, upright."""
    offset = viewer.dims.ndim - 3
    viewer.dims.order = tuple(range(offset)) + tuple(axis + offset for axis in UPRIGHT[plane])


def attach(viewer: Any) -> None:
    """Orient a viewer whose last three axes are the world's, and bind our keys; does nothing the second time."""
    if unwrapped(viewer) not in _attached:
        _attached[unwrapped(viewer)] = CanvasOrientation(viewer)
        bind_keys(viewer)


def detach(viewer: Any) -> None:
    """Take letters and callbacks away again."""
    attached = _attached.pop(unwrapped(viewer), None)
    if attached is not None:
        attached.close()


class CanvasOrientation:
    """Letters, camera orientation and scale bar of one viewer, which it does not keep alive."""

    def __init__(self, viewer: Any) -> None:
        self._viewer_ref, self._dims, self._grid = ref(unwrapped(viewer)), viewer.dims, grid(viewer)
        self._canvas = viewer.canvas
        camera(viewer).orientation2d = ("up", "right")
        show_scale_bar(viewer)
        self._texts = [text_overlay(place) for place in PLACES]
        for place, text in zip(PLACES, self._texts, strict=True):
            overlays(viewer)[_key(place)] = text
        self._order = self._world_order()
        self._busy = False
        self._gone: list[Any] = []  # from the cells of the grid, while a layer is added
        self._roll_in_space()
        self._dims.events.order.connect(self._on_order)
        self._dims.events.ndisplay.connect(self._write)
        self._grid.events.enabled.connect(self._write)
        self._canvas.events.size.connect(self._write)
        self._dims.events.ndim.connect(self._on_ndim)
        viewer.layers.events.inserting.connect(self._on_inserting)
        viewer.layers.events.inserted.connect(self._on_inserted, position="last")  # when napari has a cell for it
        viewer.layers.events.removed.connect(self._on_removed)
        self._write()

    def close(self) -> None:
        """Undo the constructor, but for the camera."""
        self._dims.events.order.disconnect(self._on_order)
        self._dims.events.ndisplay.disconnect(self._write)
        self._grid.events.enabled.disconnect(self._write)
        self._canvas.events.size.disconnect(self._write)
        self._dims.events.ndim.disconnect(self._on_ndim)
        self._dims.rollable = (True,) * self._dims.ndim
        viewer = self._viewer_ref()
        if viewer is None:
            return
        viewer.layers.events.inserting.disconnect(self._on_inserting)
        viewer.layers.events.inserted.disconnect(self._on_inserted)
        viewer.layers.events.removed.disconnect(self._on_removed)
        for place in PLACES:
            del overlays(viewer)[_key(place)]

    def _on_ndim(self) -> None:
        self._roll_in_space()
        self._on_order()

    def _roll_in_space(self) -> None:
        """Have napari roll the axes of space alone: volumes of a scan are not to be seen side by side with them."""
        extra = self._dims.ndim - 3
        self._dims.rollable = tuple(axis >= extra for axis in range(self._dims.ndim))

    def _world_order(self) -> tuple[int, ...]:
        offset = self._dims.ndim - 3
        return tuple(int(axis) - offset for axis in self._dims.order[-3:])

    def _on_order(self) -> None:
        if self._busy or self._dims.ndim < 3:
            return
        order = self._world_order()
        wanted = upright(self._order, order)
        self._order = wanted
        if wanted != order:
            self._busy = True
            try:
                offset = self._dims.ndim - 3
                self._dims.order = tuple(self._dims.order[:-3]) + tuple(axis + offset for axis in wanted)
            finally:
                self._busy = False
        self._write()

    def _write(self) -> None:
        if self._dims.ndim < 3:
            return
        state = ViewState(tuple(self._dims.point), tuple(self._dims.order), int(self._dims.ndisplay))
        top, bottom, *sides = letters(state.displayed)
        narrow = self._canvas.size[1] < _NARROW
        top = "" if narrow or self._grid.enabled else top  # a cell of a grid is narrow, and has no scale bar
        bottom = "" if narrow else bottom
        for text, letter in zip(self._texts, (top, bottom, *sides), strict=True):
            text.text = letter
            text.box = bool(letter)

    def _on_inserting(self) -> None:
        viewer = self._viewer_ref()
        if viewer is not None and self._grid.enabled:
            self._gone += leave_cells(viewer)

    def _on_inserted(self) -> None:
        return_to_cells(self._gone)
        self._gone = []

    def _on_removed(self) -> None:
        viewer = self._viewer_ref()
        if viewer is not None and not len(viewer.layers):
            detach(viewer)


def _key(place: str) -> str:
    return f"anatomy_{place}"
