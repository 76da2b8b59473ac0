"""Whole protocols in one file: b-tensor tables in every order, md-dMRI's xps, tables of MRtrix."""

import numpy as np
import pytest
from scipy.integrate import lebedev_rule
from scipy.io import savemat

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.errors import InputError
from napari_smi_inr.io.b_tensor_table import LARGEST_ASYMMETRY, ORDERS, from_six, table_of_tensors
from napari_smi_inr.io.fsl_axes import scanner_to_fsl
from napari_smi_inr.io.scan import load_scan
from scan_files import AFFINES, ScanFiles, small_dataset

SIX = {  # as users write them down, independent of how they are read
    "xx, yy, zz, √2 xy, √2 xz, √2 yz": lambda B: [B[0, 0], B[1, 1], B[2, 2], *(2**0.5 * B[[0, 0, 1], [1, 2, 2]])],
    "xx, yy, zz, xy, xz, yz": lambda B: [B[0, 0], B[1, 1], B[2, 2], *B[[0, 0, 1], [1, 2, 2]]],
    "xx, xy, xz, yy, yz, zz": lambda B: B[np.triu_indices(3)],
    "xx, 2 xy, 2 xz, yy, 2 yz, zz": lambda B: B[np.triu_indices(3)] * [1, 2, 2, 1, 2, 1],
    "xx, yy, zz, √2 yz, √2 xz, √2 xy": lambda B: [B[0, 0], B[1, 1], B[2, 2], *(2**0.5 * B[[1, 0, 0], [2, 2, 1]])],
    "xx, yy, zz, yz, xz, xy": lambda B: [B[0, 0], B[1, 1], B[2, 2], *B[[1, 0, 0], [2, 2, 1]]],
}


def tensors_of(acquisition, directions):
    """(V, 3, 3) b-tensors [ms/µm²] along directions on whatever axes."""
    shape = acquisition.b_delta[:, None, None]
    unit = (1 - shape) / 3 * np.eye(3) + shape * directions[:, :, None] * directions[:, None, :]
    return acquisition.b[:, None, None] * unit


@pytest.fixture
def bare(scan):
    """The small scan with its image and mask alone, and its b-tensors on FSL's axes."""
    data = load_scan(**scan.arguments())
    for name in ("dwi.bval", "dwi.bvec", "dwi.bdelta"):
        (scan / name).unlink()
    directions = scanner_to_fsl(data.acquisition.directions, data.affine)
    return scan, data.acquisition, tensors_of(data.acquisition, directions)


def assert_same(read, wanted):
    """Equal protocols but for the sign of directions, and for those that mean nothing."""
    np.testing.assert_allclose(read.b, wanted.b, atol=1e-6)
    weighted = wanted.b > 0
    np.testing.assert_allclose(read.b_delta[weighted], wanted.b_delta[weighted], atol=1e-5)
    directed = weighted & (np.abs(wanted.b_delta) > 0.05)
    along = np.abs(np.sum(read.directions * wanted.directions, axis=1))
    np.testing.assert_allclose(along[directed], 1, atol=1e-6)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("factor", [1, 1e3, 1e9], ids=["ms per um2", "s per mm2", "s per m2"])
def test_six_numbers_are_read_in_whatever_order_and_unit(bare, order, factor):
    scan, wanted, tensors = bare
    np.savetxt(scan / "dwi.btens", [np.multiply(SIX[order](B), factor) for B in tensors])
    data = load_scan(**scan.arguments())
    assert_same(data.acquisition, wanted)
    assert any(f"b-tensors taken as {order}" in note for note in data.notes)
    assert data.read_from["gradients"] == "dwi.btens"


@pytest.mark.parametrize(
    "arrange",
    [
        lambda tensors: tensors.reshape(-1, 9),
        lambda tensors: tensors.reshape(-1, 9).T,
        lambda tensors: tensors.reshape(-1, 3),
        lambda tensors: np.array([SIX["xx, xy, xz, yy, yz, zz"](B) for B in tensors]).T,  # DESIGNER's bmat
    ],
)
def test_whole_matrices_and_columns_are_read(bare, arrange):
    scan, wanted, tensors = bare
    np.savetxt(scan / "elsewhere.txt", arrange(tensors))
    assert_same(load_scan(**scan.arguments(), gradients=scan / "elsewhere.txt").acquisition, wanted)


