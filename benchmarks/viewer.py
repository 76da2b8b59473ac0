"""What looking costs: ordinary layers, the zoom layer, and a pyramid that evaluates the field whenever it is sliced.

Fits the phantom, opens a real napari window for each, and repeats the same gestures with the pace of a hand: how long
the window did not answer, when the image of the last view was there, and how many points were evaluated. Then it fits a
larger one, unwatched and with the zoom layer following, to see what showing a fit costs.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/viewer.py
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import napari
import numpy as np
from napari.settings import get_settings
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest

import napari_smi_inr as smi
from napari_smi_inr.experiments.phantom_size import VOXEL_SIZE, phantom_shape
from napari_smi_inr.plugin import add_parameter_layers, add_zoom_layer
from napari_smi_inr.plugin.fitting.fit_controller import FitController
from napari_smi_inr.plugin.fitting.fit_process import FitProcess, ProcessJob
from napari_smi_inr.plugin.fitting.fit_session import FitSession, State
from napari_smi_inr.plugin.zoom.pyramid import Pyramid
from napari_smi_inr.plugin.zoom.session import session_of
from napari_smi_inr.sampling.coordinates import napari_to_world
from napari_smi_inr.sampling.sampler import Sampler

SHOWN = "p2"
PACE_MS = 33
QUIET_SECONDS = 0.4
LOADING_SECONDS = 8.0
ROUNDS = 5
FITTED_VOXELS = 15_000


class Stalls:
    """Gaps between beats of a 2 ms timer."""

    def __init__(self) -> None:
        self.beats: list[float] = []
        self.timer = QTimer()
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.setInterval(2)
        self.timer.timeout.connect(lambda: self.beats.append(time.perf_counter()))

    def __enter__(self) -> Stalls:
        self.beats = [time.perf_counter()]
        self.timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.timer.stop()
        self.beats.append(time.perf_counter())

    @property
    def gaps(self) -> np.ndarray:
        """Milliseconds."""
        return np.diff(self.beats) * 1e3


@dataclass
class NaiveLevel:
    """A level of a pyramid that evaluates what is sliced, as one would first write it."""

    shape: tuple[int, ...]
    read: Callable[[int, tuple[Any, ...]], np.ndarray]
    number: int
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.float32))
    ndim: int = 3

    @property
    def size(self) -> int:
        """Samples."""
        return int(np.prod(self.shape, dtype=object))

    def __getitem__(self, key: Any) -> Any:
        items = key if isinstance(key, tuple) else (key,)
        if all(isinstance(item, slice) for item in items):
            return NaiveRegion(self, tuple(range(*i.indices(n)) for i, n in zip(items, self.shape, strict=True)))
        return NaiveRegion(self, tuple(range(n) for n in self.shape))[items]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.zeros((1, 1, 1), np.float32)


@dataclass
class NaiveRegion:
    """A box of it, not yet read."""

    level: NaiveLevel
    ranges: tuple[range, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples along each axis."""
        return tuple(len(r) for r in self.ranges)

    def __getitem__(self, items: Any) -> np.ndarray:
        chosen = tuple(r if isinstance(i, slice) else r[int(i)] for i, r in zip(items, self.ranges, strict=True))
        return self.level.read(self.level.number, chosen)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.level.read(self.level.number, self.ranges)


class Naive:
    """The pyramid of such levels; counts its points and remembers when it last worked."""

    def __init__(self, shown: Any) -> None:
        self.sampler = Sampler(shown)
        self.pyramid = Pyramid.around(shown.affine, shown.mask.shape)
        self.column = shown.parameters.index(SHOWN)
        self.points, self.worked, self.busy = 0, 0.0, 0

    def add_to(self, viewer: Any) -> Any:
        """Add the layer."""
        levels = [NaiveLevel(shape, self._read, k) for k, shape in enumerate(self.pyramid.shapes)]
        place = {"scale": self.pyramid.scale, "translate": self.pyramid.translate, "units": ("mm",) * 3}
        return viewer.add_image(levels, multiscale=True, contrast_limits=(0, 0.8), projection_mode="none", **place)

    def _read(self, level: int, chosen: tuple[Any, ...]) -> np.ndarray:
        self.busy += 1
        positions = [self.pyramid.centre(level, a, np.atleast_1d(np.asarray(c))) for a, c in enumerate(chosen)]
        grid = np.stack(np.meshgrid(*positions, indexing="ij"), axis=-1)
        values = self.sampler.at(napari_to_world(grid.reshape(-1, 3)))
        self.points += self.sampler.evaluated - self.points
        self.worked, self.busy = time.perf_counter(), self.busy - 1
        kept = tuple(slice(None) if isinstance(c, range) else 0 for c in chosen)
        return values[:, self.column].reshape(grid.shape[:3])[kept]


