"""Numbers that the paper printed (arXiv 2506.15762), to stand beside one's own."""

from __future__ import annotations

import math

MEDIAN_ERRORS: dict[float, dict[str, float]] = {
    math.inf: {"Di": 0.034, "f": 0.006, "De": 0.046, "Dp": 0.015},
    50.0: {"Di": 0.047, "f": 0.011, "De": 0.051, "Dp": 0.019},
}
"""Median absolute error of the INR at lmax 2, by SNR and symbol (table 4)."""

TIMES: dict[int, float] = {2: 313.0, 4: 448.0, 6: 667.0, 8: 1097.0}
"""Seconds of a fit of the INR, by lmax (table 3)."""

TIMED_VOXELS = 60_800
"""Voxels of the fits timed."""

TIMED_ON = "an NVIDIA RTX 4080"
"""Where the paper's fits ran."""
