"""grad_dev images: conventions told apart, frames turned, faults named."""

import dataclasses

import nibabel as nib
import numpy as np
import pytest

from napari_smi_inr.acquisition import voxel_gradients
from napari_smi_inr.errors import InputError
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.io.fsl_axes import fsl_to_scanner, scanner_to_fsl
from napari_smi_inr.io.scan import load_scan
from scan_files import ScanFiles, small_dataset, turned


@pytest.fixture
def fractions():
    """(5, 6, 3, 9) random fractions, no symmetry anywhere."""
    return np.random.default_rng(0).uniform(-0.1, 0.1, (5, 6, 3, 9)).astype(np.float32)


def load(scan, values, **changes):
    scan.write("grad_dev.nii.gz", values)
    return load_scan(**scan.arguments(), grad_dev=scan / "grad_dev.nii.gz", **changes)


def test_directions_and_b_values_are_those_of_fsl(tmp_path, affine, fractions):
    """FSL: v = (I + G) bvec with G = [[g1, g4, g7], [g2, g5, g8], [g3, g6, g9]], b' = b |v|²."""
    save_scan(small_dataset(affine), tmp_path)
    data = load(ScanFiles(tmp_path), fractions)
    bvecs = scanner_to_fsl(data.acquisition.directions, affine)
    seen = voxel_gradients(data.acquisition, data.voxel_deviation)
    linear = (data.acquisition.b_delta == 1) & (data.acquisition.b > 0)
    for voxel in (0, 11):
        g1, g2, g3, g4, g5, g6, g7, g8, g9 = fractions[data.mask][voxel].astype(float)
        seen_by_fsl = bvecs @ (np.eye(3) + np.array([[g1, g4, g7], [g2, g5, g8], [g3, g6, g9]])).T
        b = data.acquisition.b * np.sum(seen_by_fsl**2, axis=1)
        np.testing.assert_allclose(seen.b[voxel, linear], b[linear], rtol=1e-5)
        directions = fsl_to_scanner(seen_by_fsl, affine)
        np.testing.assert_allclose(seen.directions[voxel, linear], directions[linear], atol=1e-5)


def test_the_nine_volumes_are_columns(scan, fractions):
    data = load(scan, fractions)  # an LAS scan: FSL's axes are its own, the scanner's differ in the sign of x
    flip = np.diag([-1.0, 1, 1])
    g = fractions[1, 2, 1].astype(float)
    np.testing.assert_allclose(
        data.deviation[1, 2, 1], flip @ (np.eye(3) + g.reshape(3, 3, order="F")) @ flip, atol=1e-6
    )


def test_full_matrices_are_told_from_deviations_and_it_is_said(scan, fractions):
    deviations = load(scan, fractions)
    full = load(scan, fractions + np.eye(3, dtype=np.float32).reshape(-1))
    np.testing.assert_allclose(full.deviation, deviations.deviation, atol=1e-6)
    assert any("read as deviations" in note for note in deviations.notes)
    assert any("read as full matrices" in note for note in full.notes)


def test_a_turn_of_the_scanners_gradients_is_a_turn_of_the_directions(tmp_path, affine):
    """L = R in scanner axes, written as FSL has it and read again, turns each direction by R."""
    rotation = turned((1, 2, -1), 12)
    data = small_dataset(affine)
    everywhere = np.broadcast_to(rotation.astype(np.float32), (*data.shape, 3, 3))
    save_scan(dataclasses.replace(data, deviation=everywhere), tmp_path)
    back = load_scan(**ScanFiles(tmp_path).arguments(), grad_dev=tmp_path / "grad_dev.nii.gz")
    np.testing.assert_allclose(back.deviation, everywhere, atol=1e-6)
    seen = voxel_gradients(back.acquisition, back.voxel_deviation[:1])
    directed = (back.acquisition.b > 0) & (back.acquisition.b_delta != 0)
    along = np.einsum("vi,vi->v", seen.directions[0], data.acquisition.directions @ rotation.T)
    np.testing.assert_allclose(along[directed], 1, atol=1e-6)
    np.testing.assert_allclose(seen.b[0], data.acquisition.b, rtol=1e-5)


def test_the_change_of_b_values_is_stated(scan):
    g = np.zeros((5, 6, 3, 9))
    g[..., 0] = 0.1
    g[..., 4] = -0.05
    assert any("b-values change by -9.8 to +21.0 %" in note for note in load(scan, g).notes)


def test_it_is_fingerprinted(scan, fractions):
    assert "grad_dev.nii.gz" in load(scan, fractions).checksums