def test_dipy_means_the_same_by_its_b_tensors(bare):
    from dipy.core.gradients import btens_to_params

    _, wanted, tensors = bare
    b, b_delta, _ = btens_to_params(1000 * tensors)
    np.testing.assert_allclose(b / 1000, wanted.b, atol=1e-9)
    np.testing.assert_allclose(b_delta[wanted.b > 0], wanted.b_delta[wanted.b > 0], atol=1e-9)


def test_a_little_asymmetry_is_said_and_more_is_refused(bare):
    scan, _, tensors = bare
    for epsilon, word in ((0.01, "up to 0.010 ms/µm² off an axis"), (0.2, "volume 5 .* no axis of symmetry")):
        skewed = tensors.copy()
        _, axes = np.linalg.eigh(skewed[5])
        skewed[5] += epsilon * (np.outer(axes[:, 0], axes[:, 0]) - np.outer(axes[:, 1], axes[:, 1]))
        if epsilon > LARGEST_ASYMMETRY:
            skewed[5] += 0.3 * np.eye(3)  # or its least eigenvalue would be negative
        np.savetxt(scan / "dwi.btens", skewed.reshape(-1, 9))
        if epsilon < LARGEST_ASYMMETRY:
            assert any(word in note for note in load_scan(**scan.arguments()).notes)
        else:
            with pytest.raises(InputError, match=word):
                load_scan(**scan.arguments())


def test_what_is_left_of_nothing_by_rounding_has_no_shape():
    """Eigenvalues of almost nothing but off-diagonals: their sum rounds to zero where the trace does not."""
    nothing = [[0, -1.20887435e-06, -7.0254632e-07], [-1.20887435e-06, 0, 5.22168772e-07]]
    nothing.append([nothing[0][2], nothing[1][2], 6.8430267e-25])
    table = table_of_tensors(np.array([nothing, np.diag([1.0, 0, 0])]), "b.btens", ())
    np.testing.assert_array_equal(table.b_delta, 1.0)
    np.testing.assert_array_equal(np.abs(table.directions), [[0, 0, 0], [1, 0, 0]])


def test_what_the_greatest_asymmetry_left_out_costs():
    """Exact signal of the greatest asymmetry that is read, against the nearest axially symmetric tensor.

    The worst case: half of the signal in sticks of 2.2 µm²/ms, nearly parallel, along an eigenvector that differs.
    """
    points, weights = lebedev_rule(53)
    concentrated = np.exp(12 * points[0] ** 2)  # a bundle along x, about 12° wide
    density = concentrated * weights / (concentrated * weights).sum()

    def signal(tensor):
        along = np.einsum("ik,ij,jk->k", points, tensor, points)
        trace = np.trace(tensor)
        return density @ (0.5 * np.exp(-2.2 * along) + 0.5 * np.exp(-0.6 * trace - (1.8 - 0.6) * along))

    worst = 0.0
    for b in (0.5, 1.0, 2.0, 4.0):
        planar = np.diag([b / 2, b / 2, 0])
        skew = LARGEST_ASYMMETRY * np.diag([1, -1, 0])
        worst = max(worst, *(abs(signal(planar + sign * skew) - signal(planar)) for sign in (1, -1)))
    assert 0.01 < worst < 0.02


