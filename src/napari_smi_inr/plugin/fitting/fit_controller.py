"""Wires a fit session to a viewer: worker thread, activity dock, layers, notifications, files."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.qt.threading import create_worker
from napari.utils import progress
from napari.utils.notifications import show_error, show_info
from psygnal import Signal

from ... import plugin
from ...dataset import DiffusionDataset
from ...errors import InputError
from ...estimation.settings import Settings
from ...io.files import readable_file
from .._qt.painting import after_painting, set_movie_speed
from ..field_layers import add_zoom, doubt, fields_in, is_continuous, maps_suffix
from ..helper import Attempt, Helper
from ..layer_origin import KEY, MapOrigin, ResidualOrigin, origin_of
from ..layer_styles import FIRST_SHOWN
from ..napari_compat import main_window, unwrapped
from ..residual_layer import add_residual_layer, is_scan_of
from ..zoom.session import ZoomSession, session_of
from .fit_job import Job, Outcome, Update
from .fit_session import FitSession, State, Status
from .kept_fits import KeptFit, find_fit, place_for
from .scan_request import ScanRequest

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate
    from ...estimation.keep import Keep
    from ...estimation.residual import Residual

PLUGIN = "napari-smi-inr"
_TICKS = 20  # few: each redraws the window
_CALM = 10  # percent of their speed at which animations run during a fit
_PATIENCE = 3.0  # seconds to wait for the worker when everything closes


class FitController:
    """What the dock widget's buttons do.

    Parameters
    ----------
    viewer
        A napari viewer.
    session
        Says what is happening.
    """

    field_changed = Signal(object)
    """The field that zoom layer and export use, or None."""

    def __init__(self, viewer: Any, session: FitSession | None = None) -> None:
        self.session = session or FitSession()
        self.field: Estimate | None = None
        self.zoom_layer: Any = None
        self._viewer = viewer
        self._worker: Any = None
        self._helpers: list[Helper] = []
        self._progress: Any = None
        self._advancing = False
        self._layers: Any = None
        self._live: ZoomSession | None = None  # shows the fit under way
        self._name = ""
        self._method = ""
        self._dataset: DiffusionDataset | None = None
        self._latest_load = 0
        self._closed = False
        self.session.field_ready.connect(self._show_live)
        self.session.status_changed.connect(self._on_status)
        self.session.ended.connect(self._on_ended)
        viewer.layers.events.inserted.connect(self._on_layer)

    def load(self, request: ScanRequest, done: Callable[[Attempt], None]) -> None:
        """Load and check a scan on a thread and hand it, or what went wrong, to ``done``; only the latest counts."""
        self._latest_load += 1
        number = self._latest_load

        def deliver(result: Attempt) -> None:
            if number == self._latest_load and not self._closed:
                self._name = request.name
                done(result)

        self._help(request.load_checked, deliver)

    def find_kept(self, dataset: DiffusionDataset, done: Callable[[KeptFit | None], None]) -> None:
        """Look, on a thread, for a fit of a scan that was cut short, and tell of it, unless everything has closed."""

        def deliver(result: Attempt) -> None:
            if not self._closed:
                done(result.value)

        self._help(partial(find_fit, dataset), deliver)

    def run(self, dataset: DiffusionDataset, config: Settings, keep: Keep | None = None) -> None:
        """Start a fit, or go on with the one that is kept there, unless one is under way."""
        try:
            job = self.session.begin(dataset, config, keep or place_for(dataset, config))
        except InputError as error:
            show_error(str(error))
            return
        self._method, self._dataset = config.method, dataset
        self._retire_layers()
        set_movie_speed(main_window(self._viewer), _CALM)
        self._progress = progress(total=_TICKS, desc=f"Standard Model, {config.method}: {self._name or 'fit'}")
        self._worker = create_worker(_once(job), _start_thread=False)
        self._worker.yielded.connect(self._on_yielded)
        self._worker.returned.connect(self._on_returned)
        self._worker.aborted.connect(self._on_aborted)
        self._worker.start()

    def add_zoom(self, symbol: str) -> None:
        """Add a zoom layer of the present field on top."""
        if self.field is not None:
            with _reporting("The zoom layer could not be added"):
                self.zoom_layer = add_zoom(self._viewer, self.field, symbol, self._dataset_of(self.field))

    def export(self, folder: Path) -> None:
        """Write maps, FOD and field file into a folder, on a thread."""
        if self.field is None:
            return
        field, name, dataset = self.field, self._name, self.scan_of_field()

        def report(result: Attempt) -> None:
            if result.error is not None:
                show_error(explain(result.error, "The export failed"))
            else:
                show_info(f"Wrote {len(result.value)} files to {folder}.")

        self._help(partial(_write, field, folder, name, dataset, lambda: self._closed), report)

    def scan_of_field(self, loaded: DiffusionDataset | None = None) -> DiffusionDataset | None:
        """What the present field was fitted to: as its layers remember it, or a dataset loaded since from that file."""
        if self.field is None:
            return None
        known = self._dataset_of(self.field)
        return known if known is not None or loaded is None or not is_scan_of(loaded, self.field) else loaded

    def add_residual(self, dataset: DiffusionDataset, done: Callable[[], None]) -> None:
        """Map on a thread what the present field leaves unexplained of its scan, and show it; then tell ``done``."""
        field = self.field
        if field is None:
            return

        def show(result: Attempt) -> None:
            if self._closed:
                return
            if result.error is not None:
                show_error(explain(result.error, "The residual could not be mapped"))
            elif result.value is not None:
                with _reporting("The residual could not be shown"):
                    add_residual_layer(self._viewer, field, result.value)
            done()

        self._help(partial(_residual, field, dataset, lambda: self._closed), show)

    def open(self, path: Path) -> None:
        """Open a file as layers."""
        with _reporting(f"{path.name} could not be opened"):
            self._viewer.open(str(readable_file(path, "to be opened")), plugin=PLUGIN)

    def close(self) -> None:
        """End everything: no thread of this controller outlives the call by more than a step."""
        if self._closed:
            return
        self._closed = True
        self.session.close()
        if self._live is not None:
            self._live.rest()
        self._wait(_PATIENCE)
        self._end_progress()
        self.session.field_ready.disconnect(self._show_live)
        self.session.status_changed.disconnect(self._on_status)
        self.session.ended.disconnect(self._on_ended)
        self._viewer.layers.events.inserted.disconnect(self._on_layer)

    def _wait(self, seconds: float) -> None:
        """Wait for the threads, but not for long: an export may go on, and tells when it is done."""
        deadline = time.monotonic() + seconds
        worker, self._worker = self._worker, None
        while (worker and worker.is_running) or any(helper.busy for helper in self._helpers):
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)

    def _help(self, action: Callable[[], Any], done: Callable[[Attempt], None]) -> None:
        """Do something on a thread of its own, and hand over what came of it."""
        helper = Helper(action, done)
        self._helpers = [*(other for other in self._helpers if other.awaited), helper]
        helper.start()

    def _on_yielded(self, update: Any) -> None:
        if self._closed:
            return
        started = time.monotonic()
        if self.session.take(update):
            self._show_progress()
            after_painting(lambda: self.session.pace.spent(time.monotonic() - started))

    def _on_returned(self, outcome: Outcome) -> None:
        self._worker = None
        if not self._closed:
            self.session.finish(outcome)

    def _on_aborted(self) -> None:
        """Napari itself ended the thread, because its window closes."""
        self._on_returned(Outcome(None, stopped=True))

    def _on_ended(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            show_error(explain(outcome.error, "The fit failed"))
        if outcome.field is not None:
            with _reporting("The layers could not be made"):
                self._show_result(outcome.field)
        self._end_progress()

    def _show_result(self, field: Estimate) -> None:
        self._show_maps(field)
        for symbol, layer in (self._layers or {}).items():
            layer.metadata[KEY] = MapOrigin(field, symbol, self._dataset)
        self._set_field(field)
        if is_continuous(field):
            self._show_zoomed(field, live=False)

    def _show_live(self, field: Estimate) -> None:
        """Show the present state of the fit: a field on its zoom layer, wherever the user is looking, else its maps."""
        if self._closed:
            return
        with _reporting("The fit could not be shown"):
            if is_continuous(field):
                self._show_zoomed(field, live=True)
            else:
                self._show_maps(field)

    def _show_zoomed(self, field: Estimate, live: bool) -> None:
        """Turn the fit's zoom layers to a state of it; make one the first time, and none again if it was removed."""
        if self._live is None:
            self.zoom_layer = add_zoom(self._viewer, field, dataset=self._dataset)
            self._live = session_of(self.zoom_layer)
            return
        if not self._live.layers:
            return
        (self._live.follow if live else self._live.replace_field)(field)
        for layer in self._live.layers:
            origin = origin_of(layer)
            if isinstance(origin, MapOrigin):
                layer.metadata[KEY] = replace(origin, field=field)

    def _on_status(self, status: Status) -> None:
        if status.state is State.PAUSED and self._live is not None:
            self._live.rest()

    def _show_maps(self, field: Estimate) -> None:
        """Show the voxel maps of a fit; those of a field come when it is done, hidden below its zoom layer."""
        if self._layers is not None:
            plugin.update_parameter_layers(self._layers, field.maps())
            return
        layers, suffix = unwrapped(self._viewer).layers, maps_suffix(self._method)
        zooms = self._live.layers if self._live is not None else ()
        below_zoom = is_continuous(field) and (self._live is None or bool(zooms))
        shown, present = None if below_zoom else FIRST_SHOWN, len(layers)
        maps, marks = field.maps(), {symbol: doubt(field, symbol) for symbol in field.parameters}
        self._layers = plugin.add_parameter_layers(
            self._viewer, maps, field.affine, visible=shown, suffix=suffix, marks=marks
        )
        if zooms:
            layers.move_multiple(range(present, len(layers)), min(map(layers.index, zooms)))

    def _retire_layers(self) -> None:
        """Hide what earlier fits left, so that the new one is seen; nothing is removed."""
        self._layers, self._live = None, None
        for layer in unwrapped(self._viewer).layers:
            if isinstance(origin_of(layer), MapOrigin | ResidualOrigin):
                layer.visible = False

    def _on_layer(self) -> None:
        """A field file was opened, perhaps: offer its field."""
        latest = fields_in(self._viewer)
        if latest and not self.session.status.busy and latest[0] is not self.field:
            self._set_field(latest[0])

    def _dataset_of(self, field: Estimate) -> DiffusionDataset | None:
        """What a field was fitted to, as its layers remember it."""
        origins = (origin_of(layer) for layer in unwrapped(self._viewer).layers)
        datasets = (o.dataset for o in origins if isinstance(o, MapOrigin) and o.field is field)
        return next((d for d in datasets if d is not None), None)

    def _set_field(self, field: Estimate) -> None:
        self.field = field
        self.field_changed.emit(field)

    def _show_progress(self) -> None:
        """Advance the bar of the activity dock.

        Last of all and never twice at once: napari then lets the window live, and in that moment anything may
        happen, from the next update to the end of the window.
        """
        bar = self._progress
        step = round(_TICKS * self.session.status.fraction) - bar.n if bar is not None else 0
        if step > 0 and not self._advancing:
            self._advancing = True
            bar.update(step)
            self._advancing = False

    def _end_progress(self) -> None:
        if self._progress is not None:
            self._progress.close()
            self._progress = None
            set_movie_speed(main_window(self._viewer), 100)


