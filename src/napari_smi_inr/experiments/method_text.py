"""How an experiment was done, in words for its report."""

from __future__ import annotations

from ..figures import method_title
from ..simulation.protocol import PAPER_SHELLS
from .catalogue import find_experiment
from .lab import Lab
from .plan import snr_text
from .settings import ExperimentSettings

_ESTIMATORS = {
    "inr": "INR: one network for the whole scan, fitted to it alone",
    "nlls": "NLLS: non-linear least squares, voxel by voxel",
    "smi": "SMI: polynomial regression from the signal's rotational invariants",
    "nn": "NN: a network trained on simulated signals, applied voxel by voxel",
}


def how_it_was_done(settings: ExperimentSettings, lab: Lab) -> list[str]:
    """Data, estimators and scores, a paragraph each."""
    told = "; ".join(_ESTIMATORS.get(name, method_title(name)) for name in settings.methods)
    paragraphs = [f"Estimators: {told}. Equal settings and seeds give equal results; the seed is {settings.seed}."]
    if not find_experiment(settings.experiment).needs_scan:
        volumes = sum(n for *_, n in PAPER_SHELLS)
        shells = ", ".join(f"{n} × b = {b:g} ms/µm² (b_delta {shape:g})" for b, shape, n in PAPER_SHELLS)
        paragraphs.insert(
            0,
            f"The truth is {lab.source.description}. It was scanned with the paper's protocol of {volumes} volumes: "
            f"{shells}; SNR at b = 0: {', '.join(map(snr_text, settings.snr))}.",
        )
        paragraphs.append(
            "Every voxel that was fitted is scored against the truth at its centre. ρ is Pearson's correlation; the "
            "paper's text says so too, though the titles of its figures show Spearman's, which metrics.csv has as well."
        )
    return paragraphs
