"""Two or more maps of one view beside each other, and everything put back when the comparison ends."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec
from weakref import ref

from napari.utils.notifications import show_error, show_info
from psygnal import Signal

from ...errors import InputError
from .._qt.compare_stage import CompareStage
from .._qt.line_overlay import Drawn
from ..field_layers import fields_in
from ..helper import Attempt
from ..layer_origin import MapOrigin, origin_in_focus, origin_of
from ..napari_compat import camera, one_change, unwrapped
from ..visible import visible_plane
from .compare_cast import Cast
from .compare_work import Build, Built, Measure, Work
from .contenders import Contender, itself, opponents
from .difference import Difference
from .dividing_line import Across, DividingLine
from .line_hands import LineHands
from .view_memory import ViewMemory

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate

FIRST_OPPONENT = "cubic"
"""Compared with at first: the best that interpolation can do."""

Given = ParamSpec("Given")


class Mode(StrEnum):
    """How maps are compared."""

    OFF = "off"
    SWIPE = "swipe"
    SIDE = "side by side"
    FLICKER = "flicker"


def _safely(
    action: Callable[Concatenate[Comparison, Given], None],
) -> Callable[Concatenate[Comparison, Given], None]:
    """End the comparison with a word to the user instead of raising into napari's events."""

    @wraps(action)
    def act(self: Comparison, /, *given: Given.args, **named: Given.kwargs) -> None:
        try:
            action(self, *given, **named)
        except Exception as error:
            told = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            show_error(f"The maps could not be compared: {told}")
            self.end()

    return act