def test_one_that_lies_beside_the_scan_is_mentioned_and_left(scan, fractions):
    scan.write("grad_dev.nii.gz", fractions)
    data = load_scan(**scan.arguments())
    assert data.deviation is None
    assert any("grad_dev.nii.gz lies beside the scan and was not used" in note for note in data.notes)
    (scan / "grad_dev.nii.gz").unlink()
    assert not any("grad_dev" in note for note in load_scan(**scan.arguments()).notes)


def test_a_scan_without_is_written_without(tmp_path):
    assert "grad_dev.nii.gz" not in {path.name for path in save_scan(small_dataset(), tmp_path)}


def holes(values, mask):
    values[tuple(np.argwhere(mask)[0])] = np.nan
    return values


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda g, mask: g[..., :6], "5 x 6 x 3 x 6; .* has 9 volumes"),
        (lambda g, mask: g[..., 0], "5 x 6 x 3; .* has 9 volumes"),
        (lambda g, mask: g[:-1], "not on the scan's grid"),
        (lambda g, mask: 100 * g, "neither a deviation .* reach (9|10)"),
        (lambda g, mask: g + 0.5 * np.eye(3).reshape(-1), "neither"),
        (lambda g, mask: 7 * g + np.eye(3).reshape(-1), "neither"),
        (holes, "not finite in 1 of"),
        (lambda g, mask: g * np.nan, "no finite value"),
    ],
)
def test_faults_are_blamed_on_the_file(scan, fractions, spoil, fault):
    with pytest.raises(InputError, match=fault) as caught:
        load(scan, spoil(fractions, small_dataset().mask))
    assert caught.value.where == str(scan / "grad_dev.nii.gz")


def test_turned_axes_are_refused(scan, fractions):
    """Tools that turn an image leave its matrices as they were: nobody knows which axes they are on."""
    scan.write("grad_dev.nii.gz", fractions)
    image = nib.load(scan / "grad_dev.nii.gz")
    nib.save(image.as_reoriented(np.array([[0, -1], [1, 1], [2, 1]])), scan / "turned.nii.gz")
    with pytest.raises(InputError, match="lies elsewhere") as caught:
        load_scan(**scan.arguments(), grad_dev=scan / "turned.nii.gz")
    assert "gradient deviation" in str(caught.value)


def test_holes_outside_the_mask_do_no_harm(scan, fractions):
    data = load(scan, np.where(small_dataset().mask[..., None], fractions, np.nan))
    assert np.isfinite(data.voxel_deviation).all()


def tortoise(matrices):
    """The nine volumes that CreateGradientNonlinearityBMatrix writes of (…, 3, 3) matrices on the image's axes."""
    transposed = np.swapaxes(matrices, -1, -2)
    return np.stack([transposed[..., row, column] for row in range(3) for column in range(3)], axis=-1)


@pytest.mark.parametrize("told_by", ["name", "side-car"])
def test_qsipreps_matrices_are_on_the_images_own_axes(tmp_path, affine, fractions, told_by):
    """Of an oblique image of either hand: L in scanner axes is A L_image A⁻¹, A the direction cosines."""
    data = small_dataset(affine)
    save_scan(data, tmp_path)
    scan, image = ScanFiles(tmp_path), np.eye(3) + fractions.reshape(5, 6, 3, 3, 3)
    name = "sub-01_space-ACPC_graddev.nii.gz" if told_by == "name" else "map.nii.gz"
    scan.write(name, tortoise(image).astype(np.float32))
    if told_by == "side-car":
        (scan / "map.json").write_text('{"GradientDeviationOrientation": "by a rigid registration"}')
    read = load_scan(**scan.arguments(), grad_dev=scan / name)
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    np.testing.assert_allclose(read.deviation, axes @ image @ np.linalg.inv(axes), atol=1e-5)
    assert any("full matrices" in note and "as QSIPrep writes them" in note for note in read.notes)


def test_qsipreps_map_is_found_beside_its_scan_and_left(tmp_path):
    save_scan(small_dataset(), tmp_path, "sub-01_space-ACPC_desc-preproc_dwi")
    (tmp_path / "sub-01_space-ACPC_graddev.nii.gz").write_bytes(b"x")
    data = load_scan(tmp_path / "sub-01_space-ACPC_desc-preproc_dwi.nii.gz", tmp_path / "mask.nii.gz")
    assert data.deviation is None
    assert any("sub-01_space-ACPC_graddev.nii.gz lies beside" in note for note in data.notes)
