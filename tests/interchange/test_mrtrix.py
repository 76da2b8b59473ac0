"""MRtrix3 itself reads what is written, and finds in it what is found here."""

import json

import nibabel as nib
import numpy as np
import pytest
from numpy.polynomial.legendre import Legendre, leggauss
from typer.testing import CliRunner

import napari_smi_inr as smi
from arc import TISSUE
from napari_smi_inr.cli import app
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.io.maps import map_name, save_fod, save_map
from napari_smi_inr.io.scan import load_scan
from napari_smi_inr.plugin.fods.fod_peaks import find_peaks
from napari_smi_inr.sampling.coordinates import voxel_to_world
from scan_files import AFFINES, ScanFiles, small_dataset

FLOAT32_MM = 1e-4  # of positions of some 100 mm, of which a header keeps seven digits


def peaks_of(path, mask):
    """(N, 3, 3) directions and (N, 3) amplitudes that sh2peaks has found, in the voxels of a mask."""
    vectors = np.nan_to_num(nib.load(path).get_fdata()[mask]).reshape(-1, 3, 3)  # NaN where there are fewer
    amplitudes = np.linalg.norm(vectors, axis=2)
    return vectors / np.where(amplitudes > 0, amplitudes, 1)[..., None], amplitudes


def angles(first, second):
    """Angles between axes [degrees]."""
    return np.rad2deg(np.arccos(np.clip(np.abs(np.sum(first * second, axis=-1)), 0, 1)))


def world_of(text, size, spacing):
    """(8, 3) positions of the corner voxels by mrinfo's transform, which has unit axes."""
    transform = np.array([float(word) for word in text.split()]).reshape(4, 4)
    affine = transform @ np.diag([*spacing, 1])
    corners = np.array(np.meshgrid(*((0, n - 1) for n in size), indexing="ij")).reshape(3, -1).T
    return nib.affines.apply_affine(affine, corners)


