"""Cohorts that are disturbed while they are fitted: fits that take their time, and a look at how far they are."""

import subprocess
import sys
import time

from bids_sets import QUICK
from napari_smi_inr.cohort.scans import find_scans
from napari_smi_inr.cohort.task import Request, Task
from napari_smi_inr.inr.checkpoint import peek
from napari_smi_inr.methods import make_settings

LONG = {**QUICK, "epochs": 25}
"""Settings of a fit that takes some seconds where steps are slow."""

SLOW_STEPS = """
import importlib.abc, importlib.util, sys, time

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "napari_smi_inr.inr.trainer":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def run_slowly(module):
            run(module)
            descend = module.Trainer._descend
            module.Trainer._descend = lambda *given: (time.sleep(0.02), descend(*given))[1]

        spec.loader.exec_module = run_slowly
        return spec

sys.meta_path.insert(0, Slow())
"""
"""What a new Python does at its beginning, so that its fits can be caught in the midst, however fast the machine."""


def task(source, out, n, **more):
    settings = make_settings("inr", **LONG).model_dump(mode="json")
    return Task(find_scans(source)[n], Request(out, settings, **more))


def maps(out, n=0):
    """Contents of the maps and the field of a subject, by name."""
    found = [path for path in (out / f"sub-0{n + 1}" / "dwi").iterdir() if path.suffix in (".gz", ".safetensors")]
    return {path.name: path.read_bytes() for path in found}


def once(condition, process=None, patience=120.0):
    """Wait for something."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        assert process is None or process.poll() is None, process.stderr.read()
        time.sleep(0.01)


def under_way(task, beyond=0.0):
    """Whether a fit has got further than a share of the work, by its last checkpoint."""
    return task.checkpoint.exists() and peek(task.checkpoint).fraction > beyond


def program(source, out, *more):
    """The command line as a program of its own, in a process group of its own, as a terminal starts it."""
    asked = "--participant-label 01 --lmax 2 --seed 3 --device cpu"
    settings = "--set batch_size=16 --set epochs=25 --set detail=9.0"  # LONG
    words = ["cohort", source, out, *more, *asked.split(), *settings.split()]
    code = "from napari_smi_inr.cli import main\nif __name__ == '__main__': main()"
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
