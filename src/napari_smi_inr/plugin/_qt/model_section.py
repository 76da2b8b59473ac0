"""Model: how to fit."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox, FloatSpinBox, SpinBox
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from ...inr.config import PRESETS, FitConfig
from ..devices import Devices
from .form import Rows, Section, named

_DETAILS = {"automatic": "auto", "a length": "length", "published rule": "field-of-view"}
_LOSSES = {"least squares": "mse", "Rician likelihood": "rician"}


class ModelSection(QWidget):
    """Controls for everything in a :class:`FitConfig` a user is likely to change."""

    lmax_changed = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.preset = named(
            ComboBox(label="Preset", choices=list(PRESETS)),
            "Preset",
            "fast: seconds to minutes on a laptop. paper: the published set-up, for comparison; slow.",
        )
        self.lmax = named(
            ComboBox(label="FOD order", choices=[(f"lmax {order}", order) for order in (0, 2, 4, 6, 8)], value=4),
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
            "Finest detail of the field. Automatic: tries a few lengths, keeps the best on held-out data.",
        )
        self.length = named(
            FloatSpinBox(label="Length [mm]", min=0.1, max=1000.0, value=12.0, step=1.0),
            "Finest detail in millimetres",
            "Finest detail of the field [mm]; four voxels are a good start.",
        )
        self.device = named(ComboBox(label="Device", choices=["auto", "cpu"]), "Device", "Processor to fit on.")
        self.resolved = QLabel("")
        self.resolved.setAccessibleName("What auto means here")
        self.advanced = _advanced()
        self._arrange()
        self.preset.changed.connect(self._on_preset)
        self.detail.changed.connect(self._on_detail)
        self.lmax.changed.connect(self._on_lmax)
        self._on_detail()

    def config(self) -> FitConfig:
        """Everything asked for, frozen.

        Raises
        ------
        InputError
            If a setting is out of range.
        """
        detail = self.length.value if self.detail.value == "length" else self.detail.value
        settings = {name: widget.value for name, widget in self.advanced.items()}
        return FitConfig.from_preset(
            self.preset.value,
            lmax=self.lmax.value,
            loss=self.loss.value,
            detail=detail,
            device=self.device.value,
            **settings,
        )

    def show_devices(self, devices: Devices) -> None:
        """Offer what there is."""
        chosen = self.device.value
        self.device.choices = list(devices.names)
        if chosen in devices.names:
            self.device.value = chosen
        self.resolved.setText(f"auto is {devices.auto}")

    def _arrange(self) -> None:
        self._rows = Rows([self.preset, self.lmax, self.loss, self.detail, self.length, self.device])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._rows)
        layout.addWidget(self.resolved)
        layout.addWidget(Section("Advanced", Rows(self.advanced.values()), unfolded=False))

    def _on_preset(self) -> None:
        config = FitConfig.from_preset(self.preset.value)
        for name, widget in self.advanced.items():
            if name != "seed":
                widget.value = getattr(config, name)
        self.detail.value = config.detail

    def _on_lmax(self, lmax: int) -> None:
        self.lmax_changed.emit(lmax)

    def _on_detail(self) -> None:
        self._rows.show_row(self.length, self.detail.value == "length")


def _advanced() -> dict[str, Any]:
    """Controls by name of the setting."""
    defaults = FitConfig.from_preset()
    return {
        "seed": named(
            SpinBox(label="Seed", min=0, max=2**31 - 1, value=defaults.seed),
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
        "batch_size": named(
            SpinBox(label="Batch [voxels]", min=1, max=1_000_000, value=defaults.batch_size),
            "Batch size in voxels",
            "Voxels a step; fewer are slower and noisier.",
        ),
    }
