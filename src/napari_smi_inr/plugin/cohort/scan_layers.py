"""The maps of one scan of a cohort as layers, in which the next scan takes the place of the one before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...cohort.finished import RESIDUAL, Entry, read_maps
from .. import canvas_orientation
from ..layer_origin import KEY, MapOrigin, VolumeOrigin
from ..layer_styles import limits_of
from ..napari_compat import unwrapped
from ..parameter_look import Look
from ..thumbnails import show_thumbnail
from ..world_volumes import place_in_world
from ..zoom.zoom_layer import add_zoom_layer

if TYPE_CHECKING:
    from ...inr.field import FittedField

ZOOM = "zoom"
"""Key of the zoom layer among those of a scan."""

_KEPT = ("contrast_limits", "colormap", "gamma", "opacity", "blending")
_RESIDUAL_LIMITS = (0.0, 3.0)


@dataclass(frozen=True, eq=False)
class Question:
    """What to read.

    Attributes
    ----------
    entry
        The scan.
    zoom
        Whether its field, too.
    """

    entry: Entry
    zoom: bool


@dataclass(frozen=True, eq=False)
class ScanMaps:
    """What was read of a scan, ready for layers.

    Attributes
    ----------
    entry
        The scan.
    placed
        Data and transform by symbol.
    limits
        Contrast by symbol, for those whose look has none.
    field
        The field, if it was asked for and is there.
    """

    entry: Entry
    placed: dict[str, tuple[Any, dict[str, Any]]]
    limits: dict[str, tuple[float, float]]
    field: FittedField | None = field(default=None)


def read_scan(question: Question) -> ScanMaps:
    """Read maps, and the field where it is wanted; for a thread of its own.

    Raises
    ------
    InputError
        If a file is missing or damaged.
    """
    entry = question.entry
    maps, affine = read_maps(entry)
    placed = {symbol: place_in_world(values, affine, order=0) for symbol, values in maps.items()}
    opened = None
    if question.zoom and entry.field is not None:
        from ...inr.field_file import open_field

        opened = open_field(entry.field)
    return ScanMaps(entry, placed, {symbol: limits_of(values) for symbol, values in maps.items()}, opened)


class ScanLayers:
    """Layers of one viewer that show the scan in hand.

    They stay when the scan changes, and with them what the user has set: contrast, colours, which are seen, and where
    the camera looks.

    Parameters
    ----------
    viewer
        A napari viewer.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layers: dict[str, Any] = {}

    def show(self, scan: ScanMaps, symbol: str) -> None:
        """Show a scan.

        Parameters
        ----------
        scan
            What was read of it.
        symbol
            Of the map that is seen at first, where none was shown before.
        """
        canvas_orientation.attach(self._viewer)
        first = not any(self.of(key) is not None for key in scan.placed)
        for key, (data, place) in scan.placed.items():
            self._show_map(scan, key, data, place, visible=first and key == symbol)
        for key in [key for key in self._layers if key not in (*scan.placed, ZOOM)]:
            self._remove(key)  # of the scan before, and not of this one
        self._show_field(scan, symbol)

    def see(self, symbol: str) -> None:
        """Make one map the one that is seen."""
        zoom = self.of(ZOOM)
        for key in self._layers:
            layer = self.of(key)
            if layer is not None and key != ZOOM:
                layer.visible = key == symbol and zoom is None

    def of(self, key: str) -> Any:
        """The layer of a map, or None where the user has removed it."""
        layer = self._layers.get(key)
        there = layer is not None and unwrapped(layer) in unwrapped(self._viewer).layers
        return layer if there else None

    def _show_map(self, scan: ScanMaps, key: str, data: Any, place: dict[str, Any], visible: bool) -> None:
        look, name = _look(key), f"{_look(key).name} · {scan.entry.name}"
        layer = self.of(key)
        if layer is None:
            limits = look.limits or (_RESIDUAL_LIMITS if key == RESIDUAL else scan.limits[key])
            options = {**look.options(), **place, "name": name, "contrast_limits": limits, "visible": visible}
            origin = VolumeOrigin(scan.entry.map_files()[key], binary=False)
            active = self._viewer.layers.selection.active
            layer = self._layers[key] = self._viewer.add_image(data, metadata={KEY: origin}, **options)
            look.finish(layer)
            if not visible and active is not None:
                self._viewer.layers.selection.active = active
        else:
            layer.data = data
            layer.scale, layer.translate, layer.name = place["scale"], place["translate"], name
            layer.metadata = {KEY: VolumeOrigin(scan.entry.map_files()[key], binary=False)}
        show_thumbnail(layer)

    def _show_field(self, scan: ScanMaps, symbol: str) -> None:
        before = self.of(ZOOM)
        if scan.field is None:
            self._remove(ZOOM)
            if before is not None:
                self.see(symbol)
            return
        options: dict[str, Any] = {"name": f"{Look.of(symbol).name} · zoom · {scan.entry.name}"}
        if before is not None and before.metadata[KEY].symbol == symbol:
            options |= {name: getattr(before, name) for name in _KEPT}
            options["visible"] = before.visible
        elif self.of(symbol) is not None:
            options["contrast_limits"] = self.of(symbol).contrast_limits
        options["metadata"] = {KEY: MapOrigin(scan.field, symbol)}
        after = add_zoom_layer(self._viewer, scan.field, symbol, **options)
        self._remove(ZOOM)  # only now: without layers the camera would look elsewhere
        self._layers[ZOOM] = after
        if before is None:
            self.see(symbol)

    def _remove(self, key: str) -> None:
        layer = self.of(key)
        self._layers.pop(key, None)
        if layer is not None:
            self._viewer.layers.remove(layer)


def _look(key: str) -> Look:
    return Look("residual [noise σ]", "inferno", None, None) if key == RESIDUAL else Look.of(key)
