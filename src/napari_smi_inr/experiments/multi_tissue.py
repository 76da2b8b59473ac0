"""FODs by multi-shell multi-tissue constrained spherical deconvolution, with dipy's tissue responses and basis."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular
from scipy.optimize import nnls

from ..acquisition import Acquisition
from ..dataset import DiffusionDataset
from ..errors import InputError, require_library
from ..signal_model.spherical_harmonics import degrees, half_sphere, real_sh

_TENSOR_B = 1.5  # ms/µm², the most that a tensor describes
_RESPONSE_VOXELS = 300
_CONSTRAINTS = 300
_SAME_B = 50  # s/mm²
_RIDGE = 1e-4  # of the largest singular value: keeps orders apart that the protocol hardly sees


def multi_tissue_fods(dataset: DiffusionDataset, lmax: int) -> NDArray[np.float64]:
    """White-matter FODs of a scan (Jeurissen et al. 2014, doi:10.1016/j.neuroimage.2014.07.061).

    Responses of white matter, grey matter and fluid are estimated from the scan by dipy, from the voxels that a
    tensor fit shows to be most like them. The FOD is kept non-negative in 300 directions; the quadratic programme is
    solved exactly as a least-distance problem (Lawson and Hanson 1974, chapter 23).

    Parameters
    ----------
    dataset
        The scan; only b = 0 and linear encoding are used.
    lmax
        Order of the FODs; lowered to what the protocol supports.

    Returns
    -------
    (N, C) orthonormal real SH coefficients, MRtrix basis, scanner axes, not normalised; voxels in C order of the mask.

    Raises
    ------
    InputError
        If dipy is missing, or the linear encoding of the protocol does not suffice.
    """
    require_library("dipy", "multi-tissue FODs", "experiments")
    linear = dataset.acquisition.is_b0 | (np.abs(dataset.acquisition.b_delta - 1) < 0.01)
    acquisition = dataset.acquisition.select(linear)
    order = min(lmax, acquisition.verdict().lmax)
    if order < 2:
        raise InputError("from_scan", "has too few directions of linear encoding for an FOD.", "Give another scan.")
    signal = dataset.signal[..., linear]
    with _quiet():
        design, to_ours = _design(signal, dataset.mask, acquisition, order)
    solver = _NonNegative(design, order, to_ours)
    return np.array([solver(voxel) for voxel in signal[dataset.mask].astype(np.float64)])


def _design(
    signal: NDArray[np.float32], mask: NDArray[np.bool_], acquisition: Acquisition, order: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """(V, 3 + C) signal of unit tissue and FOD coefficients in dipy's basis, and the order that makes it ours."""
    from dipy.reconst.mcsd import MultiShellDeconvModel, multi_shell_fiber_response, response_from_mask_msmt

    table = _gradients(acquisition)
    tissues = _tissue_masks(signal, mask, acquisition)
    white, grey, fluid = response_from_mask_msmt(table, signal.astype(np.float64), *tissues, tol=_SAME_B)
    response = multi_shell_fiber_response(
        order, bvals=_shells(table), wm_rf=white, gm_rf=grey, csf_rf=fluid, tol=_SAME_B
    )
    model = MultiShellDeconvModel(table, response, sh_order_max=order)
    design = np.asarray(model.predict(np.eye(len(model.l_values) + 2)), dtype=np.float64).T
    return design, _mrtrix_order(order)


def _gradients(acquisition: Acquisition) -> Any:
    from dipy.core.gradients import gradient_table

    directions = np.where(acquisition.is_b0[:, None], 0.0, acquisition.directions)
    b = np.where(acquisition.is_b0, 0.0, 1000 * acquisition.b)
    return gradient_table(b, bvecs=directions, b0_threshold=0)


def _shells(table: Any) -> Any:
    from dipy.core.gradients import unique_bvals_tolerance

    return unique_bvals_tolerance(table.bvals, tol=_SAME_B)


def _tissue_masks(
    signal: NDArray[np.float32], mask: NDArray[np.bool_], acquisition: Acquisition
) -> tuple[NDArray[np.int64], ...]:
    """Voxels most like white matter (highest FA), fluid (highest MD) and grey matter (lowest FA, no fluid)."""
    from dipy.reconst.dti import TensorModel

    low = acquisition.b < _TENSOR_B
    b0 = signal[..., acquisition.is_b0].mean(axis=-1)
    head = b0 > 0.2 * np.percentile(b0[mask], 95)
    model: Any = TensorModel
    fit = model(_gradients(acquisition.select(low))).fit(signal[head][:, low].astype(np.float64))
    fa, md = np.nan_to_num(fit.fa), np.nan_to_num(fit.md)
    n = min(_RESPONSE_VOXELS, max(10, len(fa) // 10))
    white = mask[head] & (fa >= np.sort(fa[mask[head]])[-n:][0])
    fluid = np.zeros(len(md), dtype=bool)
    fluid[np.argsort(np.where(fa < 0.25, md, -1.0))[-n:]] = True
    grey = np.zeros(len(fa), dtype=bool)
    grey[np.argsort(np.where(fluid | (md > np.median(md) * 1.3), 2.0, fa))[:n]] = True
    return tuple(_volume(head, found) for found in (white, grey & ~white, fluid))


def _volume(head: NDArray[np.bool_], found: NDArray[np.bool_]) -> NDArray[np.int64]:
    volume = np.zeros(head.shape, dtype=np.int64)
    volume[head] = found
    return volume


def _mrtrix_order(order: int) -> NDArray[np.intp]:
    """Where each of our coefficients stands in dipy's older basis: m and -m are exchanged."""
    l = degrees(order)
    index = np.arange(len(l))
    m = index - l * (l + 1) // 2
    return np.asarray(l * (l + 1) // 2 - m)


class _NonNegative:
    """Least squares for signals, with an FOD that is nowhere negative and tissue amounts that are not either."""

    def __init__(self, design: NDArray[np.float64], order: int, to_ours: NDArray[np.intp]) -> None:
        columns = np.concatenate([np.arange(2), 2 + to_ours])
        ours = design[:, columns]
        n = ours.shape[1]
        ridge = _RIDGE * np.linalg.norm(ours, 2) * np.eye(n)
        self._q, self._r = qr(np.concatenate([ours, ridge]), mode="economic")
        self._rows = len(ours)
        bounds = np.zeros((_CONSTRAINTS + 2, n))
        bounds[:2, :2] = np.eye(2)
        bounds[2:, 2:] = real_sh(half_sphere(_CONSTRAINTS), order)
        self._bounds = solve_triangular(self._r, bounds.T, trans="T").T

    def __call__(self, signal: NDArray[np.float64]) -> NDArray[np.float64]:
        """(C,) FOD of one voxel."""
        target = self._q[: self._rows].T @ signal
        needed = -self._bounds @ target
        system = np.vstack([self._bounds.T, needed])
        goal = np.append(np.zeros(len(target)), 1.0)
        multipliers, _ = nnls(system, goal, maxiter=50 * system.shape[1])
        rest = system @ multipliers - goal
        step = -rest[:-1] / rest[-1]
        return np.asarray(solve_triangular(self._r, target + step)[2:])


@contextmanager
def _quiet() -> Iterator[None]:
    """Without dipy's advice on single voxels and deprecated arguments."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
