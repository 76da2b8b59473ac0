"""Run an experiment from its settings to its report."""

from __future__ import annotations

import shlex
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..dataset import DiffusionDataset
from ..errors import InputError
from ..estimation.assessment import assessed
from ..estimation.device import resolve_device
from ..estimation.estimate import Estimate
from ..estimation.settings import Settings
from ..figures import require_matplotlib
from ..io.files import output_folder, replacing
from ..methods import fit_steps, make_settings
from .catalogue import Experiment, find_experiment
from .configuration import claim
from .lab import Lab
from .method_text import how_it_was_done
from .outcome import Outcome, Result
from .page import require_jinja
from .plan import Run
from .report import Section, write_report
from .scores import COLUMNS, Row
from .settings import ExperimentSettings
from .store import FitStore
from .times import times_section
from .truth_files import write_truth

Fitter = Callable[[DiffusionDataset, Settings], Estimate]
Announce = Callable[[str], object]


@dataclass(frozen=True, eq=False)
class ExperimentReport:
    """Where an experiment's results are, and the main ones.

    Attributes
    ----------
    folder
        Has ``report.html``, ``metrics.csv`` and further tables, ``config.json``, ``figures``, ``fits`` and ``truth``.
    path
        The report.
    points
        The main numbers, a sentence each.
    metrics
        Rows of ``metrics.csv``.
    refused
        Why fits were left out, by title.
    """

    folder: Path
    path: Path
    points: list[str]
    metrics: list[Row]
    refused: dict[str, str]


def experiment(
    key: str | int,
    out: str | Path,
    *,
    overwrite: bool = False,
    fit: Fitter | None = None,
    announce: Announce = lambda words: None,
    **settings: Any,
) -> ExperimentReport:
    """Repeat an experiment of the paper (arXiv 2506.15762).

    Parameters
    ----------
    key
        1 to 6, or A to D; see :data:`~napari_smi_inr.experiments.catalogue.EXPERIMENTS`.
    out
        Folder for the report, tables, figures and fits; made if missing. Where it holds a run of the same
        configuration that was cut short, the fits that are there are used.
    overwrite
        Replace the results of another configuration.
    fit
        How to fit; by default :func:`~napari_smi_inr.methods.fit_steps` to its end.
    announce
        Called with a line before every fit.
    **settings
        Of :class:`~.settings.ExperimentSettings`: quick, voxels, methods, snr, seed, truth, scan, overrides, …

    Returns
    -------
    ExperimentReport
        The main numbers, and where to find the rest.

    Raises
    ------
    InputError
        If a setting or an input is wrong, the folder holds another configuration or cannot be written, or an
        optional library is missing.

    Examples
    --------
    >>> experiment(1, "experiment-1", quick=True).points  # doctest: +SKIP
    """
    which = find_experiment(key)
    defaults = {"snr": which.snr, "methods": which.methods}
    settings |= {name: value for name, value in defaults.items() if settings.get(name) is None}
    asked = ExperimentSettings.checked(experiment=which.key, **settings)
    _check(which, asked)
    folder = output_folder(out)
    lab = Lab(asked, folder)
    configuration = claim(folder, asked, lab.inputs(), shlex.join(sys.argv), overwrite)
    plan = which.plan()
    outcome = Outcome(asked, lab, folder, announce)
    _fit_all(outcome, plan.runs(lab), fit or fit_to_the_end, announce)
    announce("Writing the report ...")
    write_truth(outcome)
    presentation = plan.present(outcome)
    sections = [*presentation.sections, times_section(outcome)]
    outcome.write("metrics.csv", outcome.metrics, COLUMNS)
    _save_pictures(folder, sections)
    path = write_report(
        folder / "report.html",
        sections,
        name=which.name,
        title=which.title,
        question=which.question,
        quick=asked.quick,
        data=lab.description,
        made=configuration.made,
        points=presentation.points,
        refused=outcome.refused,
        how=[*how_it_was_done(asked, lab), *lab.notes],
        files=sorted([*(file.name for file in outcome.files), "config.json", "figures/", "fits/"]),
        configuration=configuration.text,
    )
    return ExperimentReport(folder, path, presentation.points, outcome.metrics, outcome.refused)


def fit_to_the_end(dataset: DiffusionDataset, config: Settings) -> Estimate:
    """Fit without showing progress."""
    (last,) = deque(fit_steps(dataset, config), maxlen=1)
    return assessed(last.field(), dataset)


def _check(which: Experiment, settings: ExperimentSettings) -> None:
    """Find out before the work, not after it."""
    require_matplotlib()
    require_jinja()
    resolve_device(settings.device)
    if which.needs_scan and settings.scan is None:
        raise InputError("scan", f"is missing: {which.name} is about a living brain.", "Give one with --scan DWI.")
    if which.needs_phantom and (settings.truth or settings.from_scan):
        fault = f"{which.name} needs the truth between voxels, which maps do not have."
        raise InputError("truth", fault, "Run it on the phantom.")


def _fit_all(outcome: Outcome, runs: list[Run], fit: Fitter, announce: Announce) -> None:
    store = FitStore(outcome.folder / "fits")
    for number, run in enumerate(runs, start=1):
        place = f"[{number}/{len(runs)}] {run.title}: {run.scan.title}"
        try:
            dataset = outcome.lab.dataset(run.scan)
            config = make_settings(run.method, **run.settings)
            stored = store.recall(run.label, dataset, config)
            announce(place if stored is None else f"{place} (done before)")
            if stored is None:
                started = time.perf_counter()
                estimate = fit(dataset, _with_cache(config, outcome.folder))
                seconds = time.perf_counter() - started
        except InputError as error:  # one estimator that cannot cope must not keep the others from trying
            outcome.refused[f"{run.title}, {run.scan.title}"] = str(error)
            announce(f"{place}: left out. {error}")
            continue
        if stored is None:
            stored = store.keep(run.label, dataset, config, estimate, seconds)
        outcome.add(Result(run, stored.estimate, stored.seconds, dataset.n_voxels))
    if not outcome.results:
        first = next(iter(outcome.refused.values()), "no method was asked for.")
        raise InputError("methods", f"none could be fitted: {first}", "Choose others, or mend the data.")


def _with_cache(config: Settings, folder: Path) -> Settings:
    """Keep what a method learns within the experiment: what the user's other work has left must not count."""
    if getattr(config, "cache", None) != "auto":
        return config
    return config.model_copy(update={"cache": str(folder / "networks")})


def _save_pictures(folder: Path, sections: Iterable[Section]) -> None:
    figures = output_folder(folder / "figures")
    for section in sections:
        for picture in section.pictures:
            if picture.png:
                with replacing(figures / f"{picture.name}.png") as stream:
                    stream.write(picture.png)
