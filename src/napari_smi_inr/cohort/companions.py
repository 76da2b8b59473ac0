"""What belongs to a scan, found by name: tables of its protocol, its side-car, its mask, its gradients' deviation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..io.beside import BDELTA_SUFFIXES, BVAL_SUFFIXES, BVEC_SUFFIXES, TENSOR_SUFFIXES, WHOLE_SUFFIXES, find_sidecar
from ..io.gradient_deviation import QSIPREP_SUFFIX
from ..io.json_text import read_json
from .names import IMAGES, BidsName, files_named
from .scans import SUFFIX, Scan

MASKS = ("WM", "wm", "whitematter", "brain")
"""Labels of masks, ``label-<…>_mask`` or ``desc-<…>_mask``, the first that is there."""

NO_MASK = "none"
"""Instead of a mask's label: take all that is brighter than the background."""

_MASK = "mask"


@dataclass(frozen=True)
class Companions:
    """The files of a scan.

    Attributes
    ----------
    bval, bvec
        b-values and directions; None where there are none, which reading the scan then says.
    bdelta
        Shapes in a file of their own, if there is one and b-tensors as a whole do not tell them.
    gradients
        A whole protocol in one file beside the scan, which is read where there are no b-values and directions.
    sidecars
        JSON that speaks of the scan, what is more specific last.
    mask
        Voxels to fit, if one was found.
    """

    bval: Path | None
    bvec: Path | None
    bdelta: Path | None
    gradients: Path | None
    sidecars: tuple[Path, ...]
    mask: Path | None

    def told(self) -> dict[str, Any]:
        """What the side-cars say together.

        Raises
        ------
        InputError
            If one cannot be read.
        """
        merged: dict[str, Any] = {}
        for path in self.sidecars:
            merged |= read_json(path, "JSON side-car")
        return merged


def companions_of(scan: Scan, masks: Sequence[str] = MASKS, mask_root: Path | None = None) -> Companions:
    """Find what belongs to a scan.

    Tables and side-cars may lie beside it or, as BIDS has it, in a folder above, speaking of all scans whose names do
    not contradict theirs; the nearest counts, and in one folder the most specific.

    Parameters
    ----------
    scan
        The scan.
    masks
        Labels of masks to look for, in this order; :data:`NO_MASK` ends the search.
    mask_root
        Another data set whose masks to use; by default those of the scan's own, and of its ``derivatives``.

    Raises
    ------
    InputError
        If two files suit a scan equally well.
    """
    bval, bvec = _nearest(scan, BVAL_SUFFIXES), _nearest(scan, BVEC_SUFFIXES)
    whole = None if bval or bvec else find_sidecar(scan.dwi, WHOLE_SUFFIXES)
    return Companions(
        bval=bval,
        bvec=bvec,
        bdelta=None if whole and _tells_shapes(whole) else _nearest(scan, BDELTA_SUFFIXES),
        gradients=whole,
        sidecars=tuple(_all(scan, (".json",))),
        mask=_mask_of(scan, masks, mask_root),
    )


def deviation_of(scan: Scan) -> Path:
    """Find the deviation of a scan's gradients, as QSIPrep writes it; FSL's ``grad_dev.nii.gz`` tells of no scan.

    Raises
    ------
    InputError
        If there is none, for the scan is not to be fitted as if it had been corrected; or if two suit equally well.
    """
    found = files_named(scan.dwi.parent, QSIPREP_SUFFIX, IMAGES)
    suiting = [(path, name) for path, name in found if name.applies_to(scan.entities)]
    if not suiting:
        fault = f"has no deviation of its gradients beside it (looked for {scan.name}_{QSIPREP_SUFFIX}.nii.gz)."
        remedy = "Put it there; scans without one make a cohort of their own, without --grad-dev."
        raise InputError(scan.dwi, fault, remedy)
    return _best(scan, suiting)


def _tells_shapes(whole: Path) -> bool:
    """Whether a whole protocol is one of b-tensors; an xps need not have any."""
    return whole.suffix in TENSOR_SUFFIXES


def _nearest(scan: Scan, endings: Sequence[str]) -> Path | None:
    return next(iter(reversed(list(_all(scan, endings)))), None)


def _all(scan: Scan, endings: Sequence[str]) -> Iterable[Path]:
    """What speaks of a scan, from the data set's folder down to its own."""
    for folder in reversed(scan.folders):
        found = [(p, n) for p, n in files_named(folder, SUFFIX, endings) if n.applies_to(scan.entities)]
        if found:
            yield _best(scan, found)


def _best(scan: Scan, found: Sequence[tuple[Path, BidsName]]) -> Path:
    """The most specific of several files."""
    most = max(len(name.entities) for _, name in found)
    best = [path for path, name in found if len(name.entities) == most]
    if len(best) > 1:
        told = " and ".join(str(path) for path in best)
        raise InputError(scan.dwi, f"has several files that suit it equally well: {told}.", "Remove or rename one.")
    return best[0]


def _mask_of(scan: Scan, labels: Sequence[str], mask_root: Path | None) -> Path | None:
    """The mask of a scan: with a label that is asked for, and nothing in its name that contradicts the scan's."""
    for label in labels:
        if label == NO_MASK:
            return None
        for folder in _mask_folders(scan, mask_root):
            found = [(p, n) for p, n in files_named(folder, _MASK, IMAGES) if _suits(n, scan, label)]
            if found:
                return _best(scan, found)
    return None


def _mask_folders(scan: Scan, mask_root: Path | None) -> list[Path]:
    if mask_root is not None:
        return [mask_root / scan.place]
    derivatives = scan.root / "derivatives"
    others = sorted(derivatives.iterdir()) if derivatives.is_dir() else []
    return [scan.dwi.parent, *(each / scan.place for each in others)]


def _suits(name: BidsName, scan: Scan, label: str) -> bool:
    labelled = label in (name.entities.get("label"), name.entities.get("desc"))
    rest = BidsName(name.but("label", "desc", *(() if "space" in scan.entities else ("space",))), name.suffix, "")
    return labelled and rest.applies_to(scan.entities)
