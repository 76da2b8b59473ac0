"""Small BIDS data sets of simulated scans, in the layouts that cohorts are found in."""

import json
from pathlib import Path

import numpy as np

import napari_smi_inr as smi
from napari_smi_inr.io.export import save_scan

QUICK = {"lmax": 2, "epochs": 8, "detail": 9.0, "device": "cpu", "seed": 3, "batch_size": 16}
"""Settings of a fit that is rough and takes a second."""


def simulated(seed, **more):
    """A scan of about 150 voxels, each seed with noise of its own."""
    return smi.simulate(**{"shape": (10, 10, 3), "voxel_size": 3.0, "snr": 50, "lmax": 2, "seed": seed, **more})


def describe(root, kind="derivative", **more):
    root.mkdir(parents=True, exist_ok=True)
    told = {"Name": "phantoms", "BIDSVersion": "1.10.0", "DatasetType": kind, "Authors": ["A. One", "B. Two"], **more}
    (root / "dataset_description.json").write_text(json.dumps(told))


def put(dataset, folder, name, mask_name=None, shapes="bdelta"):
    """Write a scan under BIDS names: ``<name>_dwi``, its mask, and its shapes by one way or another."""
    folder.mkdir(parents=True, exist_ok=True)
    spare = folder / "spare"
    save_scan(dataset, spare, "dwi")
    for ending in (".nii.gz", ".bval", ".bvec", *([".bdelta"] if shapes == "bdelta" else [])):
        (spare / f"dwi{ending}").rename(folder / f"{name}_dwi{ending}")
    if shapes == "json":
        told = {"BDelta": np.round(dataset.acquisition.b_delta, 6).tolist()}
        (folder / f"{name}_dwi.json").write_text(json.dumps(told))
    if mask_name:
        (spare / "mask.nii.gz").rename(folder / f"{mask_name}_mask.nii.gz")
    for path in spare.iterdir():
        path.unlink()
    spare.rmdir()
    return folder / f"{name}_dwi.nii.gz"


def qsiprep_set(root, seeds, session="", shapes="bdelta", **more) -> Path:
    """Results of QSIPrep, a subject a seed: ``desc-preproc`` scans in ACPC space with brain masks."""
    describe(root, GeneratedBy=[{"Name": "QSIPrep", "Version": "1.0.1"}])
    for seed in seeds:
        start = f"sub-{seed:02}{f'_ses-{session}' if session else ''}"
        folder = root.joinpath(*start.split("_"), "dwi")
        name = f"{start}_space-ACPC"
        put(simulated(seed, **more), folder, f"{name}_desc-preproc", f"{name}_desc-brain", shapes)
    return root


def plain_set(root, seeds) -> Path:
    """A BIDS data set, a subject a seed, with shapes in the side-car and masks among its derivatives."""
    describe(root, "raw")
    describe(root / "derivatives" / "masks")
    for seed in seeds:
        name, place = f"sub-{seed:02}_run-1", Path(f"sub-{seed:02}", "dwi")
        put(simulated(seed), root / place, name, f"{name}_label-WM", "json")
        masks = root / "derivatives" / "masks" / place
        masks.mkdir(parents=True)
        (root / place / f"{name}_label-WM_mask.nii.gz").rename(masks / f"{name}_label-WM_mask.nii.gz")
    return root
