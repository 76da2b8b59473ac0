"""How far a fit can be trusted, in words: for the command line and the window alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..parameters import PARAMETERS
from .estimate import Estimate

NOTABLE = 0.01
"""Share of the voxels at a bound from which it is worth a warning."""


def verdict_text(fit: Estimate) -> str:
    """What the error against the noise means; of a fit that was never judged, that it was not."""
    return str(fit.quality.get("verdict", "Nothing is known of how the error compares with the noise."))


def error_rows(fit: Estimate) -> list[tuple[str, str]]:
    """The error on held-out volumes, if any can be, and on those fitted, as far as they are known."""
    quality, rows = fit.quality, []
    if "held_out_volumes" in quality:
        rows.append(("error on held-out volumes", _held_out(fit, quality)))
    if _is_number(quality.get("rmse")):
        rows.append(("error on the volumes fitted", error_text(quality["rmse"], fit.scale)))
    return rows


def noise_rows(fit: Estimate) -> list[tuple[str, str]]:
    """The noise level, the SNR, and the error as a multiple of the noise."""
    noise, over = (_mapping(fit.quality.get(key)) for key in ("noise", "error_over_noise"))
    if not (noise and over):
        return [("noise level", "not known")]
    return [
        ("noise level", f"{noise['median']:.4g} (median; {noise['source']})"),
        ("SNR at b = 0", f"{noise['snr']:.3g} (median)"),
        ("error over noise", f"{over['ratio']:.2f} (on {over['of']})"),
    ]


def bound_rows(fit: Estimate) -> list[tuple[str, str]]:
    """The share of voxels at a bound, parameter by parameter."""
    shares = fit.quality["share_at_bound"]
    return [(f"{s} at a bound", f"{100 * share:.1f} % of the voxels ({_bounds(s)})") for s, share in shares.items()]


def bounds_text(fit: Estimate) -> str:
    """The same in one line."""
    shares = fit.quality["share_at_bound"]
    return ", ".join(f"{symbol} {100 * share:.3g} %" for symbol, share in shares.items())


def error_text(error: float, scale: float, more: str = "") -> str:
    """An error in the scan's units, and as a share of its b = 0 signal."""
    return f"{error:.4g} ({100 * error / scale:.2g} % of the b = 0 signal{more})"


def _held_out(fit: Estimate, quality: Mapping[str, Any]) -> str:
    volumes = quality["held_out_volumes"]
    return error_text(quality["held_out_rmse"], fit.scale, f"; {len(volumes)} volumes") if volumes else "none held out"


def _bounds(symbol: str) -> str:
    parameter = PARAMETERS[symbol]
    return " to ".join(f"{bound:g}" for bound in parameter.bounds or ()) + f" {parameter.unit}".rstrip()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
