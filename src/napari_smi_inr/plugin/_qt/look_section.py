"""Look: which maps to see at the zoom of the screen, and how far beyond the mask."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from magicgui.widgets import ComboBox
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from superqt.utils import qthrottled

from ...errors import InputError
from ...sampling.coordinates import voxel_sizes
from ..field_layers import add_zoom
from ..layer_origin import origin_in_focus
from ..napari_compat import unwrapped
from ..parameter_look import map_choices
from ..preferences import preferences
from ..zoom.session import ZoomSession, session_for, session_of
from .form import Rows, button, may_be_cut, named, paragraph, slider

_FURTHEST = 3.0  # voxels

NO_FIT = "Fit a scan or open a field file first."


class LookSection(QWidget):
    """Adds zoom layers and says how far beyond the mask they reach.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        choice = ComboBox(label="Map", choices=map_choices(), value=preferences().first_map)
        tip = "What to see at the resolution of the screen, at any zoom, between voxels and slices."
        self.parameter = named(choice, "Map to show", tip)
        may_be_cut(self.parameter)
        self.add_button = button("Show &map", "Add the map as a zoom layer, or bring it to the top if it is there.")
        reach = slider("Extrapolate", 0.0, _FURTHEST, 0.1, 0.0)
        tip = "How many voxels beyond the mask to show the field before it fades out: there it is a guess."
        self.reach = named(reach, "Distance beyond the mask in voxels", tip)
        self.status = paragraph("What is being looked at")
        self._arrange()
        self._follow()

    def close_section(self) -> None:
        """Let go of the viewer."""
        with suppress(ValueError, RuntimeError):
            self._viewer.layers.events.disconnect(self._follow)
            self._viewer.layers.selection.events.active.disconnect(self._follow)

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.parameter.native, stretch=1)
        row.addWidget(self.add_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(Rows([self.reach]))
        layout.addWidget(self.status)
        self.add_button.clicked.connect(self._show_map)
        self._extrapolate_soon = qthrottled(self._extrapolate, timeout=100)
        self.reach.changed.connect(lambda _: self._extrapolate_soon())
        self._viewer.layers.events.connect(self._follow)
        self._viewer.layers.selection.events.active.connect(self._follow)

    def _session(self) -> ZoomSession | None:
        origin = origin_in_focus(self._viewer)
        sessions = (session_of(layer) for layer in reversed(unwrapped(self._viewer).layers))
        return next((s for s in sessions if s is not None and origin and s.field is origin.field), None)

    def _show_map(self) -> None:
        origin = origin_in_focus(self._viewer)
        if origin is None:
            show_error(NO_FIT)
            return
        try:
            show_map(self._viewer, origin, self.parameter.value)
        except InputError as error:
            show_error(str(error))

    def _extrapolate(self) -> None:
        session = self._session()
        if session is not None:
            session.extrapolate(self.reach.value * float(voxel_sizes(session.field.affine).min()))

    def _follow(self, event: Any = None) -> None:
        """Say what fit is in focus, and show how far its layers reach."""
        origin = origin_in_focus(self._viewer)
        session = self._session()
        self.add_button.setEnabled(origin is not None)
        self.reach.enabled = session is not None
        if session is not None:
            with self.reach.changed.blocked():
                voxel = float(voxel_sizes(session.field.affine).min())
                self.reach.value = min(session.edge.reach / voxel, _FURTHEST)
        self.status.setText(NO_FIT if origin is None else "")
        self.status.setVisible(origin is None)


def show_map(viewer: Any, origin: Any, parameter: str) -> Any:
    """Show a map of a fit on top: its zoom layer, made if there is none."""
    session = session_for(viewer, origin.field)
    for layer in session.layers:
        if session.parameter_of(layer) == parameter:
            layers = unwrapped(viewer).layers
            layers.move(layers.index(layer), len(layers))
            layer.visible = True
            layers.selection.active = layer
            return layer
    return add_zoom(viewer, origin.field, parameter, origin.dataset)
