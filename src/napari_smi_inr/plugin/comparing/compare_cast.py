"""The layers of a comparison: who is on the canvas, with one contrast for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...dataset import DiffusionDataset
from ...sampling.field import Field
from ..layer_origin import KEY, MapOrigin, origin_of
from ..napari_compat import show_colorbar, show_name, unwrapped
from ..zoom.curtain import Curtain
from ..zoom.session import session_for, session_of
from .compare_work import Built
from .contenders import Contender

LINKED = ("contrast_limits", "gamma", "colormap")


class Cast:
    """Zoom layers that belong to a comparison, all of one parameter.

    Attributes
    ----------
    layers, fields
        By whom they show, the fit itself first; and what they draw.

    Parameters
    ----------
    viewer
        A napari viewer.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._list = unwrapped(viewer).layers
        self.layers: dict[Contender, Any] = {}
        self.fields: dict[Contender, Field] = {}
        self._symbol = ""
        self._looks: dict[str, dict[str, Any]] = {}
        self._removing = False

    def missing(self, symbol: str, wanted: Sequence[Contender]) -> list[Contender]:
        """List who has no layer yet for a parameter."""
        return [c for c in wanted if symbol != self._symbol or c not in self.layers]

    def holds(self, layer: Any) -> bool:
        """Whether a layer that was removed is missed here."""
        return not self._removing and any(layer is own for own in self.layers.values())

    def take(self, symbol: str, built: Built, dataset: DiffusionDataset | None) -> None:
        """Add layers; those of another parameter leave."""
        look = self._look(symbol, next(iter(built.fields)), built.limits)
        self._unlink()
        before: dict[Contender, Any] = {}
        if symbol != self._symbol:
            before, self.layers, self.fields, self._symbol = self.layers, {}, {}, symbol
        for contender, field in reversed(built.fields.items()):  # the fit itself on top
            origin = {} if contender.interpolation else {KEY: MapOrigin(contender.fit, symbol, dataset)}
            options = look | {"name": f"{symbol} · {contender.label}", "metadata": origin}
            self.layers[contender] = unwrapped(session_for(self._viewer, field).add(symbol, **options))
            self.fields[contender] = field
        self._remove(before.values())

    def keep(self, wanted: Sequence[Contender], captions: bool) -> None:
        """Let all others go, and order, link and caption those who stay."""
        self._unlink()
        leaving = [layer for contender, layer in self.layers.items() if contender not in wanted]
        self.layers = {c: self.layers[c] for c in wanted}
        self.fields = {c: self.fields[c] for c in wanted}
        self._remove(leaving)
        self._order()
        for number, layer in enumerate(self.layers.values()):
            show_name(layer, captions)
            show_colorbar(layer, number == 0)
        self._list.link_layers(list(self.layers.values()), LINKED)
        self._list.selection.active = next(iter(self.layers.values()))

    def _order(self) -> None:
        """Put the layers on top of all others, the fit itself first."""
        wanted = list(reversed(self.layers.values()))
        if self._list[-len(wanted) :] == wanted:
            return
        for layer in wanted:
            self._list.move(self._list.index(layer), len(self._list))

    def show_all(self, shown: bool) -> None:
        """Show all, or only the fit itself: in 3-D no line divides them."""
        for number, layer in enumerate(self.layers.values()):
            visible = shown or number == 0
            if layer.visible != visible:
                layer.visible = visible

    def draw_curtains(self, curtains: tuple[Curtain | None, Curtain | None] | None) -> None:
        """Let the first two layers end at a line, or show all whole."""
        for layer, curtain in zip(self.layers.values(), curtains or [None] * len(self.layers), strict=True):
            session = session_of(layer)
            if session is not None:
                session.draw_curtain(layer, curtain)

    def clear(self) -> None:
        """Remove every layer."""
        self._unlink()
        self._remove(self.layers.values())
        self.layers, self.fields = {}, {}

    def _look(self, symbol: str, contender: Contender, limits: tuple[float, float]) -> dict[str, Any]:
        """Contrast, gamma and colours: those of the comparison before, or of a layer that shows the same."""
        if self.layers:
            self._looks[self._symbol] = _look_of(next(iter(self.layers.values())))
        if symbol not in self._looks:
            model = self._model(symbol, contender)
            self._looks[symbol] = {"contrast_limits": limits} if model is None else _look_of(model)
        return self._looks[symbol]

    def _model(self, symbol: str, contender: Contender) -> Any:
        """Find the layer of the viewer whose look the user would expect to see again."""
        found = []
        for layer in reversed(self._list):
            origin = origin_of(layer)
            if isinstance(origin, MapOrigin) and origin.symbol == symbol and origin.field is contender.fit:
                found.append(layer)
        active = self._list.selection.active
        return max(found, key=lambda layer: (layer is active, layer.visible), default=None)

    def _unlink(self) -> None:
        if len(self.layers) > 1:
            self._list.unlink_layers(list(self.layers.values()), LINKED)

    def _remove(self, layers: Iterable[Any]) -> None:
        self._removing = True
        try:
            for layer in list(layers):
                if layer in self._list:
                    self._list.remove(layer)
        finally:
            self._removing = False


def _look_of(layer: Any) -> dict[str, Any]:
    return {name: getattr(layer, name) for name in LINKED}