SPOILT = {
    "no numbers": ("spam", "something other than numbers"),
    "too few rows": ("1 0 0 0 0 0\n" * 3, "3 rows of 6 numbers"),
    "five numbers": ("1 0 0 0 0\n" * 11, "11 rows of 5 numbers"),
    "not finite": ("nan 0 0 0 0 0\n" * 11, "volume 0 .* is not finite, and 10 more"),
    "negative": ("-1 0 0 0 0 0\n" * 11, "negative eigenvalue"),
    "not symmetric": ("1 0.5 0 0 0 0 0 0 0\n" * 11, "is not symmetric"),
    "no axis": ("3 2 0 0 0 0\n" * 11, "no axis of symmetry: its eigenvalues are"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_tables_that_hold_no_b_tensors_are_refused(bare, how):
    scan, _, _ = bare
    text, fault = SPOILT[how]
    (scan / "dwi.btens").write_text(text)
    with pytest.raises(InputError, match=fault) as caught:
        load_scan(**scan.arguments())
    assert caught.value.where == str(scan / "dwi.btens")


def xps_of(acquisition, tensors, **changes):
    """As md-dMRI builds it, in SI units."""
    bt = 1e9 * np.array([SIX["xx, yy, zz, √2 xy, √2 xz, √2 yz"](B) for B in tensors])
    fields = {"n": np.uint16(len(bt)), "b": 1e9 * acquisition.b[:, None], "bt": bt}
    fields |= {"b_delta": acquisition.b_delta[:, None], "b_eta": np.zeros((len(bt), 1)), "u": np.zeros((len(bt), 3))}
    fields |= {"intention": "QTI", "s_ind": np.ones((len(bt), 1), np.uint8)}
    return {name: value for name, value in (fields | changes).items() if value is not None}


@pytest.mark.parametrize("packed", [False, True])
def test_an_xps_is_found_by_name_and_read(bare, packed):
    scan, wanted, tensors = bare
    savemat(scan / "dwi_xps.mat", {"xps": xps_of(wanted, tensors)}, do_compression=packed)
    data = load_scan(**scan.arguments())
    assert_same(data.acquisition, wanted)
    assert "Protocol taken from an xps of md-dMRI." in data.notes
    assert data.checksums.keys() >= {"dwi_xps.mat"}


def test_an_xps_without_tensors_will_do(bare):
    scan, wanted, tensors = bare
    u = scanner_to_fsl(wanted.directions, AFFINES["LAS"])
    savemat(scan / "dwi_xps.mat", {"xps": xps_of(wanted, tensors, bt=None, u=u)})
    assert_same(load_scan(**scan.arguments()).acquisition, wanted)


def test_an_xps_without_tensors_and_shapes_takes_them_from_a_file(bare):
    scan, wanted, tensors = bare
    u = scanner_to_fsl(wanted.directions, AFFINES["LAS"])
    savemat(scan / "dwi_xps.mat", {"xps": xps_of(wanted, tensors, bt=None, u=u, b_delta=None, b_eta=None, n=None)})
    np.savetxt(scan / "dwi.bdelta", wanted.b_delta)
    assert_same(load_scan(**scan.arguments()).acquisition, wanted)


def test_b_values_that_agree_with_the_tensors_to_rounding_contradict_nothing(bare):
    scan, wanted, tensors = bare
    savemat(scan / "dwi_xps.mat", {"xps": xps_of(wanted, tensors, b=1e9 * (wanted.b[:, None] + 0.015))})
    np.testing.assert_allclose(load_scan(**scan.arguments()).acquisition.b, wanted.b, atol=1e-6)  # of the tensors
    savemat(scan / "dwi_xps.mat", {"xps": xps_of(wanted, tensors, b=1e9 * (wanted.b[:, None] + 0.03))})
    with pytest.raises(InputError, match="are not the traces"):
        load_scan(**scan.arguments())


def test_echo_times_of_one_scan_are_not_worth_a_word(bare):
    scan, wanted, tensors = bare
    te = 0.08 + 4e-5 * np.arange(11)[:, None] / 10
    savemat(scan / "dwi_xps.mat", {"xps": xps_of(wanted, tensors, te=te)})
    assert not any("Echo times" in note for note in load_scan(**scan.arguments()).notes)


def test_echo_times_that_differ_are_said(bare):
    scan, wanted, tensors = bare
    te = np.where(np.arange(11) < 5, 0.062, 0.092)[:, None]
    savemat(scan / "dwi_xps.mat", {"xps": xps_of(wanted, tensors, te=te)})
    assert any("Echo times differ (62 to 92 ms)" in note for note in load_scan(**scan.arguments()).notes)


SPOILT_XPS = {
    "of another scan": ({"n": 12}, "is of 12 volumes; the scan has 11"),
    "too short": ({"bt": np.ones((10, 6))}, "a field bt of 10 x 6 numbers"),
    "text": ({"bt": "spam"}, "field bt that holds no numbers"),
    "times in words": ({"te": "spam"}, "field te that holds no numbers"),
    "turned": ({"bt": np.ones((6, 11))}, "a field bt of 6 x 11 numbers; for 11 volumes it is 11 x 6"),
    "directions turned": ({"bt": None, "u": np.ones((3, 11))}, "a field u of 3 x 11 numbers"),
    "no directions": ({"bt": None, "u": np.zeros((0, 0))}, "neither b-tensors"),
    "contradiction": ({"b": 5e8 * np.ones((11, 1))}, "are not the traces"),
    "b alone": ({"bt": None, "u": None}, "neither b-tensors"),
    "no axis": ({"bt": None, "b_eta": 0.3 * np.ones((11, 1))}, "without an axis of symmetry"),
    "another unit": ({"bt": None, "b": 1e15 * np.ones((11, 1))}, "which no scanner reaches"),
}


@pytest.mark.parametrize("how", SPOILT_XPS)
def test_an_xps_that_contradicts_itself_or_the_scan_is_refused(bare, how):
    scan, wanted, tensors = bare
    changes, fault = SPOILT_XPS[how]
    savemat(scan / "dwi_xps.mat", {"xps": xps_of(wanted, tensors, **changes)})
    with pytest.raises(InputError, match=fault) as caught:
        load_scan(**scan.arguments())
    assert caught.value.where == str(scan / "dwi_xps.mat")


@pytest.mark.parametrize(
    ("write", "fault"),
    [
        (lambda path: savemat(path, {"other": 1}), "no struct named xps"),
        (lambda path: savemat(path, {}), "no struct named xps"),
        (lambda path: savemat(path, {"xps": np.ones(3)}), "no struct named xps"),
        (lambda path: path.write_bytes(b"MATLAB 7.3 MAT-file" + bytes(600)), "MATLAB 7.3"),
        (lambda path: path.write_bytes(b"spam"), "not readable as a MATLAB file"),
        (lambda path: savemat(path, {"xps": {"b": 1j * np.ones(11)}}), "complex"),
    ],
)
def test_a_matlab_file_without_a_usable_xps_is_refused(bare, write, fault):
    scan, _, _ = bare
    write(scan / "dwi_xps.mat")
    with pytest.raises(InputError, match=fault):
        load_scan(**scan.arguments())


def test_a_table_of_mrtrix_is_in_scanner_axes(tmp_path, affine):
    from napari_smi_inr.io.export import save_scan

    data = small_dataset(affine)
    save_scan(data, tmp_path)
    scan = ScanFiles(tmp_path)
    (scan / "dwi.bval").unlink()
    (scan / "dwi.bvec").unlink()
    rows = np.column_stack([data.acquisition.directions, 1000 * data.acquisition.b])
    np.savetxt(scan / "dwi.b", rows, header="command_history: mrconvert …")
    read = load_scan(**scan.arguments())
    assert_same(read.acquisition, data.acquisition)
    assert (read.read_from["gradients"], read.read_from["bdelta"]) == ("dwi.b", "dwi.bdelta")


def test_lengths_of_mrtrixs_directions_scale_b(bare):
    scan, wanted, _ = bare
    squared = np.array([1, 1, 1, 0.5, 0.5, 1, 1, 1, 1, 1, 1])
    rows = np.column_stack([np.sqrt(squared)[:, None] * wanted.directions, 1000 * wanted.b / squared])
    np.savetxt(scan / "dwi.b", rows)
    np.savetxt(scan / "shapes", wanted.b_delta)
    data = load_scan(**scan.arguments(), bdelta=scan / "shapes")
    np.testing.assert_allclose(data.acquisition.b, wanted.b, rtol=1e-6)
    assert any("scaled by the squared lengths" in note for note in data.notes)


def test_lengths_of_printed_decimals_scale_nothing(bare):
    scan, wanted, _ = bare
    lengths = 1 + 0.004 * np.cos(np.arange(11))
    np.savetxt(scan / "dwi.b", np.column_stack([lengths[:, None] * wanted.directions, 1000 * wanted.b]))
    np.savetxt(scan / "dwi.bdelta", wanted.b_delta)
    data = load_scan(**scan.arguments())
    np.testing.assert_allclose(data.acquisition.b, wanted.b, rtol=1e-12)
    assert not any("scaled" in note or "normalised" in note for note in data.notes)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (lambda rows: rows[:-1], "has 10 rows of 4 numbers; the scan has 11 volumes"),
        (lambda rows: rows * [1, 1, 1, 1e6], "which no scanner reaches"),
        (lambda rows: [*map(list, rows[:-1]), [0, 0, 1]], "has 11 rows of 3 or 4 numbers"),
    ],
)
def test_tables_of_mrtrix_that_are_of_another_scan_or_unit_are_refused(bare, rows, fault):
    scan, wanted, _ = bare
    table = np.column_stack([wanted.directions, 1000 * wanted.b])
    (scan / "dwi.b").write_text("\n".join(" ".join(map(str, row)) for row in rows(table)))
    with pytest.raises(InputError, match=fault) as caught:
        load_scan(**scan.arguments())
    assert caught.value.where == str(scan / "dwi.b")