class Comparison:
    """The comparison in one viewer, which it does not keep alive; while it is off, nothing of it is in the viewer.

    Attributes
    ----------
    mode
        How maps are compared now.
    fit
        The fit that is compared with others; None until one was found.
    symbol
        The parameter.
    opponent
        What it is compared with.
    line
        Of the swipe.
    first_shown
        In flicker mode, whether the fit itself is seen.
    difference
        Between the two in what is seen; None while it is not known.
    """

    changed = Signal()

    def __init__(self, viewer: Any) -> None:
        self._viewer_ref = ref(unwrapped(viewer))
        self.mode = Mode.OFF
        self.fit: Estimate | None = None
        self.symbol = ""
        self.opponent: Contender | None = None
        self.line = DividingLine()
        self.first_shown = True
        self.difference: Difference | None = None
        self._seen: MapOrigin | None = None
        self._work = Work()
        self._measured: Measure | None = None
        self._running: _Running | None = None

    @property
    def _viewer(self) -> Any:
        return self._viewer_ref()

    @property
    def opponents(self) -> list[Contender]:
        """What the fit can be compared with now."""
        return [] if self.fit is None else opponents(self.fit, fields_in(self._viewer))

    @property
    def contenders(self) -> list[Contender]:
        """Who is to be seen, the fit itself first."""
        if self.fit is None or self.opponent is None:
            return []
        if self.mode is Mode.SIDE and self.opponent.fit is self.fit:
            return [itself(self.fit), *reversed([c for c in self.opponents if c.fit is self.fit])]
        return [itself(self.fit), self.opponent]

    @property
    def layers(self) -> dict[str, Any]:
        """Layers on show by what they are called."""
        return {} if self._running is None else {c.label: layer for c, layer in self._running.cast.layers.items()}

    @property
    def settled(self) -> bool:
        """Whether nothing is being prepared or measured."""
        return self._running is None or (self._work.wanted is None and self._running.stage.idle)

    def across(self) -> Across | None:
        """Give the direction across the line in the present view; None in 3-D, and while nothing is compared."""
        plane = visible_plane(self._viewer) if self._running is not None else None
        return None if plane is None else Across.of(plane, camera(self._viewer).orientation2d, self.line.upright)

    def follow_focus(self) -> None:
        """Take over the fit and parameter in focus, unless that was done already; not in the midst of a comparison."""
        if self._running is not None:
            self.changed.emit()
            return
        origin, seen = origin_in_focus(self._viewer), self._seen
        if origin is None:
            self.fit = self.opponent = self._seen = None
        elif seen is None or origin.field is not seen.field or origin.symbol != seen.symbol:
            self.fit, self._seen = origin.field, origin
            known = origin.field.parameters  # colours of directions are not among them
            self.symbol = next((s for s in (origin.symbol, self.symbol) if s in known), known[-1])
        by_label = {c.label: c for c in self.opponents}
        wanted = self.opponent.label if self.opponent else FIRST_OPPONENT
        self.opponent = by_label.get(wanted) or next(iter(by_label.values()), None)
        self.changed.emit()

    @_safely
    def show(self, mode: Mode) -> None:
        """Compare in some way, or end the comparison."""
        if mode is Mode.OFF:
            self.end()
        elif self._running is not None or self._begin():
            self.mode = mode
            self._prepare()

    @_safely
    def choose(self, symbol: str | None = None, opponent: Contender | None = None) -> None:
        """Compare another parameter, or with something else."""
        self.symbol, self.opponent = symbol or self.symbol, opponent or self.opponent
        if self._running is not None:
            self._prepare()
        self.changed.emit()

    @_safely
    def flip(self) -> None:
        """Show the other of the two in flicker mode; the opponent first."""
        if self.mode is Mode.FLICKER:
            self.first_shown = not self.first_shown
            self._draw()
        else:
            self.first_shown = False
            self.show(Mode.FLICKER)

    @_safely
    def turn_line(self, upright: bool) -> None:
        """Let the line of the swipe stand upright, or lie."""
        self.line.upright = upright
        self._draw()

    @_safely
    def move_line(self, position: float) -> None:
        """Put the line of the swipe somewhere [mm] in the view."""
        across = self.across()
        if across is not None:
            self.line.move(across, position)
            self._draw(moving=True)

    def end(self) -> None:
        """Take the comparison's layers away and put the viewer back as it was."""
        running = self._let_go()
        if running is not None:
            with one_change(self._viewer):
                running.cast.clear()
                running.memory.put_back()
            self.changed.emit()

    def _begin(self) -> bool:
        self.follow_focus()
        if self.opponent is None:
            show_info("There is no map to compare: fit a scan or open a field file first.")
            return False
        viewer = self._viewer
        stage = CompareStage(viewer, self._work.do, self._on_answer, self._on_rest, self._on_view, self._on_gone)
        self._running = _Running(stage, Cast(viewer), ViewMemory(viewer), LineHands(viewer, self, stage))
        self.line.position = None
        for event, action in self._events():
            event.connect(action)
        return True

    def _let_go(self) -> _Running | None:
        """Cut all ties without a touch to the layers: the window may be gone."""
        running, self._running = self._running, None
        if running is None:
            return None
        self.mode, self.difference, self._work.wanted, self._measured = Mode.OFF, None, None, None
        for event, action in self._events():
            event.disconnect(action)
        running.hands.close()
        running.stage.close()
        return running

    def _events(self) -> list[tuple[Any, Callable[..., None]]]:
        viewer = self._viewer
        if viewer is None:
            return []
        view, dims = camera(viewer).events, viewer.dims.events
        return [
            *((event, self._on_view) for event in (view.center, view.zoom, dims.point)),
            *((event, self._on_plane) for event in (dims.order, dims.ndisplay)),
            (viewer.layers.events.removed, self._on_removed),
        ]

    def _prepare(self) -> None:
        """Have the fields made that are still missing, then show all."""
        assert self._running is not None
        self.difference = self._measured = None
        missing = self._running.cast.missing(self.symbol, self.contenders)
        self._ask(Build(self.symbol, missing) if missing else None)
        if not missing:
            with one_change(self._viewer):
                self._arrange()
        self.changed.emit()

    def _ask(self, job: Build | Measure | None) -> None:
        self._work.wanted = job
        if job is not None and self._running is not None:
            self._running.stage.ask(job)

    @_safely
    def _on_answer(self, answer: Attempt) -> None:
        job, attempt = answer.value
        if self._running is None or not self._work.accept(job):
            return
        if attempt.error is not None:
            raise attempt.error
        if isinstance(attempt.value, Built):
            dataset = self._seen.dataset if self._seen is not None else None
            with one_change(self._viewer):
                self._running.cast.take(job.symbol, attempt.value, dataset)
                self._arrange()
        else:
            self.difference = attempt.value
        self.changed.emit()

    def _arrange(self) -> None:
        """Arrange the viewer for the present mode."""
        assert self._running is not None
        side = self.mode is Mode.SIDE
        memory = self._running.memory
        memory.gather()
        self._running.cast.keep(self.contenders, captions=side)
        memory.show_only(lambda layer: not side and not isinstance(origin_of(layer), MapOrigin))
        if side:
            memory.spread()
        self._draw()
        self._running.stage.moved()

    def _draw(self, moving: bool = False) -> None:
        """Draw line and curtains as they should be now.

        Each curtain costs a slice. As the fit itself lies on top, its own is enough while the line is ``moving``; at
        rest the other is cut off as well, so that it does not show through where the fit is transparent.
        """
        running = self._running
        if running is None or not running.cast.layers:
            return
        side = self.mode is Mode.SIDE
        across = None if side else self.across()
        running.cast.show_all(side or across is not None)
        if across is None:
            running.stage.draw(None)
            running.cast.draw_curtains(None)
        elif self.mode is Mode.FLICKER:
            running.stage.draw(Drawn(None, True, self.contenders[0 if self.first_shown else 1].label))
            running.cast.draw_curtains(across.whole(self.first_shown))
        else:
            position = self.line.place(across)
            self._draw_line(across)
            first, second = across.curtains(position)
            running.cast.draw_curtains((first, None if moving else second))
            if moving:
                running.stage.moved()
        self.changed.emit()

    def _draw_line(self, across: Across) -> None:
        assert self._running is not None
        first, second = (c.label for c in self.contenders)
        self._running.stage.draw(self.line.drawn(across, first, second))

    @_safely
    def _on_view(self) -> None:
        """Move the line with what it divides."""
        if self._running is None or self._viewer.dims.ndim < 3:
            return
        self._running.stage.moved()
        across = self.across() if self.mode is Mode.SWIPE else None
        if across is not None and across.axis == self.line.axis and self._running.cast.layers:
            self._draw_line(across)
            self.changed.emit()

    @_safely
    def _on_plane(self) -> None:
        """Show another plane, or 3-D."""
        if self._running is not None and self._viewer.dims.ndim >= 3:
            self._running.stage.moved()
            self._draw()

    @_safely
    def _on_rest(self) -> None:
        """Fetch back a line that has left the view, and measure what is seen."""
        if self._running is None or isinstance(self._work.wanted, Build) or not self._running.cast.layers:
            return
        plane, across = visible_plane(self._viewer), self.across()
        if plane is None or across is None:
            self.difference = None
            self.changed.emit()
            return
        if self.mode is Mode.SWIPE:
            self.line.place(across, fetch=True)
            self._draw()
        first, second = (self._running.cast.fields[c] for c in (self.contenders[0], self.opponent) if c)
        job = Measure(self.symbol, first, second, plane)
        if job != self._measured:
            self._measured = job
            self._ask(job)

    def _on_gone(self) -> None:
        """Let go of a window that is no more."""
        self._let_go()

    def _on_removed(self, event: Any) -> None:
        """End the comparison when the user removes one of its layers, once napari is done with that."""
        if self._running is not None and self._running.cast.holds(event.value):
            self._running.stage.soon(self.end)


class _Running:
    """What a comparison holds while it runs."""

    def __init__(self, stage: CompareStage, cast: Cast, memory: ViewMemory, hands: LineHands) -> None:
        self.stage, self.cast, self.memory, self.hands = stage, cast, memory, hands
