"""The noise level SMI learns for: the scan's own, or found from the scan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...dataset import DiffusionDataset
from ...noise_level import comparable_b0, estimate_noise, noise_from_b0, noise_note


def noise_of(dataset: DiffusionDataset) -> tuple[NDArray[np.float64], str]:
    """Noise level in the voxels of the mask.

    Given ones are taken as they are. Otherwise repeated b = 0 volumes tell, and where there is only one, MP-PCA.

    Returns
    -------
    sigma
        (N,) in the scan's units; 0 where there is none.
    note
        Where it comes from.

    Raises
    ------
    InputError
        If MP-PCA is needed and cannot be done.
    """
    mask = dataset.mask
    if dataset.noise is not None:
        given = np.broadcast_to(np.asarray(dataset.noise, dtype=np.float64), mask.shape)
        return given[mask], "Noise as given with the scan."
    scan = (dataset.signal, dataset.acquisition, mask)
    repeated = np.count_nonzero(comparable_b0(dataset.acquisition)) > 1
    how = "b0" if repeated else "mppca"
    sigma = noise_from_b0(*scan) if repeated else estimate_noise(*scan, how)
    if not np.median(sigma[mask]) > 0:
        return sigma[mask].astype(np.float64), "The b = 0 volumes are equal: taken to be free of noise."
    return sigma[mask].astype(np.float64), noise_note(sigma, *scan, how)
