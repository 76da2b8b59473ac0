"""Model: how to fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox, FloatSpinBox, LineEdit, SpinBox
from magicgui.widgets.bases import RangedWidget
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFileDialog, QLabel, QVBoxLayout, QWidget

from ...estimation.settings import LARGEST_SEED, Settings
from ...inr.config import PRESETS, FitConfig
from ...methods import INR, METHODS, make_settings, settings_class
from ...repeat import Recorded
from ..fitting.devices import Devices
from .form import Rows, Section, button, check_box, may_be_cut, named
from .settings_form import SettingsForm

_DETAILS = {"automatic": "auto", "a length": "length", "published rule": "field-of-view"}
_ORDERS = (0, 2, 4, 6, 8)
_ORDERS_OF = {"nn": (2,)}
_GRADIENTS = [("first order", "reduced"), ("exact", "exact")]
_LOSSES = {"least squares": "mse", "Rician likelihood": "rician"}


class ModelSection(QWidget):
    """Controls for the method, and for all of its settings that a user is likely to change."""

    lmax_changed = Signal(int)
    settings_requested = Signal(object)
    loss_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.method = named(
            ComboBox(label="Method", choices=[(f"{name} · {m.title}", name) for name, m in METHODS.items()]),
            "Method",
            "The INR is continuous between voxels; the others are fitted voxel by voxel, to compare it with.",
        )
        may_be_cut(self.method)
        self.preset = named(
            ComboBox(label="Preset", choices=list(PRESETS)),
            "Preset",
            "fast: seconds to minutes on a laptop. paper: the published set-up, for comparison; slow.",
        )
        self.lmax = named(
            ComboBox(label="FOD order", choices=_orders(_ORDERS), value=4),
            "FOD order lmax",
            "Highest order of the spherical harmonics of the fibre orientation distribution.",
        )
        self.loss = named(
            ComboBox(label="Loss", choices=list(_LOSSES.items())),
            "Loss",
            "Rician likelihood suits magnitude images at low SNR, and needs the noise level (Data section).",
        )
        self.detail = named(
            ComboBox(label="Detail", choices=list(_DETAILS.items())),
            "Finest detail",
            "Finest detail of the field. Automatic: from how far neighbouring voxels are alike, and from the noise.",
        )
        self.length = named(
            FloatSpinBox(label="Length [mm]", min=0.1, max=1000.0, value=12.0, step=1.0),
            "Finest detail in millimetres",
            "Finest detail of the field [mm]; three voxels are a good start.",
        )
        self.device = named(ComboBox(label="Device", choices=["auto", "cpu"]), "Device", "Processor to fit on.")
        self.resolved = QLabel("")
        self.resolved.setAccessibleName("What auto means here")
        self.advanced = _advanced()
        self.load_button = button(
            "Load se&ttings…", "Fit as an earlier fit was: choose the .json beside one of its maps, or its field file."
        )
        self._loaded: Recorded | None = None
        self._shown: dict[str, Any] = {}  # what the controls said of it
        self._forms = {name: SettingsForm(settings_class(name)) for name in METHODS if name != INR}
        self._arrange()
        self.method.changed.connect(self._on_method)
        self.preset.changed.connect(self._on_preset)
        self.detail.changed.connect(self._on_detail)
        self.lmax.changed.connect(self._on_lmax)
        self.loss.changed.connect(self._on_loss)
        self._on_method()

    @property
    def settings(self) -> dict[str, Any]:
        """Controls of the settings that only the chosen method has, by name."""
        return self.advanced if self.method.value == INR else self._forms[self.method.value].controls

    @property
    def effective_loss(self) -> str:
        """What the chosen method minimises."""
        return str(self.loss.value) if self.method.value == INR else "mse"

    def config(self) -> Settings:
        """Everything asked for, frozen: as loaded but for what was changed since, if settings were loaded.

        Raises
        ------
        InputError
            If a setting is out of range.
        """
        asked = self._asked()
        if self._loaded is None:
            return make_settings(self.method.value, **asked)
        return self._loaded.again(**{name: value for name, value in asked.items() if value != self._shown[name]})

    def show_settings(self, recorded: Recorded) -> None:
        """Take the settings of an earlier fit; those without a control are kept until method or preset change.

        Raises
        ------
        InputError
            If they are not sound.
        """
        config = recorded.again()
        self.method.value = config.method
        if isinstance(config, FitConfig):
            self.preset.value = config.preset
            self.loss.value = config.loss
            self.detail.value = "length" if isinstance(config.detail, float) else config.detail
            if isinstance(config.detail, float):
                _show(self.length, config.detail)
        self.lmax.value = config.lmax
        for name, control in self.settings.items():
            _show(control, getattr(config, name))
        device = getattr(config, "device", "auto")
        self.device.value = device if device in self.device.choices else "auto"
        self._loaded, self._shown = recorded, self._asked()

    def _asked(self) -> dict[str, Any]:
        """What the controls say, by setting."""
        asked = {"lmax": self.lmax.value, "device": self.device.value}
        if self.method.value != INR:
            return asked | self._forms[self.method.value].values()
        detail = self.length.value if self.detail.value == "length" else self.detail.value
        asked |= {"preset": self.preset.value, "loss": self.loss.value, "detail": detail}
        return asked | {name: widget.value for name, widget in self.advanced.items()}

    def show_devices(self, devices: Devices) -> None:
        """Offer what there is."""
        chosen = self.device.value
        self.device.choices = list(devices.names)
        if chosen in devices.names:
            self.device.value = chosen
        self.resolved.setText(f"auto is {devices.auto}")

    def _arrange(self) -> None:
        self._rows = Rows([self.method, self.preset, self.lmax, self.loss, self.detail, self.length, self.device])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._rows)
        layout.addWidget(self.resolved)
        self._advanced_section = Section("Advanced", self._advanced_rows(), unfolded=False)
        layout.addWidget(self._advanced_section)
        layout.addWidget(self.load_button)
        self.load_button.clicked.connect(self._ask_for_settings)

    def _advanced_rows(self) -> QWidget:
        """Each method's own settings, of which one set is shown."""
        rows = QWidget()
        layout = QVBoxLayout(rows)
        layout.setContentsMargins(0, 0, 0, 0)
        self._sets = {INR: Rows(self.advanced.values()), **self._forms}
        for each in self._sets.values():
            layout.addWidget(each)
        return rows

    def _ask_for_settings(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Load settings", "", "Record of a fit (*.json *.smi.safetensors)")
        if file:
            self.settings_requested.emit(Path(file))

    def _on_method(self) -> None:
        self._loaded = None
        method = self.method.value
        for name, rows in self._sets.items():
            rows.setVisible(name == method)
        for control in (self.preset, self.loss, self.detail):
            self._rows.show_row(control, method == INR)
        order = self.lmax.value
        self.lmax.choices = _orders(_ORDERS_OF.get(method, _ORDERS))
        if order in _ORDERS_OF.get(method, _ORDERS):
            self.lmax.value = order
        self._on_detail()
        self._on_loss()

    def _on_preset(self) -> None:
        self._loaded = None
        config = FitConfig.from_preset(self.preset.value)
        for name, widget in self.advanced.items():
            if name != "seed":
                widget.value = getattr(config, name)
        self.detail.value = config.detail

    def _on_lmax(self, lmax: int) -> None:
        self.lmax_changed.emit(lmax)

    def _on_loss(self) -> None:
        self.loss_changed.emit()

    def _on_detail(self) -> None:
        self._rows.show_row(self.length, self.method.value == INR and self.detail.value == "length")


def _show(control: Any, value: Any) -> None:
    """Set a control; one that cannot show a value shows the nearest it can, and the value is kept all the same."""
    if isinstance(control, RangedWidget):
        value = min(max(value, control.min), control.max)
    control.value = str(value) if isinstance(control, LineEdit) else value


def _orders(orders: tuple[int, ...]) -> list[tuple[str, int]]:
    return [(f"lmax {order}", order) for order in orders]


def _advanced() -> dict[str, Any]:
    """Controls by name of the setting."""
    defaults = FitConfig.from_preset()
    return {
        "seed": named(
            SpinBox(label="Seed", min=0, max=LARGEST_SEED, value=defaults.seed),
            "Seed",
            "Same seed, same numbers as on the command line and in Python.",
        ),
        "epochs": named(
            SpinBox(label="Epochs", min=1, max=100_000, value=defaults.epochs),
            "Epochs",
            "Passes over all voxels. The field kept is the one that predicted held-out data best.",
        ),
        "held_out": named(
            FloatSpinBox(label="Held out", min=0.0, max=0.5, step=0.01, value=defaults.held_out),
            "Held-out share",
            "Share of the volumes never trained on, which show when noise is being learnt.",
        ),
        "nonnegativity": named(
            FloatSpinBox(label="FOD ≥ 0 weight", min=0.0, max=1e6, step=1.0, value=defaults.nonnegativity),
            "Weight of the FOD non-negativity term",
            "How strongly negative lobes of the FOD are discouraged.",
        ),
        "voxel_average": named(
            check_box("Average over voxels", defaults.voxel_average),
            "Average over voxels",
            "Predict what a scanner measures, the average over a voxel. Finer structure for more time.",
        ),
        "gradient_model": named(
            ComboBox(label="Deviating gradients", choices=_GRADIENTS, value=defaults.gradient_model),
            "b-tensors of non-uniform gradients",
            "Only with a gradient deviation. Linear b-tensors are exact either way; others are taken to first order "
            "in the asymmetry the gradients give them, or, many times slower, as they are.",
        ),
        "batch_size": named(
            SpinBox(label="Batch [voxels]", min=1, max=1_000_000, value=defaults.batch_size),
            "Batch size in voxels",
            "Voxels a step; fewer are slower and noisier.",
        ),
    }
