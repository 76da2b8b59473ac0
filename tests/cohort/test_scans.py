"""Scans and what belongs to them are found by their names, in both layouts."""

import json
import shutil

import numpy as np
import pytest

from bids_sets import describe, plain_set, qsiprep_set
from napari_smi_inr.cohort.companions import NO_MASK, companions_of, deviation_of
from napari_smi_inr.cohort.names import BidsName
from napari_smi_inr.cohort.scans import find_scans
from napari_smi_inr.errors import InputError


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return plain_set(tmp_path_factory.mktemp("plain") / "study", (1, 2))


@pytest.fixture
def make(tmp_path):
    """Empty files of a data set, by their paths."""

    def made(*paths):
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
        return tmp_path

    return made


def names(root, **which):
    return [scan.name for scan in find_scans(root, **which)]


class TestNames:
    def test_a_name_is_taken_apart_and_anything_else_is_none(self):
        name = BidsName.of("sub-01_ses-2_desc-preproc_dwi.nii.gz")
        assert name == BidsName({"sub": "01", "ses": "2", "desc": "preproc"}, "dwi", ".nii.gz")
        for other in ("README", "dwi", "sub_dwi.nii", "sub-_dwi.nii", "-1_dwi.nii", "sub-01.nii"):
            assert BidsName.of(other) is None

    def test_a_file_speaks_of_those_it_does_not_contradict(self):
        whole = {"sub": "01", "ses": "2", "run": "1"}
        assert BidsName.of("dwi.json").applies_to(whole)
        assert BidsName.of("ses-2_dwi.json").applies_to(whole)
        assert not BidsName.of("ses-3_dwi.json").applies_to(whole)
        assert not BidsName.of("sub-01_acq-b_dwi.json").applies_to(whole)


class TestFinding:
    def test_preprocessed_scans_of_qsiprep(self, source):
        assert names(source)[0] == "sub-01_ses-1_space-ACPC"
        assert len(names(source)) == 4
        assert names(source, participants=["02", "sub-03"]) == ["sub-02_ses-1_space-ACPC", "sub-03_ses-1_space-ACPC"]
        assert names(source, participants=["02,03"], sessions=["1"]) == names(source, participants=["02", "03"])
        (scan,) = find_scans(source, ["02"])
        found = companions_of(scan)
        assert found.mask.name == "sub-02_ses-1_space-ACPC_desc-brain_mask.nii.gz"
        assert {found.bval.suffix, found.bvec.suffix, found.bdelta.suffix} == {".bval", ".bvec", ".bdelta"}
        assert str(scan.place) == "sub-02/ses-1/dwi"

    def test_a_scan_amidst_all_that_qsiprep_writes_beside_it(self, make):
        start = "sub-1/dwi/sub-1_acq-HASC55AP_space-ACPC"
        scan = [f"{start}_desc-preproc_dwi{ending}" for ending in (".bval", ".bvec", ".json", ".nii.gz")]
        tables = [f"{start}_desc-preproc_dwi{ending}" for ending in (".b", ".b_table.txt")]
        maps = [
            f"{start}_{what}"
            for what in ("dwiref.nii.gz", "stat-tsnr_dwimap.nii.gz", "model-eddy_stat-cnr_dwimap.nii.gz")
        ]
        quality = [f"{start}_{what}" for what in ("desc-image_qc.tsv", "desc-slice_qc.json")]
        anatomy = [
            "sub-1/anat/sub-1_space-ACPC_desc-preproc_T1w.nii.gz",
            "sub-1/anat/sub-1_space-ACPC_desc-brain_mask.nii.gz",
        ]
        root = make(*scan, *tables, *maps, *quality, *anatomy, f"{start}_desc-brain_mask.nii.gz")
        (only,) = find_scans(root)
        found = companions_of(only)
        assert [found.bval, found.bvec, *found.sidecars, only.dwi] == [root / path for path in scan]
        assert found.mask == root / f"{start}_desc-brain_mask.nii.gz"
        assert found.gradients is None

    def test_scans_of_plain_bids_with_masks_among_the_derivatives(self, plain):
        assert names(plain) == ["sub-01_run-1", "sub-02_run-1"]
        found = companions_of(find_scans(plain)[0])
        assert found.mask == plain / "derivatives/masks/sub-01/dwi/sub-01_run-1_label-WM_mask.nii.gz"
        assert found.bdelta is None
        assert found.told()["BDelta"][-1] == 0.0

    def test_what_is_preprocessed_goes_before_what_is_not(self, make):
        root = make("sub-1/dwi/sub-1_dwi.nii.gz", "derivatives/qsiprep/sub-1/dwi/sub-1_desc-preproc_dwi.nii.gz")
        (scan,) = find_scans(root)
        assert scan.root == root / "derivatives" / "qsiprep"
        make("sub-1/dwi/sub-1_space-T1w_desc-preproc_dwi.nii.gz")
        assert names(root) == ["sub-1_space-T1w"]

    def test_qsiprep_as_a_folder_in_the_folder_that_was_given(self, make):
        root = make("qsiprep/sub-1/dwi/sub-1_desc-preproc_dwi.nii.gz")
        assert names(root) == ["sub-1"]

    def test_runs_sessions_and_subjects_apart(self, make):
        root = make(
            "sub-1/ses-a/dwi/sub-1_ses-a_run-1_dwi.nii.gz",
            "sub-1/ses-a/dwi/sub-1_ses-a_run-2_dwi.nii",
            "sub-1/ses-b/dwi/sub-1_ses-b_dwi.nii.gz",
            "sub-2/dwi/sub-2_dwi.nii.gz",
            "sub-2/dwi/sub-2_sbref.nii.gz",
            "sub-2/dwi/sub-2_part-phase_dwi.nii.gz",
            "sub-2/dwi/sub-9_dwi.nii.gz",
            "sub-2/anat/sub-2_dwi.nii.gz",
        )
        assert names(root) == ["sub-1_ses-a_run-1", "sub-1_ses-a_run-2", "sub-1_ses-b", "sub-2"]
        assert names(root, sessions=["b"]) == ["sub-1_ses-b"]

    def test_nothing_to_choose_by_or_from_is_said(self, make, tmp_path):
        with pytest.raises(InputError, match="is no folder"):
            find_scans(tmp_path / "gone")
        with pytest.raises(InputError, match="has no diffusion scan"):
            find_scans(make("sub-1/anat/sub-1_T1w.nii.gz"))
        root = make("sub-1/dwi/sub-1_dwi.nii.gz")
        with pytest.raises(InputError, match="no scan of sub-7"):
            find_scans(root, ["1", "7"])
        make("sub-1/dwi/sub-1_dwi.nii")
        with pytest.raises(InputError, match="results of one name"):
            find_scans(root)
        for one in ("a", "b"):
            make(f"derivatives/{one}/sub-1/dwi/sub-1_desc-preproc_dwi.nii.gz")
        with pytest.raises(InputError, match="several sets"):
            find_scans(root)


