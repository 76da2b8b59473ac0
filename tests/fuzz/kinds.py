"""The kinds of files that are damaged, how each is read, and what of it may differ unnoticed."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from scipy.io import savemat

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.baselines.network.cache import Cache, Kept
from napari_smi_inr.baselines.network.model import TrainedNetwork, build
from napari_smi_inr.baselines.network.scaling import Range
from napari_smi_inr.errors import InputError
from napari_smi_inr.inr.config import FitConfig
from napari_smi_inr.inr.field import FittedField
from napari_smi_inr.inr.field_file import open_field
from napari_smi_inr.inr.model import FieldModel
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.io.fsl_axes import scanner_to_fsl
from napari_smi_inr.io.json_text import read_json
from napari_smi_inr.io.nifti import Grid, grid_of, open_image, read_map, read_volumes
from napari_smi_inr.io.scan import load_scan
from scan_files import small_dataset

SHAPE = (4, 3, 3)
LONE_FIELDS = {352: (slice(70, 72), slice(112, 120)), 544: (slice(12, 14), slice(176, 192))}
"""What nothing else in a header confirms, by the length of the header: a type among those of one width, the scaling."""


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes
    ----------
    name
        Of the kind.
    file
        The one that is damaged, among those that `make` leaves in a folder.
    form
        As :func:`mutations.mutate` knows it.
    read
        From the folder to what was read, by name.
    """

    name: str
    file: str
    form: str
    read: Callable[[Path], dict]


def make(folder):
    """Write one sound file of every kind."""
    dataset = small_dataset(shape=SHAPE)
    save_scan(dataset, folder)
    image = nib.load(folder / "dwi.nii.gz")
    signal = np.asarray(image.dataobj)
    nib.save(nib.Nifti1Image(signal, image.affine, image.header), folder / "plain.nii")
    whole = nib.Nifti1Image(signal, image.affine, image.header)
    whole.set_data_dtype(np.int16)  # scaled
    nib.save(whole, folder / "int16.nii")
    nib.save(nib.Nifti2Image(signal, image.affine), folder / "two.nii.gz")
    mask = nib.load(folder / "mask.nii.gz")
    nib.save(nib.Nifti1Image(np.asarray(mask.dataobj, np.uint8), mask.affine), folder / "mask.nii")
    deviation = np.random.default_rng(0).normal(0, 0.02, (*SHAPE, 9)).astype(np.float32)
    nib.save(nib.Nifti1Image(deviation, image.affine), folder / "grad_dev.nii.gz")
    field(dataset).save(folder / "field.smi.safetensors")
    Cache(str(folder)).write(DEPENDS, network())
    Cache(str(folder)).path(DEPENDS).rename(folder / "kept")
    _whole_protocols(dataset, folder)
    record = {"key": "abc", "seconds": 1.5, "settings": {"lmax": 4, "list": [1, 2.5, None, True]}, "label": "µm²/ms"}
    (folder / "fit.json").write_text(json.dumps(record, indent=2, ensure_ascii=False), encoding="utf-8")


def _whole_protocols(dataset, folder):
    """The protocol in one file of every kind, as others write them."""
    protocol = dataset.acquisition
    shape, u = protocol.b_delta[:, None, None], scanner_to_fsl(protocol.directions, dataset.affine)
    tensors = (1 - shape) / 3 * np.eye(3) + shape * u[:, :, None] * u[:, None, :]
    tensors *= protocol.b[:, None, None]
    np.savetxt(
        folder / "six.btens", 1000 * tensors[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]] * [1, 1, 1, *[2**0.5] * 3]
    )
    np.savetxt(folder / "nine.btens", 1000 * tensors.reshape(-1, 9))
    np.savetxt(folder / "mrtrix.b", np.column_stack([protocol.directions, 1000 * protocol.b]))
    bt = 1e6 * np.loadtxt(folder / "six.btens")
    xps = {"n": float(len(bt)), "b": 1e9 * protocol.b[:, None], "bt": bt, "intention": "QTI"}
    savemat(folder / "plain_xps.mat", {"xps": xps})
    savemat(folder / "packed_xps.mat", {"xps": xps}, do_compression=True)


