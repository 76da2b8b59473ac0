"""Freezing what a viewer shows: on a thread, with a bar that can cancel it, to layers or files."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.qt.threading import create_worker
from napari.utils import cancelable_progress
from napari.utils.notifications import show_error, show_info

from ...errors import InputError
from ...parameters import FOD
from ...sampling.request import SampleRequest
from ..fitting.fit_controller import explain
from ..helper import Attempt
from ..layer_origin import MapOrigin, origin_in_focus, origin_of
from ..napari_compat import unwrapped
from ..parameter_look import Look
from ..visible import visible_plane
from .freeze import Freezing, Frozen, freeze_steps, grid_of, in_words, n_steps, require_sensible, write_frozen

if TYPE_CHECKING:
    import napari

    from ...estimation.estimate import Estimate

Done = Callable[[Attempt], None]

DEFAULT_FACTOR = 4


def fit_in_focus(viewer: Any) -> MapOrigin:
    """Give the fit that is meant.

    Raises
    ------
    InputError
        If there is none.
    """
    origin = origin_in_focus(viewer)
    if origin is None:
        raise InputError("viewer", "shows no fit.", "Fit a scan or open a field file first.")
    return origin


def planned(viewer: Any, freezing: Freezing, to_file: bool) -> tuple[Estimate, SampleRequest]:
    """Give the fit and the grid that freezing now would sample.

    Raises
    ------
    InputError
        If there is no fit, nothing of it is in view, or it would be too much.
    """
    field = fit_in_focus(viewer).field
    unknown = [s for s in freezing.symbols if s not in field.parameters]
    if unknown:
        raise InputError("parameters", f"{unknown} cannot be frozen.", f"Choose of {', '.join(field.parameters)}.")
    request = grid_of(field, freezing, visible_plane(viewer), to_file)
    require_sensible(freezing, request, field.lmax)
    return field, request


def predicted(viewer: Any, freezing: Freezing, to_file: bool) -> str:
    """Say how much freezing now would give, or why it would not."""
    try:
        field, request = planned(viewer, freezing, to_file)
    except InputError as error:
        return f"{error.where.capitalize()} {error.fault} {error.remedy}"
    return in_words(freezing, request, field.lmax)


def freeze_view(viewer: napari.viewer.Viewer) -> None:
    """Freeze the parameter in focus where it is in view, at four samples a voxel, to a layer."""
    try:
        origin = fit_in_focus(viewer)
        symbol = origin.symbol if origin.symbol in origin.field.parameters else origin.field.parameters[-1]
        freeze(viewer, Freezing((symbol,), DEFAULT_FACTOR))
    except InputError as error:
        show_error(str(error))


def freeze(viewer: Any, freezing: Freezing, path: Path | None = None, done: Done = lambda result: None) -> FreezeJob:
    """Start to freeze what is asked for.

    Parameters
    ----------
    viewer
        Where the fit is, and whose view counts.
    freezing
        What to freeze.
    path
        Of the NIfTI file, or the first part of several; None: to layers.
    done
        Told on the main thread what came of it: layers or paths, an error; nothing if cancelled.

    Raises
    ------
    InputError
        If there is nothing to freeze, or too much.
    """
    if path is None:
        freezing = replace(freezing, fod=False)  # coefficients are no picture
    field, request = planned(viewer, freezing, path is not None)
    return FreezeJob(viewer, field, freezing, request, path, done)


_under_way: set[FreezeJob] = set()
"""Qt does not keep what its signals are to reach."""


class FreezeJob:
    """Freezing under way."""

    def __init__(
        self, viewer: Any, field: Estimate, freezing: Freezing, request: SampleRequest, path: Path | None, done: Done
    ) -> None:
        self._viewer, self._path, self._done = viewer, path, done
        self._bar = cancelable_progress(
            total=n_steps(request), desc=f"Freezing {in_words(freezing, request, field.lmax)}"
        )
        self._cancelled = False
        self._advancing = False
        self._running = True
        self._worker = create_worker(_run, field, freezing, request, path, lambda: self._cancelled, _start_thread=False)
        self._worker.yielded.connect(self._on_yielded)
        self._worker.returned.connect(self._on_returned)
        self._worker.finished.connect(self._end)
        _under_way.add(self)
        self._worker.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._running

    def cancel(self) -> None:
        """End it soon, without a result; no file is left half written."""
        self._cancelled = True
        if self._worker is not None:
            self._worker.quit()

    def _on_yielded(self, _: None) -> None:
        if self._bar.is_canceled:
            self.cancel()
        elif not self._advancing and self._running:  # the bar lets the window live, further steps included
            self._advancing = True
            self._bar.update(1)
            self._advancing = False

    def _on_returned(self, result: Attempt | None) -> None:
        if result is None or self._cancelled:
            return
        if result.error is None and self._path is None:
            result = _shown(self._viewer, result.value)
        if result.error is not None:
            show_error(explain(result.error, "Freezing failed"))
        elif self._path is not None:
            show_info(f"Wrote {', '.join(path.name for path in result.value)} to {self._path.parent}.")
        self._done(result)

    def _end(self) -> None:
        self._running = False
        _under_way.discard(self)
        self._bar.close()
        self._worker = None  # napari keeps finished workers, and they what they know


def _run(
    field: Estimate, freezing: Freezing, request: SampleRequest, path: Path | None, cancelled: Callable[[], bool]
) -> Generator[None, None, Attempt | None]:
    """Sample, and write if need be, on the worker's thread; never raises, as napari would show it in its own words."""
    try:
        frozen = yield from freeze_steps(field, freezing, request, cancelled)
        if frozen is None or cancelled():
            return None
        return Attempt(frozen if path is None else write_frozen(frozen, path))
    except Exception as error:  # told to whoever asked
        return Attempt(None, error)


def _shown(viewer: Any, frozen: Frozen) -> Attempt:
    try:
        return Attempt(add_frozen(viewer, frozen))
    except Exception as error:  # napari's event loop must not see it
        return Attempt(None, error)


def add_frozen(viewer: Any, frozen: Frozen) -> list[Any]:
    """Add what was frozen along the scanner's axes as layers, where it was; only the first is shown."""
    affine = frozen.request.affine  # columns z, y, x; rows x, y, z
    scale, translate = np.diag(affine[2::-1, :3]), affine[2::-1, 3]
    layers: list[Any] = []
    for symbol, values in frozen.values.items():
        if symbol == FOD:
            continue
        look = Look.of(symbol)
        options = look.options() | {
            "name": f"{symbol} · frozen {frozen.freezing.factor}x",
            "contrast_limits": _limits(viewer, frozen.field, symbol, values),
            "scale": scale,
            "translate": translate,
            "interpolation2d": "nearest",
            "visible": not layers,
        }
        layer = viewer.add_image(values, **options)
        look.finish(layer)
        layers.append(layer)
    return layers


def _limits(viewer: Any, field: Estimate, symbol: str, values: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Those of the layer it was seen in; else the parameter's own; else the data's."""
    for layer in reversed(unwrapped(viewer).layers):
        origin = origin_of(layer)
        if isinstance(origin, MapOrigin) and origin.field is field and origin.symbol == symbol:
            low, high = layer.contrast_limits
            return float(low), float(high)
    known = Look.of(symbol).limits
    if known is not None or not np.isfinite(values).any():
        return known or (0.0, 1.0)
    low, high = (float(v) for v in np.nanpercentile(values, (1, 99)))
    return low, max(high, low + 1e-6)
