"""How finely a field has to be sampled before interpolation shows the same: measured on the field itself.

A fitted field varies over its own detail length and no faster, however far one zooms in. So below some spacing its
values can be interpolated from neighbours. Along straight lines through the mask, every other sample is predicted from
those between, at three spacings; where the worst error crosses the tolerance is the spacing sought.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...parameters import PARAMETERS
from ...sampling.coordinates import voxel_to_world
from ...sampling.sampler import Sampler
from .channels import Channels
from .interpolation import TAPS, smooth_weights
from .pyramid import Pyramid

TOLERANCE = 0.0015
"""Worst error allowed along one axis, in shares of the display range: errors of two axes add up, and the worst of all
places is worse than the worst of those tried, which must leave it below 0.5 %."""

_STRIDES = (1, 2, 4)  # spacings tried, in those of the lines
_SPACING = 1 / 16  # of the lines, in details of the field
_LENGTH = 45  # samples a line
_LINES = 500
_ORDER = 6  # of the error in the spacing


class Smoothness:
    """The finest level worth evaluating; 0, the finest of all, until measured and for fields without a detail length.

    Parameters
    ----------
    channels
        What is evaluated.
    pyramid
        Levels of the layers.
    """

    def __init__(self, channels: Channels, pyramid: Pyramid) -> None:
        self._channels, self._pyramid = channels, pyramid
        self.level = 0
        detail = getattr(channels.field, "detail", None)
        self._spacing = None if detail is None else float(detail) * _SPACING
        self._points = None if self._spacing is None else _lines(channels, self._spacing)
        self._values: list[NDArray[np.float32]] = []

    @property
    def to_do(self) -> bool:
        """Whether there is something left to measure."""
        return self._points is not None

    def measure(self, sampler: Sampler) -> None:
        """Evaluate one batch of the lines, and draw the conclusion after the last."""
        assert self._points is not None
        assert self._spacing is not None
        done = sum(len(v) for v in self._values)
        self._values.append(sampler.evaluate(self._points[done : done + sampler.batch_size]))
        if done + len(self._values[-1]) < len(self._points):
            return
        lines = np.concatenate(self._values).reshape(-1, _LENGTH, len(self._channels.parameters))
        errors = [self._error(lines, stride) for stride in _STRIDES]
        spacing = self._spacing * _crossing(np.array(_STRIDES) * 2.0, np.array(errors), TOLERANCE)
        self.level = self._level(spacing)
        self._points, self._values = None, []

    def _error(self, lines: NDArray[np.float32], stride: int) -> float:
        """Worst error over all parameters where samples 2 strides apart predict those in the middle between."""
        every = np.moveaxis(lines, -1, 0)[..., ::stride]  # (C, lines, samples)
        given, true = every[..., ::2], every[..., 1::2]
        windows = np.lib.stride_tricks.sliding_window_view(given, TAPS, axis=-1)
        first = TAPS // 2 - 1
        true = true[..., first : first + windows.shape[-2]]
        predicted = (windows @ _middle_weights())[..., : true.shape[-1]]
        worst = 0.0
        for name in self._channels.shown:
            recipe = self._channels.recipe(name)
            columns = list(recipe.columns)
            there, guess = recipe.finish(true[columns]), recipe.finish(predicted[columns])
            known = PARAMETERS.get(name)
            limits = known.display if known is not None else None
            low, high = limits or ((0.0, 1.0) if recipe.colours else np.percentile(there, (1, 99)))
            worst = max(worst, float(np.abs(there - guess).max()) / max(float(high - low), 1e-12))
        return worst

    def _level(self, spacing: float) -> int:
        """Coarsest level whose samples are no further apart than this [mm]; 0 if there is none."""
        steps = [float(self._pyramid.step(level).max()) for level in range(len(self._pyramid.shapes))]
        return max((level for level, step in enumerate(steps) if step <= spacing), default=0)


def _lines(channels: Channels, spacing: float) -> NDArray[np.float64]:
    """(lines * samples, 3) RAS positions [mm] of lines along the world's axes, in the middle of which is tissue."""
    random = np.random.default_rng(0)
    voxels = np.argwhere(channels.mask)
    if not len(voxels):
        return np.empty((0, 3))
    middles = voxels[random.integers(len(voxels), size=_LINES)] + random.uniform(-0.5, 0.5, (_LINES, 3))
    offsets = (np.arange(_LENGTH) - _LENGTH // 2)[None, :, None] * np.eye(3)[random.integers(3, size=_LINES)][:, None]
    return (voxel_to_world(channels.affine, middles)[:, None] + spacing * offsets).reshape(-1, 3)


def _middle_weights() -> NDArray[np.float32]:
    """(TAPS,) weights of equally spaced samples for the value in the middle between the third and the fourth."""
    return np.asarray(smooth_weights(np.array([(TAPS - 1) / 2]), TAPS).toarray()[0], np.float32)


def _crossing(spacings: NDArray[np.float64], errors: NDArray[np.float64], tolerance: float) -> float:
    """Largest spacing with an error within the tolerance, from errors at a few spacings, on logarithmic scales."""
    logs, worst = np.log(spacings), np.log(np.maximum(np.maximum.accumulate(errors), 1e-12) / tolerance)
    beyond = np.flatnonzero(worst > 0)
    if not len(beyond):
        return float(spacings[-1])
    first = int(beyond[0])
    if first == 0:  # finer than all that was tried
        return float(np.exp(logs[0] - worst[0] / _ORDER))
    share = worst[first - 1] / (worst[first - 1] - worst[first])
    return float(np.exp(logs[first - 1] + share * (logs[first] - logs[first - 1])))
