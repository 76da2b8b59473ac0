"""Cohorts fitted by real processes: what is kept, what is done again, what is broken, and what is left behind."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

import napari_smi_inr as smi
from bids_sets import QUICK, qsiprep_set, simulated
from napari_smi_inr.cli import app
from napari_smi_inr.cohort.cluster import Pool
from napari_smi_inr.cohort.cluster_options import ClusterOptions
from napari_smi_inr.cohort.run import fit_cohort
from napari_smi_inr.errors import InputError
from napari_smi_inr.repeat import read_recorded

NAME = "sub-0{}_ses-1_space-ACPC"


def written(folder):
    """When each file was last written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("sub-*/*/dwi/*")}


def statuses(cohort):
    return [row.status for row in cohort.rows]


class TestWhole:
    def test_all_but_the_broken_one_are_fitted_and_it_is_told_why(self, whole):
        assert statuses(whole) == ["fitted", "fitted", "fitted", "failed"]
        assert not whole.stopped
        assert "has 153 numbers (b-values); the scan has 154 volumes." in whole.rows[3].error
        assert ".bval" in whole.rows[3].error

    def test_results_have_the_names_of_bids_and_are_those_of_one_fit(self, whole, source):
        folder = whole.folder / "sub-01" / "ses-1" / "dwi"
        name = NAME.format(1)
        maps = {
            f"{name}_model-sm_param-{label}_dwimap" for label in ("di", "de", "dp", "f", "s0", "p2", "fod", "residual")
        }
        files = {f"{each}{ending}" for each in maps for ending in (".nii.gz", ".json")}
        assert {path.name for path in folder.iterdir()} == files | {
            f"{name}.smi.safetensors",
            f"{name}_model-sm_quality.json",
        }
        scan = next((source / "sub-01").rglob("*_dwi.nii.gz"))
        mask = next((source / "sub-01").rglob("*_mask.nii.gz"))
        field = smi.fit(smi.load(scan, mask), **QUICK)
        assert np.array_equal(
            np.asarray(nib.load(folder / f"{name}_model-sm_param-f_dwimap.nii.gz").dataobj),
            field.maps()["f"],
            equal_nan=True,
        )
        told = json.loads((folder / f"{name}_model-sm_param-fod_dwimap.json").read_text())
        assert told["OrientationEncoding"]["SphericalHarmonicBasis"] == "MRtrix3"
        assert told["Sources"] == [f"bids:preprocessed:sub-01/ses-1/dwi/{scan.name}"]
        assert read_recorded(folder / f"{name}_model-sm_quality.json").settings["seed"] == QUICK["seed"]

    def test_the_folder_describes_itself(self, whole, source):
        told = json.loads((whole.folder / "dataset_description.json").read_text())
        assert told["DatasetType"] == "derivative"
        assert told["Authors"] == ["A. One", "B. Two"]
        assert (whole.folder / told["DatasetLinks"]["preprocessed"]).resolve() == source.resolve()
        assert not (whole.folder / ".work").exists()

    def test_the_table_has_a_line_for_each(self, whole):
        with whole.table.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        assert [row["scan"] for row in rows] == [NAME.format(n) for n in (1, 2, 3, 4)]
        assert 0 < float(rows[0]["median_f"]) < 1
        assert rows[0]["session_id"] == "ses-1"
        assert rows[3]["median_f"] == ""
        assert "154 volumes" in rows[3]["error"]


