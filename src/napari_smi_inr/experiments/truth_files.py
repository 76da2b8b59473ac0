"""The truth beside the report, so that every number can be worked out again from files."""

from __future__ import annotations

import json

from ..io.maps import map_name, save_fod, save_maps
from ..parameters import FOD
from .machine import versions
from .outcome import Outcome


def write_truth(outcome: Outcome) -> None:
    """Write the true maps and FODs that were scored against: ``truth/lmax<order>``."""
    for lmax in sorted({scan.lmax for scan in outcome.simulated}):
        scan = next(scan for scan in outcome.simulated if scan.lmax == lmax)
        dataset = outcome.true_dataset(scan)
        folder = outcome.folder / "truth" / f"lmax{lmax}"
        record = {
            "Model": {"Description": "Standard Model of white matter: the truth of a simulated scan"},
            "Source": outcome.lab.source.description,
            "Experiment": json.loads(outcome.settings.model_dump_json()),
            "Provenance": {"versions": versions(), "inputs": dict(outcome.lab.source.checksums)},
        }
        save_maps(dataset.truth_maps(), dataset.affine, folder, record)
        save_fod(dataset.truth.fod_map(), dataset.affine, folder / map_name(FOD), record)