def field(dataset):
    config = FitConfig(lmax=2, width=6, features=4, layers=2)
    torch.manual_seed(0)
    model = FieldModel(config, 8.0, torch.zeros(3)).eval().requires_grad_(False)
    record = {"notes": ["b-values taken as s/mm²"], "inputs": {"dwi.nii.gz": "ab12"}}
    training = {"epochs": 3.0, "held_out_volumes": [3, 5], "held_out_rmse": 2.5}
    parts = (dataset.affine, dataset.mask, 100.0, dataset.acquisition)
    return FittedField(model, config, 8.0, *parts, record, training)


DEPENDS = {"volumes": 3, "recipe": 1}


def network():
    torch.manual_seed(0)
    weights = {name: weight.detach().clone() for name, weight in build(3).state_dict().items()}
    spans = [Range(-np.ones(n, np.float32), np.ones(n, np.float32)) for n in (3, 9)]
    return Kept(TrainedNetwork(weights, *spans), np.zeros((3, 9), np.float32), {"seed": 0})


def read_scan(name):
    def read(folder):
        gradients = {kind: folder / f"dwi.{kind}" for kind in ("bval", "bvec", "bdelta")}
        return parts_of(load_scan(folder / name, folder / "mask.nii.gz", **gradients))

    return read


def read_whole(name):
    def read(folder):
        shapes = folder / "dwi.bdelta" if name.endswith(".b") else None  # the others tell of them
        return parts_of(
            load_scan(folder / "dwi.nii.gz", folder / "mask.nii.gz", gradients=folder / name, bdelta=shapes)
        )

    return read


def parts_of(data):
    protocol: Acquisition = data.acquisition
    parts = {"values": data.signal, "mask": data.mask, "affine": data.affine, "b": protocol.b}
    if data.deviation is not None:
        parts["values"] = data.deviation
    if data.noise is not None:
        parts["noise"] = np.asarray(data.noise)
    return parts | {"b_delta": protocol.b_delta, "directions": protocol.directions}


def read_mask(folder):
    grid = grid_of(open_image(folder / "plain.nii", "scan"))
    values, _ = read_map(folder / "mask.nii", "mask", grid)
    return {"values": values > 0, "affine": grid.affine}


def read_noise(folder):
    return parts_of(load_scan(folder / "dwi.nii.gz", folder / "mask.nii.gz", noise=folder / "noise.nii.gz")) | {
        "values": read_map(folder / "noise.nii.gz", "noise map", Grid(SHAPE, small_dataset().affine))[0]
    }


def read_deviation(folder):
    return parts_of(load_scan(folder / "dwi.nii.gz", folder / "mask.nii.gz", grad_dev=folder / "grad_dev.nii.gz"))


def read_image(folder):
    image = open_image(folder / "two.nii.gz", "image")
    return {"values": read_volumes(image), "affine": image.affine}


def read_field(folder):
    from napari_smi_inr.cli.report import field_report

    opened = open_field(folder / "field.smi.safetensors")
    points = np.random.default_rng(0).uniform(-20, 20, (4, 3))
    return {"values": opened.sample(points), "report": field_report(opened, "field"), "affine": opened.affine}


def read_network(folder):
    path = Cache(str(folder)).path(DEPENDS)
    (folder / "kept").replace(path)
    kept, note = Cache(str(folder)).read(DEPENDS)
    if kept is None:
        raise InputError(folder / "kept", str(note), "Train anew.")  # what the cache does by itself
    weights = {name: weight.numpy() for name, weight in kept.network.weights.items()}
    return weights | {"parents": kept.parents, "record": json.dumps(dict(kept.record))}