def test_a_table_of_mrtrix_of_another_scan_is_no_second_opinion(scan):
    rows = np.column_stack([[[-1, 0, 0]] * 4, [0, 1000, 1000, 1000]])
    np.savetxt(scan / "dwi.b", rows)
    assert not any("dwi.b " in note for note in load_scan(**scan.arguments()).notes)


def test_directions_that_disagree_with_mrtrixs_are_told(scan):
    data = load_scan(**scan.arguments())
    rows = np.column_stack([data.acquisition.directions, 1000 * data.acquisition.b])
    np.savetxt(scan / "dwi.b", rows)
    assert not any("dwi.b " in note for note in load_scan(**scan.arguments()).notes)
    np.savetxt(scan / "dwi.b", rows * [-1, 1, 1, 1])
    assert any("dwi.b lies beside the scan" in note for note in load_scan(**scan.arguments()).notes)
    for degrees in (0.5, 4.0):
        across = np.cross(data.acquisition.directions, [0.3, 0.5, 0.8])
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        off = np.deg2rad(degrees)
        np.savetxt(
            scan / "dwi.b",
            np.column_stack([np.cos(off) * data.acquisition.directions + np.sin(off) * across, rows[:, 3]]),
        )
        told = [note for note in load_scan(**scan.arguments()).notes if "dwi.b lies" in note]
        assert [f"up to {degrees:g}° off" in note for note in told] == ([True] if degrees > 1 else [])


