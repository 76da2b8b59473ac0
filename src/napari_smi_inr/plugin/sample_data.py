"""File > Open Sample: a scan of the phantom, made on the spot, and an open scan of a brain, fetched once."""

from __future__ import annotations

from typing import Any

import napari
from napari.utils.notifications import show_error, show_info

from ..io.open_scan import MEGABYTES, OpenScan, cached_scan, fetch_scan
from ..simulation.sample import SAMPLE_LMAX
from ..simulation.simulate import simulate
from .helper import Attempt, Helper
from .layer_origin import ScanOrigin
from .reader import LayerData, read_nifti, scan_layer

NAME = "phantom"


def phantom_scan() -> list[tuple[Any, dict[str, Any], str]]:
    """Simulate the b-tensor scan of the brain-like phantom, the same every time (npe2 sample data).

    Returns
    -------
    One layer; its metadata hold the dataset with its mask, noise map and truth, ready to be fitted.
    """
    scan = simulate(lmax=SAMPLE_LMAX, seed=0)
    return [scan_layer(NAME, scan.signal, scan.affine, ScanOrigin(None, scan.acquisition, scan))]


def open_brain() -> list[LayerData]:
    """Open the open b-tensor scan of a brain with its mask (npe2 sample data).

    Returns
    -------
    Its layers, if it has been fetched before. If not, none: it is fetched on a thread, which takes as long as the
    network does, and its layers are added once it is there.
    """
    cached = cached_scan()
    if cached is not None:
        return [*read_nifti(str(cached.dwi)), *read_nifti(str(cached.mask))]
    show_info(f"Fetching {MEGABYTES} MB; the scan opens once they are here.")
    Helper(fetch_scan, _add).start()
    return []


def _add(fetched: Attempt) -> None:
    """Add what was fetched to the viewer, if there is one still."""
    viewer = napari.current_viewer()
    if fetched.error is not None:
        show_error(str(fetched.error))
    elif viewer is not None:
        scan: OpenScan = fetched.value
        viewer.open([str(scan.dwi), str(scan.mask)], plugin="napari-smi-inr")
