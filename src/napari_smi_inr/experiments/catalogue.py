"""Every experiment by name: what it asks, where the paper does, and the module that does it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module

from ..errors import InputError
from .plan import Plan


@dataclass(frozen=True)
class Experiment:
    """One experiment of the paper.

    Attributes
    ----------
    key
        1 to 6, or A to D.
    title
        What it is called.
    question
        What it asks.
    section
        Where the paper (arXiv 2506.15762) asks it.
    module
        Where its plan is, within this package.
    snr
        Signal-to-noise ratios unless others are given.
    methods
        Estimators unless others are given; none named: all of the paper's.
    needs_scan
        Whether it is about a living brain.
    needs_phantom
        Whether it needs the truth between voxels, which only the phantom has.
    """

    key: str
    title: str
    question: str
    section: str
    module: str
    snr: tuple[float, ...] = (50.0,)
    methods: tuple[str, ...] | None = None
    needs_scan: bool = False
    needs_phantom: bool = False

    @property
    def name(self) -> str:
        """The key with what it is: Experiment 1, Appendix A."""
        return f"{'Experiment' if self.key.isdigit() else 'Appendix'} {self.key}"

    def plan(self) -> Plan:
        """How it is done; loads what it needs."""
        found: Plan = import_module(f".{self.module}", __package__).PLANS[self.key]
        return found


EXPERIMENTS: dict[str, Experiment] = {
    experiment.key: experiment
    for experiment in (
        Experiment(
            "1",
            "Gaussian noise",
            "How well does each estimator recover the parameters without noise, at SNR 50 and at SNR 20?",
            "experiment 1",
            "noise",
            snr=(math.inf, 50.0, 20.0),
        ),
        Experiment(
            "2",
            "Rician noise",
            "How much bias does the noise floor of magnitude images bring? How much of it does a Rician loss remove?",
            "experiment 2",
            "rician",
            snr=(20.0,),
        ),
        Experiment(
            "3",
            "In vivo",
            "On a scan of a living brain, where nobody knows the truth, which estimator predicts best what it was not "
            "shown: volumes left out, and voxels left out?",
            "experiment 3",
            "in_vivo",
            needs_scan=True,
        ),
        Experiment(
            "4",
            "Orders of the FOD",
            "How do the parameters and the FODs come out at lmax 2, 4, 6 and 8?",
            "experiment 4, tables 4 and 5",
            "orders",
            snr=(math.inf, 50.0),
            methods=("inr",),
        ),
        Experiment(
            "5",
            "Gradient non-uniformity",
            "What does a known deviation of the gradients by up to 10 % do to the maps, and does the INR undo it?",
            "experiment 5",
            "nonuniformity",
            methods=("inr",),
        ),
        Experiment(
            "6",
            "Super-resolution",
            "Eight times finer along each axis than the scan: how close to the true tissue are the INR, and linear and "
            "cubic interpolation of voxel-wise maps?",
            "experiment 6",
            "super_resolution",
            snr=(50.0, 20.0),
            needs_phantom=True,
        ),
        Experiment(
            "A",
            "Detail length",
            "How fine should the field's finest detail be, at which noise?",
            "appendix A",
            "detail_length",
            methods=("inr",),
            snr=(50.0, 20.0),
        ),
        Experiment(
            "B",
            "Noise levels",
            "How do the errors of each estimator grow with noise?",
            "appendix B",
            "noise",
            snr=(math.inf, 100.0, 50.0, 30.0, 20.0, 10.0),
        ),
        Experiment(
            "C",
            "Rician noise at SNR 50",
            "The question of experiment 2 at the noise level of a good scan.",
            "appendix C",
            "rician",
            snr=(50.0,),
        ),
        Experiment(
            "D",
            "Higher orders",
            "What does it cost to fit a higher order than the tissue has, or a lower one?",
            "appendix D",
            "orders",
            methods=("inr",),
        ),
    )
}
"""The experiments in the paper's order."""


def find_experiment(key: str | int) -> Experiment:
    """An experiment by its key, in either case.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    wanted = str(key).strip().upper()
    if wanted not in EXPERIMENTS:
        known = "; ".join(f"{e.key} {e.title}" for e in EXPERIMENTS.values())
        raise InputError("experiment", f"there is no experiment {key!r}.", f"Choose one of: {known}.")
    return EXPERIMENTS[wanted]
