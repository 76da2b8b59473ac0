"""Scans no one would wish for, from their files to maps: finite and sensible, or refused in plain words."""

import warnings

import nibabel as nib
import numpy as np
import pytest

import napari_smi_inr as smi
from napari_smi_inr.errors import InputError
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.parameters import PARAMETERS
from scan_files import AFFINES, affine_of, turned

QUICK = {"lmax": 2, "epochs": 5, "batch_size": 40, "width": 32, "features": 16, "device": "cpu"}


@pytest.fixture
def remade(tiny_dataset, tmp_path):
    """Write the tiny scan with changes, and load it again."""

    def make(change=lambda signal: signal, affine=None, mask=None):
        scan = smi.DiffusionDataset(
            tiny_dataset.signal,
            tiny_dataset.acquisition,
            tiny_dataset.mask if mask is None else mask,
            tiny_dataset.affine if affine is None else affine,
        )
        save_scan(scan, tmp_path)
        image = nib.load(tmp_path / "dwi.nii.gz")
        signal = change(image.get_fdata(dtype=np.float32).copy())
        nib.save(nib.Nifti1Image(np.asarray(signal, np.float32), image.affine), tmp_path / "dwi.nii.gz")
        return smi.load(tmp_path / "dwi.nii.gz", mask=tmp_path / "mask.nii.gz")

    return make


def sensible(dataset, **settings):
    """Fit, and make sure of maps within their bounds in every voxel of the mask; returns the field."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        field = smi.fit(dataset, **{**QUICK, **settings})
    for symbol, values in field.maps().items():
        inside = values[dataset.mask]
        assert np.isfinite(inside).all(), symbol
        assert np.isnan(values[~dataset.mask]).all(), symbol
        if (bounds := PARAMETERS[symbol].bounds) is not None:
            assert bounds[0] <= inside.min() <= inside.max() <= 1.001 * bounds[1], symbol
    assert np.isfinite(field.fod_map()).all()
    assert "notes" not in field.quality  # nothing went wrong on the way
    return field


def test_signals_that_are_the_same_everywhere(remade):
    field = sensible(remade(lambda signal: np.full_like(signal, 100.0)), epochs=12)
    s0 = field.maps()["S0"][field.mask]
    np.testing.assert_allclose(s0, np.median(s0), rtol=0.1)


def test_voxels_without_signal_are_left_out_and_counted(remade, tiny_dataset):
    dark = tuple(np.argwhere(tiny_dataset.mask)[:20].T)

    def darken(signal):
        signal[dark] = 0.0
        return signal

    dataset = remade(darken)
    assert dataset.n_voxels == tiny_dataset.n_voxels - 20
    assert any("20" in note for note in dataset.notes)
    sensible(dataset)


def test_a_scan_without_any_signal_is_refused(remade):
    with pytest.raises(InputError, match="mask"):
        remade(np.zeros_like)


def test_signals_cut_off_at_the_top_of_their_range(remade, tiny_dataset):
    b0 = tiny_dataset.signal[..., tiny_dataset.acquisition.is_b0][tiny_dataset.mask]
    level = float(np.percentile(b0, 30))
    field = sensible(remade(lambda signal: np.minimum(signal, level)))
    assert np.median(field.maps()["S0"][field.mask]) < 1.3 * level


@pytest.mark.parametrize(("factor", "loss"), [(1e-14, "mse"), (1e7, "rician")], ids=["1e-12", "1e9"])
def test_signals_of_any_size(remade, tiny_dataset, factor, loss):
    one, other = (remade(lambda signal, f=f: signal * np.float32(f)) for f in (1.0, factor))
    if loss == "rician":
        one, other = (
            smi.DiffusionDataset(d.signal, d.acquisition, d.mask, d.affine, noise=2.0 * f)
            for d, f in ((one, 1.0), (other, factor))
        )
    plain, scaled = (sensible(d, loss=loss) for d in (one, other))
    for symbol, values in plain.maps().items():
        unit = factor if symbol == "S0" else 1.0
        np.testing.assert_allclose(scaled.maps()[symbol] / unit, values, rtol=0.05, atol=0.02, err_msg=symbol)


def test_a_mask_of_one_voxel(remade, tiny_dataset):
    mask = np.zeros_like(tiny_dataset.mask)
    mask[tuple(np.argwhere(tiny_dataset.mask)[40])] = True
    sensible(remade(mask=mask), epochs=60)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mask_of_one_slice(remade, tiny_dataset, axis):
    mask = np.zeros_like(tiny_dataset.mask)
    middle = [slice(None)] * 3
    middle[axis] = tiny_dataset.shape[axis] // 2
    mask[tuple(middle)] = tiny_dataset.mask[tuple(middle)]
    sensible(remade(mask=mask))


def test_a_volume_of_one_slice(tmp_path):
    scan = smi.simulate(shape=(10, 10, 1), voxel_size=3.0, snr=50, lmax=2)
    save_scan(scan, tmp_path)
    sensible(smi.load(tmp_path / "dwi.nii.gz", mask=tmp_path / "mask.nii.gz"))


def test_five_hundred_volumes(remade, tiny_dataset, tmp_path):
    protocol, times = tiny_dataset.acquisition, 4
    longer = smi.Acquisition(
        *(np.concatenate([part] * times)[:500] for part in (protocol.b, protocol.b_delta, protocol.directions))
    )
    signal = np.concatenate([tiny_dataset.signal] * times, axis=3)[..., :500]
    save_scan(smi.DiffusionDataset(signal, longer, tiny_dataset.mask, tiny_dataset.affine), tmp_path)
    dataset = smi.load(tmp_path / "dwi.nii.gz", mask=tmp_path / "mask.nii.gz")
    assert dataset.acquisition.n_volumes == 500
    sensible(dataset)


ODD_AFFINES = {
    "1:10": affine_of(np.eye(3), (1, 1, 1), voxel=(1.0, 1.0, 10.0)),
    "10:1": affine_of(np.eye(3), (1, 1, 1), voxel=(10.0, 10.0, 1.0)),
    "left-handed": AFFINES["LAS"],
    "oblique left-handed": AFFINES["oblique left-handed"],
    "oblique, 1:10, far away": affine_of(turned((1, 2, 0.5), 33), (-1, 1, 1), (1.0, 10.0, 1.0), (900, -700, 300)),
}


@pytest.mark.parametrize("where", ODD_AFFINES)
def test_voxels_of_odd_shape_or_place(remade, where):
    dataset = remade(affine=ODD_AFFINES[where])
    field = sensible(dataset)
    np.testing.assert_allclose(field.affine, ODD_AFFINES[where], atol=1e-3)
    centres = np.argwhere(field.mask) @ field.affine[:3, :3].T + field.affine[:3, 3]
    np.testing.assert_allclose(field.evaluate(centres)["f"], field.maps()["f"][field.mask], atol=1e-5)