def read_record(folder):
    return {"text": json.dumps(read_json(folder / "fit.json", "record of a fit"), sort_keys=True)}


KINDS = (
    Kind("scan, .nii, float32", "plain.nii", "nii", read_scan("plain.nii")),
    Kind("scan, .nii, int16 with scaling", "int16.nii", "nii", read_scan("int16.nii")),
    Kind("scan, .nii.gz", "dwi.nii.gz", "nii.gz", read_scan("dwi.nii.gz")),
    Kind("image, NIfTI-2, .nii.gz", "two.nii.gz", "nii.gz", read_image),
    Kind("mask, .nii, uint8", "mask.nii", "nii", read_mask),
    Kind("noise map, .nii.gz", "noise.nii.gz", "nii.gz", read_noise),
    Kind("grad_dev, .nii.gz", "grad_dev.nii.gz", "nii.gz", read_deviation),
    Kind("bval", "dwi.bval", "text", read_scan("dwi.nii.gz")),
    Kind("bvec", "dwi.bvec", "text", read_scan("dwi.nii.gz")),
    Kind("bdelta", "dwi.bdelta", "text", read_scan("dwi.nii.gz")),
    Kind("b-tensors, six numbers", "six.btens", "text", read_whole("six.btens")),
    Kind("b-tensors, matrices", "nine.btens", "text", read_whole("nine.btens")),
    Kind("table of MRtrix", "mrtrix.b", "text", read_whole("mrtrix.b")),
    Kind("xps", "plain_xps.mat", "mat", read_whole("plain_xps.mat")),
    Kind("xps, packed", "packed_xps.mat", "packed mat", read_whole("packed_xps.mat")),
    Kind("field", "field.smi.safetensors", "tensors", read_field),
    Kind("kept network", "kept", "tensors", read_network),
    Kind("JSON record", "fit.json", "text", read_record),
)


def judge(kind, before, damaged, found, sound, reread):
    """Name the outcome of a damaged file that was read all the same.

    What may differ unnoticed is found by undoing it: a file whose voxels, or whose lone fields too, are put back must
    read as the sound one does; ``reread`` reads such a file.
    """
    if same(found, sound):
        return "equal"
    if kind.form in ("text", "mat", "packed mat"):  # plain numbers, which nothing confirms
        differ = {name for name in sound if not np.array_equal(found[name], sound[name])}
        return "text" if differ <= {"b", "b_delta", "directions", "text"} else "plausible"
    if not kind.form.startswith("nii"):
        return "plausible"
    whole, changed = unpacked(before), bytearray(unpacked(damaged))
    start = 544 if whole[:4] == (540).to_bytes(4, "little") else 352
    if len(whole) != len(changed):
        return "plausible"
    changed[start:] = whole[start:]
    if same(reread(bytes(changed)), sound):
        return "voxels"
    for fields in LONE_FIELDS[start]:
        changed[fields] = whole[fields]
    return "lone" if same(reread(bytes(changed)), sound) else "plausible"


def same(found, sound):
    """Whether all that was read is equal; a grid may lie a tenth of a voxel off, its directions turned with it."""
    near = {"affine"} if "affine" not in sound or one_place(found["affine"], sound["affine"]) else set()
    if near and "directions" in sound and np.allclose(found["directions"], sound["directions"], atol=0.1):
        near |= {"directions"}
    return all(name in near or np.array_equal(found[name], sound[name]) for name in sound)


def unpacked(raw):
    while raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    return raw


def one_place(affine, other):
    """Whether the corners of the grid lie within a tenth of a voxel, as a header's two affines must."""
    corners = np.array(np.meshgrid(*((0, n - 1) for n in SHAPE))).reshape(3, -1)
    apart = np.linalg.norm((affine - other)[:3] @ np.vstack([corners, np.ones(8)]), axis=0).max()
    return apart <= 0.11 * np.linalg.norm(other[:3, :3], axis=0).min()
