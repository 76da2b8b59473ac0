"""Change the code that numbers and files depend on, one small fault at a time, and see whether a test fails.

``python tests/mutants --most 400`` tries so many mutants of each package, drawn by chance from all of them, the same
ones for one seed; without ``--most`` it tries all. Results add up in the folder ``mutants``, made anew where code
changed; survivors are left in ``mutants/survivors.diff``. The mutants are those of mutmut; see ``pyproject.toml``.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mutants.score import PACKAGES, Score, chosen, module_of, package_of, table

FOLDER = Path("mutants")
PROBE = "napari_smi_inr.sampling.request.*"
"""A few quick mutants: to try them makes all the others."""

LEFT_OUT = (
    "tests/io/test_properties.py::test_a_field_comes_back_with_whatever_its_record_says",
    "tests/io/test_properties.py::test_an_image_comes_back_to_the_bit_and_in_its_place[40-.nii]",
)
"""Tests that take a third of all the time; what they notice others notice, too, or it goes down as not noticed."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, help="mutants of each package")
    parser.add_argument("--seed", type=int, default=0, help="of the choice")
    parser.add_argument("--package", choices=PACKAGES, help="only this one")
    parser.add_argument("--module", nargs="+", help="only these of its modules")
    parser.add_argument("--again", action="store_true", help="only those that no test noticed")
    parser.add_argument("--report", action="store_true", help="tell of what has been tried, and try nothing")
    parser.add_argument("--least", type=float, default=0.0, help="fail below this share of mutants noticed")
    given = parser.parse_args()
    if not given.report:
        attempt([PROBE])
    known = codes()
    names = [name for name in known if given.package in (None, package_of(name))]
    names = [name for name in names if not given.module or module_of(name) in given.module]
    names = chosen(names, given.most, given.seed)
    if not given.report:
        left = [name for name in names if known[name] is None or (given.again and not Score.noticed(known[name]))]
        attempt(left)
        known = codes()
    return tell(names, known, given.least)


def attempt(names):
    """Run the tests against some mutants, in processes that find the changed code before the sound one."""
    (FOLDER / "src").mkdir(parents=True, exist_ok=True)  # Python never looks again where there was nothing at its start
    path = [str((FOLDER / "src").absolute()), *filter(None, [os.environ.get("PYTHONPATH")])]
    options = " ".join(f"--deselect={test}" for test in LEFT_OUT)
    settings = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTEST_ADDOPTS": options,
        "PYTHONPATH": os.pathsep.join(path),
    }
    if names:
        subprocess.run([sys.executable, "-m", "mutmut", "run", "--max-children", "1", *names], env=settings, check=True)


def codes():
    """Exit code of the tests for every mutant there is, None where it was not tried."""
    found = {}
    for path in sorted(FOLDER.rglob("*.py.meta")):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


def tell(names, known, least):
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    score = Score()
    survivors = []
    for name in names:
        if known[name] is not None:
            diff = "" if Score.noticed(known[name]) else get_diff_for_mutant(name)
            score.add(name, known[name], diff)
            survivors += [f"# {name}\n{diff}\n"] if diff else []
    (FOLDER / "survivors.diff").write_text("\n".join(survivors))
    print(table(score, names))
    return int(score.share() < least)


if __name__ == "__main__":
    sys.exit(main())
