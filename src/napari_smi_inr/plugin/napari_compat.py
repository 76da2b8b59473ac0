"""Every call into napari that depends on its version, and how to see through its plugin proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from napari.components.overlays import TextOverlay


def unwrapped(obj: Any) -> Any:
    """Give the object behind napari's public-only proxy.

    The proxy is for the main thread (it juggles global warning filters), and two proxies of one object differ;
    so identity and reads from other threads need the object itself. Only public names are used on it.
    """
    return getattr(obj, "__wrapped__", obj)


def camera(viewer: Any) -> Any:
    """Give the viewer's camera (napari 0.9 moved it into the scene)."""
    return viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera


def grid(viewer: Any) -> Any:
    """Give the settings of the grid of layers (napari 0.9 moved them to the canvas)."""
    return viewer.canvas.grid if hasattr(viewer, "canvas") else viewer.grid


@contextmanager
def one_change(viewer: Any) -> Iterator[None]:
    """Let napari build its scene once for all that is done to layers and grid meanwhile, not for each step."""
    gone = leave_cells(viewer)
    try:
        with getattr(unwrapped(viewer).layers, "batched_update", nullcontext)():
            yield
    finally:
        return_to_cells(gone)


def leave_cells(viewer: Any) -> list[Any]:
    """Take what stands in each cell of the grid out of the cells; gives those overlays, for `return_to_cells`.

    To be done while cells come: napari (0.9) counts the cells at once, but what stands in them only later, and raises
    if it paints in between.
    """
    gridded = [overlay for overlay in list(unwrapped(overlays(viewer)).values()) if getattr(overlay, "gridded", False)]
    for overlay in gridded:
        overlay.gridded = False
    return gridded


def return_to_cells(gone: list[Any]) -> None:
    """Have overlays stand in each cell of the grid again."""
    for overlay in gone:
        overlay.gridded = True


def overlays(viewer: Any) -> Any:
    """Give the mapping of canvas overlays by name."""
    return viewer.canvas.overlays


def text_overlay(position: str) -> TextOverlay:
    """Make an empty text for a place on the canvas, or on each cell of its grid, e.g. ``"top_center"``.

    Where there is nothing to say, leave it empty, not invisible: a text that reappears in a grid that has grown
    meanwhile has too few visuals, and napari (0.9) raises.
    """
    return TextOverlay(position=position, font_size=14, visible=True, gridded=True)


def show_scale_bar(viewer: Any) -> None:
    """Show the scale bar; its unit is that of the layers."""
    overlays(viewer).scale_bar.visible = True


def when_visible(layer: Any, action: Callable[[Any], None]) -> None:
    """Do something with a layer now if it is visible, or else once, when it becomes so.

    For what is only seen then, and costs: colour bar and caption take napari a third of the time of adding a layer.
    """

    def on_visible() -> None:
        if layer.visible:  # napari tells, too, that a hidden layer was hidden
            layer.events.visible.disconnect(on_visible)
            action(layer)

    if layer.visible:
        action(layer)
    else:
        layer.events.visible.connect(on_visible)


def show_colorbar(layer: Any, shown: bool = True) -> None:
    """Show a colour bar on the canvas while the layer is visible, or no longer."""
    layer.colorbar.visible = shown


def show_name(layer: Any, shown: bool = True) -> None:
    """Show the layer's name on the canvas while the layer is visible, or no longer: the caption of its colour bar."""
    if hasattr(layer, "name_overlay"):
        layer.name_overlay.position = "top_left"
        layer.name_overlay.font_size = 8
        layer.name_overlay.visible = shown


def main_window(viewer: Any) -> Any:
    """Give the QMainWindow of a viewer through its public menu, or ``None`` where there is none or it has gone."""
    menu = getattr(getattr(viewer, "window", None), "file_menu", None)
    try:
        parent = unwrapped(menu).parentWidget() if menu is not None else None
    except RuntimeError:  # Qt has deleted it
        return None
    return parent.window() if parent is not None else None
