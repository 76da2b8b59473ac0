"""An experiment from its command to its report: files, numbers that can be worked out again, resuming, faults."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser

import nibabel as nib
import numpy as np
import pytest
from scipy.stats import pearsonr

import napari_smi_inr as smi
from napari_smi_inr.experiments.catalogue import EXPERIMENTS
from napari_smi_inr.experiments.run import fit_to_the_end
from napari_smi_inr.parameters import PARAMETERS

COLUMNS = ["method", "snr", "parameter", "rho", "rmse", "median_abs"]


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def read(folder, symbol):
    return nib.load(folder / f"model-sm_param-{PARAMETERS[symbol].label}_dwimap.nii.gz").get_fdata()


def test_everything_is_there(first):
    folder, result = first
    assert result.exit_code == 0
    for name in ("report.html", "metrics.csv", "times.csv", "config.json", "figures", "fits", "truth"):
        assert (folder / name).exists(), name
    assert {path.name for path in (folder / "fits").iterdir()} == {
        "snrinf_inr", "snrinf_nlls", "snr50_inr", "snr50_nlls",
    }  # fmt: skip
    assert len(list((folder / "figures").glob("*.png"))) == 8
    assert not list(folder.rglob("*.part"))
    assert "lowest RMSE" in result.stdout
    assert str(folder / "report.html") in result.stdout


def test_metrics_can_be_worked_out_again_from_the_files(first):
    folder, _ = first
    path = folder / "metrics.csv"
    assert path.read_text().splitlines()[0].split(",")[:6] == COLUMNS
    rows = rows_of(path)
    assert len(rows) == 2 * 2 * 6
    for row in rows:
        level = "inf" if row["snr"] == "inf" else f"{float(row['snr']):g}"
        found = read(folder / "fits" / f"snr{level}_{row['method']}", row["parameter"])
        truth = read(folder / "truth" / "lmax2", row["parameter"])
        inside = np.isfinite(truth)
        e, t = found[inside], truth[inside]
        assert int(row["n"]) == inside.sum()
        assert float(row["rmse"]) == pytest.approx(np.sqrt(np.mean((e - t) ** 2)), rel=1e-5)
        assert float(row["median_abs"]) == pytest.approx(np.median(np.abs(e - t)), rel=1e-5)
        assert float(row["bias"]) == pytest.approx(np.mean(e - t), rel=1e-4, abs=1e-7)
        assert float(row["rho"]) == pytest.approx(pearsonr(e, t).statistic, abs=1e-6)


def test_times_are_of_every_fit(first):
    rows = rows_of(first[0] / "times.csv")
    assert [row["run"] for row in rows] == ["snrinf_inr", "snrinf_nlls", "snr50_inr", "snr50_nlls"]
    assert all(float(row["seconds"]) > 0 for row in rows)
    assert [row["paper_seconds"] for row in rows] == ["313", "", "313", ""]


class Page(HTMLParser):
    """Collects what a browser would load, and checks that tags close."""

    VOID = frozenset({"meta", "img", "br", "hr", "link", "input"})

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.ids, self.anchors, self.best = [], [], set(), [], 0

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.loads += [given[key] for key in ("src", "srcset", "data") if key in given]
        self.anchors += [given["href"]] if "href" in given else []
        self.ids |= {given["id"]} if "id" in given else set()
        self.best += "best" in given.get("class", "").split()
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_report_needs_nothing_beside_it(first):
    text = (first[0] / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    assert len(page.loads) == 8
    assert all(source.startswith("data:image/png;base64,") for source in page.loads)
    assert all(anchor.startswith("#") and anchor[1:] in page.ids for anchor in page.anchors)
    assert not re.search(r"url\(|@import|<script|<link", text)
    assert page.best > 20  # the best of each row is marked
    assert "Could not be drawn" not in text


def test_the_report_has_the_papers_numbers_beside_ours(first):
    text = (first[0] / "report.html").read_text()
    for number in ("0.0340", "0.0060", "0.0460", "0.0150", "0.0470", "0.0110", "0.0510", "0.0190", "313"):
        assert f">{number}</td>" in text


def test_the_configuration_repeats_the_run(first):
    record = json.loads((first[0] / "config.json").read_text(), parse_constant=pytest.fail)
    assert record["settings"]["snr"] == ["Infinity", 50.0]
    assert record["settings"]["overrides"]["inr"] == {"epochs": 2, "detail": 9, "held_out": 0}
    assert set(record["versions"]) >= {"python", "torch", "numpy", "napari-smi-inr"}
    assert record["command"]


def test_a_run_that_was_cut_short_goes_on_and_spoilt_fits_are_done_again(first, run, words, tmp_path, undrawn):
    folder = tmp_path / "again"
    shutil.copytree(first[0], folder)
    for lost in ("report.html", "metrics.csv"):
        (folder / lost).unlink()
    shutil.rmtree(folder / "fits" / "snr50_inr")
    (folder / "fits" / "snr50_nlls" / "model-sm_param-f_dwimap.nii.gz").write_bytes(b"nothing")
    result = run(*words, "--out", folder)
    assert result.exit_code == 0
    assert result.stderr.count("(done before)") == 2
    assert (folder / "metrics.csv").read_bytes() == (first[0] / "metrics.csv").read_bytes()


def test_another_configuration_is_refused_and_named(first, run, tmp_path, undrawn):
    folder = tmp_path / "used"
    shutil.copytree(first[0], folder)
    (folder / "notes.csv").write_text("mine")
    before = sorted(path for path in folder.rglob("*") if path.is_file())
    other = ("1", "--methods", "nlls", "--snr", "50", "--voxels", "60", "--set", "nlls.starts=1", "--device", "cpu")
    result = run(*other, "--out", folder)
    assert result.exit_code == 2
    assert "snr: " in result.stderr
    assert "--overwrite" in result.stderr
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == before
    assert run(*other, "--out", folder, "--overwrite").exit_code == 0
    assert {path.name for path in (folder / "fits").iterdir()} == {"snr50_nlls"}
    assert (folder / "notes.csv").read_text() == "mine"


def test_python_gives_what_the_command_line_gives(first, tmp_path, undrawn):
    seen = []

    def fit(dataset, config):
        seen.append(config.method)
        return fit_to_the_end(dataset, config)

    report = smi.experiment(
        1, tmp_path, fit=fit, methods=("nlls",), snr=(50,), voxels=60, device="cpu", overrides={"nlls": {"starts": 1}}
    )
    assert seen == ["nlls"]
    theirs = [row for row in rows_of(first[0] / "metrics.csv") if row["run"] == "snr50_nlls"]
    assert [f"{row['rmse']:.9g}" for row in report.metrics] == [row["rmse"] for row in theirs]
    assert report.path.is_file()
    assert report.points


def test_an_estimator_that_cannot_cope_does_not_stop_the_others(tmp_path, undrawn):
    def fit(dataset, config):
        if config.method == "nlls":
            raise smi.InputError("scan", "is not for NLLS.", "Give another one.")
        return fit_to_the_end(dataset, config)

    settings = {"methods": ("nlls", "inr"), "snr": (50,), "voxels": 60, "device": "cpu"}
    own = {"inr": {"epochs": 1, "detail": 9, "held_out": 0}}
    report = smi.experiment(1, tmp_path, fit=fit, overrides=own, **settings)
    assert list(report.refused.values()) == ["scan: is not for NLLS. Give another one."]
    assert "is not for NLLS" in report.path.read_text()
    assert {row["method"] for row in report.metrics} == {"inr"}


def test_an_order_that_an_estimator_does_not_know_is_told_before_any_work(tmp_path):
    with pytest.raises(smi.InputError, match="order 2"):
        smi.experiment(1, tmp_path / "out", methods=("nlls", "nn"), lmax=4)
    assert not (tmp_path / "out").exists()


FAULTS = {
    "unknown experiment": ("7",),
    "no scan": ("3",),
    "scan not there": ("3", "--scan", "nowhere.nii.gz"),
    "unknown method": ("1", "--methods", "inr,magic"),
    "no method": ("1", "--methods", ","),
    "unknown setting": ("1", "--set", "inr.magic=1"),
    "setting of another method": ("1", "--methods", "inr", "--set", "nlls.starts=1"),
    "setting without a value": ("1", "--set", "inr.epochs"),
    "SNR is a word": ("1", "--snr", "loud"),
    "SNR of nothing": ("1", "--snr", "0"),
    "device unknown": ("1", "--device", "abacus"),
    "truth not there": ("1", "--truth", "nowhere"),
    "two truths": ("1", "--truth", "here", "--from-scan", "there.nii.gz"),
    "fine truth of maps": ("6", "--truth", "here"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_told_before_any_work(run, tmp_path, name):
    result = run(*FAULTS[name], "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.fullmatch(r"Error: .+: .+[.)] .+[.?]\n", result.stderr), result.stderr
    assert not (tmp_path / "out" / "fits").exists()


def test_a_folder_that_cannot_be_made_is_named(run, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("1", "--voxels", "50", "--out", tmp_path / "file" / "out")
    assert result.exit_code == 2
    assert "cannot be made" in result.stderr


def test_help_lists_all_ten(run):
    words = " ".join(run("--help").output.split())
    for experiment in EXPERIMENTS.values():
        assert f"{experiment.key} {experiment.title}. " in words


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(run, words, tmp_path, monkeypatch):
    from napari_smi_inr.cli import experiment as command

    done = []

    def fit(dataset, config):
        done.append(config.method)
        return fit_to_the_end(dataset, config), len(done) < 2

    monkeypatch.setattr(command, "fit_with_progress", fit)
    result = run(*words, "--out", tmp_path)
    assert result.exit_code == 130
    assert "the same command goes on" in result.stderr
    assert {path.name for path in (tmp_path / "fits").iterdir()} == {"snrinf_inr"}
    assert not (tmp_path / "report.html").exists()
