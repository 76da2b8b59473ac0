"""Compare: what with what, and how."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QSlider, QVBoxLayout, QWidget

from ...parameters import PARAMETERS
from ..comparing.compare import comparison_in
from ..comparing.comparison import Mode
from ..napari_compat import unwrapped
from .form import Rows, button, may_be_cut, named, paragraph

MODES = {
    Mode.OFF: ("&Off", "End the comparison and put the viewer back as it was."),
    Mode.SWIPE: ("&Swipe", "Divide the canvas by a line that can be dragged."),
    Mode.SIDE: ("Side &by side", "Show each in a cell of its own, with one contrast and one camera."),
    Mode.FLICKER: ("&Flicker", "Show one in place of the other; press again to see the other."),
}
_STEPS = 1000  # of the slider
_CHECKED = "QPushButton:checked { background: palette(highlight); color: palette(highlighted-text) }"


class CompareSection(QWidget):
    """Controls of the comparison in a viewer; follows it when keys or the mouse change it.

    Parameters
    ----------
    viewer
        A napari viewer.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.comparison = comparison_in(viewer)
        self._layers = unwrapped(viewer).layers
        self._open = True
        self.parameter = self._combo("Parameter", "Which map to compare.")
        self.opponent = self._combo("Against", "The fit's own map, interpolated between its voxels, or another fit.")
        self.modes = {mode: _mode_button(*words) for mode, words in MODES.items()}
        self.line = named(
            QSlider(Qt.Orientation.Horizontal), "Position of the line", "Where the swipe divides the canvas."
        )
        self.line.setRange(0, _STEPS)
        self.turn = button("&Turn", "Let the line lie instead of stand, and back.")
        self.result = paragraph("Difference in view")
        self._arrange()
        self._wire()
        self.comparison.follow_focus()

    def close_section(self) -> None:
        """End the comparison and let go of the viewer."""
        if not self._open:
            return
        self._open = False
        self.comparison.changed.disconnect(self._follow)
        for event in self._events():
            event.disconnect(self._on_layers)
        self.comparison.end()

    def _combo(self, label: str, tip: str) -> Any:
        combo = named(ComboBox(label=label, choices=[]), label, tip)
        may_be_cut(combo)
        return combo

    def _arrange(self) -> None:
        modes, line = QHBoxLayout(), QHBoxLayout()
        modes.setSpacing(2)
        self._group = QButtonGroup(self)
        for made in self.modes.values():
            modes.addWidget(made)
            self._group.addButton(made)
        line.addWidget(self.line, stretch=1)
        line.addWidget(self.turn)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(Rows([self.parameter, self.opponent]))
        layout.addLayout(modes)
        layout.addLayout(line)
        layout.addWidget(self.result)

    def _wire(self) -> None:
        for mode, made in self.modes.items():
            made.clicked.connect(lambda _=False, mode=mode: self._on_mode(mode))
        self.parameter.changed.connect(lambda symbol: symbol and self.comparison.choose(symbol=symbol))
        self.opponent.changed.connect(lambda chosen: chosen and self.comparison.choose(opponent=chosen))
        self.line.valueChanged.connect(self._on_slider)
        self.turn.clicked.connect(lambda: self.comparison.turn_line(not self.comparison.line.upright))
        self.comparison.changed.connect(self._follow)
        for event in self._events():
            event.connect(self._on_layers)

    def _events(self) -> list[Any]:
        return [self._layers.events.inserted, self._layers.events.removed, self._layers.selection.events.active]

    def _on_layers(self) -> None:
        if self.comparison.mode is Mode.OFF:
            self.comparison.follow_focus()

    def _on_mode(self, mode: Mode) -> None:
        if mode is Mode.FLICKER:
            self.comparison.flip()
        else:
            self.comparison.show(mode)
        self._follow()

    def _on_slider(self, value: int) -> None:
        across = self.comparison.across()
        if across is not None:
            self.comparison.move_line(across.at_fraction(value / _STEPS))

    def _follow(self) -> None:
        """Show the comparison as it is now."""
        comparison = self.comparison
        symbols = comparison.fit.parameters if comparison.fit is not None else ()
        _offer(self.parameter, [(_name(s), s) for s in symbols], comparison.symbol)
        _offer(self.opponent, [(c.label, c) for c in comparison.opponents], comparison.opponent)
        self.modes[comparison.mode].setChecked(True)
        for mode, made in self.modes.items():
            made.setEnabled(comparison.opponent is not None or mode is Mode.OFF)
        self._follow_line()
        text = self._text()
        if text != self.result.text():
            self.result.setText(text)

    def _follow_line(self) -> None:
        across = self.comparison.across() if self.comparison.mode is Mode.SWIPE else None
        self.line.setEnabled(across is not None)
        self.turn.setEnabled(across is not None)
        position = self.comparison.line.position
        if across is None or position is None or self.line.isSliderDown():
            return
        self.line.blockSignals(True)
        self.line.setValue(round(across.fraction(position) * _STEPS))
        self.line.blockSignals(False)

    def _text(self) -> str:
        comparison = self.comparison
        if comparison.opponent is None:
            return "Fit a scan or open a field file, and compare its maps here."
        if comparison.mode is Mode.OFF:
            return "The map in focus beside another one: same place, same contrast."
        if comparison.difference is None:
            return (
                "Measuring the difference in view …" if not comparison.settled else "Nothing to measure in this view."
            )
        return f"In view: {comparison.difference}."


def _offer(combo: Any, choices: list[tuple[str, Any]], chosen: Any) -> None:
    """Put choices into a combo box without telling anyone, and only if they have changed."""
    with combo.changed.blocked():
        if list(combo.choices) != [value for _, value in choices]:
            combo.choices = choices
        combo.enabled = bool(choices)
        if chosen in combo.choices and combo.value != chosen:
            combo.value = chosen


def _mode_button(text: str, tip: str) -> QPushButton:
    made = button(text, tip)
    made.setCheckable(True)
    made.setStyleSheet(_CHECKED)
    return made


def _name(symbol: str) -> str:
    known = PARAMETERS.get(symbol)
    return f"{symbol} · {known.name.split(' (')[0]}" if known else symbol
