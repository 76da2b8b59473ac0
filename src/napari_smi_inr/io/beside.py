"""Names by which the files of a scan's protocol are found beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

BVAL_SUFFIXES = (".bval", ".bvals")
BVEC_SUFFIXES = (".bvec", ".bvecs")
BDELTA_SUFFIXES = (".bdelta", ".bshape", ".beta")
TENSOR_SUFFIXES = (".btens", ".bten", ".bmat", "_xps.mat")
"""Of files that tell of b-tensors as a whole."""

TABLE_SUFFIXES = (".b",)
"""Of MRtrix's tables."""

WHOLE_SUFFIXES = (*TENSOR_SUFFIXES, *TABLE_SUFFIXES)
"""Of files with a whole protocol."""


def has_protocol(dwi: Path) -> bool:
    """Whether anything beside a file says that it is a diffusion scan."""
    return find_sidecar(dwi, (*BVAL_SUFFIXES, *WHOLE_SUFFIXES)) is not None


def find_sidecar(dwi: Path, suffixes: Sequence[str]) -> Path | None:
    """Find the file beside a scan with the scan's name and one of the suffixes, or the bare suffix as name."""
    return next((dwi.with_name(name) for name in looked_for(dwi, suffixes) if dwi.with_name(name).is_file()), None)


def looked_for(dwi: Path, suffixes: Sequence[str]) -> list[str]:
    """Names of files that would be taken, in this order."""
    stem = dwi.name.removesuffix(".gz").removesuffix(".nii")
    return [stem + suffix for suffix in suffixes] + [suffix[1:] for suffix in suffixes]