def test_which_file_goes_first(scan):
    """b-values and directions with shapes; then whole b-tensors; then those alone."""
    scan.edit_table("dwi.bvec", lambda u: np.where(np.linalg.norm(u, axis=0) > 0, u, [[1], [0], [0]]))
    data = load_scan(**scan.arguments())
    tensors = tensors_of(data.acquisition, scanner_to_fsl(data.acquisition.directions, data.affine))
    np.savetxt(scan / "dwi.btens", tensors.reshape(-1, 9))
    assert "bval" in load_scan(**scan.arguments()).read_from
    (scan / "dwi.bdelta").rename(scan / "kept")
    assert load_scan(**scan.arguments()).read_from["gradients"] == "dwi.btens"
    assert "bval" in load_scan(**scan.arguments(), bdelta=scan / "kept").read_from
    assert "bval" in load_scan(**scan.arguments(), bval=scan / "dwi.bval", bdelta=1).read_from
    with pytest.raises(InputError, match="tells the shapes of its b-tensors"):
        load_scan(**scan.arguments(), gradients=scan / "dwi.btens", bdelta=1)
    (scan / "kept").rename(scan / "dwi.bdelta")
    (scan / "dwi.bval").rename(scan / "kept")
    told = "dwi.bdelta was not used: dwi.btens tells the shapes of its b-tensors."
    assert told in load_scan(**scan.arguments()).notes
    (scan / "kept").rename(scan / "dwi.bval")
    with pytest.raises(InputError, match="cannot be given in files of their own"):
        load_scan(**scan.arguments(), bval=scan / "dwi.bval", gradients=scan / "dwi.btens")