@dataclass
class Contestant:
    """One way of showing the map: seconds of the view's first, coarse and final image, counted from a moment."""

    points: Callable[[], int]
    arrivals: Callable[[float], tuple[float, float, float]]


def ordinary(viewer: Any, shown: Any) -> Contestant:
    """Napari's own layers of the voxel maps, all in memory."""
    add_parameter_layers(viewer, shown.maps(), shown.affine, visible=SHOWN, interpolation="linear")
    return Contestant(lambda: 0, lambda since: (max(time.perf_counter() - since, 0.0),) * 3)


def zoomed(viewer: Any, shown: Any) -> Contestant:
    """The zoom layer."""
    layer = add_zoom_layer(viewer, shown, SHOWN)
    image, session = layer.data[0].image, session_of(layer)
    tally = session.worker.tally

    def arrivals(since: float) -> tuple[float, float, float]:
        first = max(time.perf_counter() - since, 0.0)  # napari has just drawn what it got: the resident volume at least
        coarse = None
        while not session.settled:
            QTest.qWait(2)
            if coarse is None and image.drawn.detail.max() <= 8 * image.drawn.pixel:
                coarse = time.perf_counter() - since
        full = max(time.perf_counter() - since, first)
        return first, min(coarse or full, full), full

    return Contestant(lambda: tally.evaluated + tally.resident, arrivals)


def naive(viewer: Any, shown: Any) -> Contestant:
    """The pyramid that evaluates what it is asked for."""
    pyramid = Naive(shown)
    pyramid.add_to(viewer)

    def arrivals(since: float) -> tuple[float, float, float]:
        while pyramid.busy or time.perf_counter() - max(pyramid.worked, since) < QUIET_SECONDS:
            QTest.qWait(5)
        return (max(pyramid.worked - since, 0.0),) * 3

    return Contestant(lambda: pyramid.points, arrivals)


def gestures(viewer: Any) -> Iterator[tuple[str, int, Callable[[int], None]]]:
    """Name each gesture; how many steps it has, and what each does."""
    camera = viewer.scene.camera

    def closer(i: int) -> None:
        camera.zoom *= 30 ** (1 / 30)

    def pan(i: int) -> None:
        step = 20 / camera.zoom
        camera.center = (0, camera.center[1] + step * np.cos(i), camera.center[2] + step)

    def slide(i: int) -> None:
        axis = viewer.dims.order[0]
        viewer.dims.set_current_step(axis, (viewer.dims.current_step[axis] + 1) % viewer.dims.nsteps[axis])

    def roll(i: int) -> None:
        viewer.dims.roll()

    yield from (("zoom x30", 30, closer), ("20 pans", 20, pan), ("10 z steps", 10, slide), ("roll", 1, roll))


