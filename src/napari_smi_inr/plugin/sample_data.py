"""File > Open Sample: a scan of the phantom, made on the spot."""

from __future__ import annotations

from typing import Any

from ..simulation.sample import SAMPLE_LMAX
from ..simulation.simulate import simulate
from .layer_origin import ScanOrigin
from .reader import scan_layer

NAME = "phantom"


def phantom_scan() -> list[tuple[Any, dict[str, Any], str]]:
    """Simulate the b-tensor scan of the brain-like phantom, the same every time (npe2 sample data).

    Returns
    -------
    One layer; its metadata hold the dataset with its mask, noise map and truth, ready to be fitted.
    """
    scan = simulate(lmax=SAMPLE_LMAX, seed=0)
    return [scan_layer(NAME, scan.signal, scan.affine, ScanOrigin(None, scan.acquisition, scan))]
