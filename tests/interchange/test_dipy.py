"""dipy reads what is written, and finds in it what is found here."""

import json

import nibabel as nib
import numpy as np
import pytest

from arc import TISSUE, lobe
from napari_smi_inr.io.maps import map_name, save_fod
from napari_smi_inr.io.sidecar import CONVENTIONS
from napari_smi_inr.plugin.fods.fod_peaks import find_peaks
from napari_smi_inr.sampling.coordinates import voxel_to_world
from napari_smi_inr.signal_model.spherical_harmonics import real_sh
from scan_files import AFFINES

peaks = pytest.importorskip("dipy.direction.peaks", reason="dipy is not installed")
shm = pytest.importorskip("dipy.reconst.shm")
get_sphere = pytest.importorskip("dipy.data").get_sphere


@pytest.fixture(scope="module")
def sphere():
    return get_sphere(name="repulsion724").subdivide(n=1)


@pytest.fixture
def fod_file(crossings, tmp_path):
    return save_fod(crossings.truth.fod_map(), AFFINES["oblique left-handed"], tmp_path / "fod.nii.gz", {})


def test_the_side_car_names_the_basis_that_dipy_needs(fod_file, crossings):
    """``MRtrix3`` is dipy's tournier07 without legacy; the values are ours to float32."""
    told = json.loads(fod_file.with_name("fod.json").read_text())["OrientationEncoding"]
    assert (told["SphericalHarmonicBasis"], told["SphericalHarmonicDegree"], told["Reference"]) == ("MRtrix3", 8, "xyz")
    sphere = get_sphere(name="repulsion100")
    coefficients = nib.load(fod_file).get_fdata()[crossings.mask]
    values = shm.sh_to_sf(coefficients, sphere, sh_order_max=8, basis_type="tournier07", legacy=False)
    ours = crossings.truth.fod @ real_sh(sphere.vertices, 8).T
    np.testing.assert_allclose(values, ours, atol=2e-6)
    other = shm.sh_to_sf(coefficients, sphere, sh_order_max=8, basis_type="descoteaux07", legacy=False)
    assert np.abs(other - ours).max() > 0.5  # another one would not do


def test_its_peaks_are_ours(fod_file, crossings, sphere):
    """dipy's peaks are vertices of a sphere: 2890 of them, at most 2.5 degrees from any direction."""
    coefficients = nib.load(fod_file).get_fdata()[crossings.mask]
    values = shm.sh_to_sf(coefficients, sphere, sh_order_max=8, basis_type="tournier07", legacy=False)
    ours, _ = find_peaks(crossings.truth.fod, n=2)
    for fod, wanted, n in zip(values, ours, [1] * 45 + [2] * 45, strict=True):
        found, _, _ = peaks.peak_directions(fod, sphere, relative_peak_threshold=0.3, min_separation_angle=25)
        assert len(found) == n
        cosines = np.abs(found @ wanted[:n].T).max(axis=1)
        assert np.rad2deg(np.arccos(cosines.min())) < 2.5


def test_maps_lie_where_the_scan_lies(arc, arc_results):
    scan = nib.load(arc_results / "dwi.nii.gz")
    for label, value in (("f", TISSUE["f"]), ("di", TISSUE["Di"]), ("s0", TISSUE["S0"])):
        image = nib.load(arc_results / "results" / map_name(label, "dwi"))
        np.testing.assert_allclose(image.affine, scan.affine, atol=1e-5)
        inside = np.isfinite(image.get_fdata())
        np.testing.assert_array_equal(inside, nib.load(arc_results / "mask.nii.gz").get_fdata() > 0)
        assert np.median(image.get_fdata()[inside]) == pytest.approx(value, rel=0.15)


def test_what_conventions_say_is_what_a_lobe_shows(tmp_path):
    """The sentence in every side-car, taken at its word by dipy alone: a lobe along a scanner axis peaks there."""
    assert CONVENTIONS["FOD"] == "orthonormal real spherical harmonics, MRtrix basis, scanner axes; p00 = 1/sqrt(4 pi)"
    axis = np.array([[0.36, -0.48, 0.8]])
    fod = lobe(axis, 8).reshape(1, 1, 1, -1)
    path = save_fod(fod, AFFINES["oblique right-handed"], tmp_path / "fod.nii.gz", {})
    sphere = get_sphere(name="repulsion724").subdivide(n=1)
    values = shm.sh_to_sf(
        nib.load(path).get_fdata()[0, 0, 0], sphere, sh_order_max=8, basis_type="tournier07", legacy=False
    )
    top = sphere.vertices[np.argmax(values)]
    assert abs(top @ axis[0]) > np.cos(np.deg2rad(2.5))
    np.testing.assert_allclose(values.mean(), 1 / (4 * np.pi), rtol=0.01)  # integral one


def test_dipys_own_signal_of_our_protocol_is_ours(arc):
    """dipy's gradient table with b-tensors, made from our protocol, gives the signal that we simulate: one fibre."""
    from dipy.core.gradients import gradient_table
    from dipy.sims.voxel import multi_tensor

    from arc import shells
    from napari_smi_inr.signal_model.standard_model import predict_signal

    protocol = shells((0, 1, 2), (1, 1, 6), (2, 1, 6), (2, -0.5, 6), (1.5, 0, 3))
    axis = np.array([0.36, -0.48, 0.8])
    dummy = np.where(np.any(protocol.directions, axis=1, keepdims=True), protocol.directions, [1.0, 0, 0])
    tensors = []
    for b, shape, u in zip(1000 * protocol.b, protocol.b_delta, dummy, strict=True):
        tensors.append(b * ((1 - shape) / 3 * np.eye(3) + shape * np.outer(u, u)))
    table = gradient_table(
        1000 * protocol.b, bvecs=np.where(protocol.b[:, None] > 0, dummy, 0), btens=np.array(tensors)
    )
    eigenvalues = 1e-3 * np.array([[TISSUE["Di"], 0, 0], [TISSUE["De"], TISSUE["Dp"], TISSUE["Dp"]]])
    theta, phi = np.rad2deg(np.arccos(axis[2])), np.rad2deg(np.arctan2(axis[1], axis[0]))
    fractions = [100 * TISSUE["f"], 100 * (1 - TISSUE["f"])]
    theirs, _ = multi_tensor(table, eigenvalues, S0=100, angles=[(theta, phi)] * 2, fractions=fractions, snr=None)
    fibre = real_sh(axis[None], 20)  # a delta function, cut where the signal has nothing more
    ours = predict_signal({symbol: [value] for symbol, value in TISSUE.items()}, fibre, protocol)[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-3)  # of 100


def test_tangents_of_the_arc_are_found(arc, arc_results, sphere):
    mask = nib.load(arc_results / "mask.nii.gz").get_fdata() > 0
    fod = nib.load(arc_results / "results" / map_name("fod", "dwi")).get_fdata()[mask]
    values = shm.sh_to_sf(fod, sphere, sh_order_max=4, basis_type="tournier07", legacy=False)
    tops = sphere.vertices[np.argmax(values, axis=1)]
    _, tangents, _ = arc.geometry(voxel_to_world(arc.affine, np.argwhere(mask)))
    assert np.median(np.rad2deg(np.arccos(np.abs(np.sum(tops * tangents, axis=1))))) < 2