class TestGeometry:
    @pytest.mark.parametrize("axes", AFFINES)
    def test_a_map_lies_where_it_lies(self, mrtrix, tmp_path, axes):
        """As stored, and as MRtrix turns axes by itself."""
        affine, shape = AFFINES[axes], (5, 6, 3)
        path = save_map("f", np.random.default_rng(0).random(shape), affine, tmp_path / "f.nii.gz", {})
        corners = np.array(np.meshgrid(*((0, n - 1) for n in shape), indexing="ij")).reshape(3, -1).T
        ours = voxel_to_world(affine, corners)
        for as_stored in (True, False):
            realign = ["-config", "RealignTransform", "false"] if as_stored else []
            size, spacing = (
                [float(word) for word in mrtrix("mrinfo", path, option, *realign).split()]
                for option in ("-size", "-spacing")
            )
            found = world_of(mrtrix("mrinfo", path, "-transform", *realign), np.array(size, int), spacing)
            if not as_stored:  # the same corners, in another order
                found, ours = found[np.lexsort(found.round(2).T)], ours[np.lexsort(ours.round(2).T)]
            np.testing.assert_allclose(found, ours, atol=FLOAT32_MM)

    @pytest.mark.parametrize("axes", AFFINES)
    def test_directions_and_b_values_mean_the_same(self, mrtrix, tmp_path, axes):
        """MRtrix turns our .bvec to scanner axes as we do; and we read its own table as it was meant."""
        data = small_dataset(AFFINES[axes])
        save_scan(data, tmp_path)
        scan = ScanFiles(tmp_path)
        gradients = ["-fslgrad", scan / "dwi.bvec", scan / "dwi.bval"]
        table = mrtrix("mrinfo", scan.dwi, *gradients, "-dwgrad").split()
        rows = np.array([float(word) for word in table]).reshape(-1, 4)
        linear = (data.acquisition.b > 0) & (data.acquisition.b_delta == 1)
        np.testing.assert_allclose(rows[linear, :3], data.acquisition.directions[linear], atol=1e-6)
        np.testing.assert_allclose(rows[linear, 3], 1000 * data.acquisition.b[linear], rtol=1e-6)
        mrtrix("mrinfo", scan.dwi, *gradients, "-export_grad_mrtrix", scan / "exported.b")
        read = load_scan(**scan.arguments(), gradients=scan / "exported.b", bdelta=scan / "dwi.bdelta").acquisition
        np.testing.assert_allclose(read.directions[linear], data.acquisition.directions[linear], atol=1e-6)
        np.testing.assert_allclose(read.b[linear], data.acquisition.b[linear], rtol=1e-6)

    def test_lengths_of_directions_scale_b_as_it_does(self, mrtrix, scan):
        """MRtrix 3.0.3 scales by any length, later ones (and we) by those that rounding does not explain."""
        rng = np.random.default_rng(0)
        u = rng.normal(size=(11, 3))
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        lengths = np.array([0, 1, 1, 1, 0.5**0.5, 1, 0.5**0.5, 1, 1, 1, 1])
        np.savetxt(scan / "dwi.b", np.column_stack([lengths[:, None] * u, 2000 * np.ones(11) * (lengths > 0)]))
        words = mrtrix("mrinfo", scan.dwi, "-grad", scan / "dwi.b", "-dwgrad").split()
        rows = np.array([float(word) for word in words]).reshape(-1, 4)
        read = load_scan(**scan.arguments(), gradients=scan / "dwi.b").acquisition
        np.testing.assert_allclose(1000 * read.b, rows[:, 3], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(read.directions[1:], rows[1:, :3], atol=1e-9)


class TestFod:
    @pytest.mark.parametrize("axes", AFFINES)
    def test_its_peaks_are_ours(self, mrtrix, crossings, tmp_path, axes):
        """To a quarter of a degree and one percent: sh2peaks climbs to the top, a paraboloid here comes near it."""
        path = save_fod(crossings.truth.fod_map(), AFFINES[axes], tmp_path / "fod.nii.gz", {})
        mrtrix("sh2peaks", path, tmp_path / "peaks.nii", "-num", 3, "-threshold", 0.3, "-quiet")
        theirs, their_heights = peaks_of(tmp_path / "peaks.nii", crossings.mask)
        ours, our_heights = find_peaks(crossings.truth.fod)
        for k in range(2):
            known = our_heights[:, k] > 0
            assert np.count_nonzero(known) == (90, 45)[k]
            off = angles(theirs[known][:, :, :], ours[known][:, None, k])
            nearest = off.argmin(axis=1)
            assert off.min(axis=1).max() < 0.25
            heights = their_heights[known][np.arange(known.sum()), nearest]
            np.testing.assert_allclose(heights, our_heights[known, k], rtol=0.01)

    def test_its_amplitudes_are_ours(self, mrtrix, crossings, tmp_path):
        """sh2amp evaluates the same basis, to float32."""
        from napari_smi_inr.signal_model.spherical_harmonics import half_sphere, real_sh

        directions = half_sphere(40)
        path = save_fod(crossings.truth.fod_map(), OBLIQUE, tmp_path / "fod.nii.gz", {})
        azimuth = np.arctan2(directions[:, 1], directions[:, 0])
        np.savetxt(tmp_path / "directions.txt", np.column_stack([azimuth, np.arccos(directions[:, 2])]))
        mrtrix("sh2amp", path, tmp_path / "directions.txt", tmp_path / "amplitudes.nii", "-quiet")
        theirs = nib.load(tmp_path / "amplitudes.nii").get_fdata()[crossings.mask]
        np.testing.assert_allclose(theirs, crossings.truth.fod @ real_sh(directions, 8).T, atol=2e-6)


OBLIQUE = AFFINES["oblique left-handed"]


def response(b, lmax, tissue=TISSUE):
    """MRtrix's response of one fibre at b [ms/µm²]: zonal SH coefficients of its signal, by quadrature.

    A fibre along z gives S(θ) = S0 k(cos θ); its coefficients are S0 K_l sqrt(4π (2l + 1)), K_l = ∫₀¹ k P_l.
    """
    x, w = leggauss(80)
    x, w = (x + 1) / 2, w / 2
    Di, De, Dp, f, S0 = (tissue[symbol] for symbol in ("Di", "De", "Dp", "f", "S0"))
    k = f * np.exp(-b * Di * x**2) + (1 - f) * np.exp(-b * Dp - b * (De - Dp) * x**2)
    orders = range(0, lmax + 1, 2)
    return [S0 * np.sqrt(4 * np.pi * (2 * order + 1)) * (w * k * Legendre.basis(order)(x)).sum() for order in orders]


def dwi2fod(mrtrix, folder, algorithm, lmax, tissue, out):
    """Fit a scan of ours with the response of our own model; gives the (N, C) FODs in its mask."""
    rows = {"csd": [3.0], "msmt_csd": [0.0, 1.0, 2.0, 3.0]}[algorithm]
    np.savetxt(folder / f"{algorithm}.txt", [response(b, lmax, tissue) for b in rows])
    gradients = ["-fslgrad", folder / "dwi.bvec", folder / "dwi.bval", "-mask", folder / "mask.nii.gz"]
    order = ["-lmax", lmax] if algorithm == "csd" else []
    shell = ["-shells", "3000"] if algorithm == "csd" else []
    words = [algorithm, folder / "dwi.nii.gz", folder / f"{algorithm}.txt", out, *gradients, *order, *shell]
    mrtrix("dwi2fod", *words, "-quiet", "-force")
    return nib.load(out).get_fdata()[nib.load(folder / "mask.nii.gz").get_fdata() > 0]


class TestSphericalDeconvolution:
    """dwi2fod on signals that we simulate, with the response that our model has."""

    @pytest.mark.parametrize("algorithm", ["csd", "msmt_csd"])
    def test_its_peaks_are_those_of_the_truth(self, mrtrix, crossings, crossing_files, tmp_path, algorithm):
        """Without noise. What is left is deconvolution's own: its constraint bends lobes that cross."""
        tissue = {symbol: values[0] for symbol, values in crossings.truth.values.items()}
        found = dwi2fod(mrtrix, crossing_files, algorithm, 8, tissue, tmp_path / "fod.nii.gz")
        truth, heights = find_peaks(crossings.truth.fod, n=2)
        theirs, _ = find_peaks(found, n=2, threshold=0.25)
        one, two = slice(0, 45), slice(45, 90)
        assert angles(theirs[one, 0], truth[one, 0]).max() < 0.5
        off = angles(theirs[two][:, None], truth[two][:, :, None]).min(axis=2)
        assert np.median(off) < 1
        assert off.max() < 4
        assert np.all(heights[two] > 0)
        # and its integral, which is one: the response is to scale
        np.testing.assert_allclose(found[:, 0] * np.sqrt(4 * np.pi), 1, atol=0.03)

    @pytest.mark.parametrize("algorithm", ["csd", "msmt_csd"])
    def test_its_peaks_are_those_of_the_field(self, mrtrix, arc, arc_results, tmp_path, algorithm):
        """With noise, at SNR 50, where each is about a degree off the truth."""
        found = dwi2fod(mrtrix, arc_results, algorithm, 6, TISSUE, tmp_path / "fod.nii.gz")
        mask = nib.load(arc_results / "mask.nii.gz").get_fdata() > 0
        ours = nib.load(arc_results / "results" / map_name("fod", "dwi")).get_fdata()[mask]
        theirs_peaks, ours_peaks = (find_peaks(fod, n=1)[0][:, 0] for fod in (found, ours))
        _, tangents, _ = arc.geometry(voxel_to_world(arc.affine, np.argwhere(mask)))
        assert np.median(angles(ours_peaks, tangents)) < 1.5
        assert np.median(angles(theirs_peaks, tangents)) < 1.5
        assert np.median(angles(theirs_peaks, ours_peaks)) < 2
        assert np.percentile(angles(theirs_peaks, ours_peaks), 95) < 4


@pytest.fixture(scope="module")
def eight_times(arc_results):
    """The arc's FODs eight times finer, from the field, by the command line."""
    out = arc_results / "fod_8x.nii.gz"
    field = arc_results / "results" / "dwi.smi.safetensors"
    words = ["sample", str(field), "-p", "fod", "--factor", "8", "-o", str(out)]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    return out


class TestTractography:
    def test_the_fine_fods_are_those_of_the_field(self, arc, arc_results, eight_times):
        field = smi.open_field(arc_results / "results" / "dwi.smi.safetensors")
        image = nib.load(eight_times)
        fod = np.asarray(image.dataobj)
        assert fod.shape == (112, 112, 112, 15)
        voxels = np.argwhere(fod[..., 0] > 0)[::5003]
        expected = field.evaluate(nib.affines.apply_affine(image.affine, voxels))["fod"]
        np.testing.assert_allclose(fod[tuple(voxels.T)], expected, atol=1e-5)
        assert 0 < np.count_nonzero(fod[..., 0]) < 0.3 * fod[..., 0].size  # nothing outside the mask
        told = json.loads((arc_results / "fod_8x.json").read_text())
        assert told["SamplingFactor"] == 8
        assert told["OrientationEncoding"]["SphericalHarmonicDegree"] == 4

    def test_streamlines_follow_the_arc_in_scanner_millimetres(self, mrtrix, arc, eight_times, tmp_path):
        """Deterministic tracking from within 1 mm of the arc keeps to it, and to its tangent, to its ends.

        Streamlines of concentric arcs keep their distance: 1 mm of seeding, and 1 mm (a third of a voxel) for the 24 mm
        to either end, over which the fit's one degree adds up to half of that.
        """
        seed = arc.centre + arc.radius * (arc.across + arc.up) / np.sqrt(2)
        sphere = ",".join(f"{x:.3f}" for x in [*seed, 1.0])
        words = [eight_times, tmp_path / "arc.tck", "-algorithm", "SD_STREAM", "-seed_sphere", sphere, "-select", 100]
        mrtrix("tckgen", *words, "-minlength", 20, "-maxlength", 100, "-quiet")
        streamlines = nib.streamlines.load(tmp_path / "arc.tck").streamlines
        assert len(streamlines) == 100
        for line in streamlines:
            points = line.astype(float)
            distance, _, angle = arc.geometry(points)
            assert distance.max() < 2
            assert (angle.min(), angle.max()) == pytest.approx((-0.35, np.pi / 2 + 0.35), abs=0.14)  # to a voxel
            steps = np.diff(points, axis=0)
            _, tangent, _ = arc.geometry((points[1:] + points[:-1]) / 2)
            off = angles(steps / np.linalg.norm(steps, axis=1, keepdims=True), tangent)
            assert off.mean() < 1.5
            assert np.percentile(off, 95) < 4

    def test_fods_with_the_wrong_hand_would_be_noticed(self, mrtrix, arc, eight_times, tmp_path):
        """The test above sees what it is meant to see: mirrored FODs do not lead along the arc."""
        image = nib.load(eight_times)
        fod = np.asarray(image.dataobj)
        signs = [(-1) ** (m < 0 if m % 2 == 0 else m > 0) for order in (0, 2, 4) for m in range(-order, order + 1)]
        nib.save(nib.Nifti1Image(fod * np.float32(signs), image.affine), tmp_path / "mirrored.nii")
        seed = arc.centre + arc.radius * (arc.across + arc.up) / np.sqrt(2)
        sphere = ",".join(f"{x:.3f}" for x in [*seed, 1.0])
        words = [tmp_path / "mirrored.nii", tmp_path / "no.tck", "-algorithm", "SD_STREAM", "-seed_sphere", sphere]
        mrtrix("tckgen", *words, "-seeds", 200, "-select", 0, "-minlength", 1, "-quiet")
        for line in nib.streamlines.load(tmp_path / "no.tck").streamlines:
            steps = np.diff(line.astype(float), axis=0)
            _, tangent, _ = arc.geometry(line[:-1].astype(float))
            assert angles(steps / np.linalg.norm(steps, axis=1, keepdims=True), tangent).mean() > 20


def test_spherical_encoding_is_no_obstacle(mrtrix, tmp_path):
    """MRtrix knows no shapes: its programs take the linear volumes, by their b-values, and leave the others."""
    data = small_dataset()
    save_scan(data, tmp_path)
    gradients = ["-fslgrad", tmp_path / "dwi.bvec", tmp_path / "dwi.bval"]
    mrtrix("dwiextract", tmp_path / "dwi.nii.gz", tmp_path / "b1.nii", *gradients, "-shells", "1000", "-quiet")
    assert nib.load(tmp_path / "b1.nii").shape[3] == 3