def measure(kind: str, shown: Any, contestant: Callable[[Any, Any], Contestant], asynchronous: bool = False) -> None:
    """Open a window and print one line a gesture."""
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    get_settings().experimental.async_ = asynchronous
    viewer.window.resize(1145, 640)
    QTest.qWait(200)
    made = contestant(viewer, shown)
    viewer.dims.set_current_step(0, viewer.dims.nsteps[0] // 2)
    made.arrivals(time.perf_counter())
    QTest.qWait(300)
    for name, steps, act in gestures(viewer):
        before = made.points()
        with Stalls() as stalls:
            start = time.perf_counter()
            for i in range(steps):
                act(i)
                QTest.qWait(max(1, round(1e3 * (start - time.perf_counter()) + (i + 1) * PACE_MS)))
            first, coarse, full = made.arrivals(start + steps * PACE_MS / 1e3)  # from when the hand would be done
        p99, longest = np.percentile(stalls.gaps, 99), stalls.gaps.max()
        times = f"{first:8.2f} {coarse:8.2f} {full:8.2f}"
        print(f"{kind:24} {name:12} {p99:9.0f} {longest:9.0f} {times} {made.points() - before:11,}", flush=True)
    viewer.close()
    get_settings().experimental.async_ = False


def job_of(dataset: Any, config: Any) -> ProcessJob:
    """A fit as the dock widget makes it, in a process that has already loaded what it needs."""
    process = FitProcess()
    time.sleep(LOADING_SECONDS)
    return ProcessJob(process, dataset, config)


def timed(job: ProcessJob, ended: list[float]) -> Iterator[Any]:
    """The job's own updates; notes how many seconds it took."""
    start = time.perf_counter()
    outcome = yield from type(job).run(job)
    ended.append(time.perf_counter() - start)
    return outcome


def unwatched(dataset: Any, config: Any) -> float:
    """Seconds of a fit that nobody looks at."""
    ended: list[float] = []
    for _ in timed(job_of(dataset, config), ended):
        pass
    return ended[0]


def live(dataset: Any, config: Any) -> tuple[float, np.ndarray, list[float]]:
    """Seconds of a fit that is watched at four times the zoom, gaps [ms], and when the picture changed."""
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(1145, 640)
    ended, pictures = [], []

    def make_job(dataset: Any, config: Any, **_: Any) -> ProcessJob:
        job = job_of(dataset, config)
        job.run = partial(timed, job, ended)  # type: ignore[method-assign]
        return job

    controller = FitController(viewer, FitSession(make_job))
    controller.run(dataset, config)
    while controller.zoom_layer is None:
        QTest.qWait(5)
    viewer.scene.camera.zoom *= 4
    QTest.qWait(1500)
    last = None
    with Stalls() as stalls:
        while controller.session.status.state is not State.IDLE and not ended:
            QTest.qWait(10)
            image = controller.zoom_layer.data[0].image
            now = image.drawn is not None and (id(image._frame_of[0]), image.drawn.improved)
            if now and now[1] and now != last:
                last = now
                pictures.append(time.perf_counter())
    while controller.session.status.state is not State.IDLE:
        QTest.qWait(10)
    controller.close()
    viewer.close()
    return ended[0], stalls.gaps, pictures


def main() -> None:
    """Print both tables."""
    dataset = smi.simulate(lmax=4, seed=0)
    config = smi.FitConfig.from_preset(device="cpu")
    shown = smi.fit(dataset, device="cpu")
    print("seconds count from when the hand has done; 'first' is the first image of the last view\n")
    heads = ("p99 [ms]", "max [ms]", "first", "coarse", "full", "points")
    print(
        f"{'layer':24} {'gesture':12} " + " ".join(f"{h:>{w}}" for h, w in zip(heads, (9, 9, 8, 8, 8, 11), strict=True))
    )
    measure("voxel maps in memory", shown, ordinary)
    measure("voxel maps, async", shown, ordinary, asynchronous=True)
    measure("zoom layer", shown, zoomed)
    measure("zoom layer, async", shown, zoomed, asynchronous=True)
    measure("naive pyramid", shown, naive)
    measure("naive pyramid, async", shown, naive, asynchronous=True)
    heads = ("alone", "watched", "pictures", "apart", "longest", "p99", "max")
    print(f"\n{'the fit':12} " + " ".join(f"{head:>9}" for head in heads))
    dataset = smi.simulate(shape=phantom_shape(FITTED_VOXELS), voxel_size=VOXEL_SIZE, lmax=4, seed=0)
    rounds = []
    for i in range(ROUNDS):
        alone = unwatched(dataset, config)
        watched, gaps, pictures = live(dataset, config)
        apart = np.diff(pictures)
        rounds.append(watched / alone - 1)
        print(f"{f'round {i + 1}':12} {alone:7.1f} s {watched:7.1f} s {len(pictures):9} ", end="")
        print(f"{np.median(apart):7.2f} s {apart.max():7.2f} s {np.percentile(gaps, 99):6.0f} ms {gaps.max():6.0f} ms")
    print(f"watching costs the fit, median of the rounds: {np.median(rounds):+.1%}")


if __name__ == "__main__":
    main()
