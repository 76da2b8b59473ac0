"""Loading a scan in Python: what checks find is kept with it, and warnings are said."""

import logging

import numpy as np
import pytest

import napari_smi_inr as smi
from napari_smi_inr.checks.axes import turned
from napari_smi_inr.io.export import save_scan


@pytest.fixture
def flipped(phantom, tmp_path):
    save_scan(turned(phantom, "x,-y,z"), tmp_path)
    return {"dwi": tmp_path / "dwi.nii.gz", "mask": tmp_path / "mask.nii.gz"}


def test_what_is_found_is_kept_with_the_scan_and_warnings_are_told(flipped, caplog):
    data = smi.load(**flipped)
    assert data.findings == tuple(map(str, smi.check(data)))
    assert "flipped" in data.findings[0]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"{flipped['dwi']}: {data.findings[0]}"


def test_directions_are_turned_before_they_are_looked_at(flipped, caplog):
    assert smi.load(**flipped, bvec_axes="x,-y,z").findings == ()
    assert caplog.records == []


def test_checks_can_be_left_out(flipped, caplog):
    assert smi.load(**flipped, check=False).findings == ()
    assert caplog.records == []


def test_what_is_only_to_be_kept_in_mind_is_kept_and_not_shouted(phantom, measured, tmp_path, caplog):
    smooth = (phantom.signal + np.roll(phantom.signal, 1, axis=0)) / 2
    save_scan(measured(phantom, signal=smooth), tmp_path)
    data = smi.load(tmp_path / "dwi.nii.gz", mask=tmp_path / "mask.nii.gz")
    assert [finding.severity for finding in smi.check(data)] == ["notice"]
    assert data.findings == tuple(map(str, smi.check(data)))
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_an_argument_there_is_not_is_refused(flipped):
    with pytest.raises(TypeError, match="bvecs"):
        smi.load(**flipped, bvecs="dwi.bvec")
