"""How far a fit can be trusted, in words: for the command line and the window alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, TypeGuard

from ..parameters import PARAMETERS
from .assessment import DENOISED, MISFIT
from .estimate import Estimate

NOTABLE = 0.05
"""Share of the voxels at a bound from which it is worth a warning."""


def verdict_text(fit: Estimate) -> str:
    """What the error against the noise means, or that it was never judged; and what befell the fit."""
    verdict = fit.quality.get("verdict", "Nothing is known of how the error compares with the noise.")
    return " ".join(map(str, (verdict, *fit.quality.get("notes", ()))))


def error_rows(fit: Estimate) -> list[tuple[str, str]]:
    """The error on held-out volumes, if any can be, and on those fitted, as far as they are known."""
    quality, rows = fit.quality, []
    if "held_out_volumes" in quality:
        rows.append(("error on held-out volumes", _held_out(fit, quality)))
    if _is_number(quality.get("rmse")):
        rows.append(("error on the volumes fitted", _error(quality["rmse"], fit)))
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


def judgement(fit: Estimate) -> Literal["good", "warning", "unknown"]:
    """Whether anything speaks against a fit: its error, or voxels at a bound."""
    ratio = _mapping(fit.quality.get("error_over_noise")).get("ratio")
    if not _is_number(ratio):
        return "unknown"
    at_bound = max(fit.quality["share_at_bound"].values(), default=0.0)
    return "good" if DENOISED <= ratio <= MISFIT and at_bound < NOTABLE else "warning"


def brief_rows(fit: Estimate) -> dict[str, tuple[str, str]]:
    """What there is to know where room is scarce, by title: a few words, and more of them for who asks."""
    quality, noise = fit.quality, _mapping(fit.quality.get("noise"))
    shares = ", ".join(f"{symbol} {100 * share:.2g}" for symbol, share in quality["share_at_bound"].items())
    return {
        "Error": _brief_error(fit, quality),
        "Noise": (f"σ {noise['median']:.3g}, SNR {noise['snr']:.3g} at b = 0", f"The noise is {noise['source']}.")
        if noise
        else ("not known", "Give it with the scan, as a number, a map, or a way to estimate it."),
        "At a bound": (f"{shares} %", "Share of the voxels where a parameter lies at an end of its range."),
    }


def _brief_error(fit: Estimate, quality: Mapping[str, Any]) -> tuple[str, str]:
    held_out, error = quality.get("held_out_rmse"), quality.get("rmse")
    if _is_number(held_out):
        n = len(quality["held_out_volumes"])
        return f"{_percent(held_out, fit)} of b = 0, {n} held-out volumes", f"On volumes never fitted: {held_out:.4g}."
    if _is_number(error):
        return f"{_percent(error, fit)} of b = 0, volumes fitted", f"On the volumes fitted: {error:.4g}."
    return "no volumes were held out", "So nothing tells whether noise was learnt."


def _held_out(fit: Estimate, quality: Mapping[str, Any]) -> str:
    volumes = quality["held_out_volumes"]
    return _error(quality["held_out_rmse"], fit, f"; {len(volumes)} volumes") if volumes else "none held out"


def _error(error: float, fit: Estimate, more: str = "") -> str:
    return f"{error:.4g} ({_percent(error, fit)} of the b = 0 signal{more})"


def _percent(error: float, fit: Estimate) -> str:
    return f"{100 * error / fit.scale:.2g} %"


def _bounds(symbol: str) -> str:
    parameter = PARAMETERS[symbol]
    return " to ".join(f"{bound:g}" for bound in parameter.bounds or ()) + f" {parameter.unit}".rstrip()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)