class TestAgain:
    def test_what_is_done_is_kept_and_a_mended_scan_is_fitted(self, again, source, tmp_path):
        before = written(again.out)
        mended = tmp_path / "mended"
        shutil.copytree(source, mended)
        (bval,) = (mended / "sub-04").rglob("*.bval")
        shutil.copy(next((mended / "sub-03").rglob("*.bval")), bval)
        cohort = again(mended)
        assert statuses(cohort) == ["kept", "kept", "kept", "fitted"]
        after = written(again.out)
        assert {path: after[path] for path in before} == before

    def test_a_changed_input_a_spoilt_result_or_a_lost_record_is_no_longer_done(self, again, source, tmp_path):
        changed = tmp_path / "changed"
        shutil.copytree(source, changed)
        (mask,) = (changed / "sub-01").rglob("*_mask.nii.gz")
        image = nib.load(mask)
        data = np.asarray(image.dataobj).copy()
        data[tuple(np.argwhere(data > 0)[0])] = 0
        nib.save(nib.Nifti1Image(data, image.affine), mask)
        (spoilt,) = again.out.rglob(f"{NAME.format(2)}_model-sm_param-f_dwimap.nii.gz")
        spoilt.write_bytes(spoilt.read_bytes()[:-9])
        (record,) = again.out.rglob(f"{NAME.format(3)}*_quality.json")
        record.write_text("{")
        said = {}
        cohort = again(changed, on_outcome=lambda outcome, n, total: said.update({outcome.name: outcome.notes}))
        assert statuses(cohort) == ["fitted", "fitted", "fitted", "failed"]
        assert "mask.nii.gz is not the file of then" in said[NAME.format(1)][0]
        assert "param-f_dwimap.nii.gz is gone or has changed" in said[NAME.format(2)][0]
        assert cohort.rows[0].record["Cohort"]["summary"]["voxels"] == data.astype(bool).sum()

    def test_a_file_that_is_merely_newer_is_not_another(self, again, source, tmp_path):
        touched = tmp_path / "touched"
        shutil.copytree(source, touched)
        for path in touched.rglob("*_dwi.nii.gz"):
            os.utime(path)
        assert statuses(again(touched))[:3] == ["kept"] * 3

    def test_other_settings_are_refused_unless_results_may_be_replaced(self, again):
        with pytest.raises(InputError, match=r"fitted otherwise \(seed 3 there, 4 now\).*--overwrite"):
            again(seed=4)
        cohort = again(seed=4, overwrite=True, participants=["02"])
        assert statuses(cohort) == ["fitted"]  # the others are results of other settings
        assert cohort.rows[0].record["Fit"]["seed"] == 4

    def test_a_part_of_the_cohort_leaves_the_report_of_the_whole(self, again):
        cohort = again(participants=["02"])
        assert statuses(cohort) == ["kept"] * 3
        assert NAME.format(3) in cohort.report.read_text()

    def test_a_scan_that_was_not_asked_for_is_left_out_where_its_record_is_damaged(self, again):
        (record,) = again.out.rglob("sub-03*_quality.json")
        record.write_text("{")
        assert [row.task.scan.subject for row in again(participants=["02"]).rows] == ["01", "02"]

    def test_a_long_cohort_is_reported_on_before_its_end(self, again, monkeypatch):
        monkeypatch.setattr("napari_smi_inr.cohort.run._EVERY", 0.0)
        monkeypatch.setattr("napari_smi_inr.cohort.run._SHARE", 1e9)
        report, seen = again.out / "report.html", []
        report.unlink()
        again(on_outcome=lambda *_: seen.append(report.exists()))
        assert seen == [False, True, True, True]


class TestBadInput:
    def test_settings_folders_and_schedulers_are_checked_before_any_work(self, source, tmp_path):
        with pytest.raises(InputError, match="lmax"):
            fit_cohort(source, tmp_path / "out", lmax=3)
        with pytest.raises(InputError, match="is the data set itself"):
            fit_cohort(source, source)
        with pytest.raises(InputError, match="one map for many scans"):
            fit_cohort(source, tmp_path / "out", noise="sigma.nii.gz")
        with pytest.raises(InputError, match="Give one of the two"):
            fit_cohort(source, tmp_path / "out", cluster=ClusterOptions(scheduler="tcp://nowhere:1", slurm=True))

    def test_no_scheduler_no_fit(self, source, tmp_path, monkeypatch):
        monkeypatch.setattr("napari_smi_inr.cohort.cluster._PATIENCE", 0.5)
        given = ["cohort", source, tmp_path / "out", "--scheduler", "tcp://127.0.0.1:9"]
        result = CliRunner().invoke(app, [str(word) for word in given])
        assert result.exit_code == 2
        assert "no scheduler answers there" in result.stderr

    @pytest.mark.parametrize(
        ("library", "more"), [("distributed", []), ("jinja2", []), ("matplotlib", []), ("dask_jobqueue", ["--slurm"])]
    )
    def test_a_missing_library_names_the_extra(self, source, tmp_path, monkeypatch, library, more):
        find = "napari_smi_inr.errors.find_spec"
        monkeypatch.setattr(find, lambda name: None if name == library else object())
        result = CliRunner().invoke(app, ["cohort", str(source), str(tmp_path / "out"), *more])
        assert result.exit_code == 2
        assert f"{library} is not installed" in result.stderr.replace(":", "")
        assert "napari-smi-inr[cohort]" in result.stderr


def test_the_command_line_tells_each_scan_and_where_the_report_is(again, source, scheduler):
    words = [
        "cohort",
        source,
        again.out,
        "--scheduler",
        scheduler,
        "--participant-label",
        "01",
        "--participant-label",
        "04",
    ]
    words += [
        "--lmax",
        2,
        "--seed",
        3,
        "--device",
        "cpu",
        "--set",
        "epochs=8",
        "--set",
        "detail=9.0",
        "--set",
        "batch_size=16",
    ]
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 1  # one failed
    assert f"{NAME.format(1)}: done before" in result.stderr
    assert f"{NAME.format(4)}: failed" in result.stderr
    assert "154 volumes" in result.stderr
    assert f"Report: {again.out / 'report.html'}" in result.stdout