@pytest.mark.parametrize(
    ("given", "role"),
    [("gradients", "protocol"), ("bval", "b-values"), ("bvec", "directions"), ("bdelta", "b_delta")],
)
def test_a_file_that_is_not_there_is_missed_by_its_role(scan, given, role):
    with pytest.raises(InputError, match=role) as caught:
        load_scan(**scan.arguments(), **{given: scan / "gone"})
    assert caught.value.where == str(scan / "gone")


def test_every_name_that_is_looked_for_is_told(scan):
    (scan / "dwi.bdelta").unlink()
    scan.edit_table("dwi.bvec", lambda u: np.where(np.linalg.norm(u, axis=0) > 0, u, [[1], [0], [0]]))
    (note,) = [note for note in load_scan(**scan.arguments()).notes if "linear encoding assumed" in note]
    for name in ("dwi.bdelta", "dwi.bshape", "dwi.beta", "bdelta", "dwi.btens", "dwi.bten", "dwi.bmat", "dwi_xps.mat"):
        assert name in note
    (scan / "dwi.bval").unlink()
    with pytest.raises(InputError, match=r"dwi\.bval, dwi\.bvals, bval, bvals.*dwi\.btens.*dwi_xps\.mat.*dwi\.b,"):
        load_scan(**scan.arguments())


@pytest.mark.parametrize("name", ["sub-01_STE_dwi.nii.gz", "dwi_pte.nii.gz"])
def test_a_name_that_speaks_of_another_shape_is_not_taken_for_linear(scan, name):
    (scan / "dwi.bdelta").unlink()
    scan.dwi.rename(scan / name)
    given = {"bval": scan / "dwi.bval", "bvec": scan / "dwi.bvec"}
    with pytest.raises(InputError, match="in its name speaks of some"):
        load_scan(scan / name, **given)


@pytest.mark.parametrize(("given", "b_delta"), [(0, 0.0), ("STE", 0.0), ("-0.5", -0.5), ("pte", -0.5), (0.25, 0.25)])
def test_one_shape_for_all_volumes(scan, given, b_delta):
    scan.edit_table("dwi.bvec", lambda u: np.where(np.linalg.norm(u, axis=0) > 0, u, [[1], [0], [0]]))
    data = load_scan(**scan.arguments(), bdelta=given)
    np.testing.assert_array_equal(data.acquisition.b_delta, b_delta)
    assert data.read_from["bdelta"] == b_delta
    (scan / "dwi.bdelta").write_text(f"{b_delta}\n")
    data = load_scan(**scan.arguments())
    np.testing.assert_array_equal(data.acquisition.b_delta, b_delta)
    assert data.read_from["bdelta"] == "dwi.bdelta"


def test_six_numbers_become_a_matrix():
    B = np.array([[1, 0.1, 0.2], [0.1, 2, 0.3], [0.2, 0.3, 3]])
    for order, write in SIX.items():
        np.testing.assert_allclose(from_six(np.array([write(B)]), order)[0], B)


def test_the_limit_of_b0_is_chosen_and_kept(scan):
    data = load_scan(**scan.arguments(), b0_threshold=20)
    assert np.count_nonzero(data.acquisition.is_b0) == 1
    assert np.count_nonzero(load_scan(**scan.arguments()).acquisition.is_b0) == 2
    assert data.read_from["b0_threshold"] == 20.0
    assert "Volumes up to b = 20 s/mm² count as b = 0." in data.notes
    assert isinstance(data.acquisition, Acquisition)


@pytest.mark.parametrize("threshold", [-1, 501, np.nan])
def test_a_limit_of_b0_that_makes_no_sense_is_refused(scan, threshold):
    with pytest.raises(InputError, match="counts as b = 0 up to 500"):
        load_scan(**scan.arguments(), b0_threshold=threshold)
