"""b-tensor shapes from a side-car, a file or a table."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bids_sets import QUICK, put, simulated
from napari_smi_inr.cohort.scans import find_scans
from napari_smi_inr.cohort.shapes import ShapeTable, shapes_in
from napari_smi_inr.cohort.subject import files_of, fit_scan
from napari_smi_inr.cohort.task import Request, Task
from napari_smi_inr.errors import InputError
from napari_smi_inr.io.fsl_axes import scanner_to_fsl
from napari_smi_inr.methods import make_settings
from napari_smi_inr.repeat import read_recorded

WHERE = Path("dwi.json")


@pytest.fixture
def table(tmp_path):
    def made(text):
        (tmp_path / "shapes.tsv").write_text(text)
        return ShapeTable.read(tmp_path / "shapes.tsv")

    return made


class TestSideCar:
    @pytest.mark.parametrize(
        ("told", "shapes"),
        [
            ({"BDelta": 0}, [0, 0, 0]),
            ({"b_delta": [1, 0.5, -0.5]}, [1, 0.5, -0.5]),
            ({"BDelta": "planar"}, [-0.5] * 3),
            ({"BDelta": ["LTE", "STE", 0.2]}, [1, 0, 0.2]),
            ({"EchoTime": 0.1}, None),
        ],
    )
    def test_a_number_a_word_or_one_a_volume(self, told, shapes):
        assert shapes_in(told, 3, WHERE) == shapes

    @pytest.mark.parametrize("value", [[1, 1], "round", True, [1, 0, {}]])
    def test_anything_else_is_refused_by_name(self, value):
        with pytest.raises(InputError, match=r"dwi\.json"):
            shapes_in({"BDelta": value}, 3, WHERE)


class TestTable:
    def test_rows_are_about_whom_they_name_and_later_ones_go_first(self, table):
        known = table("participant_id\tacq\tb_delta\nn/a\tn/a\t1\nsub-02\tn/a\tlinear\nsub-02\tste\t0\n")
        assert known.of({"sub": "01", "acq": "ste"}, 2) == [1, 1]
        assert known.of({"sub": "02", "acq": "ste"}, 2) == [0, 0]
        assert known.of({"sub": "02"}, 2) == [1, 1]

    def test_the_part_about_one_scan_tells_the_same_and_is_small(self, table):
        rows = "".join(f"sub-{n:03}\tn/a\t{n / 400}\n" for n in range(200))
        known = table("participant_id\tacq\tb_delta\n" + rows + "n/a\tste\t0\n")
        for entities in ({"sub": "007"}, {"sub": "007", "acq": "ste"}, {"sub": "999"}):
            part = known.about(entities)
            assert len(part.rows) <= 2
            assert part.of(entities, 2) == known.of(entities, 2)

    def test_one_row_a_volume_is_a_protocol_for_all(self, table):
        known = table("volume,b_delta\n0,1\n1,-0.5\n2,0\n")
        assert known.of({"sub": "1"}, 3) == [1, -0.5, 0]
        with pytest.raises(InputError, match="3 volumes, of which the last is 2; the scan has 4"):
            known.of({"sub": "1"}, 4)

    def test_scans_that_no_row_is_about_are_left_to_their_side_cars(self, table):
        assert table("session_id\tb_delta\nses-a\t1\n").of({"sub": "1", "ses": "b"}, 2) is None

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("acq\tshape\nx\t1\n", "no column 'b_delta'"),
            ("b_delta\nround\n", "line 2"),
            ("volume,b_delta\nx,1\n", "no number"),
        ],
    )
    def test_what_is_no_table_is_refused(self, table, text, said):
        with pytest.raises(InputError, match=said):
            table(text)


@pytest.fixture(scope="module")
def dataset():
    return simulated(1)


class TestForAFit:
    def files(self, root, out, **more):
        return files_of(Task(find_scans(root)[0], Request(out, {"method": "inr", **QUICK}, **more)))

    def test_what_a_side_car_tells_is_written_beside_the_results_and_fitted_by(self, dataset, tmp_path):
        put(dataset, tmp_path / "in" / "sub-1" / "dwi", "sub-1", shapes="json")
        bdelta = self.files(tmp_path / "in", tmp_path / "out").more["bdelta"]
        assert bdelta == tmp_path / "out" / "sub-1" / "dwi" / "sub-1_dwi.bdelta"
        assert [float(word) for word in bdelta.read_text().split()] == dataset.acquisition.b_delta.tolist()

    def test_a_table_goes_first_and_two_that_could_disagree_are_refused(self, dataset, tmp_path, table):
        folder = tmp_path / "in" / "sub-1" / "dwi"
        put(dataset, folder, "sub-1", shapes="json")
        (folder / "sub-1_dwi.bdelta").write_text("1 " * dataset.acquisition.n_volumes)
        with pytest.raises(InputError, match="tells b_delta, and so does"):
            self.files(tmp_path / "in", tmp_path / "out")
        files = self.files(tmp_path / "in", tmp_path / "out", table=table("b_delta\n0\n"))
        assert set(files.more["bdelta"].read_text().split()) == {"0"}


class TestWholeProtocols:
    """Scans of md-dMRI or MRtrix, without b-values and directions in files of their own."""

    @pytest.fixture
    def asked(self, tmp_path):
        """A task, and the folder of its scan, whose three tables are gone."""
        dataset = simulated(1, shape=(6, 6, 2))
        folder = tmp_path / "in" / "sub-1" / "dwi"
        dwi = put(dataset, folder, "sub-1", "sub-1_desc-brain")
        for ending in (".bval", ".bvec", ".bdelta"):
            (folder / f"sub-1_dwi{ending}").unlink()
        settings = make_settings(**QUICK).model_dump(mode="json")
        task = Task(find_scans(tmp_path / "in")[0], Request(tmp_path / "out", settings))
        return task, dwi, dataset.acquisition

    def test_a_scan_with_b_tensors_is_fitted_once_and_again_when_they_change(self, asked):
        task, dwi, protocol = asked
        turned = scanner_to_fsl(protocol.directions, nib.load(dwi).affine)
        shape, u = protocol.b_delta[:, None, None], turned[:, :, None]
        tensors = protocol.b[:, None, None] * ((1 - shape) / 3 * np.eye(3) + shape * u * u.swapaxes(1, 2))
        table = dwi.with_name("sub-1_dwi.btens")
        np.savetxt(table, tensors.reshape(-1, 9))
        dwi.with_name("sub-1_dwi.bdelta").write_text("1 " * len(tensors))  # which nobody asks for
        assert [fit_scan(task).status for _ in range(2)] == ["fitted", "kept"]
        np.savetxt(table, 1000 * tensors.reshape(-1, 9))  # the same in another unit: another file, though
        again = fit_scan(task)
        assert again.status == "fitted"
        assert "sub-1_dwi.btens is not the file of then" in again.notes[0]

    def test_a_table_of_mrtrix_takes_its_shapes_from_the_side_car(self, asked):
        task, dwi, protocol = asked
        np.savetxt(dwi.with_name("sub-1_dwi.b"), np.column_stack([protocol.directions, 1000 * protocol.b]))
        dwi.with_name("sub-1_dwi.json").write_text(json.dumps({"BDelta": protocol.b_delta.tolist()}))
        assert [fit_scan(task).status for _ in range(2)] == ["fitted", "kept"]
        told = read_recorded(task.record).provenance["read_from"]
        assert (told["gradients"], told["bdelta"]) == ("sub-1_dwi.b", "sub-1_dwi.bdelta")
