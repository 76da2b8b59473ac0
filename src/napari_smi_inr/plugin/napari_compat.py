"""Every call into napari that depends on its version, and how to see through its plugin proxy."""

from __future__ import annotations

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


def overlays(viewer: Any) -> Any:
    """Give the mapping of canvas overlays by name."""
    return viewer.canvas.overlays


def text_overlay(position: str) -> TextOverlay:
    """Make an invisible text for a place on the canvas, e.g. ``"top_center"``."""
    return TextOverlay(position=position, font_size=14, visible=False)


def show_scale_bar(viewer: Any) -> None:
    """Show the scale bar; its unit is that of the layers."""
    overlays(viewer).scale_bar.visible = True


def show_colorbar(layer: Any) -> None:
    """Show a colour bar on the canvas while the layer is visible."""
    layer.colorbar.visible = True


def show_name(layer: Any) -> None:
    """Show the layer's name on the canvas while the layer is visible: the caption of its colour bar."""
    if hasattr(layer, "name_overlay"):
        layer.name_overlay.position = "top_left"
        layer.name_overlay.font_size = 10
        layer.name_overlay.visible = True


def main_window(viewer: Any) -> Any:
    """Give the QMainWindow of a viewer through its public menu, or ``None`` where there is none or it has gone."""
    menu = getattr(getattr(viewer, "window", None), "file_menu", None)
    try:
        parent = unwrapped(menu).parentWidget() if menu is not None else None
    except RuntimeError:  # Qt has deleted it
        return None
    return parent.window() if parent is not None else None
