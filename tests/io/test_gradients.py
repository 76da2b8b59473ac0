import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.io.beside import find_sidecar
from napari_smi_inr.io.fsl_axes import fsl_to_scanner, scanner_to_fsl
from napari_smi_inr.io.gradients import read_gradients
from napari_smi_inr.io.protocol_table import to_ms_per_um2


def unit_vectors(n, seed=0):
    u = np.random.default_rng(seed).normal(size=(n, 3))
    return u / np.linalg.norm(u, axis=1, keepdims=True)


def test_fsl_rule_means_storing_the_image_radiologically_first(affine):
    """FSL's axes are the voxel axes of the image once stored with its first axis flipped to det < 0."""
    stored = affine.copy()
    if np.linalg.det(affine[:3, :3]) > 0:
        stored = affine @ np.diag([-1, 1, 1, 1])
    bvecs = unit_vectors(20)
    for bvec, direction in zip(bvecs, fsl_to_scanner(bvecs, affine), strict=True):
        # walk 1 mm along the stored axes; where that leads in space is the direction
        step = bvec / np.linalg.norm(stored[:3, :3], axis=0)
        end = (stored @ [*step, 1])[:3] - stored[:3, 3]
        np.testing.assert_allclose(direction, end, atol=1e-12)


def test_fsl_rule_on_plain_affines():
    bvec = np.array([[0.6, 0.8, 0.0]])
    np.testing.assert_allclose(fsl_to_scanner(bvec, np.diag([2, 2, 2, 1.0])), [[-0.6, 0.8, 0]])
    np.testing.assert_allclose(fsl_to_scanner(bvec, np.diag([-2, 2, 2, 1.0])), [[-0.6, 0.8, 0]])
    np.testing.assert_allclose(fsl_to_scanner(bvec, np.diag([-2, -2, 2, 1.0])), [[0.6, -0.8, 0]])


def test_scanner_to_fsl_undoes_the_rule_and_keeps_zero(affine):
    u = np.vstack([unit_vectors(10), np.zeros(3)])
    np.testing.assert_allclose(fsl_to_scanner(scanner_to_fsl(u, affine), affine), u, atol=1e-14)


def test_a_sheared_affine_still_gives_unit_directions_and_back():
    affine = np.eye(4)
    affine[0, 1] = 0.2
    u = unit_vectors(10)
    np.testing.assert_allclose(np.linalg.norm(fsl_to_scanner(u, affine), axis=1), 1)
    np.testing.assert_allclose(fsl_to_scanner(scanner_to_fsl(u, affine), affine), u, atol=1e-14)


def read(scan, **given):
    return read_gradients(scan.dwi, 11, np.diag([-2.0, 2, 2, 1]), **given)


def test_rows_and_columns_read_alike(scan):
    rows = read(scan).acquisition
    for name in ("dwi.bval", "dwi.bvec", "dwi.bdelta"):
        table = np.atleast_2d(np.loadtxt(scan / name)).T
        (scan / name).write_text("\r\n".join("\t".join(f"{x:.10g}" for x in row) for row in table))
    columns = read(scan).acquisition
    for name in ("b", "b_delta", "directions"):
        np.testing.assert_array_equal(getattr(rows, name), getattr(columns, name))


@pytest.mark.parametrize(("factor", "unit"), [(1.0, "s/mm²"), (1e-3, "ms/µm²")])
def test_both_units_of_b_are_told_apart_and_stated(scan, factor, unit):
    exact = read(scan).acquisition.b
    scan.edit_table("dwi.bval", lambda b: b * factor)
    gradients = read(scan)
    np.testing.assert_allclose(gradients.acquisition.b, exact, rtol=1e-12)
    assert any(f"taken as {unit}" in note for note in gradients.notes)


def test_b_values_are_kept_exactly():
    b, _ = to_ms_per_um2(np.array([5, 995, 1005, 2990]))
    np.testing.assert_array_equal(b, [0.005, 0.995, 1.005, 2.99])


def test_missing_b_delta_means_linear_and_is_said(scan):
    (scan / "dwi.bdelta").unlink()
    scan.edit_table("dwi.bvec", lambda u: np.where(np.linalg.norm(u, axis=0) > 0, u, [[1], [0], [0]]))
    gradients = read(scan)
    assert (gradients.acquisition.b_delta == 1).all()
    assert any("linear encoding assumed" in note for note in gradients.notes)


@pytest.mark.parametrize("suffix", [".bdelta", ".bshape", ".beta"])
def test_b_delta_goes_by_several_names(scan, suffix):
    (scan / "dwi.bdelta").rename(scan / f"dwi{suffix}")
    assert read(scan).acquisition.b_delta.min() == -0.5


def test_side_cars_are_found_by_the_scan_s_name_before_a_bare_one(scan):
    (scan / "bvals").write_text("1 2 3")
    assert find_sidecar(scan.dwi, (".bval", ".bvals")) == scan / "dwi.bval"
    (scan / "dwi.bval").unlink()
    assert find_sidecar(scan.dwi, (".bval", ".bvals")) == scan / "bvals"
    assert find_sidecar(scan / "other.nii", (".bvec",)) is None


def test_given_files_go_before_those_beside_the_scan(scan):
    other = scan / "elsewhere.txt"
    other.write_text(" ".join(["0", *["3000"] * 5, *["1000"] * 5]))
    gradients = read(scan, bval=other)
    assert gradients.acquisition.b.max() == 3
    assert other in gradients.files.values()


def test_nan_directions_do_no_harm_where_there_is_no_direction(scan):
    def blank(u):
        u[:, [0, 9]] = np.nan
        return u

    scan.edit_table("dwi.bvec", blank)
    np.testing.assert_array_equal(read(scan).acquisition.directions[[0, 9]], 0)


def test_spherical_encoding_takes_any_direction(scan):
    def point(u):
        u[:, 9] = 1
        return u

    scan.edit_table("dwi.bvec", point)
    assert np.linalg.norm(read(scan).acquisition.directions[9]) == pytest.approx(1)


def test_nearly_unit_directions_are_mended_and_it_is_said(scan):
    exact = read(scan)
    assert not any("unit length" in note for note in exact.notes)
    scan.edit_table("dwi.bvec", lambda u: 1.02 * u)
    mended = read(scan)
    np.testing.assert_allclose(mended.acquisition.directions, exact.acquisition.directions, atol=1e-7)
    assert "Directions up to 2.0 % off unit length were normalised." in mended.notes


def test_comments_commas_and_a_byte_order_mark_are_no_obstacle(scan):
    text = (scan / "dwi.bval").read_text().replace(" ", ", ")
    (scan / "dwi.bval").write_text("\ufeff# b-values\n" + text + "\n\n", encoding="utf-8")
    assert read(scan).acquisition.n_volumes == 11


def test_a_faulty_value_is_blamed_on_its_file(scan):
    scan.edit_table("dwi.bvec", lambda u: 1.5 * u)
    with pytest.raises(InputError, match=r"volume 2 .* 1\.5, and 6 more") as caught:
        read(scan)
    assert caught.value.where == str(scan / "dwi.bvec")
