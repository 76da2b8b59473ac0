"""Folders, records and tables of a cohort that are damaged, and fits that fail in other ways than by a bad scan."""

import gc
import json
import shutil
import time

import pytest

from bids_sets import describe
from cohort_fits import task
from napari_smi_inr.cohort.cluster import workers
from napari_smi_inr.cohort.cluster_options import ClusterOptions
from napari_smi_inr.cohort.done import FilesNow, why_not_done
from napari_smi_inr.cohort.fitting import fit_all
from napari_smi_inr.cohort.folder import ASKED, claim
from napari_smi_inr.cohort.shapes import ShapeTable
from napari_smi_inr.cohort.subject import files_of, fit_scan
from napari_smi_inr.errors import InputError


@pytest.fixture(scope="module")
def fitted(pair, tmp_path_factory):
    out = tmp_path_factory.mktemp("done")
    fit_scan(task(pair, out, 0))
    return out


class TestRecords:
    """What a record says decides, and nothing that is wrong with it passes for done."""

    @pytest.fixture
    def done(self, fitted, pair, tmp_path):
        """A scan that is done, in a copy of its folder, and what keeps it from being so."""
        shutil.copytree(fitted, tmp_path / "smi")
        asked = task(pair, tmp_path / "smi", 0)

        def reasons(change=lambda told: None):
            told = json.loads(asked.record.read_text())
            change(told["Cohort"])
            asked.record.write_text(json.dumps(told))
            return why_not_done(asked, FilesNow.of(files_of(asked).by_role, None))

        reasons.folder = asked.folder
        return reasons

    def test_a_sound_one_is_done(self, done):
        assert done() == []

    def test_a_lost_map_is_named(self, done):
        (lost,) = done.folder.glob("*param-p2_dwimap.nii.gz")
        lost.unlink()
        assert done() == [f"{lost.name} is gone or has changed."]

    def test_other_settings_and_no_results_are_told(self, done):
        assert done(lambda told: told["asked"]["settings"].update(seed=4)) == ["it was fitted with other settings."]

    @pytest.mark.parametrize("outputs", [None, {}, "all"])
    def test_a_record_without_results_vouches_for_none(self, done, outputs):
        assert done(lambda told: told.update(outputs=outputs)) == ["its record names no results."]


class TestFolder:
    def test_a_damaged_list_of_settings_is_not_taken_for_those_of_now(self, tmp_path):
        out, asked = tmp_path / "out", {"settings": {"seed": 3}, "noise": None}
        claim(out, tmp_path, asked, overwrite=False)
        claim(out, tmp_path, asked, overwrite=False)
        (out / ASKED).write_text("[")
        with pytest.raises(InputError, match=r"seed None there, 3 now.*--overwrite"):
            claim(out, tmp_path, asked, overwrite=False)
        claim(out, tmp_path, asked, overwrite=True)
        assert json.loads((out / ASKED).read_text())["Asked"] == asked

    def test_where_the_data_are_from_is_taken_over_as_far_as_it_can_be_read(self, tmp_path):
        source = tmp_path / "in"
        describe(source, DatasetDOI="doi:10.1/2", License="CC0")

        def described(out):
            claim(tmp_path / out, source, {}, overwrite=False)
            return json.loads((tmp_path / out / "dataset_description.json").read_text())

        told = described("one")
        assert (told["SourceDatasets"], told["License"]) == ([{"DOI": "doi:10.1/2"}], "CC0")
        (source / "dataset_description.json").write_text("{")
        told = described("other")
        assert told["Name"] == "Standard Model maps of in"
        assert not {"SourceDatasets", "License", "Authors"} & set(told)


class TestFits:
    def test_whatever_else_goes_wrong_is_told_with_where_it_was(self, pair, tmp_path, monkeypatch):
        def fail(*_):
            raise ArithmeticError("out of luck")

        monkeypatch.setattr("napari_smi_inr.cohort.working.fit_and_write", fail)
        asked = task(pair, tmp_path, 0)
        outcome = fit_scan(asked)
        assert (outcome.status, outcome.error) == ("failed", "ArithmeticError: out of luck")
        assert "Traceback" in outcome.notes[0]
        assert not asked.begun.exists()  # the next attempt is a first one

    def test_one_noise_map_for_many_scans_is_refused_by_workers_too(self, pair, tmp_path):
        outcome = fit_scan(task(pair, tmp_path, 0, noise="sigma.nii.gz"))
        assert outcome.status == "failed"
        assert "one map for many scans" in outcome.error

    def test_a_picture_that_cannot_be_written_costs_no_fit(self, pair, tmp_path):
        asked = task(pair, tmp_path, 0)
        asked.picture.parent.parent.mkdir()
        asked.picture.parent.write_text("a file where a folder has to be")
        outcome = fit_scan(asked)
        assert outcome.status == "fitted"
        assert any(note.startswith("No picture: ") and "figures" in note for note in outcome.notes)
        assert fit_scan(asked).status == "kept"


class TestWorkers:
    def test_workers_of_another_version_or_without_the_package_are_refused(self, scheduler, tmp_path, monkeypatch):
        def none_there(self, *_):
            raise ModuleNotFoundError("No module named 'napari_smi_inr'")

        older = lambda self, *_: {"tcp://one:1": "0.0.9"}  # noqa: E731
        for answer, said in ((older, "has workers with napari-smi-inr 0.0.9; this is"), (none_there, "cannot import")):
            monkeypatch.setattr("distributed.Client.run", answer)
            options = ClusterOptions(scheduler=scheduler)
            with pytest.raises(InputError, match=said) as caught, workers(options, "cpu", tmp_path):
                pass
            assert caught.value.where == scheduler

    @pytest.mark.filterwarnings("ignore:unclosed cluster:ResourceWarning")  # dask's own, of what it did not finish
    def test_memory_that_is_none_is_refused_before_slurm_is_asked(self, tmp_path):
        pytest.importorskip("dask_jobqueue")
        options = ClusterOptions(slurm=True, memory="lots")
        with pytest.raises(InputError, match=r"cannot be set up.*--memory"), workers(options, "cpu", tmp_path):
            pass
        gc.collect()

    def test_a_worker_that_cannot_even_begin_is_told_with_its_error(self, pair, scheduler, tmp_path, monkeypatch):
        def cannot(asked):
            raise ModuleNotFoundError("No module named 'torch'")

        monkeypatch.setattr("napari_smi_inr.cohort.fitting.fit_scan", cannot)
        with workers(ClusterOptions(scheduler=scheduler), "cpu", tmp_path) as pool:
            (outcome,) = fit_all(pool, [task(pair, tmp_path, 0)], lambda: False)
        assert (outcome.status, outcome.error) == ("failed", "ModuleNotFoundError: No module named 'torch'")

    def test_what_is_new_of_workers_on_their_way_is_announced(self, pair, scheduler, tmp_path, monkeypatch):
        monkeypatch.setattr("napari_smi_inr.cohort.fitting.fit_scan", lambda asked: time.sleep(0.3))
        told, news = [], ["SLURM has refused a further job (no room)."]
        with workers(ClusterOptions(scheduler=scheduler), "cpu", tmp_path) as pool:
            waiting = pool._replace(news=lambda: news.pop() if news else "")
            list(fit_all(waiting, [task(pair, tmp_path, 1)], lambda: False, told.append))
        assert told == ["SLURM has refused a further job (no room)."]


def test_a_table_of_shapes_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "shapes.tsv").write_bytes(b"b_delta\n\xff\xfe\x00")
    with pytest.raises(InputError, match="is not a text file"):
        ShapeTable.read(tmp_path / "shapes.tsv")