class TestCompanions:
    def test_tables_are_inherited_from_folders_above_the_nearest_and_most_specific_first(self, make):
        root = make("sub-1/ses-a/dwi/sub-1_ses-a_acq-x_dwi.nii.gz", "dwi.bval", "acq-x_dwi.bval", "acq-y_dwi.bval")
        (scan,) = find_scans(root)
        assert companions_of(scan).bval == root / "acq-x_dwi.bval"
        make("sub-1/ses-a/dwi/sub-1_ses-a_dwi.bval")
        assert companions_of(scan).bval == root / "sub-1/ses-a/dwi/sub-1_ses-a_dwi.bval"

    def test_side_cars_are_read_together_the_more_specific_last(self, make):
        root = make("sub-1/dwi/sub-1_dwi.nii.gz")
        (root / "dwi.json").write_text(json.dumps({"BDelta": 1, "EchoTime": 0.1}))
        (root / "sub-1" / "dwi" / "sub-1_dwi.json").write_text(json.dumps({"BDelta": 0}))
        assert companions_of(find_scans(root)[0]).told() == {"BDelta": 0, "EchoTime": 0.1}

    def test_the_mask_that_is_asked_for_else_white_matter_else_the_brain(self, make):
        where = "sub-1/dwi/sub-1_space-T1w"
        root = make(f"{where}_desc-preproc_dwi.nii.gz", f"{where}_desc-brain_mask.nii.gz")
        (scan,) = find_scans(root)
        assert companions_of(scan).mask.name.endswith("desc-brain_mask.nii.gz")
        make(f"{where}_label-WM_mask.nii.gz", f"{where}_desc-thalamus_mask.nii.gz", f"{where}_label-GM_mask.nii.gz")
        assert companions_of(scan).mask.name.endswith("label-WM_mask.nii.gz")
        assert companions_of(scan, ["thalamus"]).mask.name.endswith("desc-thalamus_mask.nii.gz")
        assert companions_of(scan, [NO_MASK]).mask is None
        assert companions_of(scan, ["other"]).mask is None

    def test_masks_of_another_space_or_run_are_not_taken(self, make):
        root = make(
            "sub-1/dwi/sub-1_run-1_space-T1w_desc-preproc_dwi.nii.gz",
            "sub-1/dwi/sub-1_run-2_space-T1w_desc-brain_mask.nii.gz",
            "sub-1/dwi/sub-1_run-1_space-MNI_desc-brain_mask.nii.gz",
        )
        (scan,) = find_scans(root)
        assert companions_of(scan).mask is None
        elsewhere = root / "masks"
        make("masks/sub-1/dwi/sub-1_desc-brain_mask.nii.gz")
        assert companions_of(scan, mask_root=elsewhere).mask.parent == elsewhere / "sub-1" / "dwi"

    def test_the_deviation_of_the_gradients_is_that_of_this_very_scan(self, make):
        start = "sub-1/dwi/sub-1_run-1_space-ACPC"
        root = make(f"{start}_desc-preproc_dwi.nii.gz", f"{start}_desc-preproc_dwi.bval", f"{start}_graddev.nii.gz")
        make("sub-1/dwi/sub-1_run-2_space-ACPC_graddev.nii.gz", "sub-1/dwi/grad_dev.nii.gz")
        (scan,) = find_scans(root)
        assert deviation_of(scan) == root / f"{start}_graddev.nii.gz"
        (root / f"{start}_graddev.nii.gz").unlink()
        with pytest.raises(InputError, match="has no deviation of its gradients"):
            deviation_of(scan)

    def test_two_that_suit_equally_well_are_refused(self, make):
        root = make("sub-1/dwi/sub-1_dwi.nii.gz", "sub-1/dwi/sub-1_label-WM_mask.nii.gz")
        make("sub-1/dwi/sub-1_desc-WM_mask.nii.gz")
        with pytest.raises(InputError, match="equally well"):
            companions_of(find_scans(root)[0])


def test_a_data_set_need_not_be_large_to_be_found_twice(tmp_path):
    root = qsiprep_set(tmp_path / "set", (5,))
    describe(root)
    copied = tmp_path / "copy"
    shutil.copytree(root, copied)
    assert names(root) == names(copied) == ["sub-05_space-ACPC"]
    (bdelta,) = root.rglob("*.bdelta")
    assert set(np.loadtxt(bdelta)) == {0.0, 0.8, 1.0}