def _write(
    field: Estimate, folder: Path, name: str, dataset: DiffusionDataset | None, cancelled: Callable[[], bool]
) -> list[Path]:
    from ...results import label_of, write_residual, write_results  # brings torch, which the dock need not wait for

    paths = write_results(field, folder, name, label_of(field))
    residual = None if dataset is None else _residual(field, dataset, cancelled)
    return paths if residual is None else [*paths, write_residual(field, residual, folder, name, label_of(field))]


def _residual(field: Estimate, dataset: DiffusionDataset, cancelled: Callable[[], bool]) -> Residual | None:
    from ...estimation.residual import residual_map

    return residual_map(field, dataset, cancelled=cancelled)


def _once(job: Job) -> Callable[[], Generator[Update | None, None, Outcome]]:
    """The work of a job, which is let go when it is done: napari keeps the worker as long as the window."""
    held = [job]

    def work() -> Generator[Update | None, None, Outcome]:
        return (yield from held.pop().run())

    return work


class _reporting:  # noqa: N801 (a context manager reads as a verb)
    """Show an error as a notification instead of letting it into napari's event loop."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if not isinstance(error, Exception):
            return False
        show_error(explain(error, self._what))
        return True


def explain(error: Exception, what: str) -> str:
    """Put an error in words: our own speak for themselves, others need to be told what they spoilt."""
    return str(error) if isinstance(error, InputError) else f"{what}: {type(error).__name__}: {error}"
