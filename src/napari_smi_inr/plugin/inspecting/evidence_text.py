"""The evidence of one place as text: for a spreadsheet, for a file, and for who cannot see the plots."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import numpy as np

from ...estimation.record import at_bound
from ...io.files import replacing
from ...parameters import PARAMETERS
from .evidence import ANGLES, Evidence

_COLUMNS = (
    "kind",
    "shape",
    "volume",
    "b [ms/um2]",
    "b_delta",
    "angle to main fibre [deg]",
    "signal",
    "lowest",
    "highest",
    "measured",
    "residual",
    "noise sigma",
    "held out",
)


def value_text(symbol: str, value: float) -> str:
    """A value with its unit, S0 as a bare number."""
    unit = PARAMETERS[symbol].unit
    digits = f"{value:.4g}" if PARAMETERS[symbol].bounds is None else f"{value:.3f}"
    return f"{digits} {unit}" if unit and unit != "signal" else digits


def bound_text(symbol: str, value: float) -> str:
    """Say ``"at its lower bound"`` or ``"at its upper bound"`` of a fitted value; nothing of others."""
    bounds = PARAMETERS[symbol].bounds
    if symbol == "p2" or bounds is None or not at_bound(symbol, value):
        return ""
    return "at its lower bound" if value < sum(bounds) / 2 else "at its upper bound"


def values_text(evidence: Evidence) -> str:
    """Position and parameters as two tab-separated lines, titles above values."""
    voxel = evidence.voxel or ("", "", "")
    cells = {f"{axis} [mm]": f"{mm:.3f}" for axis, mm in zip("xyz", evidence.point, strict=True)}
    cells |= {f"voxel {axis}": str(index) for axis, index in zip("ijk", voxel, strict=True)}
    cells["place"] = evidence.place
    cells |= {PARAMETERS[symbol].title: f"{value:.6g}" for symbol, value in evidence.values.items()}
    return "\t".join(cells) + "\n" + "\t".join(cells.values())


def summary(evidence: Evidence) -> str:
    """Tell in a sentence what the plots show."""
    if not evidence.values:
        return f"The point is {evidence.place}."
    at = [f"{symbol} is {text}" for symbol, value in evidence.values.items() if (text := bound_text(symbol, value))]
    bounds = f" {'; '.join(at)}." if at else ""
    volumes = evidence.volumes
    if volumes is None:
        return f"The point is {evidence.place}; there are no measurements to compare with.{bounds}"
    error = float(np.sqrt(np.nanmean((volumes.measured - volumes.predicted) ** 2)))
    told = f"{error / volumes.sigma:.2f} σ" if volumes.sigma else f"{error / evidence.values['S0']:.1%} of S0"
    return f"The point is {evidence.place}; measurements and fit differ by {told} (root mean square).{bounds}"


def write_evidence(evidence: Evidence, path: Path) -> None:
    """Write all numbers of the plots to a CSV file, one point of a plot a row; ``#`` lines say where it is and what.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    text = StringIO(newline="")
    text.writelines(f"# {line}\n" for line in _head(evidence))
    table = csv.DictWriter(text, _COLUMNS)
    table.writeheader()
    for row in (*_measured(evidence), *_against_b(evidence), *_against_angle(evidence)):
        table.writerow({key: _number(value) for key, value in row.items()})
    with replacing(path) as stream:
        stream.write(text.getvalue().encode())


def _head(evidence: Evidence) -> Iterator[str]:
    yield "position [mm, RAS]: " + " ".join(f"{mm:.3f}" for mm in evidence.point)
    yield "voxel: " + (" ".join(map(str, evidence.voxel)) if evidence.voxel is not None else "none")
    yield f"place: {evidence.place}"
    for symbol, value in evidence.values.items():
        yield f"{PARAMETERS[symbol].title}: {value:.6g} {bound_text(symbol, value)}".rstrip()
    yield "main fibre [scanner axes]: " + " ".join(f"{part:.4f}" for part in evidence.axis)
    if evidence.volumes is not None:
        yield f"noise: {evidence.volumes.sigma_source}"


def _measured(evidence: Evidence) -> Iterator[dict[str, object]]:
    """One row a volume; its signal is what the fit predicts for the voxel."""
    volumes, subject = evidence.volumes, evidence.subject
    if volumes is None:
        return
    names = {int(v): shell.shape for shell in subject.acquisition.shells() for v in shell.volumes}
    for v in range(len(volumes.b)):
        cells = (
            "measurement",
            names[v],
            v,
            volumes.b[v],
            volumes.b_delta[v],
            volumes.angle[v],
            volumes.predicted[v],
            None,
            None,
            volumes.measured[v],
            volumes.measured[v] - volumes.predicted[v],
            volumes.sigma,
            int(subject.held_out[v]),
        )
        yield dict(zip(_COLUMNS, cells, strict=True))


def _against_b(evidence: Evidence) -> Iterator[dict[str, object]]:
    for shape, curve in zip(evidence.subject.shapes, evidence.against_b, strict=False):
        kinds = (("powder average", curve.powder), ("along the fibre", curve.along), ("across the fibre", curve.across))
        for kind, signal in kinds:
            for b, value in zip(curve.b, signal, strict=True):
                cells = (kind, shape.name, None, b, shape.b_delta, None, value)
                yield dict(zip(_COLUMNS, cells, strict=False))


def _against_angle(evidence: Evidence) -> Iterator[dict[str, object]]:
    for curve in evidence.against_angle:
        shell = curve.shell
        for angle, *values in zip(ANGLES, curve.mean, curve.low, curve.high, strict=True):
            cells = ("against angle", shell.shape, None, shell.b, shell.b_delta, angle, *values)
            yield dict(zip(_COLUMNS, cells, strict=False))


def _number(value: object) -> object:
    """Short numbers, and nothing where there is none."""
    if isinstance(value, float):
        return f"{value:.6g}" if np.isfinite(value) else ""
    return value
