"""What lies in a folder of results may be spoilt or a stranger's: it is never trusted, and never the end of a run."""

import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.experiments.configuration import FILE, claim
from napari_smi_inr.experiments.settings import ExperimentSettings
from napari_smi_inr.experiments.store import FitStore, key_of
from napari_smi_inr.methods import make_settings
from scan_files import small_dataset

JUNK = [b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"key": 5}', b"[" * 100_000]


@pytest.mark.parametrize("junk", JUNK)
def test_a_spoilt_record_of_a_fit_means_that_there_is_none(tmp_path, junk):
    store = FitStore(tmp_path)
    (tmp_path / "inr").mkdir()
    (tmp_path / "inr" / "fit.json").write_bytes(junk)
    assert store.recall("inr", small_dataset(), make_settings("inr")) is None


@pytest.mark.parametrize("sidecar", [None, *JUNK, b'{"Quality": 3, "Provenance": []}'])
def test_a_record_without_its_maps_means_that_there_is_none(tmp_path, sidecar):
    dataset, config = small_dataset(), make_settings("nlls")
    place = tmp_path / "nlls"
    place.mkdir()
    (place / "fit.json").write_text(f'{{"key": "{key_of(dataset, config)}", "seconds": 1}}')
    if sidecar is not None:
        (place / "model-sm_param-fod_dwimap.json").write_bytes(sidecar)
    assert FitStore(tmp_path).recall("nlls", dataset, config) is None


@pytest.mark.parametrize("junk", [*JUNK, b'{"settings": [], "inputs": "x", "versions": 3}'])
def test_a_folder_of_unknown_results_is_not_written_over(tmp_path, junk):
    (tmp_path / FILE).write_bytes(junk)
    with pytest.raises(InputError, match="another configuration"):
        claim(tmp_path, ExperimentSettings(experiment="1"), {}, "command", overwrite=False)
    assert (tmp_path / FILE).read_bytes() == junk
    claim(tmp_path, ExperimentSettings(experiment="1"), {}, "command", overwrite=True)
    assert (tmp_path / FILE).read_bytes() != junk
