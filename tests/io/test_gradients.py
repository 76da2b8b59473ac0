import numpy as np
import pytest

from napari_smi_inr.acquisition import MOST_VOLUMES
from napari_smi_inr.errors import InputError
from napari_smi_inr.io.beside import find_sidecar
from napari_smi_inr.io.fsl_axes import fsl_to_scanner, scanner_to_fsl
from napari_smi_inr.io.gradients import read_gradients
from napari_smi_inr.io.protocol_table import to_ms_per_um2
from refusal import refused


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


def table(path, text):
    path.write_text(text)
    return path


class TestTables:
    """What stands in a text file of numbers, and what is no such file."""

    numbers = "0 50 1000 1003 998 2000 2000 2000 2000 1500 1500"

    @pytest.mark.parametrize(
        "text",
        [
            numbers.replace(" ", ", ") + ",",
            numbers.replace(" ", "\n"),
            "# b [s/mm²]\n\n" + numbers.replace(" 2000", " 2.0e3", 1) + "  # the end",
            numbers.replace(" 2000", "\n2000", 2),
            numbers.replace("1000", "+1000.").replace(" 50", " .5E+2"),
        ],
    )
    def test_one_number_a_volume_in_any_order_of_lines(self, scan, text):
        path = table(scan / "other.txt", text)
        np.testing.assert_allclose(read(scan, bval=path).acquisition.b, read(scan).acquisition.b)

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            (numbers + " 7", r"^has 12 numbers \(b-values\); the scan has 11 volumes"),
            ("0 1000\n2000 1_000", r"^line 2 has something other than numbers \('1_000'\)"),
            ("0 1000, 2000", r"^line 1 has something other than numbers \('0 1000'\)"),
            ("0,,1000", r"^line 1 has something other than numbers \(''\)"),
            ("1e1000 0", r"^line 1 has something other than numbers \('1e1000'\)"),
            ("0" * 65, r"^line 1 has something other than numbers \('000000000000\.\.\.'\)"),
            ("0x10", "'0x10'"),
            (numbers.replace("1500", "2e6"), r"^has a b-value of 2e\+06 s/mm², which no scanner reaches"),
        ],
    )
    def test_what_is_none_is_blamed_on_its_file(self, scan, text, fault):
        path = table(scan / "other.txt", text)
        with refused(path, fault):
            read(scan, bval=path)

    def test_the_longest_numbers_are_read(self, scan):
        text = self.numbers.replace("0 50", f"{'0' * 64} 50", 1)
        found = read(scan, bval=table(scan / "other.txt", text))
        np.testing.assert_array_equal(found.acquisition.b, read(scan).acquisition.b)

    def test_no_more_numbers_than_any_scan_has_volumes(self, scan):
        most = 9 * MOST_VOLUMES  # a b-tensor each
        with refused(scan / "other.txt", f"^has {most} numbers"):
            read(scan, bval=table(scan / "other.txt", "0\n" * most))
        with refused(scan / "other.txt", f"^has more than {most} numbers"):
            read(scan, bval=table(scan / "other.txt", "0\n" * (most + 1)))

    @pytest.mark.parametrize(
        ("rows", "fault"),
        [
            (["1 0 0"] * 2, "^has 2 rows of 3 numbers; the scan has 11 volumes"),
            (["1 0", "0 1 0"], "^has 2 rows of 2 or 3 numbers"),
            (["", "#"], "^has 0 rows of no numbers"),
            (["1 " * 11] * 2, "^has 2 rows of 11 numbers"),
            (["1 0 0 0"] * 11, "^has 11 rows of 4 numbers"),
        ],
    )
    def test_directions_are_three_rows_or_three_columns(self, scan, rows, fault):
        path = table(scan / "other.txt", "\n".join(rows))
        with refused(path, fault):
            read(scan, bvec=path)

    @pytest.mark.parametrize(
        ("argument", "what"), [("bval", "b-values"), ("bvec", "directions"), ("bdelta", "b_delta")]
    )
    def test_missing_ones_are_told_by_their_role(self, scan, argument, what):
        with refused(scan / "no.txt", rf"^there is no such file \({what}\)"):
            read(scan, **{argument: scan / "no.txt"})
        if argument != "bdelta":
            (scan / f"dwi.{argument}").unlink()
            fault = rf"^has no {what} beside it \(dwi.{argument}, dwi.{argument}s, "
            with refused(scan.dwi, fault) as caught:
                read(scan)
            assert caught.value.remedy == f"Put a file there, or give it as {argument} or gradients."

    @pytest.mark.parametrize(
        ("name", "value", "fault"),
        [("dwi.bval", -1000, "b-value of -1000"), ("dwi.bdelta", 2, "b_delta of 2"), ("dwi.bvec", 3, "length 5.196")],
    )
    def test_values_that_cannot_be_are_blamed_on_the_file_they_stand_in(self, scan, name, value, fault):
        def spoil(rows):
            np.atleast_2d(rows)[:, 5] = value
            return rows

        scan.edit_table(name, spoil)
        with refused(scan / name, f"^volume 5 .*{fault}"):
            read(scan)

    def test_a_table_is_small_plain_text(self, scan):
        path = scan / "other.txt"
        path.write_bytes(b"\xff\xff\x00 1")
        with refused(path, "^is not a text file"):
            read(scan, bval=path)
        padding = (1 << 22) - len(self.numbers)
        path.write_bytes(self.numbers.encode() + b" " * padding)
        assert read(scan, bval=path).acquisition.n_volumes == 11
        path.write_bytes(self.numbers.encode() + b" " * (padding + 1))
        with refused(path, "^is too large for a gradient table"):
            read(scan, bval=path)


@pytest.mark.parametrize(
    ("b", "divisor", "note"),
    [
        ([0, 100.0], 1, "b-values taken as ms/µm² (the largest is 100)."),
        ([0, 100.5], 1000, "b-values taken as s/mm² (the largest is 100.5)."),
        ([0, np.nan, 3], 1, "b-values taken as ms/µm² (the largest is 3)."),
        ([], 1, "b-values taken as ms/µm² (the largest is 0)."),
    ],
)
def test_the_unit_is_told_by_the_largest_b_value_and_said(b, divisor, note):
    found, told = to_ms_per_um2(np.array(b, dtype=float))
    np.testing.assert_array_equal(found, np.array(b) / divisor)
    assert told == note


@pytest.mark.parametrize(("factor", "mended"), [(1.0009, False), (1.002, True), (0.96, True), (1.049, True)])
def test_rounding_of_directions_is_mended_silently_and_more_with_a_word(scan, factor, mended):
    exact = read(scan)
    scan.edit_table("dwi.bvec", lambda u: factor * u)
    found = read(scan)
    np.testing.assert_allclose(found.acquisition.directions, exact.acquisition.directions, atol=1e-7)
    assert any("unit length" in note for note in found.notes) is mended


@pytest.mark.parametrize("factor", [0.94, 1.06, np.inf])
def test_directions_far_from_unit_length_are_not_guessed_at(scan, factor):
    def stretch(u):
        u[:, 3] = np.where(u[:, 3] == 0, 0, factor * u[:, 3])
        return u

    scan.edit_table("dwi.bvec", stretch)
    with refused(scan / "dwi.bvec", "^volume 3 .*direction of length"):
        read(scan)


def test_no_note_is_given_without_a_cause(scan):
    assert read(scan).notes == ("b-values taken as s/mm² (the largest is 2000).",)
    assert read(scan).files == {role: scan / f"dwi.{role}" for role in ("bval", "bvec", "bdelta")}
