"""The one table of Standard Model parameters: symbol, unit, bounds and looks.

Every other module (network heads, layers, writers, plots) reads from here.
"""

from __future__ import annotations

from dataclasses import dataclass

TABLE_VERSION = 1
"""Raised whenever a bound or a meaning in :data:`PARAMETERS` changes; saved with each field."""


@dataclass(frozen=True)
class Parameter:
    """One scalar of the Standard Model of white matter.

    Attributes
    ----------
    symbol
        The field's name for it, used as key everywhere.
    name
        Its meaning in words.
    brief
        The same where there is little room, as in the name of a layer.
    unit
        Physical unit, empty for a fraction; ``"signal"`` for the scan's own units.
    bounds
        Range the fit can reach (arXiv 2506.15762, table 1); ``None`` where unbounded.
    display
        Contrast limits that suit white matter in vivo; ``None``: from the data.
    colormap
        Name of a napari colormap.
    label
        The word for it in file names (BIDS ``param-<label>``).
    """

    symbol: str
    name: str
    brief: str
    unit: str
    bounds: tuple[float, float] | None
    display: tuple[float, float] | None
    colormap: str
    label: str

    @property
    def title(self) -> str:
        """The symbol with its unit, as on a colour bar."""
        return f"{self.symbol} [{self.unit}]" if self.unit else self.symbol


_D = "µm²/ms"  # of diffusivities

PARAMETERS: dict[str, Parameter] = {
    p.symbol: p
    for p in (
        Parameter("Di", "intra-axonal diffusivity", "intra-axonal", _D, (0.0, 4.0), (1.0, 3.0), "magma", "di"),
        Parameter(
            "De", "extra-axonal axial diffusivity", "extra-axonal, axial", _D, (0.0, 4.0), (1.0, 3.0), "magma", "de"
        ),
        Parameter(
            "Dp", "extra-axonal radial diffusivity", "extra-axonal, radial", _D, (0.0, 1.5), (0.0, 1.5), "magma", "dp"
        ),
        Parameter(
            "f",
            "intra-axonal signal fraction",
            "intra-axonal signal fraction",
            "",
            (0.0, 1.0),
            (0.0, 1.0),
            "viridis",
            "f",
        ),
        Parameter("S0", "signal without diffusion weighting", "signal at b = 0", "signal", None, None, "gray", "s0"),
        Parameter(
            "p2",
            "orientation coherence (rotational invariant of order 2)",
            "orientation coherence",
            "",
            (0.0, 1.0),
            (0.0, 0.8),
            "inferno",
            "p2",
        ),
    )
}
"""Scalar parameters by symbol, in the order every array of them uses."""

KERNEL_PARAMETERS = ("Di", "De", "Dp", "f")
"""The parameters that shape the fibre response (kernel)."""

FASTEST = max(bounds[1] for key in ("Di", "De", "Dp") if (bounds := PARAMETERS[key].bounds))
"""Largest diffusivity that a fit can reach [µm²/ms]."""

SCALARS = tuple(PARAMETERS)
"""Symbols in column order: Di, De, Dp, f, S0, p2."""

FOD = "fod"
"""Key and file label of the fibre orientation distribution's SH coefficients."""
