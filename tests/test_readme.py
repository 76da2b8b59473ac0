"""What the README says is so: its tables agree with the program, its links lead somewhere; docs/ runs its code."""

import re

import pytest

from napari_smi_inr.parameters import PARAMETERS
from pages import PAGES, README, ROOT, blocks, link_targets, name_of, text_of


def code_blocks(language):
    return [block.code for block in blocks(README) if block.language == language]


def test_two_commands_are_all_it_takes():
    commands = [line for block in code_blocks("bash") for line in block.splitlines()]
    assert 'python -m pip install -c constraints.txt ".[all]" && smi-inr demo' in commands
    assert "python -m pip install tox && tox" in commands
    assert "python -m pip install tox && tox" in (ROOT / ".ci" / "run").read_text().splitlines()


def test_every_kind_of_command_is_shown():
    lines = [line for block in code_blocks("bash") for line in block.splitlines() if line.startswith("smi-inr ")]
    shown = {line.split()[1] for line in lines}
    assert shown == {"info", "fit", "sample", "cohort", "simulate", "fetch-sample", "doctor"}


@pytest.mark.parametrize("parameter", [p for p in PARAMETERS.values() if p.bounds], ids=lambda p: p.symbol)
def test_the_table_of_maps_is_that_of_the_program(parameter):
    low, high = parameter.bounds
    assert re.search(
        rf"^\| {parameter.symbol} \|.*\| *{parameter.unit} *\| {low:g} to {high:g} \|$", text_of(README), re.MULTILINE
    )


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    assert [path for path in link_targets(page) if not path.exists()] == []


def test_the_readme_can_be_read_anywhere():
    targets = re.findall(r"\]\(([^)]+)\)", text_of(README))
    assert [target for target in targets if not target.startswith("https://")] == []
    assert len(link_targets(README)) >= 10


def test_every_test_that_the_page_of_faults_names_is_there():
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w./]*test_\w+\.py)(?:::(\w+)(…?))?`", page)
    assert len(named) > 30
    for file, name, cut in named:
        (path,) = [p for p in (ROOT / "tests" / file, ROOT / "tests" / "checks" / file) if p.exists()]
        if name:
            whole = name if cut else rf"{name}\b"
            assert re.search(f"(def|class) {whole}", path.read_text("utf-8")), (file, name)
