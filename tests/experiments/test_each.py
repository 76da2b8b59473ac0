"""Every experiment runs, and its tables say what its fits did."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest

import napari_smi_inr as smi
from napari_smi_inr.experiments import in_vivo, orders, pictures
from napari_smi_inr.experiments.catalogue import EXPERIMENTS
from napari_smi_inr.experiments.run import fit_to_the_end
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.metrics import rmse
from napari_smi_inr.sampling.mask import SmoothMask
from napari_smi_inr.sampling.request import SampleRequest

INR = {"epochs": 1, "held_out": 0, "features": 16, "width": 16, "detail": 9}
SETTINGS = {"voxels": 60, "device": "cpu", "snr": (50,), "overrides": {"inr": INR}}


@pytest.fixture(autouse=True)
def without_glyphs(monkeypatch):
    """FODs take seconds to draw; experiment 1 draws some."""

    def refuse(*args, **settings):
        raise smi.InputError("figure", "is left out here.", "See another test.")

    for module in (pictures, orders):
        monkeypatch.setattr(module, "draw_fods", refuse)


@pytest.fixture(scope="module")
def brain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("brain")
    save_scan(smi.simulate((9, 9, 3), 4.0, snr=30, lmax=2, seed=3), folder)
    return folder


def rows_of(report, name):
    with (report.folder / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


def run(key, folder, **more):
    report = smi.experiment(key, folder, **{"methods": ("inr",), **SETTINGS, **more})
    text = report.path.read_text()
    faults = text.count("Could not be drawn") - text.count("is left out here")
    assert faults == 0
    assert report.points
    assert not report.refused
    return report


def test_all_ten_have_a_plan():
    assert list(EXPERIMENTS) == ["1", "2", "3", "4", "5", "6", "A", "B", "C", "D"]
    for experiment in EXPERIMENTS.values():
        assert callable(experiment.plan().runs)


@pytest.mark.parametrize("key", ["2", "c"])
def test_rician_shares_follow_from_the_biases(key, tmp_path):
    report = run(key, tmp_path)
    rows = rows_of(report, "bias.csv")
    assert [row["parameter"] for row in rows] == ["Di", "De", "Dp", "f", "p2"]
    scores = {(row["run"], row["parameter"]): row["bias"] for row in report.metrics}
    for row in rows:
        plain = scores["snr50_inr", row["parameter"]]
        aware = scores["snr50_inr_rician", row["parameter"]]
        assert float(row["bias_mse"]) == pytest.approx(plain)
        assert float(row["share_removed"]) == pytest.approx(1 - abs(aware) / abs(plain), rel=1e-5)
        assert row["bias_gaussian_noise"]
    assert {row["loss"] for row in report.metrics} == {"mse", "rician"}


@pytest.mark.parametrize(
    ("shape", "planes"),
    [((20, 20, 2), ("axial",)), ((2, 20, 20), ("sagittal",)), ((20, 20, 20), ("coronal", "sagittal"))],
)
def test_a_scan_of_few_slices_is_enlarged_along_them(shape, planes):
    assert in_vivo._planes(SimpleNamespace(shape=shape, affine=np.diag([2.0, 2.0, 2.0, 1.0]))) == planes


def test_in_vivo_scores_are_those_of_the_parts_left_out(brain, tmp_path):
    scan = {"dwi": str(brain / "dwi.nii.gz"), "mask": str(brain / "mask.nii.gz"), "noise": str(brain / "noise.nii.gz")}
    whole = smi.load(**scan)
    seen = []

    def fit(dataset, config):
        seen.append(dataset)
        return fit_to_the_end(dataset, config)

    report = run("3", tmp_path, scan=scan, voxels=None, fit=fit)
    all_of_it, volumes, voxels = seen
    assert all_of_it.n_voxels == whole.n_voxels
    n_left_out = whole.acquisition.n_volumes - volumes.acquisition.n_volumes
    assert n_left_out == round(0.1 * whole.acquisition.n_volumes)
    left_out = whole.mask & ~voxels.mask
    assert abs(int(left_out.sum()) - int(voxels.mask.sum())) < 0.2 * whole.n_voxels
    for axis in range(3):  # no two neighbours on the same side
        for part in (left_out, voxels.mask):
            assert not (part & np.roll(part, 1, axis))[1:, 1:, 1:].any()
    rows = [row for row in rows_of(report, "heldout.csv") if row["b"] == "all"]
    assert [(row["left_out"], row["method"]) for row in rows] == [
        ("volumes", "inr"), ("voxels", "inr"), ("voxels", "cubic interpolation"), ("voxels", "linear interpolation"),
    ]  # fmt: skip
    field = smi.open_field(report.folder / "fits" / "voxels_inr" / "field.smi.safetensors")
    points = np.argwhere(left_out) @ whole.affine[:3, :3].T + whole.affine[:3, 3]
    expected = rmse(field.predict(points), whole.signal[left_out])
    assert float(rows[1]["rmse"]) == pytest.approx(expected, rel=1e-5)
    assert [row["parameter"] for row in report.metrics] == ["signal of volumes left out", "signal of voxels left out"]


def test_orders_are_fitted_as_they_are(tmp_path):
    report = run("4", tmp_path)
    rows = rows_of(report, "medians.csv")
    assert [(row["true_lmax"], row["lmax"]) for row in rows[::6]] == [(str(o), str(o)) for o in (2, 4, 6, 8)]
    printed = {row["parameter"]: row["paper"] for row in rows if row["lmax"] == "2" and row["paper"]}
    assert printed == {"Di": "0.047", "De": "0.051", "Dp": "0.019", "f": "0.011"}
    assert not any(row["paper"] for row in rows if row["lmax"] != "2")
    times = {row["lmax"]: row["paper_seconds"] for row in rows_of(report, "times.csv")}
    assert times == {"2": "313", "4": "448", "6": "667", "8": "1097"}


def test_orders_may_differ_from_the_tissues(tmp_path):
    report = run("D", tmp_path)
    rows = rows_of(report, "medians.csv")
    pairs = {(int(row["true_lmax"]), int(row["lmax"])) for row in rows}
    assert pairs == {(2, 2), (4, 4), (6, 6), (8, 8), (8, 2), (8, 4), (8, 6), (2, 4), (2, 6), (2, 8)}


def test_nonuniform_gradients_are_simulated_and_the_correction_is_switched(tmp_path):
    seen = []

    def fit(dataset, config):
        seen.append((dataset.deviation, config.correct_gradients))
        return fit_to_the_end(dataset, config)

    run("5", tmp_path, fit=fit)
    (uneven, on), (same, off), (even, _) = seen
    assert (on, off) == (True, False)
    assert even is None
    np.testing.assert_array_equal(uneven, same)
    inside = np.isfinite(uneven).all(axis=(-2, -1))
    assert np.abs(uneven[inside] - np.eye(3)).max() >= 0.1


def test_super_resolution_is_scored_at_every_fine_point(tmp_path, monkeypatch):
    from napari_smi_inr.experiments import super_resolution

    monkeypatch.setattr(super_resolution, "FACTOR", 2)
    report = run("6", tmp_path, methods=("inr", "nlls"), overrides={"inr": INR, "nlls": {"starts": 1}})
    rows = rows_of(report, "superresolution.csv")
    ways = {(row["method"], row["interpolation"]) for row in rows}
    assert ways >= {("INR", "field"), ("NLLS", "linear"), ("NLLS", "cubic")}
    field = smi.open_field(report.folder / "fits" / "snr50_inr" / "field.smi.safetensors")
    phantom = smi.simulate(field.shape, 2.5).truth
    points = SampleRequest.over_volume(field.affine, field.shape, 2).points()
    points = points[SmoothMask(field.mask, field.affine)(points)]
    found, truth = field.sample(points), phantom.sample(points)
    for row in rows:
        if row["method"] == "INR":
            column = field.parameters.index(row["parameter"])
            assert int(row["n"]) == len(points)
            assert float(row["rmse"]) == pytest.approx(rmse(found[:, column], truth[:, column]), rel=1e-4)
            rho = np.corrcoef(found[:, column], truth[:, column])[0, 1]
            assert float(row["rho"]) == pytest.approx(rho, abs=1e-3)


def test_every_detail_length_is_used(tmp_path):
    report = run("A", tmp_path)
    lengths = {row["detail_mm"] for row in report.metrics}
    assert lengths == {2.5, 3.75, 5.0, 7.5, 11.25, 16.25, "auto"}


def test_every_noise_level_is_on_the_curves(tmp_path):
    report = run("B", tmp_path, snr=None)
    assert {row["snr"] for row in report.metrics} == {np.inf, 100, 50, 30, 20, 10}
    assert (report.folder / "figures" / "curves.png").is_file()