def test_importing_what_the_command_needs_waits_until_it_is_called():
    code = "import sys, napari_smi_inr.cli; print([m for m in ('dask', 'distributed', 'jinja2') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


PAGE = Path(__file__).parents[2] / "docs" / "cohorts.md"


def test_the_page_runs_as_written(scheduler, tmp_path, monkeypatch):
    @contextmanager
    def workers(options, device, logs):
        assert options == ClusterOptions()
        with Client(scheduler) as client:
            yield Pool(client)

    from distributed import Client

    qsiprep_set(tmp_path / "derivatives" / "qsiprep", (1,), shape=(8, 8, 2))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("napari_smi_inr.cohort.run.workers", workers)
    text = PAGE.read_text(encoding="utf-8")
    (line,) = re.findall(r"^smi-inr (.*)$", text, re.MULTILINE)
    assert CliRunner().invoke(app, line.split(), catch_exceptions=False).exit_code == 0
    assert (tmp_path / "derivatives" / "smi" / "report.html").exists()
    shutil.rmtree(tmp_path / "derivatives" / "smi")
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    exec(code, {})
    assert (tmp_path / "derivatives" / "smi" / "report.html").exists()


def test_links_and_pictures_of_the_page_are_there():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE.read_text(encoding="utf-8"))
    assert [target for target in targets if not (PAGE.parent / target).exists()] == []


class TestGradDev:
    """Gradients that deviate, by an image of QSIPrep's beside each scan."""

    @pytest.fixture
    def root(self, tmp_path):
        """Two scans whose gradients deviate by up to a fifth; only of the first it is told how."""
        root = qsiprep_set(tmp_path / "in", (1, 2), deviation=0.2)
        axes = np.diag(np.sign(np.diag(simulated(1).affine[:3, :3])))
        matrices = np.linalg.inv(axes) @ simulated(1, deviation=0.2).deviation @ axes
        columns = matrices.swapaxes(-1, -2).reshape(*matrices.shape[:3], 9)
        folder = root / "sub-01" / "dwi"
        nib.save(nib.Nifti1Image(columns, simulated(1).affine), folder / "sub-01_space-ACPC_graddev.nii.gz")
        return root

    def test_each_scan_is_corrected_by_its_own_and_not_fitted_without(self, root, tmp_path, scheduler):
        cluster = ClusterOptions(scheduler=scheduler)
        cohort = fit_cohort(root, tmp_path / "out", grad_dev=True, cluster=cluster, **QUICK)
        assert statuses(cohort) == ["fitted", "failed"]
        assert "looked for sub-02_space-ACPC_graddev.nii.gz" in cohort.rows[1].error
        folder = root / "sub-01" / "dwi"
        files = {role: next(folder.glob(f"*_{role}.nii.gz")) for role in ("dwi", "mask", "graddev")}
        data = smi.load(files["dwi"], files["mask"], grad_dev=files["graddev"])
        found = np.asarray(nib.load(next((tmp_path / "out").rglob("*param-f_dwimap.nii.gz"))).dataobj)
        np.testing.assert_array_equal(found, smi.fit(data, **QUICK).maps()["f"])
        again = fit_cohort(root, tmp_path / "out", grad_dev=True, cluster=cluster, **QUICK)
        assert statuses(again) == ["kept", "failed"]
        with pytest.raises(InputError, match="grad_dev True there"):
            fit_cohort(root, tmp_path / "out", cluster=cluster, **QUICK)

    def test_unasked_none_is_corrected_and_that_is_said(self, root, tmp_path, scheduler):
        cluster = ClusterOptions(scheduler=scheduler)
        cohort = fit_cohort(root, tmp_path / "out", participants=("01",), cluster=cluster, **QUICK)
        assert statuses(cohort) == ["fitted"]
        record = next((tmp_path / "out").rglob("*_quality.json")).read_text()
        assert "graddev.nii.gz lies beside the scan and was not used" in record


class TestOtherMethods:
    def test_another_method_has_its_name_in_the_maps(self, tmp_path, scheduler):
        root = qsiprep_set(tmp_path / "in", (1,), shape=(8, 8, 2))
        cohort = fit_cohort(
            root, tmp_path / "out", method="nlls", lmax=2, cluster=ClusterOptions(scheduler=scheduler), noise="b0"
        )
        assert statuses(cohort) == ["fitted"]
        names = {path.name for path in cohort.folder.rglob("*.nii.gz")}
        assert "sub-01_space-ACPC_model-sm_desc-nlls_param-f_dwimap.nii.gz" in names
