"""The report, the rule for outliers, and what the BIDS validator says of the folder."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from napari_smi_inr.cohort.histogram import HEIGHT, cohort_shapes, draw_histogram
from napari_smi_inr.cohort.outliers import FEWEST, METRICS, RULE, find_outliers, numbers_of
from napari_smi_inr.cohort.report import write_cohort_report
from napari_smi_inr.cohort.rows import Row
from napari_smi_inr.parameters import PARAMETERS

VALIDATOR = shutil.which("bids-validator-deno")


@pytest.fixture(scope="module")
def page(whole):
    return whole.report.read_text(encoding="utf-8")


class TestReport:
    def test_it_needs_nothing_beside_it(self, page):
        assert re.findall(r'(?:src|href)="(?!data:image/png;base64,|#)', page) == []
        assert "<script" not in page
        assert "@import" not in page

    def test_every_scan_has_maps_histograms_and_what_there_is_to_know(self, page):
        cards = re.findall(r"<article.*?</article>", page, re.DOTALL)
        assert len(cards) == 3
        for card in cards:
            assert card.count("data:image/png;base64,") == 1
            assert card.count("<svg") == len(PARAMETERS) + 1
            for words in ("judged", "held-out error", "at a bound", "time", "voxels", "residual [noise σ]"):
                assert words in card

    def test_the_broken_scan_is_told_with_its_error_and_the_rule_is_on_the_page(self, page):
        assert re.search(r"sub-04_ses-1_space-ACPC</td><td[^>]*>[^<]*scan has 154 volumes", page)
        assert RULE.replace("'", "&#39;") in page

    def test_what_files_say_is_text_and_no_markup(self, whole, tmp_path):
        rows = [Row(whole.rows[0].task, "failed", "<script>alert(1)</script>")]
        text = write_cohort_report(tmp_path / "report.html", rows, "<b>x</b>", {"settings": {}}).read_text()
        assert "<script" not in text
        assert "<b>x" not in text
        assert "&lt;script&gt;" in text

    def test_pictures_are_few_enough_for_a_browser_and_the_odd_ones_are_among_them(self, whole, tmp_path, monkeypatch):
        monkeypatch.setattr("napari_smi_inr.cohort.report.MOST_PICTURES", 1)
        first, second, *_ = whole.rows
        odd = Row(second.task, "fitted", record=second.record, flags=("odd",))
        plain = Row(first.task, "fitted", record=first.record)
        text = write_cohort_report(tmp_path / "report.html", [plain, odd], "x", {"settings": {}}).read_text()
        assert text.count("data:image/png") == 1
        assert (
            text.index(f'id="{odd.task.name}"') < text.index("data:image/png") < text.index(f'id="{plain.task.name}"')
        )
        assert "Of 2 scans 2 are here, with the maps of 1" in text
        monkeypatch.setattr("napari_smi_inr.cohort.report.MOST_CARDS", 1)
        text = write_cohort_report(tmp_path / "report.html", [plain, odd], "x", {"settings": {}}).read_text()
        assert text.count("<article") == 1
        assert f'href="#{plain.task.name}"' not in text
        assert f"<td>{plain.task.name}" in text


class TestOutliers:
    def numbers(self, n, seed=0):
        rng = np.random.default_rng(seed)
        return [
            {m.key: float(value) for m, value in zip(METRICS, rng.normal(1, 0.01, len(METRICS)), strict=True)}
            for _ in range(n)
        ]

    def test_the_one_that_differs_is_marked_and_told_how(self):
        numbers = self.numbers(12)
        numbers[3]["median_f"] = 1.4
        flags = find_outliers(numbers)
        assert [len(each) for each in flags] == [0, 0, 0, 1, *[0] * 8]
        assert str(flags[3][0]).startswith("median f high (1.4; cohort ")
        assert flags[3][0].distance > 3.5

    def test_several_odd_ones_do_not_hide_each_other(self):
        numbers = self.numbers(12)
        for n in (1, 4, 7):
            numbers[n]["median_p2"] = 0.2
        assert [n for n, each in enumerate(find_outliers(numbers)) if each] == [1, 4, 7]

    def test_what_is_alike_but_for_trifles_is_not_marked(self):
        numbers = self.numbers(30)
        for each in numbers:
            each["median_f"] = 0.5
        numbers[0]["median_f"] = 0.51  # infinitely many robust deviations, and nothing to care about
        assert find_outliers(numbers) == [[]] * 30

    def test_small_errors_are_no_fault_large_ones_are(self):
        for value, marked in ((0.1, 0), (5.0, 1)):
            numbers = self.numbers(10)
            numbers[2]["error_over_noise"] = value
            assert len(find_outliers(numbers)[2]) == marked

    def test_too_few_are_not_compared_and_what_is_not_known_is_passed_over(self):
        numbers = self.numbers(FEWEST)
        numbers[0]["median_f"] = 100.0
        assert find_outliers(numbers)[0]
        numbers[1]["median_f"] = np.nan
        assert not find_outliers(numbers)[0]
        assert not any(find_outliers(self.numbers(FEWEST - 1)))
        assert all(np.isnan(value) for value in numbers_of({}).values())

    def test_false_alarms_are_as_rare_as_the_page_says(self):
        for n, most in ((100, 0.001), (10, 0.005), (5, 0.019)):
            x = np.random.default_rng(1).normal(size=(4000, n))
            away = np.abs(x - np.median(x, axis=1, keepdims=True))
            sigma = np.median(away, axis=1, keepdims=True) / 0.6745
            assert np.mean(away > 3.5 * (1 + 4 / n) * sigma) < most


def test_a_histogram_reaches_the_top_where_most_values_are():
    described = {"span": [0.0, 1.0], "counts": [0, 3, 1], "median": 0.5}
    drawn = draw_histogram("f", described, cohort_shapes([described, {**described, "counts": [1, 0, 1]}]))
    assert drawn.own == f"M0 {HEIGHT}V44.0H44.0V0.0H88.0V29.3H132.0V{HEIGHT}Z"
    assert (drawn.low, drawn.high, drawn.median) == ("0", "1", "0.5")
    assert drawn.others.startswith(f"M0 {HEIGHT}V29.3H44.0")


def complaints(folder, *more):
    done = subprocess.run([VALIDATOR, folder, "--format", "json", *more], capture_output=True, text=True)
    issues = json.loads(done.stdout)["issues"]["issues"]
    return [issue for issue in issues if issue["severity"] == "error"], done.returncode


@pytest.mark.skipif(VALIDATOR is None, reason="bids-validator-deno is not installed")
class TestValidator:
    def test_the_folder_is_a_sound_derivative(self, whole):
        assert complaints(whole.folder) == ([], 0)

    def test_without_its_list_of_exceptions_names_are_what_it_does_not_know(self, whole, tmp_path):
        shutil.copytree(whole.folder, tmp_path / "smi")
        (tmp_path / "smi" / ".bidsignore").unlink()
        found, _ = complaints(tmp_path / "smi")
        assert {issue["code"] for issue in found} == {"NOT_INCLUDED", "SIDECAR_WITHOUT_DATAFILE"}

    def test_names_and_side_cars_are_sound_by_a_schema_that_knows_diffusion_models(self, whole, tmp_path):
        schema = tmp_path / "bep016.json"
        schema.write_text(json.dumps(extended_schema()))
        root = tmp_path / "smi"
        shutil.copytree(whole.folder, root)
        ignored = root / ".bidsignore"
        ignored.write_text("\n".join(line for line in ignored.read_text().splitlines() if "dwimap" not in line))
        by_it = ("--schema", schema.as_uri())
        assert complaints(root, *by_it) == ([], 0)
        name = next(root.rglob("*param-f_dwimap.nii.gz"))
        name.rename(name.with_name(name.name.replace("_model-sm_param-f", "_param-f_model-sm")))
        assert complaints(root, *by_it)[1] != 0


def extended_schema():
    """The released schema of BIDS with the entities and the suffix that BEP016 adds."""
    tools = pytest.importorskip("bidsschematools.schema", reason="bidsschematools is not installed")
    schema = json.loads(tools.load_schema().to_json())
    objects, rules = schema["objects"], schema["rules"]
    for key, name in (("model", "model"), ("parameter", "param")):
        described = {"name": name, "display_name": name, "description": name, "type": "string", "format": "label"}
        objects["entities"][key] = described
    objects["suffixes"]["dwimap"] = {"value": "dwimap", "display_name": "map", "description": "map"}
    order = rules["entities"]
    order[order.index("description") :] = ["model", "description", "parameter"]
    optional = ("session", "acquisition", "ceagent", "reconstruction", "direction", "run", "space", "description")
    rules["files"]["deriv"]["imaging"]["dwimap"] = {
        "entities": {
            **dict.fromkeys(optional, "optional"),
            "subject": "required",
            "model": "required",
            "parameter": "required",
        },
        "suffixes": ["dwimap"],
        "extensions": [".nii.gz", ".nii", ".json"],
        "datatypes": ["dwi"],
        "selectors": ["dataset.dataset_description.DatasetType == 'derivative'"],
    }
    return schema
