"""What stands around the code agrees with it: workflows, forms, versions, the citation."""

import configparser
import re
import tomllib

import pytest
import yaml

from pages import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def tox_environments():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "tox.ini", encoding="utf-8")
    return {name.removeprefix("testenv:") for name in settings.sections() if name.startswith("testenv:")}


def pinned():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def test_there_are_workflows():
    assert {path.stem for path in WORKFLOWS} == {"ci", "docs", "napari", "release"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_parses_and_each_job_ends_and_may_only_read(path):
    told = read(path)
    assert told["permissions"] == {"contents": "read"}
    for name, job in told["jobs"].items():
        assert job["timeout-minutes"] <= 60, name
        assert job["steps"], name
        assert job.get("needs", next(iter(told["jobs"]))) in told["jobs"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_environments_that_tox_has(path):
    named = set(re.findall(r"tox -e (\S+)", path.read_text(encoding="utf-8")))
    for job in read(path)["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {})
        for choice in (matrix, *matrix.get("include", [])):
            for key in {"environment", "environments"} & set(choice):
                values = [choice[key]] if isinstance(choice[key], str) else choice[key]
                named |= {name for value in values for name in value.split(",")}
    assert named <= tox_environments()
    assert named or path.stem == "release"


def test_every_python_that_is_promised_is_tested():
    promised = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)]
    assert read(GITHUB / "workflows" / "ci.yml")["jobs"]["linux"]["strategy"]["matrix"]["python"] == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"


def test_the_oldest_napari_that_is_admitted_is_tested():
    (asked,) = [r for r in PROJECT["optional-dependencies"]["all"] if r.startswith("napari[")]
    assert f"napari=={asked.partition('>=')[2]}.0\n" in (ROOT / "tox.ini").read_text(encoding="utf-8")


def test_the_form_for_faults_asks_the_doctor():
    fields = {field.get("id"): field for field in read(GITHUB / "ISSUE_TEMPLATE" / "bug.yml")["body"]}
    assert "smi-inr doctor" in fields["doctor"]["attributes"]["label"]
    assert fields["doctor"]["validations"]["required"]


def test_hooks_check_with_the_versions_of_the_tests():
    revisions = {
        repo["repo"].rpartition("/")[2]: repo.get("rev") for repo in read(ROOT / ".pre-commit-config.yaml")["repos"]
    }
    assert revisions["ruff-pre-commit"] == f"v{pinned()['ruff']}"


def test_one_version_everywhere():
    version = PROJECT["version"]
    assert read(ROOT / "CITATION.cff")["version"] == version
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(version)}\] - (unreleased|\d{{4}}-\d\d-\d\d)$", changes, re.MULTILINE)
    assert f"\n[{version}]: https://" in changes


def test_requirements_are_pinned_as_they_were_tested():
    def name(requirement):
        return re.split(r"[\[<>=;]", requirement)[0].lower()

    asked = {name(r) for r in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["figures"])}
    assert asked - {key.lower() for key in pinned()} <= {"platformdirs", "typing-extensions"}
